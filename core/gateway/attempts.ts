/**
 * Back-off for wrong tokens, per address. A token of 256 bits is not to be guessed; this keeps one who tries anyway
 * from filling the log and the processor.
 */
import type { Clock } from '../base/clock.ts';

export const FREE_ATTEMPTS = 5;
export const FIRST_BLOCK_MS = 1_000;
export const LONGEST_BLOCK_MS = 60_000;
/** After this long without a wrong token an address starts anew. */
export const FORGET_AFTER_MS = 10 * 60_000;
const MAX_ADDRESSES = 1_024;

interface Entry {
  failures: number;
  lastMs: number;
  blockedUntilMs: number;
}

export class Attempts {
  readonly #clock: Clock;
  /** The one that failed longest ago comes first. */
  readonly #entries = new Map<string, Entry>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  get size(): number {
    return this.#entries.size;
  }

  /** How long `address` must still wait, 0 when it may try. */
  waitMs(address: string): number {
    const entry = this.#entries.get(networkOf(address));
    return entry === undefined ? 0 : Math.max(0, entry.blockedUntilMs - this.#clock.monotonic());
  }

  failed(address: string): void {
    const key = networkOf(address);
    const nowMs = this.#clock.monotonic();
    const known = this.#entries.get(key);
    const fresh = known === undefined || nowMs - known.lastMs > FORGET_AFTER_MS;
    const failures = fresh ? 1 : known.failures + 1;
    const past = failures - FREE_ATTEMPTS;
    const blockMs = past < 0 ? 0 : Math.min(LONGEST_BLOCK_MS, FIRST_BLOCK_MS * 2 ** Math.min(past, 16));
    this.#entries.delete(key);
    this.#entries.set(key, { failures, lastMs: nowMs, blockedUntilMs: nowMs + blockMs });
    if (this.#entries.size > MAX_ADDRESSES) this.#entries.delete(this.#entries.keys().next().value!);
  }

  succeeded(address: string): void {
    this.#entries.delete(networkOf(address));
  }
}

/** One IPv6 subscriber holds a whole /64 and could try each time from another address of it. */
function networkOf(address: string): string {
  if (!address.includes(':')) return address;
  const [head = '', tail] = address.split('::');
  const front = head === '' ? [] : head.split(':');
  const back = tail === undefined || tail === '' ? [] : tail.split(':');
  const gap = tail === undefined ? 0 : Math.max(0, 8 - front.length - back.length);
  return [...front, ...Array<string>(gap).fill('0'), ...back].slice(0, 4).join(':');
}
