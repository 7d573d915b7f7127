/** Multicast groups over UDP (RFC 7252 §8, §12.8): joining those of CoAP, and asking one on one interface. */
import type { Socket } from 'node:dgram';
import { networkInterfaces } from 'node:os';
import { messageOf } from '../../base/errors.ts';
import { canonicalAddress } from '../address.ts';
import type { PeerAddress } from '../address.ts';
import type { GroupSocket, GroupTarget } from './datagrams.ts';
import { bind, closeSocket } from './sockets.ts';

/** "All CoAP Nodes" (§12.8): IPv4, and IPv6 on the link and in the site. */
export const COAP_GROUPS: readonly { group: string; family: 4 | 6 }[] = [
  { group: '224.0.1.187', family: 4 },
  { group: 'ff02::fd', family: 6 },
  { group: 'ff05::fd', family: 6 },
];

/** Beyond the link a question goes through so many routers. */
const GROUP_HOPS = 8;

export interface GroupMembership {
  group: string;
  interfaceName: string;
  /** Why the group is not heard there, or null when it is. */
  problem: string | null;
}

/** The sockets that hear groups, and what became of each wish. */
export interface JoinedGroups {
  sockets: Socket[];
  memberships: GroupMembership[];
}

/**
 * Joins the groups of CoAP on those interfaces, for the addresses that are listened at: on `listening` interfaces
 * only, so that a station bound to loopback stays closed to the network.
 *
 * Node does not tell to which address a datagram came. Each group has a socket of its own, bound to the address of the
 * group: on Linux and macOS it hears that group alone. Windows cannot bind to a group; there the groups are not heard
 * and the memberships say so. A socket that listens at all addresses hears the groups too: `GroupSieve`.
 */
export async function joinGroups(
  interfaces: readonly string[],
  listening: readonly PeerAddress[],
  open: (family: 4 | 6) => Socket,
): Promise<JoinedGroups> {
  const sockets: Socket[] = [];
  const memberships: GroupMembership[] = [];
  // One socket hears a group on all interfaces, but for groups of the link, whose IPv6 address has its interface in it.
  const shared = new Map<string, Socket>();
  for (const { group, family } of COAP_GROUPS) {
    for (const interfaceName of interfaces) {
      const place = listeningOn(interfaceName, family, listening);
      if (typeof place === 'string') {
        memberships.push({ group, interfaceName, problem: place });
        continue;
      }
      const known = shared.get(group);
      const socket = known ?? open(family);
      let problem: string | null = null;
      try {
        if (known === undefined) {
          const address = isLinkLocal(group) ? `${group}%${interfaceName}` : group;
          await bind(socket, { address, port: place.port, family });
        }
        socket.addMembership(group, family === 4 ? place.address : `::%${interfaceName}`);
      } catch (error) {
        problem = messageOf(error);
      }
      memberships.push({ group, interfaceName, problem });
      if (known !== undefined) continue;
      if (problem !== null) await closeSocket(socket);
      else sockets.push(socket);
      if (problem === null && !isLinkLocal(group)) shared.set(group, socket);
    }
  }
  return { sockets, memberships };
}

/** An address of that interface and the port that is listened at there, or why there is none. */
function listeningOn(
  interfaceName: string,
  family: 4 | 6,
  listening: readonly PeerAddress[],
): PeerAddress | string {
  const own = (networkInterfaces()[interfaceName] ?? []).filter((one) => one.family === `IPv${family}`);
  const first = own[0];
  if (first === undefined) return `${interfaceName} has no IPv${family} address.`;
  for (const { address, port, family: listens } of listening) {
    if (listens !== family) continue;
    const everywhere = address === '0.0.0.0' || address === '::';
    const plain = address.split('%')[0]!;
    if (everywhere || own.some((one) => one.address === plain)) {
      return { address: first.address, port, family };
    }
  }
  return `The server does not listen at an IPv${family} address of ${interfaceName}.`;
}

/** A socket on a free port of that interface, for one question to the group. Fails with the system's error. */
export async function openGroupSocket(
  target: GroupTarget,
  socket: Socket,
  receive: (bytes: Uint8Array, from: PeerAddress) => void,
): Promise<GroupSocket> {
  const { group, interfaceName, interfaceAddress } = target;
  const own = canonicalAddress(interfaceAddress, 0);
  let closed = false;
  try {
    if (own === undefined) throw new Error(`${interfaceAddress} is not an address`);
    const scoped = own.family === 6 && own.address.startsWith('fe80:') && !own.address.includes('%');
    await bind(socket, scoped ? { ...own, address: `${own.address}%${interfaceName}` } : own);
    socket.setMulticastInterface(own.family === 4 ? own.address : `::%${interfaceName}`);
    socket.setMulticastTTL(isLinkLocal(group) || group.startsWith('224.0.0.') ? 1 : GROUP_HOPS);
  } catch (error) {
    await closeSocket(socket);
    throw error;
  }
  socket.on('message', (bytes: Buffer, from) => {
    if (!closed) receive(bytes, { address: from.address, port: from.port, family: own.family });
  });
  return {
    send(bytes, to, failed) {
      if (closed) return;
      try {
        socket.send(bytes, to.port, to.address, (error) => {
          if (error !== null && !closed) failed(error);
        });
      } catch (error) {
        queueMicrotask(() => failed(error instanceof Error ? error : new Error(String(error))));
      }
    },
    async close() {
      if (closed) return;
      closed = true;
      await closeSocket(socket);
    },
  };
}

function isLinkLocal(group: string): boolean {
  return /^ff[0-9a-f]2:/i.test(group);
}
