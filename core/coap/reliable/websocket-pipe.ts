import type { Duplex } from 'node:stream';
import { WebSocket } from 'ws';
import { messageOf } from '../../base/errors.ts';
import type { ReliableConnection } from './connection.ts';
import type { MessagePipe } from './pipe.ts';

export const WEBSOCKET_PATH = '/.well-known/coap';
export const WEBSOCKET_PROTOCOL = 'coap';
/** RFC 6455 §7.4.1. */
const UNSUPPORTED_DATA = 1003;
const NORMAL_CLOSURE = 1000;
const PONG_ROOM_BYTES = 16_384;

/** How both roles use `ws`. Pongs are our own business: sent without end, they would pile up behind who never reads. */
export const WEBSOCKET_OPTIONS = { perMessageDeflate: false, autoPong: false } as const;

/** One message in each binary frame (RFC 8323 §4.2). `stream` is what the WebSocket writes to. */
export class WebSocketPipe implements MessagePipe {
  closeCode = NORMAL_CLOSURE;
  readonly #webSocket: WebSocket;
  readonly #stream: Duplex;

  constructor(webSocket: WebSocket, stream: Duplex) {
    this.#webSocket = webSocket;
    this.#stream = stream;
  }

  get bufferedBytes(): number {
    return this.#webSocket.bufferedAmount;
  }

  writeAll(pieces: readonly Uint8Array[]): void {
    if (this.#webSocket.readyState !== WebSocket.OPEN) return;
    this.#stream.cork();
    for (const piece of pieces) this.#webSocket.send(piece);
    this.#stream.uncork();
  }

  pause(): void {
    this.#webSocket.pause();
  }

  resume(): void {
    this.#webSocket.resume();
  }

  end(): void {
    this.#webSocket.close(this.closeCode);
    this.#webSocket.resume();
  }

  destroy(): void {
    this.#webSocket.terminate();
  }
}

/** From here on `connection` speaks over `webSocket`, whose pipe it was made with. */
export function plugWebSocket(
  connection: ReliableConnection,
  pipe: WebSocketPipe,
  webSocket: WebSocket,
  stream: Duplex,
): void {
  let reason: string | undefined;
  webSocket.on('message', (data, isBinary) => {
    if (isBinary) {
      const bytes = data as Buffer;
      connection.receive(new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.length));
      return;
    }
    pipe.closeCode = UNSUPPORTED_DATA;
    connection.refuse('CoAP is binary: a text frame came');
  });
  webSocket.on('ping', (data) => {
    if (stream.writableLength < PONG_ROOM_BYTES) webSocket.pong(data);
  });
  stream.on('drain', () => connection.drained());
  // Broken framing, or a message that is too large: ws itself closes.
  webSocket.on('error', (error) => (reason = messageOf(error)));
  webSocket.once('close', (code) => connection.ended(reason ?? `the WebSocket was closed (${code})`));
  connection.start();
}
