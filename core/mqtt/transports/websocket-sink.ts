import type { Duplex } from 'node:stream';
import type { Socket } from 'node:net';
import { WebSocket } from 'ws';
import type { Clock, Timer } from '../../base/clock.ts';
import { messageOf } from '../../base/errors.ts';
import { DEFAULT_LIMITS } from '../options.ts';
import type { PeerCertificate } from '../origin.ts';
import type { Sink } from '../sink.ts';
import type { Acceptor } from './acceptor.ts';
import { hostPort } from './listen-error.ts';
import { LINGER_MS } from './socket-sink.ts';

/** RFC 6455 §7.4.1. */
const NORMAL_CLOSURE = 1000;
const UNSUPPORTED_DATA = 1003;
const NOTHING = Buffer.alloc(0);
/** CONNECT and what AUTH needs, in frames. The listener's largest message is for clients that were let in. */
const MAX_EARLY_BYTES = DEFAULT_LIMITS.connectBytes + 65_536;

/** What a connection's WebSocket needs: `raw` is the network socket, `stream` the one that ws writes to. */
export interface WebSocketParts {
  raw: Socket;
  stream: Duplex;
  webSocket: WebSocket;
  certificate: PeerCertificate | null;
}

/** MQTT in the binary messages of a WebSocket; packets and messages need not be aligned [MQTT-6.0.0-2]. */
export function serveWebSocket(acceptor: Acceptor, parts: WebSocketParts): WebSocketSink {
  const { raw, stream, webSocket, certificate } = parts;
  const sink = new WebSocketSink(parts, acceptor.clock);
  const connection = acceptor.admit(raw, sink, certificate);
  let reason: string | undefined;
  let early = 0;
  const countEarly = (bytes: Buffer): void => {
    early += bytes.length;
    if (connection.isOpen || webSocket.readyState !== WebSocket.OPEN) stream.off('data', countEarly);
    else if (early > MAX_EARLY_BYTES) webSocket.terminate();
  };
  // Beside ws, which gathers the frames of a message until it is whole.
  stream.on('data', countEarly);
  webSocket.on('message', (data, isBinary) => {
    sink.heard();
    if (isBinary) {
      connection.feed(data as Buffer);
      return;
    }
    // [MQTT-6.0.0-1]
    sink.closeCode = UNSUPPORTED_DATA;
    connection.close('a text message came over the WebSocket');
  });
  webSocket.on('pong', () => sink.heard());
  stream.on('drain', () => connection.drained());
  // Broken framing, or a message that is too long: ws itself closes.
  webSocket.on('error', (error) => (reason = messageOf(error)));
  webSocket.once('close', (code) => {
    sink.stop();
    acceptor.gone(connection, reason ?? `the WebSocket was closed (${code})`);
  });
  return sink;
}

export class WebSocketSink implements Sink {
  readonly address: string;
  closeCode = NORMAL_CLOSURE;
  readonly #webSocket: WebSocket;
  readonly #stream: Duplex;
  readonly #clock: Clock;
  #linger: Timer | undefined;
  #unanswered = 0;

  constructor({ raw, stream, webSocket }: WebSocketParts, clock: Clock) {
    this.#webSocket = webSocket;
    this.#stream = stream;
    this.#clock = clock;
    this.address = hostPort(raw.remoteAddress ?? '?', raw.remotePort ?? 0);
  }

  get bufferedBytes(): number {
    return this.#webSocket.bufferedAmount;
  }

  write(bytes: Uint8Array): number {
    if (this.#webSocket.readyState !== WebSocket.OPEN) return 0;
    this.#webSocket.send(bytes);
    return this.#webSocket.bufferedAmount;
  }

  /** A message for each: to put them into one would only copy them. They leave together. */
  writeAll(pieces: Uint8Array[]): number {
    const webSocket = this.#webSocket;
    if (webSocket.readyState !== WebSocket.OPEN) return 0;
    this.#stream.cork();
    for (const piece of pieces) webSocket.send(piece);
    this.#stream.uncork();
    return webSocket.bufferedAmount;
  }

  pause(): void {
    this.#webSocket.pause();
  }

  resume(): void {
    this.#webSocket.resume();
  }

  /** The closing handshake behind everything that waits; the peer has a second for its half. */
  end(): void {
    this.#webSocket.close(this.closeCode);
    this.#webSocket.resume();
    // While our own bytes are still on their way, the broker's patience counts: this write is behind them all.
    this.#stream.write(NOTHING, () => {
      if (this.#webSocket.readyState === WebSocket.CLOSED) return;
      this.#linger ??= this.#clock.after(LINGER_MS, () => this.#webSocket.terminate());
    });
  }

  destroy(): void {
    this.#webSocket.terminate();
  }

  stop(): void {
    this.#linger?.cancel();
  }

  heard(): void {
    this.#unanswered = 0;
  }

  /**
   * Keeps the way through proxies open, and ends connections that nobody is at the other end of. Not while we do
   * not read, or while bytes wait before the ping: then silence proves nothing, and the broker has its own limits.
   */
  ping(): void {
    const webSocket = this.#webSocket;
    if (webSocket.readyState !== WebSocket.OPEN || webSocket.isPaused || webSocket.bufferedAmount > 0) return;
    if (this.#unanswered >= 2) {
      webSocket.terminate();
      return;
    }
    this.#unanswered++;
    webSocket.ping();
  }
}
