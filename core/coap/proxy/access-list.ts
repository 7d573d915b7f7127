/**
 * What the proxy may reach. A proxy is a hole in the network otherwise: whoever may read a page here could ask every
 * device that this machine can. Nothing is on the list until somebody puts it there.
 *
 *     10.0.0.7   10.0.0.0/24   [2001:db8::1]   [2001:db8::]/32   sensor.local   *.plant.local     each with :PORT
 */
import { BlockList, isIPv4, isIPv6 } from 'node:net';
import { canonicalAddress, isLoopback, isMulticast, isUnspecified } from '../address.ts';
import type { PeerAddress } from '../address.ts';
import { coapError } from '../errors.ts';

interface NetworkPattern {
  kind: 'network';
  family: 4 | 6;
  bits: number;
  block: BlockList;
  port: number | null;
  loopback: boolean;
}

interface NamePattern {
  kind: 'name';
  /** Lower case; of `*.plant.local` it is `.plant.local`. */
  name: string;
  suffix: boolean;
  port: number | null;
}

type Pattern = NetworkPattern | NamePattern;

const MAX_NAME = 253;
const LABEL = /^[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?$/;

export class AccessList {
  readonly #networks: NetworkPattern[] = [];
  readonly #names: NamePattern[] = [];

  /** Fails with `coap.bad_pattern`, the pattern in `detail`. */
  constructor(patterns: readonly string[]) {
    for (const text of patterns) {
      const pattern = parsePattern(text);
      if (pattern.kind === 'network') this.#networks.push(pattern);
      else this.#names.push(pattern);
    }
  }

  /** Addresses are on it: a name that is not may still lead to one of them. */
  get hasNetworks(): boolean {
    return this.#networks.length > 0;
  }

  allowsName(host: string, port: number): boolean {
    const name = host.replace(/\.$/, '');
    return this.#names.some(
      (pattern) =>
        (pattern.port === null || pattern.port === port) &&
        (pattern.suffix
          ? name.length > pattern.name.length && name.endsWith(pattern.name)
          : name === pattern.name),
    );
  }

  /**
   * `name` is the one that led to the address, where there was one. Several devices and nowhere at all are never
   * allowed. This machine (`own` addresses, loopback) is allowed only where a pattern means just it: the address by
   * itself, a part of 127.0.0.0/8, or the name `localhost`. What listens only to this machine trusts it, so that a
   * network that happens to hold it, or a name that somebody points at it, is not enough.
   */
  allowsAddress(peer: PeerAddress, own: (address: string) => boolean, name?: string): boolean {
    if (isMulticast(peer) || isUnspecified(peer)) return false;
    const address = withoutScope(peer.address);
    const here = isLoopback(peer) || own(address);
    if (name !== undefined && this.allowsName(name, peer.port)) {
      if (!here || name.replace(/\.$/, '') === 'localhost') return true;
    }
    const family = peer.family === 4 ? 'ipv4' : 'ipv6';
    return this.#networks.some(
      (pattern) =>
        pattern.family === peer.family &&
        (pattern.port === null || pattern.port === peer.port) &&
        (!here || pattern.loopback || pattern.bits === (peer.family === 4 ? 32 : 128)) &&
        pattern.block.check(address, family),
    );
  }
}

export function withoutScope(address: string): string {
  const at = address.indexOf('%');
  return at < 0 ? address : address.slice(0, at);
}

function parsePattern(written: string): Pattern {
  const text = written.trim().toLowerCase();
  const bad = (why: string) =>
    coapError('coap.bad_pattern', `"${written.slice(0, 80)}" cannot be on the access list: ${why}.`, {
      pattern: written,
    });
  if (text.includes('://') || text.includes('@')) {
    throw bad('it is a host, a network or a name, without scheme and path');
  }
  // A bare IPv6 address has no port: its last group would be taken for one.
  const bare = /^([0-9a-f:]*:[0-9a-f:.]*)(?:\/(\d{1,3}))?$/.exec(text);
  if (bare !== null && isIPv6(bare[1]!)) return network(bare[1]!, bare[2], null, bad);
  const match = /^(?:\[([^\]]*)\]|([^:/[\]]+))(?:\/(\d{1,3}))?(?::(\d{1,5}))?$/.exec(text);
  if (match === null) throw bad('it is not like 10.0.0.0/24, [2001:db8::]/32, sensor.local or *.plant.local');
  const [, ipv6, host, bits, portText] = match;
  const port = portText === undefined ? null : Number(portText);
  if (port !== null && (port < 1 || port > 65_535)) throw bad(`${portText} is not a port`);
  if (ipv6 !== undefined) {
    if (!isIPv6(ipv6) || ipv6.includes('%')) throw bad(`[${ipv6}] is not an IPv6 address without scope`);
    return network(ipv6, bits, port, bad);
  }
  if (isIPv4(host!)) return network(host!, bits, port, bad);
  if (bits !== undefined) throw bad(`${host} is not an address, so it has no /${bits}`);
  return name(host!, port, bad);
}

