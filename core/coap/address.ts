/** Addresses of peers: always numeric, in one spelling, so that they can be compared. */
import { BlockList, SocketAddress, isIPv4, isIPv6 } from 'node:net';
import { networkInterfaces } from 'node:os';

export interface PeerAddress {
  /** Numeric, canonical; a link-local IPv6 address carries its interface: `fe80::1%eth0`. */
  address: string;
  port: number;
  family: 4 | 6;
}

const loopback = new BlockList();
loopback.addSubnet('127.0.0.0', 8, 'ipv4');
loopback.addAddress('::1', 'ipv6');

const multicast = new BlockList();
multicast.addSubnet('224.0.0.0', 4, 'ipv4');
multicast.addAddress('255.255.255.255', 'ipv4');
multicast.addSubnet('ff00::', 8, 'ipv6');

/**
 * The canonical form of a numeric address, or undefined when it is not numeric. IPv4 in IPv6 becomes IPv4; a
 * numeric scope id becomes the name of its interface, as the socket reports it for what arrives.
 */
export function canonicalAddress(text: string, port: number): PeerAddress | undefined {
  if (isIPv4(text)) return { address: text, port, family: 4 };
  if (!isIPv6(text)) return undefined;
  const at = text.indexOf('%');
  const bare = at < 0 ? text : text.slice(0, at);
  const address = new SocketAddress({ address: bare, family: 'ipv6' }).address;
  const mapped = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/.exec(address);
  if (mapped !== null) return { address: mapped[1]!, port, family: 4 };
  if (at < 0) return { address, port, family: 6 };
  return { address: `${address}%${interfaceName(text.slice(at + 1))}`, port, family: 6 };
}

function interfaceName(scope: string): string {
  if (!/^\d+$/.test(scope) || process.platform === 'win32') return scope;
  const index = Number(scope);
  for (const [name, addresses] of Object.entries(networkInterfaces())) {
    if (addresses?.some((one) => one.family === 'IPv6' && one.scopeid === index)) return name;
  }
  return scope;
}

export function isLoopback(peer: PeerAddress): boolean {
  return loopback.check(withoutScope(peer.address), peer.family === 4 ? 'ipv4' : 'ipv6');
}

/** Also the IPv4 broadcast address. */
export function isMulticast(peer: PeerAddress): boolean {
  return multicast.check(withoutScope(peer.address), peer.family === 4 ? 'ipv4' : 'ipv6');
}

export function isUnspecified(peer: PeerAddress): boolean {
  return peer.address === '0.0.0.0' || withoutScope(peer.address) === '::';
}

function withoutScope(address: string): string {
  const at = address.indexOf('%');
  return at < 0 ? address : address.slice(0, at);
}

/** `127.0.0.1:5683`, `[::1]:5683`. */
export function addressText(peer: PeerAddress): string {
  return peer.family === 6 ? `[${peer.address}]:${peer.port}` : `${peer.address}:${peer.port}`;
}
