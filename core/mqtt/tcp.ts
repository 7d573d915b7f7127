import { type AddressInfo, createServer, type Server, type Socket } from 'node:net';
import { CodedError, messageOf } from '../base/errors.ts';
import type { Log } from '../base/log.ts';
import type { Broker } from './broker.ts';
import type { Sink } from './sink.ts';

export interface TcpListener {
  /** Where it really listens. */
  readonly address: { host: string; port: number };
  /** Stops listening and ends what is left of its connections. May be called again. */
  close(): Promise<void>;
}

/**
 * MQTT over TCP. Port 0 takes any free one. Fails with `listen.port_taken` (detail `{host, port}`),
 * `listen.not_allowed` or `listen.failed`.
 */
export function listenTcp(
  broker: Broker,
  options: { host: string; port: number; log: Log },
): Promise<TcpListener> {
  const { host, port, log } = options;
  const sockets = new Set<Socket>();
  // Small packets are gathered by the broker; waiting for more in the kernel would only add 40 ms.
  const server = createServer({ noDelay: true }, (socket) => {
    sockets.add(socket);
    socket.once('close', () => sockets.delete(socket));
    serve(broker, socket);
  });
  return new Promise((resolve, reject) => {
    server.once('error', (error) => reject(listenError(error, host, port)));
    server.listen({ host, port, backlog: 1_024 }, () => {
      server.removeAllListeners('error');
      server.on('error', (error) => log.warn('accepting a connection failed', { error: messageOf(error) }));
      const { address, port: bound } = server.address() as AddressInfo;
      let closing: Promise<void> | undefined;
      resolve({
        address: { host: address, port: bound },
        close: () => (closing ??= closeServer(server, sockets)),
      });
    });
  });
}

function serve(broker: Broker, socket: Socket): void {
  const connection = broker.open(new SocketSink(socket));
  let reason = 'the peer closed the connection';
  socket.on('data', (bytes: Buffer) => connection.feed(bytes));
  socket.on('drain', () => connection.drained());
  socket.on('error', (error) => (reason = messageOf(error)));
  socket.once('close', () => connection.closed(reason));
}

class SocketSink implements Sink {
  readonly address: string;
  readonly #socket: Socket;

  constructor(socket: Socket) {
    this.#socket = socket;
    const { remoteAddress = '?', remotePort = 0 } = socket;
    this.address = remoteAddress.includes(':')
      ? `[${remoteAddress}]:${remotePort}`
      : `${remoteAddress}:${remotePort}`;
  }

  get bufferedBytes(): number {
    return this.#socket.writableLength;
  }

  write(bytes: Uint8Array): number {
    if (!this.#socket.writable) return 0;
    this.#socket.write(bytes);
    return this.#socket.writableLength;
  }

  writeAll(pieces: Uint8Array[]): number {
    const socket = this.#socket;
    if (!socket.writable) return 0;
    socket.cork();
    for (const piece of pieces) socket.write(piece);
    socket.uncork();
    return socket.writableLength;
  }

  pause(): void {
    this.#socket.pause();
  }

  resume(): void {
    this.#socket.resume();
  }

  end(): void {
    this.#socket.destroySoon();
  }

  destroy(): void {
    this.#socket.destroy();
  }
}

function closeServer(server: Server, sockets: Set<Socket>): Promise<void> {
  return new Promise((resolve) => {
    server.close(() => resolve());
    for (const socket of sockets) socket.destroy();
  });
}

function listenError(error: NodeJS.ErrnoException, host: string, port: number): CodedError {
  const where = `${host}:${port}`;
  const options = { detail: { host, port }, cause: error };
  if (error.code === 'EADDRINUSE') {
    const message = `MQTT cannot listen on ${where}: another program has this port. Stop it or choose another port.`;
    return new CodedError('listen.port_taken', message, options);
  }
  if (error.code === 'EACCES') {
    const message = `MQTT cannot listen on ${where}: this user may not open that port. Choose one above 1023.`;
    return new CodedError('listen.not_allowed', message, options);
  }
  return new CodedError('listen.failed', `MQTT cannot listen on ${where}: ${error.message}.`, options);
}
