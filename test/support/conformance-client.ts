import { Buffer } from 'node:buffer';
import { connect, type Socket } from 'node:net';
import { onTestFinished } from 'vitest';
import { silentLog } from '../../core/base/log.ts';
import { ManualClock } from '../../core/base/manual-clock.ts';
import { Broker } from '../../core/mqtt/broker.ts';
import { decodePacket } from '../../core/mqtt/codec/decode.ts';
import type {
  ConnackPacket,
  Packet,
  Properties,
  ProtocolLevel,
  PublishPacket,
  SubscriptionRequest,
} from '../../core/mqtt/codec/packet.ts';
import type { BrokerOptions } from '../../core/mqtt/options.ts';
import { LOCAL_PROFILE, type ListenerProfile } from '../../core/mqtt/origin.ts';
import { PacketReader } from '../../core/mqtt/packet-reader.ts';
import { listenTcp } from '../../core/mqtt/transports/tcp.ts';
import type { TransportListener } from '../../core/mqtt/transports/transport-listener.ts';
import type { Qos } from '../../core/mqtt/types.ts';
import {
  bytesOf,
  type ConnectOptions,
  connectPacket,
  type LoosePacket,
  publishPacket,
} from './mqtt-broker.ts';

const MAX_PACKET_BYTES = 4_000_000;
/** Of one wait for the broker; far above what it takes on a busy machine, below the test's own patience. */
const PATIENCE_MS = 10_000;

/** Bytes by hand, without the product's encoder: numbers are bytes, strings are length-prefixed UTF-8. */
export function bytes(...parts: (number | string | Uint8Array)[]): Buffer {
  return Buffer.concat(
    parts.map((part) => {
      if (typeof part === 'number') return Buffer.from([part]);
      return typeof part === 'string' ? prefixed(Buffer.from(part)) : part;
    }),
  );
}

/** Binary data, or text that is none, behind its two bytes of length. */
export function prefixed(data: Uint8Array | number[]): Buffer {
  return Buffer.concat([Buffer.from([data.length >> 8, data.length & 255]), Uint8Array.from(data)]);
}

/** A whole control packet by hand: the first byte, its Remaining Length, and `parts` as `bytes` takes them. */
export function packet(header: number, ...parts: (number | string | Uint8Array)[]): Buffer {
  const body = bytes(...parts);
  const length: number[] = [];
  let rest = body.length;
  do {
    length.push(rest > 127 ? (rest & 127) | 128 : rest);
    rest >>= 7;
  } while (rest > 0);
  return Buffer.concat([Buffer.from([header, ...length]), body]);
}

/** CONNECT of MQTT 5 by hand: connect flags, no keep-alive, no properties, then the payload as `bytes` takes it. */
export function connectBytes(flags: number, ...payload: (number | string | Uint8Array)[]): Buffer {
  return packet(0x10, 'MQTT', 5, flags, 0, 0, 0, ...payload);
}

type OfType<T, P = Packet> = P extends { type: infer Types } ? (T extends Types ? P : never) : never;

interface Waiting {
  done: () => void;
  failed: (error: Error) => void;
}

/**
 * A client that says exactly what a test tells it to, over TCP. Nothing is answered by itself. Silence is decided by
 * a PINGREQ behind it (`settled`), never by waiting.
 */
export class ConformanceClient {
  readonly level: ProtocolLevel;
  readonly socket: Socket;
  readonly #reader: PacketReader;
  readonly #packets: { packet: Packet; bytes: Buffer }[] = [];
  #closed = false;
  /** What the broker sent and should not have: it cannot be read. */
  #fault: Error | null = null;
  #waiting: Waiting | null = null;

  private constructor(socket: Socket, level: ProtocolLevel) {
    this.level = level;
    this.socket = socket;
    this.#reader = new PacketReader(
      { receive: (chunk, start, _body, end) => this.#receive(chunk.subarray(start, end)) },
      MAX_PACKET_BYTES,
    );
    this.#reader.level = level;
    socket.on('data', (chunk) => {
      try {
        this.#reader.feed(chunk);
      } catch (error) {
        this.#fault = error as Error;
        socket.destroy();
      }
    });
    socket.on('error', () => undefined); // 'close' follows
    socket.on('close', () => {
      this.#closed = true;
      this.#wake();
    });
  }

