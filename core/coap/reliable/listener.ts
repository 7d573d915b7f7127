import { coapError } from '../errors.ts';
import { Acceptor } from './acceptor.ts';
import type { ReliableTransport } from './acceptor.ts';
import { contextOf } from './context.ts';
import type { ReliableContext, ReliableOptions } from './context.ts';
import { SocketPipe, plugSocket } from './socket-pipe.ts';
import { TlsServer } from './tls-server.ts';
import type { ServerTls } from './tls-server.ts';
import { Upgrades } from './websocket-server.ts';

export interface ReliableListenOptions extends ReliableOptions {
  transport: ReliableTransport;
  /** An address or a name; `*` for all addresses of both families. */
  host: string;
  /** 0 takes any free one. */
  port: number;
  /** For `tls` and `wss`. */
  tls?: ServerTls;
}

/** One open listener of CoAP over TCP, TLS, WebSocket or secure WebSocket (RFC 8323). */
export interface ReliableListener {
  readonly transport: ReliableTransport;
  /** Where it really listens. */
  readonly address: { host: string; port: number };
  /** CoAP connections; those that are still in a handshake are not counted. */
  readonly connections: number;
  /** A renewed certificate or other authorities; open connections stay. Throws `listen.bad_certificate`. */
  setTls(tls: ServerTls): void;
  /** Stops listening. The other ends hear Release and have a second to go. May be called again. */
  close(): Promise<void>;
}

/**
 * Fails with `listen.port_taken`, `listen.no_such_address`, `listen.not_allowed`, `listen.bad_certificate` or
 * `listen.failed`.
 */
export async function openReliableListener(options: ReliableListenOptions): Promise<ReliableListener> {
  const { acceptor, tls } = assemble(contextOf(options), options);
  await acceptor.listen();
  return {
    transport: options.transport,
    get address() {
      return acceptor.address;
    },
    get connections() {
      return acceptor.connections;
    },
    setTls: (next) => tls?.set(next),
    close: () => acceptor.close(),
  };
}

function assemble(
  context: ReliableContext,
  options: ReliableListenOptions,
): { acceptor: Acceptor; tls?: TlsServer } {
  if (options.transport === 'tcp') {
    const acceptor = new Acceptor(context, options, (socket) => {
      const connection = acceptor.admit(socket, new SocketPipe(socket), null);
      if (connection !== undefined) plugSocket(connection, socket);
    });
    return { acceptor };
  }
  if (options.transport === 'ws') {
    const acceptor = new Acceptor(context, options, (socket) => upgrades.take(socket, socket, null));
    const upgrades = new Upgrades(acceptor);
    return { acceptor };
  }
  if (options.tls === undefined) {
    throw coapError('listen.bad_certificate', 'A TLS listener needs a certificate and its key.');
  }
  const acceptor = new Acceptor(context, options, (raw) => tls.take(raw));
  const upgrades = options.transport === 'wss' ? new Upgrades(acceptor) : undefined;
  const protocol = upgrades === undefined ? 'coap' : 'http/1.1';
  const tls = new TlsServer(acceptor, options.tls, protocol, (raw, socket, identity) => {
    if (upgrades !== undefined) {
      upgrades.take(raw, socket, identity);
      return;
    }
    const connection = acceptor.admit(raw, new SocketPipe(socket), identity);
    if (connection !== undefined) plugSocket(connection, socket);
  });
  return { acceptor, tls };
}
