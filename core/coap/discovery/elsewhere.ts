/**
 * Names that another machine tells, and where they lead. What listens only to this machine trusts whoever asks from it,
 * so nobody elsewhere may make the station ask here, by an address or by a name that somebody points at one.
 */
import { canonicalAddress, isLoopback, isThisMachine } from '../address.ts';
import { coapError } from '../errors.ts';
import { resolveName } from '../resolve.ts';
import type { HostResolver } from '../resolve.ts';
import type { CoapUri } from '../uri.ts';

/**
 * Leaves out addresses of this machine. For the request itself, so that the address that is asked is the one that was
 * looked at (DNS rebinding). Fails with `coap.refused` where none is left, and as `resolveName`.
 */
export function elsewhereOnly(resolver: HostResolver): HostResolver {
  return async (host) => {
    const found = await resolveName(resolver, host);
    const elsewhere = found.filter((address) => !isHere(address));
    if (elsewhere.length > 0 || found.length === 0) return elsewhere;
    throw coapError(
      'coap.refused',
      `${host} leads to this machine (${found[0]}). Another machine that names it has no say in what is asked here; ` +
        'ask it yourself if you mean it.',
      { host, addresses: found },
    );
  };
}

export interface Whereabouts {
  /** On this machine. */
  here: boolean;
  /** For that server, and for all that it names. */
  resolver: HostResolver;
}

/** Where a server is that a person named. Fails as `resolveName`. */
export async function whereabouts(
  { host }: Pick<CoapUri, 'host'>,
  resolver: HostResolver,
): Promise<Whereabouts> {
  if (isThisMachine(host)) return { here: true, resolver };
  if (canonicalAddress(host, 1) !== undefined) return { here: false, resolver: elsewhereOnly(resolver) };
  const found = await resolveName(resolver, host);
  // What was looked at is what is asked; every other name is looked up when it is.
  const pinned: HostResolver = (name) => (name === host ? Promise.resolve(found) : resolver(name));
  const here = found.length > 0 && found.every(isHere);
  return { here, resolver: here ? pinned : elsewhereOnly(pinned) };
}

function isHere(text: string): boolean {
  const address = canonicalAddress(text, 1);
  return address !== undefined && isLoopback(address);
}
