/** Peers over UDP that say exactly what a test wants, and one that behaves beside them. */
import { createSocket } from 'node:dgram';
import type { RemoteInfo, Socket } from 'node:dgram';
import { once } from 'node:events';
import { decodeMessage, encodeEmpty, encodeMessage } from '../../core/coap/codec/codec.ts';
import type { CoapMessage } from '../../core/coap/codec/codec.ts';
import { ACK, CON, CONTENT, NON } from '../../core/coap/codec/codes.ts';
import { OBSERVE, URI_PATH, findUint, textOption, uintOption } from '../../core/coap/codec/options.ts';
import type { CoapOption } from '../../core/coap/codec/options.ts';

const NOTHING = new Uint8Array(0);
const ANSWER_MS = 5_000;

export function pathOptions(path: string): CoapOption[] {
  return path.split('/').map((segment) => textOption(URI_PATH, segment));
}

/** Sends bytes as they are, and hears what comes back. */
export class RawPeer {
  readonly heard: Buffer[] = [];
  readonly #socket: Socket;
  readonly #to: { port: number; host: string };

  private constructor(socket: Socket, to: { port: number; host: string }) {
    this.#socket = socket;
    this.#to = to;
    socket.on('message', (bytes) => this.heard.push(bytes));
  }

  static async open(port: number, host = '127.0.0.1'): Promise<RawPeer> {
    const socket = createSocket('udp4');
    socket.bind(0, host);
    await once(socket, 'listening');
    return new RawPeer(socket, { port, host });
  }

  send(bytes: Uint8Array): void {
    this.#socket.send(bytes, this.#to.port, this.#to.host);
  }

  /**
   * What is answered to it and to nothing else, be it late and by itself (which is then acknowledged). Undefined after 5 s.
   */
  async ask(bytes: Uint8Array): Promise<Buffer | undefined> {
    let seen = this.heard.length;
    const signal = AbortSignal.timeout(ANSWER_MS);
    this.send(bytes);
    for (;;) {
      for (; seen < this.heard.length; seen++) {
        const answer = this.heard[seen]!;
        if (answer[0]! >> 4 === 4) this.send(encodeEmpty(ACK, answer.readUInt16BE(2)));
        if (isAnswer(answer, bytes)) return answer;
      }
      try {
        await once(this.#socket, 'message', { signal });
      } catch {
        return undefined;
      }
    }
  }

  /** What is answered to it at once; undefined when the answer to a ping behind it came first. */
  async askAtOnce(bytes: Uint8Array): Promise<Buffer | undefined> {
    const before = this.heard.length;
    this.send(bytes);
    await this.ping();
    return this.heard[before];
  }

  /** Resolves when everything that was sent has been looked at. The answer of the ping is not kept. */
  async ping(): Promise<void> {
    const messageId = 0xff00 + Math.floor(Math.random() * 0xff);
    const reset = Buffer.from([0x70, 0, messageId >> 8, messageId & 255]);
    this.send(Buffer.from([0x40, 0, messageId >> 8, messageId & 255]));
    for (;;) {
      const at = this.heard.findIndex((bytes) => bytes.equals(reset));
      if (at >= 0) {
        this.heard.splice(at, 1);
        return;
      }
      await once(this.#socket, 'message');
    }
  }

  close(): void {
    this.#socket.close();
  }
}

/** ACK with a code and RST by the message id, CON and NON by the token (RFC 7252 §4.2, §5.3.2). */
function isAnswer(answer: Buffer, asked: Uint8Array): boolean {
  const type = (answer[0]! >> 4) & 3;
  if (type >= ACK)
    return answer.readUInt16BE(2) === Buffer.from(asked).readUInt16BE(2) && !isEmptyAck(answer);
  const tokenOf = (bytes: Uint8Array) => bytes.subarray(4, 4 + (bytes[0]! & 15));
  return Buffer.compare(tokenOf(answer), tokenOf(asked)) === 0;
}

function isEmptyAck(answer: Buffer): boolean {
  return answer[0] === 0x60 && answer[1] === 0;
}

/** What a server answers: bytes from its own socket, and from another one. */
export interface Reply {
  (answer: Partial<CoapMessage>): void;
  raw(bytes: Uint8Array): void;
  elsewhere(answer: Partial<CoapMessage>): void;
}

type Behaviour = (asked: CoapMessage, reply: Reply) => void;

/** A server that answers each request as its path says. */
export class HostileServer {
  readonly asked: string[] = [];
  readonly #behaviours = new Map<string, Behaviour>();
  readonly #socket = createSocket('udp4');
  readonly #other = createSocket('udp4');

  static async start(): Promise<HostileServer> {
    const server = new HostileServer();
    server.#socket.bind(0, '127.0.0.1');
    server.#other.bind(0, '127.0.0.1');
    await Promise.all([once(server.#socket, 'listening'), once(server.#other, 'listening')]);
    server.#socket.on('message', (bytes, from) => server.#answer(bytes, from));
    return server;
  }

  get authority(): string {
    return `coap://127.0.0.1:${this.#socket.address().port}`;
  }

  on(path: string, behaviour: Behaviour): void {
    this.#behaviours.set(path, behaviour);
  }

  stop(): void {
    this.#socket.close();
    this.#other.close();
  }

  #answer(bytes: Buffer, from: RemoteInfo): void {
    const decoded = decodeMessage(bytes);
    if (!decoded.ok || (decoded.message.type !== CON && decoded.message.type !== NON)) return;
    const asked = decoded.message;
    const segments = asked.options.filter(({ number }) => number === URI_PATH);
    const path = segments.map(({ value }) => Buffer.from(value).toString()).join('/');
    this.asked.push(path);
    const encoded = (answer: Partial<CoapMessage>): Uint8Array => {
      const { messageId, token } = asked;
      return encodeMessage({
        ...{ type: ACK, code: CONTENT, messageId, token, options: [], payload: NOTHING },
        ...answer,
      });
    };
    const raw = (out: Uint8Array): void => this.#socket.send(out, from.port, from.address);
    const reply = Object.assign((answer: Partial<CoapMessage>) => raw(encoded(answer)), {
      raw,
      elsewhere: (answer: Partial<CoapMessage>) => this.#other.send(encoded(answer), from.port, from.address),
    });
    this.#behaviours.get(path)?.(asked, reply);
  }
}

/** A device that behaves: its one resource is observed, and changes when the test says so. */
export class Neighbour {
  #value = 0;
  #sequence = 1;
  #tell: (() => void) | undefined;
  readonly #server: HostileServer;

  constructor(server: HostileServer) {
    this.#server = server;
    server.on('value', (asked, reply) => {
      const representation = (): Partial<CoapMessage> => ({
        options: [uintOption(OBSERVE, this.#sequence++)],
        payload: Buffer.from(String(this.#value)),
      });
      if (findUint(asked.options, OBSERVE) === 0) {
        this.#tell = () => reply({ ...representation(), type: NON, messageId: this.#sequence });
      }
      reply(representation());
    });
  }

  get uri(): string {
    return `${this.#server.authority}/value`;
  }

  /** Says a new value, and what that is. */
  change(): string {
    this.#value++;
    this.#tell?.();
    return String(this.#value);
  }
}
