/**
 * Plugtest peers whose messages are put down octet by octet in the tests. Only header, message id and token are put
 * together here, by hand: nothing of the codec under test is used.
 */
import { createSocket } from 'node:dgram';
import type { RemoteInfo, Socket as UdpSocket } from 'node:dgram';
import { connect, createServer } from 'node:net';
import type { AddressInfo, Server, Socket } from 'node:net';
import { Waiting } from './waiting.ts';

/** In hexadecimal; `rest` is options, payload marker and payload. Blanks are left out. */
export interface Octets {
  /** Over UDP: 0 CON, 1 NON, 2 ACK, 3 RST. */
  type: number;
  code: string;
  messageId: string;
  token: string;
  rest: string;
}

type Answer = Partial<Octets> & { code: string };

const [CSM_CODE, PING_CODE, PONG_CODE] = ['e1', 'e2', 'e3'] as const;

export function hexOf(text: string): string {
  return Buffer.from(text).toString('hex');
}

export function datagram({ type, code, messageId, token, rest }: Octets): Buffer {
  const bare = token.replaceAll(' ', '');
  const first = (0x40 | (type << 4) | (bare.length / 2)).toString(16);
  return Buffer.from(`${first}${code}${messageId}${bare}${rest}`.replaceAll(' ', ''), 'hex');
}

/** One message of RFC 8323 §3.2 with fewer than 65,805 bytes behind the token. */
export function frame({ code, token = '', rest = '' }: Pick<Octets, 'code'> & Partial<Octets>): Buffer {
  const [bareToken, bareRest] = [token.replaceAll(' ', ''), rest.replaceAll(' ', '')];
  const length = bareRest.length / 2;
  const nibble = length < 13 ? length : length < 269 ? 13 : 14;
  const extended = nibble < 13 ? '' : hexUint(length - (nibble === 13 ? 13 : 269), nibble === 13 ? 1 : 2);
  return Buffer.from(
    `${hexUint((nibble << 4) | (bareToken.length / 2), 1)}${extended}${code}${bareToken}${bareRest}`,
    'hex',
  );
}

function hexUint(value: number, bytes: number): string {
  return value.toString(16).padStart(2 * bytes, '0');
}

function readDatagram(bytes: Buffer): Octets {
  const tokenBytes = bytes[0]! & 15;
  return {
    type: (bytes[0]! >> 4) & 3,
    code: bytes.toString('hex', 1, 2),
    messageId: bytes.toString('hex', 2, 4),
    token: bytes.toString('hex', 4, 4 + tokenBytes),
    rest: bytes.toString('hex', 4 + tokenBytes),
  };
}

/** The first message in a stream and how long it is; undefined while it is not whole. */
function readFrame(bytes: Buffer): { message: Octets; size: number } | undefined {
  if (bytes.length < 4) {
    if (bytes.length < 2 || bytes[0]! >> 4 > 12) return undefined;
  }
  const nibble = bytes[0]! >> 4;
  if (nibble === 15) throw new Error('a frame of more than 65,804 bytes');
  const extended = nibble < 13 ? 0 : nibble - 12;
  const length = [nibble, 13 + bytes[1]!, 269 + (bytes.length < 3 ? 0 : bytes.readUInt16BE(1))][extended]!;
  const head = 2 + extended;
  const tokenBytes = bytes[0]! & 15;
  const size = head + tokenBytes + length;
  if (bytes.length < size) return undefined;
  const code = bytes.toString('hex', head - 1, head);
  const token = bytes.toString('hex', head, head + tokenBytes);
  const rest = bytes.toString('hex', head + tokenBytes, size);
  return { message: { type: -1, code, messageId: '', token, rest }, size };
}

/** Calls `take` for each whole message of a stream; returns what is left over. */
function eachFrame(bytes: Buffer, take: (message: Octets) => void): Buffer {
  let left = bytes;
  for (let read = readFrame(left); read !== undefined; read = readFrame(left)) {
    left = left.subarray(read.size);
    take(read.message);
  }
  return left;
}

/** A server over UDP or TCP; it answers pings by itself. */
export class ByteServer {
  /** What came in, signals too. */
  readonly received: Octets[] = [];
  readonly requests: Octets[] = [];
  /** CSM, Ping and the like. */
  readonly signals: Octets[] = [];
  /** Over TCP: how many have been opened. */
  connections = 0;
  readonly base: string;
  readonly #close: () => Promise<void>;

  private constructor(base: string, close: () => Promise<void>) {
    this.base = base;
    this.#close = close;
  }

  /**
   * `answer` gives code and rest, which go out with the request's token: in an ACK to a CON, else as a NON. An array is
   * several messages. Over TCP it says `csm` first: the options of it.
   */
  static async start(
    transport: 'udp' | 'tcp',
    answer: (request: Octets, nth: number) => Answer | Answer[] | undefined,
    csm = '',
  ): Promise<ByteServer> {
    return transport === 'udp' ? ByteServer.#overUdp(answer) : ByteServer.#overTcp(answer, csm);
  }

