import type { Clock } from '../../base/clock.ts';

interface Bucket {
  tokens: number;
  atMs: number;
}

const BLOCK_COST = 0.1;

/** A token bucket per peer, for 4.29 (RFC 8516). Of too many peers the one known longest is forgotten. */
export class RequestRate {
  readonly #clock: Clock;
  readonly #perSecond: number;
  readonly #burst: number;
  readonly #maxPeers: number;
  readonly #buckets = new Map<string, Bucket>();

  constructor(clock: Clock, limits: { perSecond: number; burst: number; peers: number }) {
    this.#clock = clock;
    this.#perSecond = limits.perSecond;
    this.#burst = limits.burst;
    this.#maxPeers = limits.peers;
  }

  get size(): number {
    return this.#buckets.size;
  }

  /** False when the peer asks too often. */
  take(peerKey: string): boolean {
    const nowMs = this.#clock.monotonic();
    let bucket = this.#buckets.get(peerKey);
    if (bucket === undefined) {
      bucket = { tokens: this.#burst, atMs: nowMs };
      if (this.#buckets.size >= this.#maxPeers) this.#forgetOldest();
      this.#buckets.set(peerKey, bucket);
    }
    const earned = ((nowMs - bucket.atMs) / 1_000) * this.#perSecond;
    bucket.tokens = Math.min(this.#burst, bucket.tokens + earned);
    bucket.atMs = nowMs;
    if (bucket.tokens < 1) return false;
    bucket.tokens--;
    return true;
  }

  /** A block that goes on with a body costs less: large bodies come in many requests from peers that do no harm. */
  wasBlock(peerKey: string): void {
    const bucket = this.#buckets.get(peerKey);
    if (bucket !== undefined) bucket.tokens += 1 - BLOCK_COST;
  }

  /** When the next request would be served, in whole seconds as Max-Age wants it, at least 1. */
  get retrySeconds(): number {
    return Math.max(1, Math.ceil(1 / this.#perSecond));
  }

  clear(): void {
    this.#buckets.clear();
  }

  #forgetOldest(): void {
    for (const key of this.#buckets.keys()) {
      this.#buckets.delete(key);
      return;
    }
  }
}