function network(
  address: string,
  bitsText: string | undefined,
  port: number | null,
  bad: (why: string) => Error,
): NetworkPattern {
  // IPv4 in IPv6 is asked as IPv4, and so it has to stand on the list.
  const canonical = canonicalAddress(address, port ?? 1)!;
  const { family } = canonical;
  if (family === 4 && address.includes(':')) throw bad(`write it as ${canonical.address}`);
  const most = family === 4 ? 32 : 128;
  const bits = bitsText === undefined ? most : Number(bitsText);
  if (bits > most) throw bad(`/${bits} is more than /${most}`);
  const first = firstOf(canonical, bits);
  if (first !== canonical.address) throw bad(`the network is written ${first}/${bits}`);
  if (isMulticast(canonical)) throw bad('the proxy asks one device at a time');
  if (isUnspecified(canonical) && bits === most) throw bad('it is the address of no device');
  const block = new BlockList();
  block.addSubnet(canonical.address, bits, family === 4 ? 'ipv4' : 'ipv6');
  const loopback = isLoopback(canonical) && bits >= (family === 4 ? 8 : 128);
  return { kind: 'network', family, bits, block, port, loopback };
}

/** The first address of the network that the address lies in, canonical. */
function firstOf(peer: PeerAddress, bits: number): string {
  const groups = bytesOf(peer).map((byte, index) => {
    const kept = Math.min(8, Math.max(0, bits - index * 8));
    return byte & (0xff00 >> kept);
  });
  if (peer.family === 4) return groups.join('.');
  const words: string[] = [];
  for (let at = 0; at < 16; at += 2) words.push(((groups[at]! << 8) | groups[at + 1]!).toString(16));
  return canonicalAddress(words.join(':'), peer.port)!.address;
}

function bytesOf({ address, family }: PeerAddress): number[] {
  if (family === 4) return address.split('.').map(Number);
  const dotted = /^(.*:)(\d+)\.(\d+)\.(\d+)\.(\d+)$/.exec(address);
  const plain =
    dotted === null
      ? address
      : dotted[1]! +
        [2, 4].map((at) => ((Number(dotted[at]) << 8) | Number(dotted[at + 1])).toString(16)).join(':');
  const [head = '', tail] = plain.split('::');
  const words = (text: string) =>
    text === '' ? [] : text.split(':').map((word) => Number.parseInt(word, 16));
  const front = words(head);
  const back = tail === undefined ? [] : words(tail);
  const gap = tail === undefined ? 0 : 8 - front.length - back.length;
  return [...front, ...Array<number>(gap).fill(0), ...back].flatMap((word) => [word >> 8, word & 0xff]);
}

function name(host: string, port: number | null, bad: (why: string) => Error): NamePattern {
  const suffix = host.startsWith('*.');
  const plain = (suffix ? host.slice(2) : host).replace(/\.$/, '');
  const labels = plain.split('.');
  if (plain.length > MAX_NAME || !labels.every((label) => LABEL.test(label))) {
    throw bad(
      host.includes('*') ? 'a star stands only for the beginning: *.plant.local' : 'it is no host name',
    );
  }
  // 10.0.0 and 0x7f.1 are addresses to some resolvers; as names they are mistakes.
  if (/^(?:\d+|0x[0-9a-f]*)$/.test(labels.at(-1)!)) throw bad('it is neither a whole address nor a name');
  return { kind: 'name', name: suffix ? `.${plain}` : plain, suffix, port };
}
