import { createSocket } from 'node:dgram';
import type { RemoteInfo, Socket } from 'node:dgram';
import { lookup } from 'node:dns/promises';
import { codeOf, messageOf } from '../../base/errors.ts';
import type { Log } from '../../base/log.ts';
import { canonicalAddress, isLoopback } from '../address.ts';
import type { PeerAddress } from '../address.ts';
import type { Arrival, DatagramReceiver, Datagrams } from './datagrams.ts';
import { coapError } from '../errors.ts';

const RECEIVE_BUFFER_BYTES = 1024 * 1024;
/** For `*` both families must get the same free port; somebody else may hold one of them. */
const FREE_PORT_ATTEMPTS = 10;

interface Bound {
  socket: Socket;
  at: PeerAddress;
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
  #running = false;

  constructor(log: Log) {
    this.#log = log;
  }

  async start(
    at: { host: string; port: number },
    receive: DatagramReceiver,
  ): Promise<{ host: string; port: number }> {
    if (this.#running) throw coapError('listen.failed', 'The CoAP endpoint is already listening.');
    this.#running = true;
    this.#receive = receive;
    try {
      const address = await numericHost(at.host, at.port);
      if (at.host === '*' || address.address === '::') await this.#listenOnBoth(at.port);
      else this.#listening.push(await this.#listen(address));
    } catch (error) {
      await this.stop();
      throw listenError(error, at);
    }
    const first = this.#listening[0];
    if (first === undefined)
      throw coapError('coap.cancelled', 'The CoAP endpoint was stopped while it started.');
    return { host: first.at.address, port: first.at.port };
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
        await close(six.socket);
        if (port !== 0 || attempt === FREE_PORT_ATTEMPTS || systemCode(error) !== 'EADDRINUSE') throw error;
      }
    }
  }

  async #listen(at: PeerAddress): Promise<Bound> {
    const socket = this.#open(at.family, 'serving');
    try {
      await new Promise<void>((resolve, reject) => {
        socket.once('error', reject);
        socket.bind({ address: at.address, port: at.port, exclusive: true }, () => {
          socket.off('error', reject);
          resolve();
        });
      });
    } catch (error) {
      await close(socket);
      throw error;
    }
    if (!this.#running) {
      await close(socket);
      throw coapError('coap.cancelled', 'The CoAP endpoint was stopped while it started.');
    }
    widen(socket);
    return { socket, at: { ...at, port: socket.address().port } };
  }

  #open(family: 4 | 6, arrival: Arrival): Socket {
    const socket = createSocket({
      type: family === 4 ? 'udp4' : 'udp6',
      ipv6Only: family === 6,
      // Addresses are numeric already: no turn through the resolver for each datagram.
      lookup: (hostname, _options, done) => done(null, hostname, family),
    });
    socket.on('message', (bytes: Buffer, from: RemoteInfo) => {
      if (!this.#running) return;
      this.#receive(bytes, { address: from.address, port: from.port, family }, arrival);
    });
    // Seen on Windows after an ICMP answer; the socket goes on working.
    socket.on('error', (error) => this.#log.warn('UDP socket error', { error }));
    return socket;
  }

  send(bytes: Uint8Array, to: PeerAddress, failed: (error: Error) => void): void {
    if (!this.#running) return;
    try {
      this.#socketFor(to).send(bytes, to.port, to.address, (error) => {
        if (error !== null && this.#running) failed(error);
      });
    } catch (error) {
      queueMicrotask(() => failed(error instanceof Error ? error : new Error(String(error))));
    }
  }

  #socketFor(to: PeerAddress): Socket {
    for (const { socket, at } of this.#listening) {
      if (at.family !== to.family) continue;
      if (at.address === '0.0.0.0' || at.address === '::') return socket;
      if (isLoopback(at) === isLoopback(to)) return socket;
    }
    let socket = this.#asking.get(to.family);
    if (socket === undefined) {
      socket = this.#open(to.family, 'asking');
      this.#asking.set(to.family, socket);
    }
    return socket;
  }

  async stop(): Promise<void> {
    this.#running = false;
    const sockets = [...this.#listening.map((bound) => bound.socket), ...this.#asking.values()];
    this.#listening = [];
    this.#asking.clear();
    await Promise.all(sockets.map(close));
  }
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

function close(socket: Socket): Promise<void> {
  return new Promise((resolve) => {
    socket.removeAllListeners('message');
    try {
      socket.close(() => resolve());
    } catch {
      resolve(); // closed already
    }
  });
}

function systemCode(error: unknown): string {
  return typeof error === 'object' && error !== null && 'code' in error ? String(error.code) : '';
}

function listenError(error: unknown, at: { host: string; port: number }): Error {
  if (codeOf(error).startsWith('coap.')) return error as Error;
  const where = `UDP ${at.host}:${at.port}`;
  const detail = { host: at.host, port: at.port };
  switch (systemCode(error)) {
    case 'EADDRINUSE':
      return coapError('listen.port_taken', `${where} is taken by another program.`, detail, error);
    case 'EADDRNOTAVAIL':
    case 'ENOTFOUND':
    case 'EAI_AGAIN':
      return coapError('listen.no_such_address', `This machine has no address ${at.host}.`, detail, error);
    case 'EACCES':
      return coapError('listen.not_allowed', `This user may not open ${where}.`, detail, error);
    default:
      return coapError('listen.failed', `${where} cannot be opened: ${messageOf(error)}.`, detail, error);
  }
}
