/** Link-local addresses and what may be said of them to whom (RFC 9176 §6.1, §6.4). */
import type { PeerAddress } from '../address.ts';

/** fe80::/10 */
export function isLinkLocal(address: string): boolean {
  return /^fe[89ab][0-9a-f]:/i.test(address);
}

/** As it stands in a URI: the scope written `%25eth0` (RFC 6874). */
export function addressText({ address, port, family }: PeerAddress): string {
  return family === 6 ? `[${address.replace('%', '%25')}]:${port}` : `${address}:${port}`;
}

/** `eth0` of `fe80::1%eth0`; undefined for an address that is good on every link. */
export function scopeOf(address: string): string | undefined {
  return address.split('%')[1];
}

/** The scope in the authority of a URI: `eth0` of `coap://[fe80::1%25eth0]:5683`. */
export function scopeOfUri(uri: string): string | undefined {
  return /^[^/]*\/\/\[[^\]%]*%25([^\]]*)\]/.exec(uri)?.[1];
}

/** For others: scopes mean something on one machine only (§6.1). */
export function withoutScope(uri: string): string {
  return uri.replace(/^([^/]*\/\/\[[^\]%]*)%25[^\]]*\]/, '$1]');
}