  static async #overUdp(answer: (request: Octets, nth: number) => Answer | Answer[] | undefined) {
    const socket = createSocket('udp4');
    let lastId = 0x7000;
    socket.on('message', (bytes: Buffer, from: RemoteInfo) => {
      const request = readDatagram(bytes);
      server.received.push(request);
      const nth = server.requests.push(request) - 1;
      for (const one of [answer(request, nth) ?? []].flat()) {
        const head =
          request.type === 0
            ? { type: 2, messageId: request.messageId }
            : { type: 1, messageId: (++lastId).toString(16) };
        socket.send(datagram({ ...head, token: request.token, rest: '', ...one }), from.port, from.address);
      }
    });
    await new Promise<void>((resolve) => socket.bind(0, '127.0.0.1', resolve));
    const server = new ByteServer(
      `coap://127.0.0.1:${socket.address().port}`,
      () => new Promise<void>((resolve) => socket.close(() => resolve())),
    );
    return server;
  }

  static async #overTcp(
    answer: (request: Octets, nth: number) => Answer | Answer[] | undefined,
    csm: string,
  ) {
    const sockets = new Set<Socket>();
    const listener: Server = createServer((socket) => {
      sockets.add(socket);
      socket.on('close', () => sockets.delete(socket));
      socket.on('error', () => undefined);
      server.connections++;
      socket.write(frame({ code: CSM_CODE, rest: csm }));
      let left: Buffer = Buffer.alloc(0);
      socket.on('data', (part: Buffer) => {
        left = eachFrame(Buffer.concat([left, part]), (message) => {
          server.received.push(message);
          if (message.code.startsWith('e')) {
            server.signals.push(message);
            if (message.code === PING_CODE) socket.write(frame({ code: PONG_CODE, token: message.token }));
            return;
          }
          const nth = server.requests.push(message) - 1;
          for (const one of [answer(message, nth) ?? []].flat()) {
            socket.write(frame({ token: message.token, ...one }));
          }
        });
      });
    });
    await new Promise<void>((resolve) => listener.listen(0, '127.0.0.1', resolve));
    const { port } = listener.address() as AddressInfo;
    const server = new ByteServer(`coap+tcp://127.0.0.1:${port}`, async () => {
      for (const socket of sockets) socket.destroy();
      await new Promise<void>((resolve) => listener.close(() => resolve()));
    });
    return server;
  }

  stop(): Promise<void> {
    return this.#close();
  }
}

/** A client, over UDP or TCP. */
export class ByteClient {
  /** Everything that came, signals of TCP too. */
  readonly received: Octets[] = [];
  readonly #send: (message: Partial<Octets> & { code: string }) => void;
  readonly #close: () => Promise<void>;
  readonly #waiting = new Waiting(() => JSON.stringify(this.received));
  #ended = false;

  private constructor(
    send: (message: Partial<Octets> & { code: string }) => void,
    close: () => Promise<void>,
  ) {
    this.#send = send;
    this.#close = close;
  }

  /** Over TCP it says a CSM with those options first, unless `csm` is null. */
  static async connect(transport: 'udp' | 'tcp', port: number, csm: string | null = ''): Promise<ByteClient> {
    if (transport === 'udp') {
      const socket: UdpSocket = createSocket('udp4');
      await new Promise<void>((resolve) => socket.connect(port, '127.0.0.1', resolve));
      const client = new ByteClient(
        (message) => socket.send(datagram({ type: 0, messageId: '0001', token: '', rest: '', ...message })),
        () => new Promise<void>((resolve) => socket.close(() => resolve())),
      );
      socket.on('message', (bytes: Buffer) => client.#take(readDatagram(bytes)));
      socket.on('error', () => undefined);
      return client;
    }
    const socket = connect(port, '127.0.0.1');
    await new Promise<void>((resolve, reject) => {
      socket.once('connect', resolve);
      socket.once('error', reject);
    });
    const client = new ByteClient(
      (message) => void socket.write(frame(message)),
      () =>
        new Promise<void>((resolve) => {
          if (socket.closed) return resolve();
          socket.once('close', () => resolve());
          socket.destroy();
        }),
    );
    let left: Buffer = Buffer.alloc(0);
    socket.on('data', (part: Buffer) => {
      left = eachFrame(Buffer.concat([left, part]), (message) => client.#take(message));
    });
    socket.on('error', () => undefined);
    socket.on('close', () => {
      client.#ended = true;
      client.#waiting.wake();
    });
    if (csm !== null) client.send({ code: CSM_CODE, rest: csm });
    return client;
  }

  /** The other end has closed the connection. */
  get ended(): boolean {
    return this.#ended;
  }

  send(message: Partial<Octets> & { code: string }): void {
    this.#send(message);
  }

  /** Until `condition` holds, asked at each message; fails after five seconds. */
  until(condition: () => boolean, what: string): Promise<void> {
    return this.#waiting.until(condition, what, 5_000);
  }

  /** The next `count` messages but for CSMs. */
  async next(count = 1): Promise<Octets[]> {
    const news = (): Octets[] => this.received.filter(({ code }) => code !== CSM_CODE);
    await this.until(() => news().length >= count, `${count} messages came`);
    const taken = news();
    this.received.length = 0;
    return taken;
  }

  close(): Promise<void> {
    return this.#close();
  }

  #take(message: Octets): void {
    this.received.push(message);
    this.#waiting.wake();
  }
}
