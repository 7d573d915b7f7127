/**
 * Who may change a registration (RFC 9176 §7.5, First-Come-First-Remembered): the name of an endpoint belongs to
 * whoever registered it, for as long as that registration lives. Whoever proved who it is, by TLS or DTLS, is known by
 * that identity wherever it comes from. Everybody else is known by transport and IP address; the port is left out, since
 * it changes with every restart of a device. That is as weak as the network is: whoever shares or can forge the
 * address can take the name. It keeps honest devices from replacing each other by mistake, and others out without a
 * forged address. UDP and TCP count as different, as an address is forged more easily over the former.
 */
import { addressText } from '../address.ts';
import type { Registrant, Registration } from './registration.ts';

export function ownership({ transport, from, identity }: Registrant): Pick<Registration, 'owner' | 'from'> {
  const owner = { transport, address: from.address, identity };
  return { owner, from: `${transport} ${addressText(from)}` };
}

export function isOwner({ owner }: Registration, { transport, from, identity }: Registrant): boolean {
  if (owner.identity !== null) return owner.identity === identity;
  return owner.transport === transport && owner.address === from.address;
}

/** What tells owners apart. */
export function ownerKey({ transport, address, identity }: Registration['owner']): string {
  return identity === null ? `${transport} ${address}` : `= ${identity}`;
}
