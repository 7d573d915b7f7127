import { connect } from 'node:net';
import type { Socket } from 'node:net';
import { decodeFramed, encodeFramed, streamMessageBytes } from '../../../core/coap/reliable/codec.ts';
import type { Framing, ReliableMessage } from '../../../core/coap/reliable/codec.ts';
import type { Random } from '../mqtt-fuzz/random.ts';
import { options, request, response, spoil, token } from './traffic.ts';

const CONNECTIONS = 6;
const FORGET_MS = 5_000;
const SIGNALS = [225, 226, 227, 228, 229, 230, 255];
const MAX_BYTES = 100_000;
/** Another one than that of the witness, as far as the system has others: bounds are for each address. */
const LOCAL = process.platform === 'linux' ? { localAddress: '127.0.0.2' } : {};

const UPGRADE = (port: number, random: Random): string =>
  [
    `GET ${random.pick(['/.well-known/coap', '/.well-known/coap', '/.well-known/coap', '/'])} HTTP/1.1`,
    `Host: ${random.pick(['127.0.0.1', '127.0.0.1', 'localhost', 'evil.example'])}:${port}`,
    'Connection: Upgrade',
    'Upgrade: websocket',
    `Sec-WebSocket-Version: ${random.pick([13, 13, 13, 12])}`,
    `Sec-WebSocket-Key: ${Buffer.alloc(16).toString('base64')}`,
    'Sec-WebSocket-Protocol: coap',
    ...(random.chance(0.1) ? ['Origin: http://evil.example'] : []),
    ...(random.chance(0.03) ? [`X: ${'x'.repeat(20_000)}`] : []),
    '\r\n',
  ].join('\r\n');

/** A message of any kind for a connection, framed. */
export function framed(random: Random, framing: Framing, asked?: ReliableMessage): Uint8Array {
  let message: ReliableMessage;
  if (random.chance(0.15)) {
    message = {
      code: random.pick(SIGNALS),
      token: token(random),
      options: options(random),
      payload: Buffer.alloc(0),
    };
    if (random.chance(0.3)) message.options = [{ number: 2, value: random.bytes(random.below(4)) }];
  } else if (asked !== undefined && random.chance(0.7)) {
    message = response(random, { messageId: 0, token: asked.token });
  } else message = request(random);
  const bytes = encodeFramed({ ...message, code: message.code & 255 }, framing, MAX_BYTES);
  return random.chance(0.15) ? spoil(random, bytes) : bytes;
}

/** RFC 6455 §5.2, from a client: masked. */
function webSocketFrame(random: Random, body: Uint8Array): Buffer {
  const mask = random.bytes(4);
  const masked = Buffer.from(body);
  for (let at = 0; at < masked.length; at++) masked[at] = masked[at]! ^ mask[at % 4]!;
  const first = random.chance(0.95) ? 0x82 : random.below(256);
  const head =
    masked.length < 126
      ? [first, 0x80 | masked.length]
      : [first, 0xfe, masked.length >> 8, masked.length & 255];
  return Buffer.concat([Uint8Array.from(head), mask, masked]);
}

/** Those who come in over TCP and WebSockets: with a CSM or without, in any pieces, reading or not. */
export class HostileConnections {
  opened = 0;
  sent = 0;
  readonly #random: Random;
  readonly #ports: { tcp: number; ws: number };
  readonly #open = new Map<Socket, { framing: Framing; left: number; asked: ReliableMessage | undefined }>();

  constructor(random: Random, ports: { tcp: number; ws: number }) {
    this.#random = random;
    this.#ports = ports;
  }

  act(): void {
    const random = this.#random;
    if (this.#open.size < CONNECTIONS) return this.#connect();
    const [socket, state] = random.pick([...this.#open]);
    if (--state.left <= 0) {
      this.#open.delete(socket);
      const end = random.pick(['destroy', 'resetAndDestroy', 'end'] as const);
      socket[end]();
      // One that does not read never sees its end, and would stay here for good.
      setTimeout(() => socket.destroy(), FORGET_MS).unref();
      return;
    }
    if (socket.writableLength > 64 * 1024) return;
    if (random.chance(0.03)) socket.pause();
    this.sent++;
    const body = framed(random, state.framing, state.asked);
    const bytes = state.framing === 'stream' ? Buffer.from(body) : webSocketFrame(random, body);
    const cut = random.chance(0.1) ? random.below(bytes.length + 1) : bytes.length;
    socket.write(bytes.subarray(0, cut));
    if (cut < bytes.length && random.chance(0.7)) socket.write(bytes.subarray(cut));
  }

  stop(): void {
    for (const socket of this.#open.keys()) socket.destroy();
    this.#open.clear();
  }

  #connect(): void {
    const random = this.#random;
    const framing = random.pick(['stream', 'websocket'] as const);
    const port = framing === 'stream' ? this.#ports.tcp : this.#ports.ws;
    const socket = connect({ port, host: '127.0.0.1', ...LOCAL });
    const state = { framing, left: 1 + random.below(60), asked: undefined as ReliableMessage | undefined };
    this.#open.set(socket, state);
    this.opened++;
    socket.on('error', () => undefined);
    socket.on('close', () => this.#open.delete(socket));
    socket.on('data', (bytes) => {
      if (framing !== 'stream' || streamMessageBytes(bytes, 0, bytes.length) > bytes.length) return;
      const message = decodeFramed(bytes, 0, streamMessageBytes(bytes, 0, bytes.length), framing);
      if (typeof message !== 'string') state.asked = structuredClone(message);
    });
    if (framing === 'websocket') socket.write(UPGRADE(port, random));
    if (random.chance(0.85)) {
      const csm = encodeFramed(
        { code: 225, token: Buffer.alloc(0), options: [], payload: Buffer.alloc(0) },
        framing,
        100,
      );
      socket.write(framing === 'stream' ? csm : webSocketFrame(random, csm));
    }
  }
}