  static async open(port: number, level: ProtocolLevel = 5): Promise<ConformanceClient> {
    const socket = connect({ port, host: '127.0.0.1', noDelay: true });
    await new Promise((resolve, reject) => socket.once('connect', resolve).once('error', reject));
    return new ConformanceClient(socket, level);
  }

  /** Packets, or bytes as they are, in one write. */
  send(...packets: (LoosePacket | Uint8Array)[]): void {
    this.socket.write(bytesOf(this.level, ...packets));
  }

  /** The next packet that the broker sends. Fails when it closes instead. */
  async next(): Promise<Packet> {
    return (await this.#next()).packet;
  }

  /** The same as it was on the wire. */
  async nextBytes(): Promise<Buffer> {
    return (await this.#next()).bytes;
  }

  /** Sends, and returns the next packet. */
  ask(...packets: (LoosePacket | Uint8Array)[]): Promise<Packet> {
    this.send(...packets);
    return this.next();
  }

  /** Everything that comes until the broker closes the connection. */
  async closed(): Promise<Packet[]> {
    while (!this.#closed) await this.#wait('the broker to close');
    if (this.#fault !== null) throw this.#fault;
    return this.#packets.splice(0).map(({ packet }) => packet);
  }

  /** Sends something that ends the connection; what came before the end, as `outcomes` writes it. */
  async fate(...packets: (LoosePacket | Uint8Array)[]): Promise<string[]> {
    this.send(...packets);
    return outcomes(await this.closed());
  }

  /** Everything that came, and was on its way when PINGREQ arrived. */
  async settled(): Promise<Packet[]> {
    this.send({ type: 'pingreq' });
    const packets: Packet[] = [];
    for (;;) {
      const packet = await this.next();
      if (packet.type === 'pingresp') return packets;
      packets.push(packet);
    }
  }

  /** `settled`, of which there must be PUBLISH only. */
  async messages(): Promise<PublishPacket[]> {
    return (await this.settled()).map((packet) => {
      if (packet.type !== 'publish') throw new Error(`PUBLISH was to come, and ${packet.type} came.`);
      return packet;
    });
  }

  /** `messages` as `topic payload qos`, with `r` and `d` behind it for RETAIN and DUP. */
  async texts(): Promise<string[]> {
    return (await this.messages()).map(textOf);
  }

  async login(options: ConnectOptions = {}): Promise<ConnackPacket> {
    const answer = await this.ask(connectPacket({ protocolLevel: this.level, ...options }));
    if (answer.type !== 'connack') throw new Error(`CONNACK was to come, and ${answer.type} came.`);
    return answer;
  }

  /** SUBSCRIBE with packet id 9; the reason codes of SUBACK. */
  async subscribe(
    filter: string,
    qos: Qos = 0,
    options: Partial<SubscriptionRequest> = {},
    properties: Properties = {},
  ): Promise<number[]> {
    const filters = [{ filter, qos, ...options }];
    this.send({ type: 'subscribe', packetId: 9, filters, properties });
    return (await this.#take('suback')).reasonCodes;
  }

  /** Sends a message and goes through its exchange; what else comes stays to be looked at. Returns the reason code of the first answer, 0 for QoS 0. */
  async publish(
    topic: string,
    payload: string,
    qos: Qos = 0,
    options: { packetId?: number; retain?: boolean; dup?: boolean; properties?: Properties } = {},
  ): Promise<number> {
    const { packetId = 1, ...flags } = options;
    this.send(publishPacket(topic, payload, qos, packetId, flags));
    if (qos === 0) {
      this.send({ type: 'pingreq' });
      await this.#take('pingresp');
      return 0;
    }
    if (qos === 1) return (await this.#take('puback')).reasonCode;
    const { reasonCode } = await this.#take('pubrec');
    if (reasonCode < 0x80) {
      this.send({ type: 'pubrel', packetId });
      await this.#take('pubcomp');
    }
    return reasonCode;
  }

  /** The network goes away without a word. */
  drop(): void {
    this.socket.destroy();
  }

  /** The next packet of a type; those before it stay. */
  async #take<T extends Packet['type']>(type: T): Promise<OfType<T>> {
    for (let from = 0; ;) {
      for (; from < this.#packets.length; from++) {
        if (this.#packets[from]!.packet.type !== type) continue;
        return this.#packets.splice(from, 1)[0]!.packet as OfType<T>;
      }
      if (this.#closed) throw this.#fault ?? new Error(`The broker closed the connection before ${type}.`);
      await this.#wait(type);
    }
  }

  async #next(): Promise<{ packet: Packet; bytes: Buffer }> {
    while (this.#packets.length === 0) {
      if (this.#closed)
        throw this.#fault ?? new Error('The broker closed the connection, and a packet was to come.');
      await this.#wait('a packet');
    }
    return this.#packets.shift()!;
  }

  #receive(whole: Buffer): void {
    const copy = Buffer.from(whole);
    this.#packets.push({ packet: decodePacket(copy, 0, copy.length, this.level), bytes: copy });
    this.#wake();
  }

  #wait(what: string): Promise<void> {
    return new Promise((done, failed) => {
      const patience = setTimeout(() => failed(new Error(`In vain: waiting for ${what}.`)), PATIENCE_MS);
      this.#waiting = {
        done: () => {
          clearTimeout(patience);
          done();
        },
        failed,
      };
    });
  }

  #wake(): void {
    const waiting = this.#waiting;
    this.#waiting = null;
    waiting?.done();
  }
}

export function textOf({ topic, payload, qos, retain, dup }: PublishPacket): string {
  return `${topic} ${Buffer.from(payload).toString()} ${qos}${retain ? 'r' : ''}${dup ? 'd' : ''}`;
}

/** Packets as `type 0xcode`; those without a code as their type. */
export function outcomes(packets: Packet[]): string[] {
  return packets.map((packet) =>
    'reasonCode' in packet
      ? `${packet.type} 0x${packet.reasonCode.toString(16).padStart(2, '0')}`
      : packet.type,
  );
}

/** A broker behind TCP on a free port of this machine, with a clock that the test moves. It ends with the test. */
export class ConformanceBench {
  readonly clock = new ManualClock();
  readonly broker: Broker;
  readonly #clients: ConformanceClient[] = [];
  #listener: TransportListener | null = null;

  private constructor(options: Partial<BrokerOptions>) {
    this.broker = new Broker({ clock: this.clock, log: silentLog, ...options });
    this.broker.start();
  }

  static async start(
    options: Partial<BrokerOptions> = {},
    profile: Partial<ListenerProfile> = {},
  ): Promise<ConformanceBench> {
    const bench = new ConformanceBench(options);
    onTestFinished(() => bench.#stop());
    bench.#listener = await listenTcp(bench.broker, {
      host: '127.0.0.1',
      port: 0,
      log: silentLog,
      clock: bench.clock,
      profile: { ...LOCAL_PROFILE, ...profile },
    });
    return bench;
  }

  get port(): number {
    return this.#listener!.address.port;
  }

  /** A client that is connected to the network and has said nothing. */
  async open(level: ProtocolLevel = 5): Promise<ConformanceClient> {
    const client = await ConformanceClient.open(this.port, level);
    this.#clients.push(client);
    return client;
  }

  /** A client whose CONNECT was accepted. */
  async client(clientId: string, options: ConnectOptions = {}): Promise<ConformanceClient> {
    const client = await this.open(options.protocolLevel ?? 5);
    const { reasonCode } = await client.login({ clientId, ...options });
    if (reasonCode !== 0) throw new Error(`CONNECT was refused with ${reasonCode}.`);
    return client;
  }

  /** Cuts a client off, and waits until the broker knows. */
  async cut(client: ConformanceClient): Promise<void> {
    const before = this.broker.connectionCount;
    client.drop();
    while (this.broker.connectionCount === before) await new Promise((resolve) => setImmediate(resolve));
  }

  async #stop(): Promise<void> {
    for (const client of this.#clients) client.drop();
    await this.#listener?.close();
    this.broker.stop();
  }
}
