import { createServer } from 'node:net';
import type { AddressInfo, Server, Socket } from 'node:net';
import { networkOf } from '../../base/back-off.ts';
import { messageOf } from '../../base/errors.ts';
import { canonicalAddress } from '../address.ts';
import { Deadline } from '../deadline.ts';
import { listenError } from '../transports/listen-error.ts';
import { ReliableConnection } from './connection.ts';
import type { ReliableContext } from './context.ts';
import type { MessagePipe } from './pipe.ts';
import { SeldomLog } from './seldom-log.ts';

export type ReliableTransport = 'tcp' | 'tls' | 'ws' | 'wss';

/** For the other ends to go by themselves when the listener closes. */
const CLOSING_PATIENCE_MS = 1_000;
const BACKLOG = 1_024;
const NAMES = { tcp: 'TCP', tls: 'TLS', ws: 'WebSocket', wss: 'secure WebSocket' } as const;

/** What is known of one network connection. */
interface Guest {
  network: string;
  /** Until it gets through TLS and HTTP; after that the connection has patience of its own. */
  patience: Deadline;
  /** No CSM of it has come yet. */
  isNew: boolean;
  connection: ReliableConnection | undefined;
}

/**
 * The network side that all transports share: listens, bounds who comes in, watches newcomers until `admit` makes
 * them CoAP connections, and closes everything in order.
 */
export class Acceptor {
  readonly context: ReliableContext;
  readonly transport: ReliableTransport;
  /** What was asked for: an address or a name. */
  readonly host: string;
  readonly seldom: SeldomLog;
  readonly #server: Server;
  readonly #guests = new Map<Socket, Guest>();
  readonly #perNetwork = new Map<string, { all: number; newcomers: number }>();
  #newcomers = 0;
  #connections = 0;
  #address: { host: string; port: number };
  #closing: Promise<void> | undefined;

  /** `greet` is given each new socket and ends in `admit`, at once or after a handshake. */
  constructor(
    context: ReliableContext,
    at: { transport: ReliableTransport; host: string; port: number },
    greet: (socket: Socket) => void,
  ) {
    this.context = context;
    this.transport = at.transport;
    this.host = at.host;
    this.#address = { host: at.host, port: at.port };
    this.seldom = new SeldomLog(context.log, context.clock);
    // Messages are gathered by the connection; waiting for more in the kernel would only add 40 ms.
    this.#server = createServer({ noDelay: true }, (socket) => this.#take(socket, greet));
  }

  get address(): { host: string; port: number } {
    return this.#address;
  }

  /** CoAP connections; newcomers are not counted. */
  get connections(): number {
    return this.#connections;
  }

  /** Fails with `listen.*`. `*` is all addresses of both families. */
  async listen(): Promise<void> {
    const { host, port } = this.#address;
    try {
      try {
        await this.#bind(host === '*' ? '::' : host, port);
      } catch (error) {
        // A machine with IPv6 switched off still serves IPv4.
        const code = (error as NodeJS.ErrnoException).code ?? '';
        if (host !== '*' || !['EAFNOSUPPORT', 'EADDRNOTAVAIL'].includes(code)) throw error;
        await this.#bind('0.0.0.0', port);
      }
    } catch (error) {
      throw listenError(error, NAMES[this.transport], { host, port });
    }
    this.#server.on('error', (error) =>
      this.seldom.warn('accepting a CoAP connection failed', { error: messageOf(error) }),
    );
    const bound = this.#server.address() as AddressInfo;
    this.#address = { host: bound.address, port: bound.port };
  }

  #bind(host: string, port: number): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#server.once('error', reject);
      this.#server.listen({ host, port, backlog: BACKLOG }, () => {
        this.#server.off('error', reject);
        resolve();
      });
    });
  }

  /** The handshakes are done: CoAP is spoken from here on, over `pipe`, which lies on `socket`. */
  admit(socket: Socket, pipe: MessagePipe, identity: string | null): ReliableConnection | undefined {
    const guest = this.#guests.get(socket);
    const address = canonicalAddress(socket.remoteAddress ?? '', socket.remotePort ?? 0);
    if (guest === undefined || address === undefined) {
      socket.destroy(); // gone in the meantime
      return undefined;
    }
    guest.patience.clear();
    const place = { role: 'acceptor', transport: this.transport, address, identity } as const;
    const connection = new ReliableConnection(this.context, pipe, place, {
      ready: () => {
        this.#isNoNewcomer(guest);
        guest.connection = connection;
        this.#connections++;
      },
      closed: (error) => {
        if (guest.connection !== undefined) this.#connections--;
        else this.seldom.warn('a CoAP newcomer was turned away', { error: messageOf(error) });
        guest.connection = undefined;
      },
    });
    return connection;
  }

  close(): Promise<void> {
    return (this.#closing ??= this.#close());
  }

  #take(socket: Socket, greet: (socket: Socket) => void): void {
    const network = networkOf(socket.remoteAddress ?? '');
    if (this.#closing !== undefined || this.#isFull(network)) {
      this.context.counters.droppedByLimit++;
      socket.destroy();
      return;
    }
    const patience = new Deadline(this.context.wheel, () => {
      this.context.counters.timeouts++;
      socket.destroy();
    });
    const guest: Guest = { network, patience, isNew: true, connection: undefined };
    const here = this.#perNetwork.get(network) ?? { all: 0, newcomers: 0 };
    here.all++;
    here.newcomers++;
    this.#perNetwork.set(network, here);
    this.#newcomers++;
    this.#guests.set(socket, guest);
    patience.set(this.context.limits.newcomerTimeoutMs);
    socket.on('error', () => undefined); // told by whoever speaks on it
    socket.once('close', () => {
      patience.clear();
      this.#isNoNewcomer(guest);
      this.#guests.delete(socket);
      if (--here.all === 0) this.#perNetwork.delete(network);
    });
    greet(socket);
  }

  #isFull(network: string): boolean {
    const { limits } = this.context;
    const here = this.#perNetwork.get(network);
    return (
      this.#guests.size >= limits.connections ||
      this.#newcomers >= limits.newcomers ||
      (here?.all ?? 0) >= limits.connectionsPerAddress ||
      (here?.newcomers ?? 0) >= limits.newcomersPerAddress
    );
  }

  #isNoNewcomer(guest: Guest): void {
    if (!guest.isNew) return;
    guest.isNew = false;
    this.#newcomers--;
    const here = this.#perNetwork.get(guest.network);
    if (here !== undefined) here.newcomers--;
  }

  async #close(): Promise<void> {
    const closed = new Promise<void>((resolve) => this.#server.close(() => resolve()));
    for (const [socket, { connection }] of [...this.#guests]) {
      if (connection === undefined) socket.destroy();
      else connection.release('the station stops');
    }
    const patience = new Deadline(this.context.wheel, () => {
      for (const socket of [...this.#guests.keys()]) socket.destroy();
    });
    patience.set(CLOSING_PATIENCE_MS);
    await closed;
    patience.clear();
  }
}
