import { lookup } from 'node:dns/promises';
import type { Clock } from '../base/clock.ts';
import { codeOf } from '../base/errors.ts';
import { canonicalAddress, isMulticast, isUnspecified } from './address.ts';
import type { PeerAddress } from './address.ts';
import { cancelled, coapError } from './errors.ts';
import type { CoapUri } from './uri.ts';

/** Addresses of a name, best first. The default asks the operating system. */
export type HostResolver = (host: string) => Promise<string[]>;

export const systemResolver: HostResolver = async (host) => {
  const found = await lookup(host, { all: true });
  return found.map(({ address }) => address);
};

/** How long an address that answered, or one that did not, is remembered as such. */
const MEMORY_MS = 10 * 60_000;
const MAX_REMEMBERED = 1_000;
/** More addresses of one name are not tried. */
const MAX_ADDRESSES = 8;

/** Names to addresses, with a memory of which of several addresses of a name works. */
export class Hosts {
  readonly #resolver: HostResolver;
  readonly #clock: Clock;
  /** Until when an address comes first (it worked) or last (it did not), monotonic ms. */
  readonly #worked = new Map<string, number>();
  readonly #failed = new Map<string, number>();

  constructor(resolver: HostResolver, clock: Clock) {
    this.#resolver = resolver;
    this.#clock = clock;
  }

  /**
   * Where a request to `uri` may go, the most hopeful first; never empty. `resolver` is asked instead of the common
   * one. Fails with `coap.host_not_found`, `coap.cancelled`, `coap.bad_uri` for an address that is not one device,
   * and with whatever coded error the resolver throws.
   */
  async addresses(
    uri: CoapUri,
    signal?: AbortSignal,
    resolver: HostResolver = this.#resolver,
  ): Promise<PeerAddress[]> {
    const numeric = numericPeer(uri);
    if (numeric !== undefined) return [numeric];
    const found = await ask(uri, resolver, signal);
    for (const peer of found) mustBeOneDevice(peer, uri);
    if (found.length === 1) return found;
    const nowMs = this.#clock.monotonic();
    return found.toSorted((a, b) => this.#rank(a, nowMs) - this.#rank(b, nowMs)).slice(0, MAX_ADDRESSES);
  }

  worked(peer: PeerAddress): void {
    const key = keyOf(peer);
    this.#failed.delete(key);
    remember(this.#worked, key, this.#clock.monotonic() + MEMORY_MS);
  }

  failed(peer: PeerAddress): void {
    const key = keyOf(peer);
    this.#worked.delete(key);
    remember(this.#failed, key, this.#clock.monotonic() + MEMORY_MS);
  }

  /** It has been seen to work lately. */
  isProven(peer: PeerAddress): boolean {
    return this.#rank(peer, this.#clock.monotonic()) === 0;
  }

  #rank(peer: PeerAddress, nowMs: number): number {
    const key = keyOf(peer);
    if ((this.#worked.get(key) ?? -1) > nowMs) return 0;
    return (this.#failed.get(key) ?? -1) > nowMs ? 2 : 1;
  }
}

/** The address that the URI itself says, undefined for a name. Fails with `coap.bad_uri` when it is no one device. */
export function numericPeer(uri: CoapUri): PeerAddress | undefined {
  const peer = canonicalAddress(uri.host, uri.port);
  if (peer !== undefined) mustBeOneDevice(peer, uri);
  return peer;
}

async function ask(
  uri: CoapUri,
  resolver: HostResolver,
  signal: AbortSignal | undefined,
): Promise<PeerAddress[]> {
  let onAbort: (() => void) | undefined;
  const aborted = new Promise<never>((_resolve, reject) => {
    onAbort = () => reject(cancelled());
    if (signal?.aborted === true) onAbort();
    else signal?.addEventListener('abort', onAbort, { once: true });
  });
  let found: string[];
  try {
    found = await Promise.race([resolveName(resolver, uri.host), aborted]);
  } finally {
    if (onAbort !== undefined) signal?.removeEventListener('abort', onAbort);
  }
  const peers = new Map<string, PeerAddress>();
  for (const address of found) {
    const peer = canonicalAddress(address, uri.port);
    if (peer !== undefined) peers.set(keyOf(peer), peer);
  }
  if (peers.size === 0) {
    throw coapError('coap.host_not_found', `The name ${uri.host} has no address.`, { host: uri.host });
  }
  return [...peers.values()];
}

/** Fails with `coap.host_not_found`, and with whatever coded error of CoAP the resolver throws. */
export async function resolveName(resolver: HostResolver, host: string): Promise<string[]> {
  try {
    return await resolver(host);
  } catch (error) {
    if (codeOf(error).startsWith('coap.')) throw error;
    throw coapError(
      'coap.host_not_found',
      `The name ${host} cannot be resolved. Check it, or use the address.`,
      { host },
      error,
    );
  }
}

function mustBeOneDevice(peer: PeerAddress, uri: CoapUri): void {
  if (isMulticast(peer) || isUnspecified(peer)) {
    throw coapError('coap.bad_uri', `${uri.host} is not the address of one device.`);
  }
}

function keyOf({ address, port }: PeerAddress): string {
  return `${address} ${port}`;
}

/** Past the bound the oldest is forgotten. */
function remember(memory: Map<string, number>, key: string, untilMs: number): void {
  memory.delete(key);
  memory.set(key, untilMs);
  if (memory.size > MAX_REMEMBERED) memory.delete(memory.keys().next().value!);
}
