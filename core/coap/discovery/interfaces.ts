/** The networks that this machine is in. */
import { isIPv4 } from 'node:net';
import { networkInterfaces } from 'node:os';
import type { NetworkInterfaceInfo } from 'node:os';
import { canonicalIPv6 } from '../address.ts';

export interface InterfaceAddress {
  /** Canonical; a link-local IPv6 address carries its interface: `fe80::1%eth0`. */
  address: string;
  family: 4 | 6;
  /** `10.0.0.0/24`, `fd00::/64`. */
  network: string;
}

export interface NetworkInterface {
  /** `eth0`. */
  name: string;
  loopback: boolean;
  /** IPv4 first. */
  addresses: InterfaceAddress[];
}

export type InterfaceSource = () => NodeJS.Dict<NetworkInterfaceInfo[]>;

/** Interfaces that have an address, loopback last. */
export function listInterfaces(source: InterfaceSource = networkInterfaces): NetworkInterface[] {
  const interfaces: NetworkInterface[] = [];
  for (const [name, infos = []] of Object.entries(source())) {
    const addresses = infos.map((info) => interfaceAddress(name, info));
    addresses.sort((a, b) => a.family - b.family);
    if (addresses.length > 0) {
      interfaces.push({ name, loopback: infos.some((info) => info.internal), addresses });
    }
  }
  return interfaces.sort((a, b) => Number(a.loopback) - Number(b.loopback));
}

function interfaceAddress(name: string, { address, family, cidr }: NetworkInterfaceInfo): InterfaceAddress {
  const bits = Number(cidr?.split('/')[1] ?? (family === 'IPv4' ? 32 : 128));
  if (family === 'IPv4') return { address, family: 4, network: networkOf(address, bits) };
  const plain = address.split('%')[0]!;
  const canonical = canonicalIPv6(plain);
  const scoped = /^fe[89ab]/i.test(canonical) ? `${canonical}%${name}` : canonical;
  return { address: scoped, family: 6, network: networkOf(plain, bits) };
}

/** `10.0.0.0/24` of `10.0.0.7` and 24. */
export function networkOf(address: string, bits: number): string {
  const bytes = isIPv4(address) ? address.split('.').map(Number) : ipv6Bytes(address);
  const masked = bytes.map((byte, index) => {
    const kept = Math.min(8, Math.max(0, bits - index * 8));
    return byte & (0xff << (8 - kept));
  });
  return `${bytes.length === 4 ? masked.join('.') : ipv6Text(masked)}/${bits}`;
}

function ipv6Bytes(address: string): number[] {
  const dotted = /^(.*:)(\d+)\.(\d+)\.(\d+)\.(\d+)$/.exec(address);
  if (dotted !== null) {
    const [a, b, c, d] = dotted.slice(2).map(Number);
    return ipv6Bytes(`${dotted[1]}${((a! << 8) | b!).toString(16)}:${((c! << 8) | d!).toString(16)}`);
  }
  const [head = '', tail] = address.split('::');
  const groups = (text: string) =>
    text === '' ? [] : text.split(':').map((group) => Number.parseInt(group, 16));
  const left = groups(head);
  const right = groups(tail ?? '');
  const zeros = tail === undefined ? 0 : 8 - left.length - right.length;
  const all = [...left, ...new Array<number>(zeros).fill(0), ...right];
  return all.flatMap((group) => [group >> 8, group & 0xff]);
}

function ipv6Text(bytes: number[]): string {
  const groups: string[] = [];
  for (let i = 0; i < 16; i += 2) groups.push(((bytes[i]! << 8) | bytes[i + 1]!).toString(16));
  return canonicalIPv6(groups.join(':'));
}
