import { type AddressInfo, createServer, type Server, type Socket } from 'node:net';
import { networkOf } from '../../base/back-off.ts';
import { systemClock, type Clock, type Timer } from '../../base/clock.ts';
import { messageOf } from '../../base/errors.ts';
import type { Log } from '../../base/log.ts';
import type { Broker } from '../broker.ts';
import { SERVER_SHUTTING_DOWN } from '../codec/reason-codes.ts';
import type { Connection } from '../connection.ts';
import { DEFAULT_CLIENT_LIMITS } from '../options.ts';
import { LOCAL_PROFILE, type ListenerProfile, type PeerCertificate } from '../origin.ts';
import type { Sink } from '../sink.ts';
import { listenError } from './listen-error.ts';
import type { ListenOptions, TransportCounters, TransportListener } from './transport-listener.ts';

/** For TLS and HTTP together; CONNECT has its own patience in the broker. */
const NEWCOMER_PATIENCE_MS = 10_000;
/** Connections that are still in TLS or HTTP. */
const MAX_NEWCOMERS = 1_000;
/** When half of these places are taken, one address gets no more than this: whoever only knocks keeps nobody out. */
const MAX_NEWCOMERS_OF_ONE = 100;
/** For clients to take their last bytes when the listener stops. */
const CLOSING_PATIENCE_MS = 1_000;
const BACKLOG = 1_024;

/**
 * The network side that all transports share: listens, bounds who comes in, watches newcomers until `admit` makes
 * them MQTT connections, and closes everything in order.
 */
export class Acceptor implements TransportListener {
  readonly counters: TransportCounters = {
    accepted: 0,
    refused: 0,
    handshakesFailed: 0,
    upgradesRefused: 0,
    newcomersTimedOut: 0,
  };
  readonly clock: Clock;
  readonly log: Log;
  /** What was asked for: an address or a name. */
  readonly host: string;
  profile: ListenerProfile;
  readonly #broker: Broker;
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  readonly #newcomers = new Map<Socket, { patience: Timer; network: string }>();
  /** Newcomers by the address that they come from. */
  readonly #perNetwork = new Map<string, number>();
  readonly #served = new Set<Connection>();
  #address: { host: string; port: number };
  #closing: Promise<void> | undefined;
  #onIdle: () => void = () => undefined;

  /** `greet` is given each new socket and ends in `admit`, at once or after a handshake. */
  constructor(broker: Broker, options: ListenOptions, greet: (socket: Socket) => void) {
    this.#broker = broker;
    this.clock = options.clock ?? systemClock;
    this.log = options.log;
    this.host = options.host;
    this.profile = options.profile ?? LOCAL_PROFILE;
    this.#address = { host: options.host, port: options.port };
    // Small packets are gathered by the broker; waiting for more in the kernel would only add 40 ms.
    this.#server = createServer({ noDelay: true }, (socket) => this.#take(socket, greet));
  }

  get address(): { host: string; port: number } {
    return this.#address;
  }

  get connections(): number {
    return this.#served.size;
  }

  setProfile(profile: ListenerProfile): void {
    this.profile = profile;
  }

  /** Fails as `listenError` says. */
  listen(): Promise<this> {
    const { host, port } = this.#address;
    const server = this.#server;
    return new Promise((resolve, reject) => {
      server.once('error', (error) => reject(listenError(error, host, port)));
      server.listen({ host, port, backlog: BACKLOG }, () => {
        server.removeAllListeners('error');
        server.on('error', (error) =>
          this.log.warn('accepting a connection failed', { error: messageOf(error) }),
        );
        const bound = server.address() as AddressInfo;
        this.#address = { host: bound.address, port: bound.port };
        resolve(this);
      });
    });
  }

  /** The handshakes are done: `sink` speaks MQTT from here on, over `socket`. */
  admit(socket: Socket, sink: Sink, certificate: PeerCertificate | null): Connection {
    this.#isThrough(socket);
    const connection = this.#broker.open(sink, { profile: this.profile, certificate });
    this.#served.add(connection);
    return connection;
  }

  /** The network connection of `connection` is gone. */
  gone(connection: Connection, reason: string): void {
    this.#served.delete(connection);
    connection.closed(reason);
    this.#lookIdle();
  }

  close(): Promise<void> {
    return (this.#closing ??= this.#close());
  }

  #take(socket: Socket, greet: (socket: Socket) => void): void {
    const most = this.profile.limits.maxConnections ?? DEFAULT_CLIENT_LIMITS.maxConnections;
    const network = networkOf(socket.remoteAddress ?? '');
    if (this.#sockets.size >= most || this.#isCrowded(network) || this.#closing !== undefined) {
      this.counters.refused++;
      socket.destroy();
      return;
    }
    this.counters.accepted++;
    this.#sockets.add(socket);
    const patience = this.clock.after(NEWCOMER_PATIENCE_MS, () => {
      this.counters.newcomersTimedOut++;
      socket.destroy();
    });
    this.#newcomers.set(socket, { patience, network });
    this.#perNetwork.set(network, (this.#perNetwork.get(network) ?? 0) + 1);
    socket.on('error', () => undefined); // told by whoever speaks on it
    socket.once('close', () => {
      this.#sockets.delete(socket);
      this.#isThrough(socket);
      this.#lookIdle();
    });
    greet(socket);
  }

  #isCrowded(network: string): boolean {
    const all = this.#newcomers.size;
    if (all < MAX_NEWCOMERS / 2) return false;
    return all >= MAX_NEWCOMERS || (this.#perNetwork.get(network) ?? 0) >= MAX_NEWCOMERS_OF_ONE;
  }

  /** It is no newcomer any more: admitted, or gone. */
  #isThrough(socket: Socket): void {
    const newcomer = this.#newcomers.get(socket);
    if (newcomer === undefined) return;
    const { patience, network } = newcomer;
    patience.cancel();
    this.#newcomers.delete(socket);
    const left = (this.#perNetwork.get(network) ?? 1) - 1;
    if (left === 0) this.#perNetwork.delete(network);
    else this.#perNetwork.set(network, left);
  }

  async #close(): Promise<void> {
    const closed = new Promise<void>((resolve) => this.#server.close(() => resolve()));
    for (const newcomer of [...this.#newcomers.keys()]) newcomer.destroy();
    for (const connection of [...this.#served]) connection.close('the listener stops', SERVER_SHUTTING_DOWN);
    const patience = this.clock.after(CLOSING_PATIENCE_MS, () => {
      for (const socket of [...this.#sockets]) socket.destroy();
    });
    await closed;
    // The server counts its sockets; what was built on them hears of their end a little later.
    await new Promise<void>((resolve) => {
      this.#onIdle = resolve;
      this.#lookIdle();
    });
    patience.cancel();
  }

  #lookIdle(): void {
    if (this.#sockets.size === 0 && this.#served.size === 0) this.#onIdle();
  }
}
