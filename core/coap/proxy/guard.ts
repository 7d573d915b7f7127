/** The access list on the way to a device: the address that is checked is the one that is asked (DNS rebinding). */
import { networkInterfaces } from 'node:os';
import { canonicalAddress } from '../address.ts';
import { coapError } from '../errors.ts';
import type { HostResolver } from '../resolve.ts';
import type { CoapUri } from '../uri.ts';
import type { AccessList } from './access-list.ts';
import { withoutScope } from './access-list.ts';

/** One of this machine's own addresses, as it has them now. */
export function isOwnAddress(address: string): boolean {
  for (const addresses of Object.values(networkInterfaces())) {
    for (const own of addresses ?? []) {
      if (canonicalAddress(withoutScope(own.address), 1)?.address === address) return true;
    }
  }
  return false;
}

/**
 * The addresses of the target that may be asked, best first; its own where it is one. Fails with `coap.forbidden`, or
 * `coap.host_not_found` for a listed name that has none. Names that cannot be allowed are not looked up.
 */
export async function allowedAddresses(
  list: AccessList,
  target: CoapUri,
  resolver: HostResolver,
  own: (address: string) => boolean = isOwnAddress,
): Promise<string[]> {
  const allows = (text: string, name?: string): boolean => {
    const peer = canonicalAddress(text, target.port);
    return peer !== undefined && list.allowsAddress(peer, own, name);
  };
  const numeric = canonicalAddress(target.host, target.port);
  if (numeric !== undefined) {
    if (!allows(target.host)) throw forbidden(target);
    return [target.host];
  }
  if (!list.hasNetworks && !list.allowsName(target.host, target.port)) throw forbidden(target);
  let found: string[];
  try {
    found = await resolver(target.host);
  } catch (error) {
    // Who may not ask the name learns nothing of it.
    if (!list.allowsName(target.host, target.port)) throw forbidden(target);
    throw coapError(
      'coap.host_not_found',
      `The name ${target.host} cannot be resolved. Check it, or use the address.`,
      { host: target.host },
      error,
    );
  }
  const allowed = found.filter((address) => allows(address, target.host));
  if (allowed.length === 0) throw forbidden(target);
  return allowed;
}

function forbidden(target: CoapUri): Error {
  return coapError(
    'coap.forbidden',
    `${target.authority} is not on the access list of this proxy. An administrator puts it there in the console: ` +
      'Settings, HTTP-to-CoAP proxy.',
    { authority: target.authority },
  );
}
