import { createSocket } from 'node:dgram';
import type { RemoteInfo, Socket, SocketOptions } from 'node:dgram';
import { lookup } from 'node:dns/promises';
import type { Log } from '../../base/log.ts';
import { canonicalAddress, isLoopback, isUnspecified } from '../address.ts';
import type { PeerAddress } from '../address.ts';
import type { DatagramReceiver, Datagrams, GroupSocket, GroupTarget } from './datagrams.ts';
import { coapError } from '../errors.ts';
import { GroupSieve } from './group-sieve.ts';
import { listenError } from './listen-error.ts';
import { bind, closeSocket } from './sockets.ts';
import { joinGroups, openGroupSocket } from './udp-groups.ts';
import type { GroupMembership } from './udp-groups.ts';

const RECEIVE_BUFFER_BYTES = 1024 * 1024;
/** For `*` both families must get the same free port; somebody else may hold one of them. */
const FREE_PORT_ATTEMPTS = 10;

export interface UdpDatagramsOptions {
  /** Interfaces (`eth0`) on which the groups of CoAP are heard (RFC 7252 §8, §12.8). None unless given. */
  groups?: { interfaces: 'none' | readonly string[] };
}

type Deliver = (bytes: Uint8Array, from: PeerAddress) => void;

interface Bound {
  socket: Socket;
  at: PeerAddress;
  /** Where it reaches: everything of its family, or one side of the border of this machine. */
  reach: 'any' | 'loopback' | 'network';
}

/**
 * CoAP over UDP (RFC 7252 §3), IPv4 and IPv6. The sockets at the operator's address serve and ask. A peer that
 * cannot be reached from there (other family, or loopback against the network) is asked from a socket of its own
 * on a free port, which serves nobody: a station bound to loopback stays closed to the network.
 *
 * `*` and `::` listen on both families, `0.0.0.0` on IPv4 alone.
 */
export class UdpDatagrams implements Datagrams {
  readonly #log: Log;
  #receive: DatagramReceiver = () => undefined;
  #listening: Bound[] = [];
  #asking = new Map<4 | 6, Socket>();
  readonly #groupInterfaces: readonly string[];
  #groupSockets: Socket[] = [];
  #memberships: GroupMembership[] = [];
  #sieve: GroupSieve | undefined;
  #asksOfGroups = new Set<GroupSocket>();
  #running = false;

  constructor(log: Log, options: UdpDatagramsOptions = {}) {
    this.#log = log;
    const interfaces = options.groups?.interfaces ?? 'none';
    this.#groupInterfaces = interfaces === 'none' ? [] : interfaces;
  }

  /** Which groups are heard where, and why others are not. Empty before `start` and where none were wished for. */
  get memberships(): readonly GroupMembership[] {
    return this.#memberships;
  }

  async start(
    at: { host: string; port: number },
    receive: DatagramReceiver,
  ): Promise<{ host: string; port: number }> {
    if (this.#running) throw coapError('listen.failed', 'The CoAP endpoint is already listening.');
    this.#running = true;
    this.#receive = receive;
    this.#sieve = new GroupSieve(receive);
    try {
      const address = await numericHost(at.host, at.port);
      if (at.host === '*' || address.address === '::') await this.#listenOnBoth(at.port);
      else this.#listening.push(await this.#listen(address));
      if (this.#groupInterfaces.length > 0) await this.#join();
    } catch (error) {
      await this.stop();
      throw listenError(error, 'UDP', at);
    }
    const first = this.#listening[0];
    if (first === undefined)
      throw coapError('coap.cancelled', 'The CoAP endpoint was stopped while it started.');
    return { host: first.at.address, port: first.at.port };
  }

  async #join(): Promise<void> {
    const at = this.#listening.map((bound) => bound.at);
    const joined = await joinGroups(this.#groupInterfaces, at, (family) =>
      this.#open(family, (bytes, from) => this.#sieve?.toGroup(bytes, from), true),
    );
    this.#groupSockets = joined.sockets;
    this.#memberships = joined.memberships;
    for (const { group, interfaceName, problem } of joined.memberships) {
      if (problem !== null) this.#log.warn('a CoAP group is not heard', { group, interfaceName, problem });
    }
    if (this.#running) return;
    await this.stop();
    throw coapError('coap.cancelled', 'The CoAP endpoint was stopped while it started.');
  }

  async #listenOnBoth(port: number): Promise<void> {
    for (let attempt = 1; ; attempt++) {
      let six: Bound;
      try {
        six = await this.#listen({ address: '::', port, family: 6 });
      } catch (error) {
        // A machine with IPv6 switched off still serves IPv4.
        if (!['EAFNOSUPPORT', 'EADDRNOTAVAIL'].includes(systemCode(error))) throw error;
        this.#listening.push(await this.#listen({ address: '0.0.0.0', port, family: 4 }));
        return;
      }
      try {
        const four = await this.#listen({ address: '0.0.0.0', port: six.at.port, family: 4 });
        this.#listening.push(six, four);
        return;
      } catch (error) {
        await closeSocket(six.socket);
        if (port !== 0 || attempt === FREE_PORT_ATTEMPTS || systemCode(error) !== 'EADDRINUSE') throw error;
      }
    }
  }

  async #listen(wanted: PeerAddress): Promise<Bound> {
    let at = wanted;
    const shares = this.#groupInterfaces.length > 0;
    if (shares) {
      // Group sockets lie beside this one on its port, which both must allow. It would then also allow another
      // program that shares, and get none of its datagrams: so first see whether the port is free.
      const probe = this.#open(at.family, () => undefined);
      try {
        await bind(probe, at);
        at = { ...at, port: probe.address().port };
      } finally {
        await closeSocket(probe);
      }
    }
    const serve: Deliver =
      shares && isUnspecified(at)
        ? (bytes, from) => this.#sieve?.toAny(bytes, from)
        : (bytes, from) => this.#receive(bytes, from, 'serving');
    const socket = this.#open(at.family, serve, shares);
    try {
      await bind(socket, at);
    } catch (error) {
      await closeSocket(socket);
      throw error;
    }
    if (!this.#running) {
      await closeSocket(socket);
      throw coapError('coap.cancelled', 'The CoAP endpoint was stopped while it started.');
    }
    widen(socket);
    const reach =
      at.address === '0.0.0.0' || at.address === '::' ? 'any' : isLoopback(at) ? 'loopback' : 'network';
    return { socket, at: { ...at, port: socket.address().port }, reach };
  }

