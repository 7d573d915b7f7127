import type { Clock } from '../../base/clock.ts';
import type { PeerAddress } from '../address.ts';
import { hostOf } from '../host-shares.ts';

interface Bucket {
  tokens: number;
  atMs: number;
}

interface PeerBucket extends Bucket {
  /** That of its host; none for this machine. */
  host: Bucket | undefined;
}

const BLOCK_COST = 0.1;

/** What must be paid for and cannot be. */
export type RateRefusal = 'peer' | 'host';

/** A token bucket per peer and one per host, for 4.29 (RFC 8516). Of too many the one known longest is forgotten. */
export class RequestRate {
  readonly #clock: Clock;
  readonly #perSecond: number;
  readonly #burst: number;
  readonly #perHost: number;
  readonly #maxPeers: number;
  readonly #buckets = new Map<string, PeerBucket>();
  readonly #hosts = new Map<string, Bucket>();

  /** `perHost`: how many times as much as a peer. */
  constructor(clock: Clock, limits: { perSecond: number; burst: number; perHost: number; peers: number }) {
    this.#clock = clock;
    this.#perSecond = limits.perSecond;
    this.#burst = limits.burst;
    this.#perHost = limits.perHost;
    this.#maxPeers = limits.peers;
  }

  get size(): number {
    return this.#buckets.size;
  }

  /** Says who asks too often, the peer or its host with all its ports; undefined when neither does. */
  take(peerKey: string, from: PeerAddress): RateRefusal | undefined {
    const nowMs = this.#clock.monotonic();
    let bucket = this.#buckets.get(peerKey);
    if (bucket === undefined) {
      bucket = { tokens: this.#burst, atMs: nowMs, host: this.#hostBucket(from, nowMs) };
      if (this.#buckets.size >= this.#maxPeers) forgetOldest(this.#buckets);
      this.#buckets.set(peerKey, bucket);
    }
    this.#earn(bucket, nowMs, 1);
    if (bucket.tokens < 1) return 'peer';
    const { host } = bucket;
    if (host !== undefined) {
      this.#earn(host, nowMs, this.#perHost);
      if (host.tokens < 1) return 'host';
      host.tokens--;
    }
    bucket.tokens--;
    return undefined;
  }

  /** A block that goes on with a body costs less: large bodies come in many requests from peers that do no harm. */
  wasBlock(peerKey: string): void {
    const bucket = this.#buckets.get(peerKey);
    if (bucket === undefined) return;
    bucket.tokens += 1 - BLOCK_COST;
    if (bucket.host !== undefined) bucket.host.tokens += 1 - BLOCK_COST;
  }

  /** When the next request would be served, in whole seconds as Max-Age wants it, at least 1. */
  get retrySeconds(): number {
    return Math.max(1, Math.ceil(1 / this.#perSecond));
  }

  clear(): void {
    this.#buckets.clear();
    this.#hosts.clear();
  }

  #earn(bucket: Bucket, nowMs: number, times: number): void {
    const earned = ((nowMs - bucket.atMs) / 1_000) * this.#perSecond * times;
    bucket.tokens = Math.min(this.#burst * times, bucket.tokens + earned);
    bucket.atMs = nowMs;
  }

  #hostBucket(from: PeerAddress, nowMs: number): Bucket | undefined {
    const host = hostOf(from);
    if (host === undefined) return undefined;
    let bucket = this.#hosts.get(host);
    if (bucket === undefined) {
      bucket = { tokens: this.#burst * this.#perHost, atMs: nowMs };
      if (this.#hosts.size >= this.#maxPeers) forgetOldest(this.#hosts);
      this.#hosts.set(host, bucket);
    }
    return bucket;
  }
}

function forgetOldest(buckets: Map<string, unknown>): void {
  for (const key of buckets.keys()) {
    buckets.delete(key);
    return;
  }
}
