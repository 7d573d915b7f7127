import { createSocket } from 'node:dgram';
import type { RemoteInfo, Socket as UdpSocket } from 'node:dgram';
import { once } from 'node:events';
import { createServer } from 'node:net';
import type { AddressInfo, Server, Socket } from 'node:net';
import { decodeMessage, encodeEmpty } from '../../../core/coap/codec/codec.ts';
import { ACK, CON, RST } from '../../../core/coap/codec/codes.ts';
import { BLOCK2, findOption, uintOption } from '../../../core/coap/codec/options.ts';
import { decodeFramed, encodeFramed, streamMessageBytes } from '../../../core/coap/reliable/codec.ts';
import type { ReliableMessage } from '../../../core/coap/reliable/codec.ts';
import type { Random } from '../mqtt-fuzz/random.ts';
import { framed } from './hostile-connections.ts';
import { onTheWay, response } from './traffic.ts';

interface Observed {
  messageId: number;
  token: Uint8Array;
  from: RemoteInfo;
}

/** Servers over UDP and TCP that answer what the station asks: wrongly, twice, late, from elsewhere, for ever. */
export class HostileServers {
  answered = 0;
  readonly #random: Random;
  readonly #udp: UdpSocket = createSocket('udp4');
  readonly #elsewhere: UdpSocket = createSocket('udp4');
  readonly #tcp: Server;
  readonly #accepted = new Set<Socket>();
  /** Who asked last: notifications go on coming, whether wanted or not. */
  readonly #asked: Observed[] = [];

  constructor(random: Random) {
    this.#random = random;
    this.#udp.on('message', (bytes, from) => this.#answer(bytes, from));
    for (const socket of [this.#udp, this.#elsewhere]) socket.on('error', () => undefined);
    this.#tcp = createServer((socket) => this.#accept(socket));
  }

  async start(): Promise<void> {
    this.#udp.bind(0, '127.0.0.1');
    this.#elsewhere.bind(0, '127.0.0.1');
    this.#tcp.listen(0, '127.0.0.1');
    await Promise.all([
      once(this.#udp, 'listening'),
      once(this.#elsewhere, 'listening'),
      once(this.#tcp, 'listening'),
    ]);
  }

  get authorities(): string[] {
    const tcp = (this.#tcp.address() as AddressInfo).port;
    return [`coap://127.0.0.1:${this.#udp.address().port}`, `coap+tcp://127.0.0.1:${tcp}`];
  }

  /** A storm of notifications, now and then. */
  act(): void {
    const random = this.#random;
    if (this.#asked.length === 0) return;
    const asked = random.pick(this.#asked);
    const { from } = asked;
    for (let count = random.pick([1, 1, 3, 30]); count > 0; count--) {
      const notification = response(random, { messageId: random.below(65_536), token: asked.token });
      if (notification.type === ACK) notification.type = random.pick([0, 1] as const);
      const socket = random.chance(0.9) ? this.#udp : this.#elsewhere;
      socket.send(onTheWay(random, notification, 0.1), from.port, from.address);
    }
  }

  async stop(): Promise<void> {
    for (const socket of this.#accepted) socket.destroy();
    this.#udp.close();
    this.#elsewhere.close();
    await new Promise<void>((resolve) => this.#tcp.close(() => resolve()));
  }

  #answer(bytes: Buffer, from: RemoteInfo): void {
    const random = this.#random;
    const decoded = decodeMessage(bytes);
    if (!decoded.ok || decoded.message.code === 0 || decoded.message.code > 31) return;
    const { message } = decoded;
    this.#asked.push({ messageId: message.messageId, token: Buffer.from(message.token), from });
    if (this.#asked.length > 30) this.#asked.shift();
    if (random.chance(0.1)) return;
    this.answered++;
    const send = (answer: Uint8Array): void => this.#udp.send(answer, from.port, from.address);
    if (random.chance(0.1)) send(encodeEmpty(random.pick([ACK, ACK, RST, CON]), message.messageId));
    const answer = response(random, { messageId: message.messageId, token: Buffer.from(message.token) });
    const wanted = findOption(message.options, BLOCK2);
    if (wanted !== undefined && random.chance(0.7)) {
      // Without end, and now and then without order.
      answer.code = 69;
      answer.options = answer.options.filter(({ number }) => number !== BLOCK2);
      const asked = wanted.reduce((sum, byte) => sum * 256 + byte, 0) >> 4;
      const number = random.chance(0.9) ? asked : random.below(100);
      answer.options.push(uintOption(BLOCK2, number * 16 + 8 + 2));
      answer.payload = random.bytes(random.chance(0.9) ? 64 : random.below(100));
    }
    const out = onTheWay(random, answer, 0.15);
    send(out);
    if (random.chance(0.2)) send(out);
    if (random.chance(0.2)) this.#elsewhere.send(out, from.port, from.address);
  }

  #accept(socket: Socket): void {
    const random = this.#random;
    this.#accepted.add(socket);
    socket.on('error', () => undefined);
    socket.on('close', () => this.#accepted.delete(socket));
    const empty = Buffer.alloc(0);
    const csm = encodeFramed({ code: 225, token: empty, options: [], payload: empty }, 'stream', 100);
    if (random.chance(0.85)) socket.write(csm);
    socket.on('data', (bytes) => {
      const size = streamMessageBytes(bytes, 0, bytes.length);
      let asked: ReliableMessage | undefined;
      if (size > 0 && size <= bytes.length) {
        const message = decodeFramed(bytes, 0, size, 'stream');
        if (typeof message !== 'string') asked = message;
      }
      for (let count = random.pick([0, 1, 1, 1, 3]); count > 0; count--) {
        this.answered++;
        socket.write(framed(random, 'stream', asked));
      }
      if (random.chance(0.03)) socket.destroy();
    });
  }
}
