/**
 * How a table with room for so many is shared between the hosts of the peers in it. Peers are told apart by address and
 * port (RFC 7252 §4.5, §5.3.2), and one host has 65,535 of those; so what protects this machine counts hosts besides.
 *
 * A host may hold no more than is still free: alone half of the table, beside another such one a third, so that there
 * is always room for somebody else. As long as there is plenty nobody notices: a thousand devices behind one router get
 * what they need. This machine's own addresses of loopback are left out, since they are nobody else's.
 */
import { networkOf } from '../base/back-off.ts';
import { isLoopback } from './address.ts';
import type { PeerAddress } from './address.ts';

/** What a host is known by, undefined for this one: its IPv4 address, or the /64 that one IPv6 subscriber has. */
export function hostOf(peer: Pick<PeerAddress, 'address' | 'family'>): string | undefined {
  if (isLoopback(peer)) return undefined;
  return peer.family === 4 ? peer.address : networkOf(peer.address);
}

export class HostShares {
  readonly #whole: number;
  readonly #held = new Map<string, number>();
  /** Of all hosts that count. */
  #total = 0;
  /** Whoever held most when it took something last. */
  #most: string | undefined;

  /** `whole`: what the table has room for, in whatever is taken and given. */
  constructor(whole: number) {
    this.#whole = whole;
  }

  /** Whether so much more is past the share of that host while `taken` of the whole are in use. */
  isFull(from: Pick<PeerAddress, 'address' | 'family'>, taken: number, amount = 1): boolean {
    const free = this.#whole - taken;
    if (amount <= 0 || this.#total + amount <= free) return false; // nearly always
    const host = hostOf(from);
    return host !== undefined && (this.#held.get(host) ?? 0) + amount > free;
  }

  take(host: string | undefined, amount = 1): void {
    if (host === undefined) return;
    const held = (this.#held.get(host) ?? 0) + amount;
    this.#held.set(host, held);
    this.#total += amount;
    if (this.#most === undefined || held > (this.#held.get(this.#most) ?? 0)) this.#most = host;
  }

  give(host: string | undefined, amount = 1): void {
    if (host === undefined) return;
    const held = (this.#held.get(host) ?? 0) - amount;
    this.#total -= amount;
    if (held > 0) this.#held.set(host, held);
    else this.#held.delete(host);
  }

  /** The host that holds more than half of the whole: where room must be made, it is made there. */
  get hog(): string | undefined {
    const most = this.#most;
    return most !== undefined && (this.#held.get(most) ?? 0) * 2 > this.#whole ? most : undefined;
  }

  clear(): void {
    this.#held.clear();
    this.#total = 0;
    this.#most = undefined;
  }
}
