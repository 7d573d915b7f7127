import { Buffer } from 'node:buffer';
import { once } from 'node:events';
import { describe, expect, it, onTestFinished } from 'vitest';
import { WebSocket } from 'ws';
import { ManualClock } from '../../core/base/manual-clock.ts';
import { silentLog } from '../../core/base/log.ts';
import { Broker } from '../../core/mqtt/broker.ts';
import { listenWebSocket } from '../../core/mqtt/transports/websocket.ts';
import { ConformanceBench, packet } from '../support/conformance-client.ts';
import { CLEAN, connect311, hexOf } from '../support/conformance-v311.ts';

/* Transports: MQTT 3.1.1 §6, §7. */

const CONNECT = connect311(CLEAN, 'c');
const PINGREQ = packet(0xc0);

async function serve(): Promise<{ broker: Broker; url: string }> {
  const clock = new ManualClock();
  const broker = new Broker({ clock, log: silentLog });
  broker.start();
  const listener = await listenWebSocket(broker, {
    host: '127.0.0.1',
    port: 0,
    log: silentLog,
    clock,
    path: '/mqtt',
  });
  onTestFinished(async () => {
    const closing = listener.close();
    clock.advance(10_000);
    await closing;
    broker.stop();
  });
  return { broker, url: `ws://127.0.0.1:${listener.address.port}/mqtt` };
}

/** What comes over a WebSocket, as one stream of bytes; `kinds` says of which frames. */
class Stream {
  readonly socket: WebSocket;
  readonly kinds = new Set<string>();
  #bytes = Buffer.alloc(0);
  #wake: () => void = () => undefined;

  constructor(socket: WebSocket) {
    this.socket = socket;
    socket.on('message', (data, isBinary) => {
      this.kinds.add(isBinary ? 'binary' : 'text');
      this.#bytes = Buffer.concat([this.#bytes, data as Buffer]);
      this.#wake();
    });
    socket.on('close', () => this.#wake());
  }

  static async open(url: string, ...protocols: string[]): Promise<Stream> {
    const socket = new WebSocket(url, protocols);
    onTestFinished(() => socket.terminate());
    const stream = new Stream(socket);
    await once(socket, 'open');
    return stream;
  }

  /** The next `length` bytes in hex; fewer when the connection ends before. */
  async take(length: number): Promise<string> {
    while (this.#bytes.length < length && this.socket.readyState !== WebSocket.CLOSED)
      await new Promise<void>((resolve) => (this.#wake = resolve));
    const taken = this.#bytes.subarray(0, length).toString('hex');
    this.#bytes = this.#bytes.subarray(length);
    return taken;
  }
}

describe('WebSocket', () => {
  it('[MQTT311-6.0.0-1] carries MQTT in binary frames, and a text frame ends the connection', async () => {
    const { broker, url } = await serve();
    const other = await Stream.open(url, 'mqtt');
    other.socket.send(connect311(CLEAN, 'other'));
    expect(await other.take(4)).toBe('20020000');
    const client = await Stream.open(url, 'mqtt');
    client.socket.send(CONNECT);
    expect(await client.take(4)).toBe('20020000');
    client.socket.send(packet(0x30, 't', 0x78).toString('latin1'));
    await once(client.socket, 'close');
    other.socket.send(PINGREQ);
    expect(await other.take(2)).toBe('d000');
    expect([...client.kinds, ...other.kinds]).toEqual(['binary', 'binary']);
    expect(broker.clients().map(({ clientId }) => clientId)).toEqual(['other']);
  });

  it('[MQTT311-6.0.0-2] need not have packets and frames begin together', async () => {
    const { url } = await serve();
    const all = Buffer.concat([CONNECT, packet(0x82, 0, 1, 't', 0), packet(0x32, 't', 0, 2, 0x78), PINGREQ]);
    for (const size of [1, 2, 3, 7, all.length]) {
      const client = await Stream.open(url, 'mqtt');
      for (let from = 0; from < all.length; from += size) client.socket.send(all.subarray(from, from + size));
      const answers = await client.take(4 + 5 + 4 + 6 + 2);
      expect([answers.slice(0, 18), answers.slice(-4)]).toEqual(['200200009003000100', 'd000']);
      expect(answers).toContain('40020002');
      expect(answers).toContain('300400017478');
    }
  });

  it('[MQTT311-6.0.0-3] [MQTT311-6.0.0-4] is opened for the subprotocol mqtt, and for nothing else', async () => {
    const { url } = await serve();
    for (const offers of [['mqtt'], ['chat', 'mqtt'], ['mqtt', 'chat']]) {
      const client = await Stream.open(url, ...offers);
      expect(client.socket.protocol).toBe('mqtt');
    }
    for (const offers of [[], ['chat'], ['MQTT']]) {
      const socket = new WebSocket(url, offers);
      const [error] = (await once(socket, 'error')) as [Error];
      expect(error.message).toContain('400');
    }
  });
});

describe('conformance', () => {
  /** All that a client of 3.1.1 can do, and what a server of 3.1.1 answers: nothing in it is an extension. */
  const CONVERSATION: [Buffer, string[]][] = [
    [CONNECT, ['20020000']],
    [packet(0x82, 0, 1, 'a/+', 2), ['9003000102']],
    [packet(0x30, 'a/b', 0x78), ['30060003612f6278']],
    [packet(0x32, 'a/b', 0, 2, 0x79), ['32080003612f62000179', '40020002']],
    [packet(0x40, 0, 1), []],
    [packet(0x34, 'other', 0, 3, 0x7a), ['50020003']],
    [packet(0x62, 0, 3), ['70020003']],
    [packet(0xa2, 0, 4, 'a/+'), ['b0020004']],
    [PINGREQ, ['d000']],
  ];

  it('[MQTT311-7.0.0-2] a client of 3.1.1 needs nothing else', async () => {
    const bench = await ConformanceBench.start();
    const client = await bench.open(4);
    for (const [request, answers] of CONVERSATION) {
      client.send(request);
      expect((await hexOf(client, answers.length)).sort()).toEqual(answers);
    }
    expect(await client.fate(packet(0xe0))).toEqual([]);
  });

  it('[MQTT311-7.1.1-1] TCP carries it as a stream of bytes, however they are cut', async () => {
    const bench = await ConformanceBench.start();
    const whole = Buffer.concat(CONVERSATION.map(([request]) => request));
    const expected = CONVERSATION.flatMap(([, answers]) => answers).sort();
    for (const size of [1, 5, whole.length]) {
      const client = await bench.open(4);
      for (const part of cut(whole, size)) {
        await new Promise((resolve) => client.socket.write(part, resolve));
        await new Promise((resolve) => setImmediate(resolve));
      }
      expect((await hexOf(client, expected.length)).sort()).toEqual(expected);
      client.drop();
    }
  });
});

function cut(bytes: Buffer, size: number): Buffer[] {
  const parts: Buffer[] = [];
  for (let from = 0; from < bytes.length; from += size) parts.push(bytes.subarray(from, from + size));
  return parts;
}