  #open(family: 4 | 6, deliver: Deliver, reuseAddr = false): Socket {
    const socket = createSocket({ ...settings(family), reuseAddr });
    socket.on('message', (bytes: Buffer, from: RemoteInfo) => {
      if (this.#running) deliver(bytes, { address: from.address, port: from.port, family });
    });
    // Seen on Windows after an ICMP answer; the socket goes on working.
    socket.on('error', (error) => this.#log.warn('UDP socket error', { error }));
    return socket;
  }

  send(bytes: Uint8Array, to: PeerAddress, failed?: (error: Error) => void): void {
    if (!this.#running) return;
    try {
      const socket = this.#socketFor(to);
      if (failed === undefined) socket.send(bytes, to.port, to.address);
      else {
        socket.send(bytes, to.port, to.address, (error) => {
          if (error !== null && this.#running) failed(error);
        });
      }
    } catch (error) {
      queueMicrotask(() => failed?.(error instanceof Error ? error : new Error(String(error))));
    }
  }

  /** See `Datagrams`. Also fails with `coap.cancelled` when it was stopped meanwhile. */
  async openGroup(
    target: GroupTarget,
    receive: (bytes: Uint8Array, from: PeerAddress) => void,
  ): Promise<GroupSocket> {
    const socket = createSocket({ ...settings(target.group.includes(':') ? 6 : 4), reuseAddr: false });
    socket.on('error', (error) => this.#log.warn('UDP socket error', { error }));
    const opened = await openGroupSocket(target, socket, receive);
    if (!this.#running) {
      await opened.close();
      throw coapError('coap.cancelled', 'The CoAP endpoint was stopped.');
    }
    const ask: GroupSocket = {
      send: (bytes, to, failed) => opened.send(bytes, to, failed),
      close: async () => {
        this.#asksOfGroups.delete(ask);
        await opened.close();
      },
    };
    this.#asksOfGroups.add(ask);
    return ask;
  }

  #socketFor(to: PeerAddress): Socket {
    for (const { socket, at, reach } of this.#listening) {
      if (at.family !== to.family) continue;
      if (reach === 'any' || (reach === 'loopback') === isLoopback(to)) return socket;
    }
    let socket = this.#asking.get(to.family);
    if (socket === undefined) {
      socket = this.#open(to.family, (bytes, from) => this.#receive(bytes, from, 'asking'));
      this.#asking.set(to.family, socket);
    }
    return socket;
  }

  async stop(): Promise<void> {
    this.#running = false;
    this.#sieve?.stop();
    const bound = this.#listening.map(({ socket }) => socket);
    const sockets = [...bound, ...this.#asking.values(), ...this.#groupSockets];
    this.#listening = [];
    this.#asking.clear();
    this.#groupSockets = [];
    this.#memberships = [];
    await Promise.all([...sockets.map(closeSocket), ...[...this.#asksOfGroups].map((ask) => ask.close())]);
  }
}

function settings(family: 4 | 6): SocketOptions {
  return {
    type: family === 4 ? 'udp4' : 'udp6',
    ipv6Only: family === 6,
    // Addresses are numeric already: no turn through the resolver for each datagram.
    lookup: (hostname, _options, done) => done(null, hostname, family),
  };
}

async function numericHost(host: string, port: number): Promise<PeerAddress> {
  if (host === '*') return { address: '::', port, family: 6 };
  const plain = host.startsWith('[') && host.endsWith(']') ? host.slice(1, -1) : host;
  const numeric = canonicalAddress(plain, port) ?? canonicalAddress((await lookup(plain)).address, port);
  if (numeric === undefined) throw new Error(`${host} is not an address`);
  return numeric;
}

function widen(socket: Socket): void {
  try {
    socket.setRecvBufferSize(RECEIVE_BUFFER_BYTES);
  } catch {
    // Systems may cap or refuse it; bursts are then lost earlier, and CON messages come again.
  }
}

function systemCode(error: unknown): string {
  return typeof error === 'object' && error !== null && 'code' in error ? String(error.code) : '';
}
