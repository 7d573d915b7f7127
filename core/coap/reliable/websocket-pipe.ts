import type { Duplex } from 'node:stream';
import { WebSocket } from 'ws';
import { messageOf } from '../../base/errors.ts';
import { Deadline } from '../deadline.ts';
import { FRAME_PROBLEM_TEXTS } from './codec.ts';
import type { ReliableConnection } from './connection.ts';
import type { ReliableContext } from './context.ts';
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

/** Frames of a client are masked: two bytes and a mask before a short control frame (RFC 6455 §5.2). */
const CONTROL_HEADER_BYTES = 6;

/** A message of which a part is here. ws holds it, up to the largest message; this bounds all of them, and the time. */
class HalfMessage {
  readonly #context: ReliableContext;
  readonly #deadline: Deadline;
  #bytes = 0;
  #sinceMs = 0;

  constructor(context: ReliableContext, refuse: (why: string) => void) {
    this.#context = context;
    this.#deadline = new Deadline(context.wheel, () => {
      const { clock, limits, counters } = context;
      const leftMs = this.#sinceMs + limits.messageTimeoutMs + this.#bytes - clock.monotonic();
      if (leftMs > 0) {
        this.#deadline.set(leftMs);
        return;
      }
      counters.droppedByLimit++;
      refuse('a message took too long');
    });
  }

  /** Negative for what was a control frame. False when all connections hold too much. */
  came(bytes: number): boolean {
    const more = Math.max(bytes, -this.#bytes);
    if (!this.#context.held.take(more)) return false;
    this.#bytes += more;
    if (this.#bytes === 0) this.#deadline.clear();
    else if (!this.#deadline.armed) {
      this.#sinceMs = this.#context.clock.monotonic();
      this.#deadline.set(this.#context.limits.messageTimeoutMs);
    }
    return true;
  }

  /** It is whole, or the connection is gone. */
  over(): void {
    this.came(-this.#bytes);
  }
}

/** From here on `connection` speaks over `webSocket`, whose pipe it was made with. */
export function plugWebSocket(
  context: ReliableContext,
  connection: ReliableConnection,
  pipe: WebSocketPipe,
  webSocket: WebSocket,
  stream: Duplex,
): void {
  let reason: string | undefined;
  const half = new HalfMessage(context, (why) => connection.refuse(why));
  // Before ws sees them. What follows a message in the same piece is not counted until more of it comes.
  stream.prependListener('data', (chunk: Buffer) => {
    if (half.came(chunk.length)) return;
    context.counters.droppedByLimit++;
    connection.refuse(FRAME_PROBLEM_TEXTS.no_room);
  });
  webSocket.on('message', (data, isBinary) => {
    half.over();
    if (isBinary) {
      const bytes = data as Buffer;
      connection.receive(new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.length));
      return;
    }
    pipe.closeCode = UNSUPPORTED_DATA;
    connection.refuse('CoAP is binary: a text frame came');
  });
  webSocket.on('ping', (data) => {
    half.came(-data.length - CONTROL_HEADER_BYTES);
    if (stream.writableLength < PONG_ROOM_BYTES) webSocket.pong(data);
  });
  stream.on('drain', () => connection.drained());
  // Broken framing, or a message that is too large: ws itself closes.
  webSocket.on('error', (error) => (reason = messageOf(error)));
  webSocket.once('close', (code) => {
    half.over();
    connection.ended(reason ?? `the WebSocket was closed (${code})`);
  });
  connection.start();
}
