import type { TimerWheel } from '../../base/timer-wheel.ts';
import { sameBytes } from '../bytes.ts';
import type { Block } from '../codec/block.ts';
import { BERT_SZX, fitsBlock } from '../codec/block.ts';
import { Body } from '../codec/body.ts';
import { Deadline } from '../deadline.ts';
import { HostShares } from '../host-shares.ts';
import type { ServerCounters, ServerLimits } from './limits.ts';

/** What becomes of one block. `szx` is to be used for the rest of the body. */
export type BlockOutcome =
  | { outcome: 'whole'; body: Uint8Array }
  /** 2.31 */
  | { outcome: 'continue'; szx: number }
  /** 4.00: the payload has not the size that the block says (RFC 7959 §2.2). */
  | { outcome: 'wrong_size' }
  /** 4.08: nothing is there that it continues (§2.9.2). */
  | { outcome: 'incomplete' }
  /** 4.13 with Size1 (§2.9.3). */
  | { outcome: 'too_large' }
  /** 5.03: no memory for it now. */
  | { outcome: 'busy' };

interface Assembly {
  peerKey: string;
  host: string | undefined;
  body: Body;
  deadline: Deadline;
  /** Memory that it holds. */
  cost: number;
}

/** What a `Body` holds at least. */
const LEAST_COST = 4_096;

/**
 * Bodies of requests while their blocks come in (RFC 7959 §2.5): in order, each whole or not at all. A block that came
 * already is confirmed again, as its answer may have been lost.
 */
export class Assemblies {
  readonly #wheel: TimerWheel;
  readonly #limits: ServerLimits;
  readonly #counters: ServerCounters;
  // In the order of the last block: the first waits longest.
  readonly #open = new Map<string, Assembly>();
  readonly #hosts: HostShares;
  readonly #hostBytes: HostShares;
  #bytes = 0;

  constructor(wheel: TimerWheel, limits: ServerLimits, counters: ServerCounters) {
    this.#wheel = wheel;
    this.#limits = limits;
    this.#counters = counters;
    this.#hosts = new HostShares(limits.assemblies);
    this.#hostBytes = new HostShares(limits.assemblyBytes);
  }

  get size(): number {
    return this.#open.size;
  }

  get bytes(): number {
    return this.#bytes;
  }

  /** `announced` is Size1 where the request has it, `largestSzx` what the resource takes. */
  take(
    key: string,
    { peerKey, host }: { peerKey: string; host: string | undefined },
    block: Block,
    payload: Uint8Array,
    { announced = 0, largestSzx = BERT_SZX }: { announced?: number | undefined; largestSzx?: number } = {},
  ): BlockOutcome {
    if (!fitsBlock(block, payload.length)) return { outcome: 'wrong_size' };
    const offset = block.number * block.bytes;
    const end = offset + payload.length;
    if (Math.max(end, announced) > this.#limits.bodyBytes) {
      this.#drop(key);
      return { outcome: 'too_large' };
    }
    const next: BlockOutcome = { outcome: 'continue', szx: Math.min(block.szx, largestSzx) };
    if (block.number === 0) {
      this.#drop(key); // begun anew
      if (!block.more) return { outcome: 'whole', body: payload };
    }
    const known = this.#open.get(key);
    if (known === undefined && block.number !== 0) return { outcome: 'incomplete' };
    if (known !== undefined && offset !== known.body.length) {
      const came = end <= known.body.length && sameBytes(known.body.part(offset, end), payload);
      if (!came || !block.more) return { outcome: 'incomplete' };
      known.deadline.set(this.#limits.assemblyTimeoutMs);
      return next;
    }
    const assembly = known ?? this.#begin(key, peerKey, host);
    if (assembly === undefined || !this.#makeRoom(key, assembly, end)) return { outcome: 'busy' };
    assembly.body.append(payload);
    if (!block.more) {
      const body = assembly.body.bytes();
      this.#forget(key);
      return { outcome: 'whole', body };
    }
    this.#open.delete(key);
    this.#open.set(key, assembly);
    assembly.deadline.set(this.#limits.assemblyTimeoutMs);
    return next;
  }

  clear(): void {
    for (const key of this.#open.keys()) this.#forget(key);
  }

  #begin(key: string, peerKey: string, host: string | undefined): Assembly | undefined {
    if (this.#open.size >= this.#limits.assemblies) this.#dropOldest(key);
    if (this.#open.size >= this.#limits.assemblies) return undefined;
    const assembly: Assembly = {
      peerKey,
      host,
      body: new Body(0, this.#limits.bodyBytes),
      deadline: new Deadline(this.#wheel, () => this.#drop(key)),
      cost: 0,
    };
    this.#open.set(key, assembly);
    this.#hosts.take(host);
    return assembly;
  }

  /** A `Body` grows by doubling. False, and it is dropped, when it has no room beside what others need. */
  #makeRoom(key: string, assembly: Assembly, length: number): boolean {
    const cost = Math.min(Math.max(LEAST_COST, 2 * length), Math.max(LEAST_COST, this.#limits.bodyBytes));
    this.#bytes += cost - assembly.cost;
    this.#hostBytes.take(assembly.host, cost - assembly.cost);
    assembly.cost = cost;
    while (this.#bytesOf(assembly.peerKey) > this.#limits.assemblyBytesPerPeer) {
      if (!this.#dropOldest(key, assembly.peerKey)) break;
    }
    while (this.#bytes > this.#limits.assemblyBytes) if (!this.#dropOldest(key)) break;
    const fits =
      this.#bytes <= this.#limits.assemblyBytes &&
      this.#bytesOf(assembly.peerKey) <= this.#limits.assemblyBytesPerPeer;
    if (!fits) this.#drop(key);
    return fits;
  }

  #bytesOf(peerKey: string): number {
    // Only where it could matter: the table is short of memory as a whole, or this one peer may be.
    if (this.#bytes <= this.#limits.assemblyBytesPerPeer) return this.#bytes;
    let bytes = 0;
    for (const one of this.#open.values()) if (one.peerKey === peerKey) bytes += one.cost;
    return bytes;
  }

  /** Of the peer where one is said, else of the host that holds more than half, else of all. */
  #dropOldest(but: string, peerKey?: string): boolean {
    const hog = this.#hosts.hog ?? this.#hostBytes.hog;
    let oldest: string | undefined;
    for (const [key, one] of this.#open) {
      if (key === but || (peerKey !== undefined && one.peerKey !== peerKey)) continue;
      oldest ??= key;
      if (peerKey !== undefined || hog === undefined) break;
      if (one.host !== hog) continue;
      oldest = key;
      this.#counters.hostShareReached++;
      break;
    }
    if (oldest !== undefined) this.#drop(oldest);
    return oldest !== undefined;
  }

  #drop(key: string): void {
    if (this.#forget(key)) this.#counters.assembliesDropped++;
  }

  #forget(key: string): boolean {
    const assembly = this.#open.get(key);
    if (assembly === undefined) return false;
    this.#open.delete(key);
    this.#bytes -= assembly.cost;
    this.#hosts.give(assembly.host);
    this.#hostBytes.give(assembly.host, assembly.cost);
    assembly.deadline.clear();
    return true;
  }
}
