import { ManualClock } from '../../core/base/manual-clock.ts';
import { silentLog } from '../../core/base/log.ts';
import { Broker } from '../../core/mqtt/broker.ts';
import { decodePacket } from '../../core/mqtt/codec/decode.ts';
import { encodePacket } from '../../core/mqtt/codec/encode.ts';
import type {
  ConnectPacket,
  Packet,
  Properties,
  ProtocolLevel,
  PublishPacket,
  SubscribePacket,
  SubscriptionRequest,
  Will,
} from '../../core/mqtt/codec/packet.ts';
import type { Connection } from '../../core/mqtt/connection.ts';
import type { BrokerOptions } from '../../core/mqtt/options.ts';
import type { ConnectionOrigin } from '../../core/mqtt/origin.ts';
import { PacketReader } from '../../core/mqtt/packet-reader.ts';
import type { Sink } from '../../core/mqtt/sink.ts';
import type { Qos } from '../../core/mqtt/types.ts';

/** A network that a test holds in its hands: `frozen` keeps every byte until `thaw`. */
export class MemorySink implements Sink {
  readonly address = '192.0.2.1:50000';
  written = 0;
  writes = 0;
  frozen = false;
  paused = false;
  ended = false;
  destroyed = false;
  onBytes: (bytes: Uint8Array) => void = () => undefined;
  onClose: () => void = () => undefined;
  #waiting: Uint8Array[] = [];

  get bufferedBytes(): number {
    return this.#waiting.reduce((sum, bytes) => sum + bytes.length, 0);
  }

  write(bytes: Uint8Array): number {
    return this.writeAll([bytes]);
  }

  writeAll(pieces: Uint8Array[]): number {
    this.writes++;
    // The broker may reuse its memory after a write that held nothing back: a real socket has copied by then.
    for (const piece of pieces) this.#waiting.push(this.frozen ? piece : Uint8Array.from(piece));
    if (!this.frozen) this.#deliver();
    return this.bufferedBytes;
  }

  thaw(): void {
    this.frozen = false;
    this.#deliver();
    if (this.ended) this.onClose();
  }

  pause(): void {
    this.paused = true;
  }

  resume(): void {
    this.paused = false;
  }

  end(): void {
    this.ended = true;
    if (this.bufferedBytes === 0) this.onClose();
  }

  destroy(): void {
    this.destroyed = true;
    this.onClose();
  }

  #deliver(): void {
    const pieces = this.#waiting;
    this.#waiting = [];
    for (const piece of pieces) {
      this.written += piece.length;
      this.onBytes(piece);
    }
  }
}

type Loose<P, K extends PropertyKey> = P extends unknown ? Omit<P, K> & Partial<Pick<P, K & keyof P>> : never;

/** A packet as a test writes it: without properties, reason code 0 and plain subscription options. */
export type LoosePacket =
  | Loose<Exclude<Packet, SubscribePacket | ConnectPacket>, 'properties' | 'reasonCode' | 'reasonCodes'>
  | ConnectPacket
  | (Loose<Omit<SubscribePacket, 'filters'>, 'properties'> & {
      type: 'subscribe';
      filters: (Pick<SubscriptionRequest, 'filter' | 'qos'> & Partial<SubscriptionRequest>)[];
    });

/** CONNECT as a test writes it. */
export interface ConnectOptions extends Partial<Omit<ConnectPacket, 'will'>> {
  will?: (Omit<Will, 'properties'> & { properties?: Properties }) | null;
}

const DEFAULT_CONNECT: ConnectPacket = {
  type: 'connect',
  protocolLevel: 4,
  cleanStart: true,
  keepAliveSeconds: 0,
  clientId: '',
  will: null,
  username: null,
  password: null,
  properties: {},
};
const DEFAULT_OPTIONS = { noLocal: false, retainAsPublished: false, retainHandling: 0 as const };

/** The packet in full. */
export function packetOf(packet: LoosePacket): Packet {
  if (packet.type === 'subscribe') {
    const filters = packet.filters.map((filter) => ({ ...DEFAULT_OPTIONS, ...filter }));
    return { properties: {}, ...packet, filters };
  }
  const missing: object = { properties: {}, reasonCode: 0, reasonCodes: [] };
  return { ...missing, ...packet } as Packet;
}

export function connectPacket({ will = null, ...options }: ConnectOptions): ConnectPacket {
  return {
    ...DEFAULT_CONNECT,
    ...options,
    will: will === null ? null : { ...will, properties: will.properties ?? {} },
  };
}

/** The bytes of packets as a client of that level sends them. */
export function bytesOf(level: number, ...packets: (LoosePacket | Uint8Array)[]): Buffer {
  return Buffer.concat(
    packets.map((packet) => (packet instanceof Uint8Array ? packet : encodePacket(packetOf(packet), level))),
  );
}

