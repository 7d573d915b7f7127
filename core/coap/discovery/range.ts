/** Asking one address after the other, where nobody answers to groups. */
import { isIPv4 } from 'node:net';
import type { Clock } from '../../base/clock.ts';
import { coapError } from '../errors.ts';
import { inParallel } from './parallel.ts';

export const MAX_RANGE = 1_024;
/** Addresses that are asked at a time: a whole /22 where nobody is takes some 70 s. */
const PARALLEL = 64;
/** Patience with one address: the time of one transmission and one repeat with RFC 7252's parameters. */
export const PROBE_MS = 4_500;

/**
 * IPv4 addresses of `10.0.0.0/24` (without those of the network and of all), `10.0.0.10-10.0.0.40`, `10.0.0.10-40`
 * or one address. Fails with `coap.bad_range`.
 */
export function parseRange(text: string): string[] {
  const trimmed = text.replace(/\s/g, '');
  const { first, last } = boundsOf(trimmed) ?? bad(trimmed, 'write 10.0.0.0/24 or 10.0.0.10-10.0.0.40');
  const count = last - first + 1;
  if (count < 1) bad(trimmed, 'its end is before its beginning');
  if (count > MAX_RANGE) bad(trimmed, `it has ${count} addresses; at most ${MAX_RANGE} are asked`);
  if (first < 0x01_00_00_00 || last >= 0xe0_00_00_00) bad(trimmed, 'it holds addresses that are no device');
  return Array.from({ length: count }, (_, index) => textOf(first + index));
}

function boundsOf(text: string): { first: number; last: number } | undefined {
  const [address = '', bitsText] = text.split('/');
  if (bitsText !== undefined) {
    const bits = /^\d{1,2}$/.test(bitsText) ? Number(bitsText) : 33;
    if (!isIPv4(address) || bits > 32) return undefined;
    const size = 2 ** (32 - bits);
    const first = Math.floor(numberOf(address) / size) * size;
    const hosts = size > 2 ? 1 : 0;
    return { first: first + hosts, last: first + size - 1 - hosts };
  }
  const [from = '', to = from, ...more] = text.split('-');
  if (!isIPv4(from) || more.length > 0) return undefined;
  const end = /^\d{1,3}$/.test(to) ? from.replace(/\d+$/, to) : to;
  return isIPv4(end) ? { first: numberOf(from), last: numberOf(end) } : undefined;
}

function numberOf(address: string): number {
  return address.split('.').reduce((sum, part) => sum * 256 + Number(part), 0);
}

function textOf(number: number): string {
  return [number >>> 24, (number >>> 16) & 0xff, (number >>> 8) & 0xff, number & 0xff].join('.');
}

function bad(text: string, why: string): never {
  throw coapError('coap.bad_range', `The range "${text}" cannot be scanned: ${why}.`, { limit: MAX_RANGE });
}

/** Whether something speaks CoAP at `uri`, a ping: resolves when it does, rejects when nothing answers or on abort. */
export type Probe = (uri: string, signal: AbortSignal) => Promise<unknown>;

/** Asks each address for at most `PROBE_MS`. Ends early when `signal` is aborted. Never fails: an address that cannot be asked is one where nobody answered. */
export async function sweep(
  addresses: readonly string[],
  port: number,
  parts: { probe: Probe; clock: Clock },
  told: { found(authority: string): void; asked(count: number): void },
  signal: AbortSignal,
): Promise<void> {
  let asked = 0;
  await inParallel(addresses, PARALLEL, signal, async (address) => {
    const authority = `coap://${address}:${port}`;
    const enough = new AbortController();
    const timer = parts.clock.after(PROBE_MS, () => enough.abort());
    try {
      await parts.probe(authority, AbortSignal.any([signal, enough.signal]));
      if (!signal.aborted) told.found(authority);
    } catch {
      // Nobody there, or nobody who would say so.
    } finally {
      timer.cancel();
    }
    if (!signal.aborted) told.asked(++asked);
  });
}
