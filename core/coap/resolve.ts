import { lookup } from 'node:dns/promises';
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

/**
 * Where a request to `uri` goes. Fails with `coap.host_not_found`, `coap.cancelled`, or `coap.bad_uri` for an
 * address that is not one device.
 */
export async function resolvePeer(
  uri: CoapUri,
  resolver: HostResolver,
  signal?: AbortSignal,
): Promise<PeerAddress> {
  const peer = canonicalAddress(uri.host, uri.port) ?? (await resolveName(uri, resolver, signal));
  mustBeOneDevice(peer, uri);
  return peer;
}

/** Fails with `coap.bad_uri` for an address that says at once that it is not one device. */
export function checkHost(uri: CoapUri): void {
  const peer = canonicalAddress(uri.host, uri.port);
  if (peer !== undefined) mustBeOneDevice(peer, uri);
}

function mustBeOneDevice(peer: PeerAddress, uri: CoapUri): void {
  if (isMulticast(peer) || isUnspecified(peer)) {
    throw coapError('coap.bad_uri', `${uri.host} is not the address of one device.`);
  }
}

async function resolveName(
  uri: CoapUri,
  resolver: HostResolver,
  signal: AbortSignal | undefined,
): Promise<PeerAddress> {
  let onAbort: (() => void) | undefined;
  const aborted = new Promise<never>((_resolve, reject) => {
    onAbort = () => reject(cancelled());
    if (signal?.aborted === true) onAbort();
    else signal?.addEventListener('abort', onAbort, { once: true });
  });
  let addresses: string[];
  try {
    const asked = resolver(uri.host).catch((error: unknown) => {
      throw coapError(
        'coap.host_not_found',
        `The name ${uri.host} cannot be resolved. Check it, or use the address.`,
        { host: uri.host },
        error,
      );
    });
    addresses = await Promise.race([asked, aborted]);
  } finally {
    if (onAbort !== undefined) signal?.removeEventListener('abort', onAbort);
  }
  for (const address of addresses) {
    const peer = canonicalAddress(address, uri.port);
    if (peer !== undefined) return peer;
  }
  throw coapError('coap.host_not_found', `The name ${uri.host} has no address.`, { host: uri.host });
}