/** A client of bytes in memory: sends packets, and keeps what came back, decoded. Its level is that of its CONNECT. */
export class MemoryClient {
  readonly broker: Broker;
  readonly sink = new MemorySink();
  readonly connection: Connection;
  level: ProtocolLevel = 4;
  closed = false;
  readonly #reader: PacketReader;
  #received: Packet[] = [];

  constructor(broker: Broker, origin?: ConnectionOrigin) {
    this.broker = broker;
    const receive = (bytes: Buffer, start: number, _body: number, end: number) => {
      const packet = decodePacket(Buffer.from(bytes.subarray(start, end)), 0, end - start, this.level);
      this.#received.push(packet);
    };
    this.#reader = new PacketReader({ receive }, 2_000_000);
    this.sink.onBytes = (bytes) => this.#reader.feed(Buffer.from(bytes));
    this.sink.onClose = () => {
      if (this.closed) return;
      this.closed = true;
      // A transport reports the end in a later turn; the same order is kept by `lose`.
      queueMicrotask(() => this.connection.closed('closed by the broker'));
    };
    this.connection = broker.open(this.sink, origin);
  }

  /** Sends packets in one read, lets the broker answer, and returns everything that came since the last look. */
  send(...packets: (LoosePacket | Uint8Array)[]): Packet[] {
    this.tell(...packets);
    return this.look();
  }

  /** Sends packets in one read; what comes back waits for the next look. */
  tell(...packets: (LoosePacket | Uint8Array)[]): void {
    this.connection.feed(bytesOf(this.level, ...packets));
  }

  look(): Packet[] {
    this.broker.flush();
    const received = this.#received;
    this.#received = [];
    return received;
  }

  /** Puts back what a look should not have taken. */
  unlook(packets: Packet[]): void {
    this.#received.unshift(...packets);
  }

  messages(): PublishPacket[] {
    return this.look().filter((packet) => packet.type === 'publish');
  }

  /** What came as `topic payload qos`, with `r` and `d` behind it for RETAIN and DUP. */
  texts(): string[] {
    return this.messages().map(
      ({ topic, payload, qos, retain, dup }) =>
        `${topic} ${Buffer.from(payload).toString()} ${qos}${retain ? 'r' : ''}${dup ? 'd' : ''}`,
    );
  }

  connect(options: ConnectOptions = {}): Packet[] {
    const packet = connectPacket(options);
    this.speak(packet.protocolLevel);
    return this.send(packet);
  }

  /** Reads and writes as a client of this level. */
  speak(level: ProtocolLevel): void {
    this.level = level;
    this.#reader.level = level;
  }

  subscribe(filter: string, qos: Qos = 0, options: Partial<SubscriptionRequest> = {}): Packet[] {
    return this.send({ type: 'subscribe', packetId: 9, filters: [{ filter, qos, ...options }] });
  }

  publish(
    topic: string,
    payload: string,
    qos: Qos = 0,
    packetId = 1,
    flags: { retain?: boolean; dup?: boolean; properties?: Properties } = {},
  ): Packet[] {
    return this.send(publishPacket(topic, payload, qos, packetId, flags));
  }

  ack(type: 'puback' | 'pubrec' | 'pubrel' | 'pubcomp', packetId: number, reasonCode = 0): Packet[] {
    return this.send({ type, packetId, reasonCode });
  }

  /** The network goes away without a word. */
  lose(): void {
    this.closed = true;
    this.connection.closed('connection lost');
  }
}

export function publishPacket(
  topic: string,
  payload: string,
  qos: Qos = 0,
  packetId = 1,
  flags: { retain?: boolean; dup?: boolean; properties?: Properties } = {},
): PublishPacket {
  return {
    type: 'publish',
    topic,
    payload: Buffer.from(payload),
    qos,
    retain: flags.retain ?? false,
    dup: flags.dup ?? false,
    packetId: qos === 0 ? 0 : packetId,
    properties: flags.properties ?? {},
  };
}

/** A started broker on a clock that the test moves. */
export class BrokerBench {
  readonly clock = new ManualClock();
  readonly broker: Broker;

  constructor(options: Partial<BrokerOptions> = {}, beforeStart: (broker: Broker) => void = () => undefined) {
    this.broker = new Broker({ clock: this.clock, log: silentLog, ...options });
    beforeStart(this.broker);
    this.broker.start();
  }

  unconnected(origin?: ConnectionOrigin): MemoryClient {
    return new MemoryClient(this.broker, origin);
  }

  /** A connected client. */
  client(clientId: string, options: ConnectOptions = {}): MemoryClient {
    const client = new MemoryClient(this.broker);
    const [connack, ...rest] = client.connect({ clientId, ...options });
    client.unlook(rest);
    if (connack?.type !== 'connack' || connack.reasonCode !== 0)
      throw new Error(`${clientId} was not let in`);
    return client;
  }
}
