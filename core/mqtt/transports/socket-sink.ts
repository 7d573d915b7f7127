import type { Socket } from 'node:net';
import type { Clock, Timer } from '../../base/clock.ts';
import { messageOf } from '../../base/errors.ts';
import type { PeerCertificate } from '../origin.ts';
import type { Sink } from '../sink.ts';
import type { Acceptor } from './acceptor.ts';
import { hostPort } from './listen-error.ts';

/** How long, and how many bytes long, a peer may go on after our last word. */
export const LINGER_MS = 1_000;
const LINGER_BYTES = 16_777_216;

/** MQTT straight on a byte stream: `socket` is `raw` itself, or the TLS on top of it. */
export function serveStream(
  acceptor: Acceptor,
  raw: Socket,
  socket: Socket,
  certificate: PeerCertificate | null,
): void {
  const sink = new SocketSink(socket, acceptor.clock);
  const connection = acceptor.admit(raw, sink, certificate);
  let reason = 'the peer closed the connection';
  socket.on('data', (bytes: Buffer) => {
    if (sink.ended) sink.discard(bytes.length);
    else connection.feed(bytes);
  });
  socket.on('drain', () => connection.drained());
  socket.on('error', (error) => (reason = messageOf(error)));
  socket.once('close', () => {
    sink.stop();
    acceptor.gone(connection, reason);
  });
}

export class SocketSink implements Sink {
  readonly address: string;
  ended = false;
  readonly #socket: Socket;
  readonly #clock: Clock;
  #linger: Timer | undefined;
  #discarded = 0;

  constructor(socket: Socket, clock: Clock) {
    this.#socket = socket;
    this.#clock = clock;
    this.address = hostPort(socket.remoteAddress ?? '?', socket.remotePort ?? 0);
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

  /**
   * Ends our half and waits for the peer's. To close while bytes of the peer are unread would reset the connection,
   * and the reset overtakes our last packet: the peer would never read why it was disconnected.
   */
  end(): void {
    if (this.ended) return;
    this.ended = true;
    this.#socket.end();
    this.#socket.resume();
    const patient = (): void => {
      this.#linger = this.#clock.after(LINGER_MS, () => this.#socket.destroy());
    };
    // While our own bytes are still on their way, the broker's patience counts.
    if (this.#socket.writableFinished) patient();
    else this.#socket.once('finish', patient);
  }

  /** Counts bytes that came after our last word. */
  discard(bytes: number): void {
    this.#discarded += bytes;
    if (this.#discarded > LINGER_BYTES) this.#socket.destroy();
  }

  destroy(): void {
    this.#socket.destroy();
  }

  stop(): void {
    this.#linger?.cancel();
  }
}
