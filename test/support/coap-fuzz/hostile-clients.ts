import { createSocket } from 'node:dgram';
import type { Socket } from 'node:dgram';
import { once } from 'node:events';
import { decodeMessage, encodeEmpty, encodeMessage } from '../../../core/coap/codec/codec.ts';
import { ACK, CON, RST } from '../../../core/coap/codec/codes.ts';
import { ECHO, findOption } from '../../../core/coap/codec/options.ts';
import type { CoapOption } from '../../../core/coap/codec/options.ts';
import type { Random } from '../mqtt-fuzz/random.ts';
import { onTheWay, request, response, spoil } from './traffic.ts';

const SOCKETS = 16;
/** Sockets are closed and others opened, so that there are always new peers. */
const LIFE = 400;
const MAX_HEARD = 8;

interface Peer {
  socket: Socket;
  left: number;
  /** What came last, to be answered, repeated and sent back. */
  heard: Buffer[];
  echo: CoapOption | undefined;
}

/** Peers over UDP, half of them on other machines as the station sees it, that say anything. */
export class HostileClients {
  sent = 0;
  bytesOut = 0;
  received = 0;
  readonly #random: Random;
  readonly #port: number;
  readonly #peers: Peer[] = [];

  constructor(random: Random, port: number) {
    this.#random = random;
    this.#port = port;
  }

  async act(): Promise<void> {
    if (this.#peers.length < SOCKETS) this.#peers.push(await this.#open());
    const random = this.#random;
    const peer = random.pick(this.#peers);
    if (--peer.left <= 0) {
      this.#peers.splice(this.#peers.indexOf(peer), 1);
      peer.socket.close();
      return;
    }
    const bytes = this.#words(peer);
    this.sent++;
    this.bytesOut += bytes.length;
    peer.socket.send(bytes, this.#port, '127.0.0.1');
    if (random.chance(0.1)) peer.socket.send(bytes, this.#port, '127.0.0.1');
  }

  stop(): void {
    for (const { socket } of this.#peers.splice(0)) socket.close();
  }

  #words(peer: Peer): Uint8Array {
    const random = this.#random;
    const heard = peer.heard.length === 0 ? undefined : random.pick(peer.heard);
    const decoded = heard === undefined ? undefined : decodeMessage(heard);
    if (decoded?.ok === true && random.chance(0.35)) {
      const { type, messageId } = decoded.message;
      if (type === CON && random.chance(0.7)) return encodeEmpty(random.pick([ACK, ACK, RST]), messageId);
      if (random.chance(0.3)) return encodeEmpty(RST, messageId);
      if (random.chance(0.3)) return heard!;
      return onTheWay(random, response(random, decoded.message));
    }
    if (random.chance(0.03)) return encodeEmpty(random.pick([CON, ACK, RST]), random.below(65_536));
    if (random.chance(0.03)) return spoil(random, heard ?? Buffer.alloc(4));
    if (random.chance(0.03)) {
      return onTheWay(random, response(random, { messageId: random.below(500), token: random.bytes(8) }));
    }
    const message = request(random);
    if (peer.echo !== undefined && random.chance(0.5)) {
      message.options = message.options.filter(({ number }) => number !== ECHO);
      message.options.push(peer.echo);
    }
    return onTheWay(random, message);
  }

  async #open(): Promise<Peer> {
    const random = this.#random;
    const socket = createSocket('udp4');
    const peer: Peer = { socket, left: 1 + random.below(LIFE), heard: [], echo: undefined };
    // Systems other than Linux have one address of loopback only.
    const foreign = process.platform === 'linux' && random.chance(0.5);
    socket.bind(0, foreign ? `127.66.${random.below(4)}.${1 + random.below(60)}` : '127.0.0.1');
    socket.on('error', () => undefined);
    socket.on('message', (bytes) => {
      this.received++;
      peer.heard.push(bytes);
      if (peer.heard.length > MAX_HEARD) peer.heard.shift();
      const decoded = decodeMessage(bytes);
      const echo = decoded.ok ? findOption(decoded.message.options, ECHO) : undefined;
      if (echo !== undefined) peer.echo = { number: ECHO, value: echo };
      if (decoded.ok && decoded.message.code === 1 && random.chance(0.3)) {
        // It is asked for its links, for having registered in the simple way.
        socket.send(encodeMessage(response(random, decoded.message)), this.#port, '127.0.0.1');
      }
    });
    await once(socket, 'listening');
    return peer;
  }
}
