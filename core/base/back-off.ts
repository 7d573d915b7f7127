/**
 * Back-off for wrong secrets, per address. It slows guessing down, and keeps one who goes on from filling the log and
 * the processor. A success makes an address new again, unless somebody else failed from there: one who has an account
 * could otherwise guess at others for ever by signing in between.
 */
import type { Clock } from './clock.ts';

export interface BackOffRules {
  /** Wrong ones that cost nothing. The last of them, and each one after it, makes the address wait. */
  freeAttempts: number;
  /** The first wait; each further failure doubles it. */
  firstMs: number;
  longestMs: number;
  /** After this long without a failure an address starts anew. */
  forgetAfterMs: number;
  /** Beyond, the address goes that failed longest ago. */
  maxAddresses: number;
}

export const DEFAULT_BACK_OFF: BackOffRules = {
  freeAttempts: 5,
  firstMs: 1_000,
  longestMs: 60_000,
  forgetAfterMs: 15 * 60_000,
  maxAddresses: 1_024,
};

export interface HeldBack {
  address: string;
  failures: number;
  waitMs: number;
}

interface Entry {
  /** Who failed, null when there were several. */
  who: string | null;
  failures: number;
  lastMs: number;
  blockedUntilMs: number;
}

/** Addresses without a port. One IPv6 subscriber is one address: its /64. */
export class BackOff {
  readonly #clock: Clock;
  readonly #rules: BackOffRules;
  /** The one that failed longest ago comes first. */
  readonly #entries = new Map<string, Entry>();

  constructor(clock: Clock, rules: Partial<BackOffRules> = {}) {
    this.#clock = clock;
    this.#rules = { ...DEFAULT_BACK_OFF, ...rules };
  }

  get size(): number {
    return this.#entries.size;
  }

  /** How long `address` must still wait, 0 when it may try. */
  waitMs(address: string): number {
    const entry = this.#entries.get(networkOf(address));
    return entry === undefined ? 0 : Math.max(0, entry.blockedUntilMs - this.#clock.monotonic());
  }

  /** Counts a failure of `who` and returns how long the address must wait now. */
  failed(address: string, who = ''): number {
    const { freeAttempts, firstMs, longestMs, forgetAfterMs, maxAddresses } = this.#rules;
    const key = networkOf(address);
    const nowMs = this.#clock.monotonic();
    const known = this.#entries.get(key);
    const fresh = known === undefined || nowMs - known.lastMs > forgetAfterMs;
    const failures = fresh ? 1 : known.failures + 1;
    const past = failures - freeAttempts;
    const blockMs = past < 0 ? 0 : Math.min(longestMs, firstMs * 2 ** Math.min(past, 16));
    this.#entries.delete(key);
    const same = fresh || known.who === who;
    this.#entries.set(key, {
      who: same ? who : null,
      failures,
      lastMs: nowMs,
      blockedUntilMs: nowMs + blockMs,
    });
    if (this.#entries.size > maxAddresses) this.#entries.delete(this.#entries.keys().next().value!);
    return blockMs;
  }

  succeeded(address: string, who = ''): void {
    const key = networkOf(address);
    if (this.#entries.get(key)?.who === who) this.#entries.delete(key);
  }

  /** Those that must wait now. IPv6 ones as `2001:db8:1:2::/64`. */
  heldBack(): HeldBack[] {
    const nowMs = this.#clock.monotonic();
    const held: HeldBack[] = [];
    for (const [key, { failures, blockedUntilMs }] of this.#entries) {
      if (blockedUntilMs <= nowMs) continue;
      held.push({
        address: key.includes(':') ? `${key}::/64` : key,
        failures,
        waitMs: blockedUntilMs - nowMs,
      });
    }
    return held;
  }
}

/** One IPv6 subscriber holds a whole /64 and could try each time from another address of it. */
export function networkOf(address: string): string {
  const plain = address.replace(/^::ffff:(?=\d+\.)/i, '');
  if (!plain.includes(':')) return plain;
  const [head = '', tail] = plain.split('::');
  const front = head === '' ? [] : head.split(':');
  const back = tail === undefined || tail === '' ? [] : tail.split(':');
  const gap = tail === undefined ? 0 : Math.max(0, 8 - front.length - back.length);
  return [...front, ...Array<string>(gap).fill('0'), ...back].slice(0, 4).join(':');
}
