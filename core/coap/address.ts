/** Addresses of peers: always numeric, in one spelling, so that they can be compared. */
import { SocketAddress, isIPv4, isIPv6 } from 'node:net';
import { networkInterfaces } from 'node:os';

export interface PeerAddress {
  /** Numeric, canonical; a link-local IPv6 address carries its interface: `fe80::1%eth0`. */
  address: string;
  port: number;
  family: 4 | 6;
}

/**
 * The canonical form of a numeric address, or undefined when it is not numeric. IPv4 in IPv6 becomes IPv4; a
 * numeric scope id becomes the name of its interface, as the socket reports it for what arrives.
 */
export function canonicalAddress(text: string, port: number): PeerAddress | undefined {
  if (isIPv4(text)) return { address: text, port, family: 4 };
  if (!isIPv6(text)) return undefined;
  const at = text.indexOf('%');
  const address = canonicalIPv6(at < 0 ? text : text.slice(0, at));
  const mapped = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/.exec(address);
  if (mapped !== null) return { address: mapped[1]!, port, family: 4 };
  if (at < 0) return { address, port, family: 6 };
  return { address: `${address}%${interfaceName(text.slice(at + 1))}`, port, family: 6 };
}

/** The one spelling of RFC 5952 for an IPv6 address without scope. */
export function canonicalIPv6(address: string): string {
  return new SocketAddress({ address, family: 'ipv6' }).address;
}

function interfaceName(scope: string): string {
  if (!/^\d+$/.test(scope) || process.platform === 'win32') return scope;
  const index = Number(scope);
  for (const [name, addresses] of Object.entries(networkInterfaces())) {
    if (addresses?.some((one) => one.family === 'IPv6' && one.scopeid === index)) return name;
  }
  return scope;
}

// The addresses are canonical, so that their text tells the block they lie in.

export function isLoopback({ address, family }: Pick<PeerAddress, 'address' | 'family'>): boolean {
  return family === 4 ? address.startsWith('127.') : address === '::1';
}

/** A host of a URI that means the machine on which it is read, whoever wrote it. */
export function isThisMachine(host: string): boolean {
  const address = canonicalAddress(host, 1);
  if (address !== undefined) return isLoopback(address);
  return /^(?:.*\.)?localhost\.?$/i.test(host);
}

/** Also the IPv4 broadcast address. */
export function isMulticast({ address, family }: PeerAddress): boolean {
  if (family === 6) return address.startsWith('ff');
  const first = Number.parseInt(address, 10);
  return (first >= 224 && first < 240) || address === '255.255.255.255';
}

export function isUnspecified({ address }: PeerAddress): boolean {
  return address === '0.0.0.0' || address === '::' || address.startsWith('::%');
}

/** `127.0.0.1:5683`, `[::1]:5683`. */
export function addressText(peer: PeerAddress): string {
  return peer.family === 6 ? `[${peer.address}]:${peer.port}` : `${peer.address}:${peer.port}`;
}
