import { asBuffer } from '../../../core/mqtt/codec/fields.ts';
import { decodePacket } from '../../../core/mqtt/codec/decode.ts';
import { encodePacket } from '../../../core/mqtt/codec/encode.ts';
import type { Packet } from '../../../core/mqtt/codec/packet.ts';
import type { Connection } from '../../../core/mqtt/connection.ts';
import type { Broker } from '../../../core/mqtt/broker.ts';
import { LOCAL_PROFILE } from '../../../core/mqtt/origin.ts';
import { PacketReader } from '../../../core/mqtt/packet-reader.ts';
import type { Qos } from '../../../core/mqtt/types.ts';
import { MemorySink } from '../mqtt-broker.ts';

const TOPIC = 'witness/of/the/fuzzing';
const DONE = { reasonCode: 0, properties: {} };

/** A well-behaved client of level 5 that answers at once. */
class PlainClient {
  readonly sink = new MemorySink();
  readonly connection: Connection;
  onPacket: (packet: Packet) => void = () => undefined;
  closed = false;
  /** What the broker is to read at the next `say`: never from within its own write. */
  #answers: Packet[] = [];

  constructor(broker: Broker, clientId: string) {
    const reader = new PacketReader(
      {
        receive: (bytes, start, _body, end) => {
          const packet = decodePacket(Buffer.from(bytes.subarray(start, end)), 0, end - start, 5);
          this.#answer(packet);
          this.onPacket(packet);
        },
      },
      268_435_460,
    );
    reader.level = 5;
    this.sink.onBytes = (bytes) => reader.feed(asBuffer(bytes));
    this.sink.onClose = () => {
      this.closed = true;
    };
    this.connection = broker.open(this.sink, { profile: LOCAL_PROFILE, certificate: null });
    this.say({
      type: 'connect',
      protocolLevel: 5,
      cleanStart: true,
      keepAliveSeconds: 0,
      clientId,
      will: null,
      username: null,
      password: null,
      properties: {},
    });
  }

  say(...packets: Packet[]): void {
    const all = [...this.#answers, ...packets];
    this.#answers = [];
    if (all.length > 0) this.connection.feed(Buffer.concat(all.map((packet) => encodePacket(packet, 5))));
  }

  #answer(packet: Packet): void {
    if (packet.type === 'publish' && packet.qos > 0) {
      const type = packet.qos === 1 ? 'puback' : 'pubrec';
      this.#answers.push({ type, packetId: packet.packetId, ...DONE });
    } else if (packet.type === 'pubrec')
      this.#answers.push({ type: 'pubrel', packetId: packet.packetId, ...DONE });
    else if (packet.type === 'pubrel')
      this.#answers.push({ type: 'pubcomp', packetId: packet.packetId, ...DONE });
  }
}

/** A publisher and a subscriber that have nothing to do with the fuzzing, and must not feel it. */
export class Witness {
  complaint: string | null = null;
  published = 0;
  received = 0;
  readonly #publisher: PlainClient;
  readonly #subscriber: PlainClient;

  constructor(broker: Broker) {
    this.#publisher = new PlainClient(broker, 'the-witness-who-publishes');
    this.#subscriber = new PlainClient(broker, 'the-witness-who-subscribes');
    const options = { qos: 2, noLocal: false, retainAsPublished: false, retainHandling: 0 } as const;
    this.#subscriber.say({
      type: 'subscribe',
      packetId: 1,
      filters: [{ filter: TOPIC, ...options }],
      properties: {},
    });
    this.#subscriber.onPacket = (packet) => {
      if (packet.type !== 'publish') return;
      const number = Number(Buffer.from(packet.payload).toString());
      if (number !== this.received)
        this.complaint ??= `message ${number} came where ${this.received} was due`;
      this.received++;
    };
  }

  publish(): void {
    const qos = (this.published % 3) as Qos;
    this.#publisher.say({
      type: 'publish',
      topic: TOPIC,
      payload: Buffer.from(String(this.published)),
      qos,
      retain: false,
      dup: false,
      packetId: qos === 0 ? 0 : (this.published % 60_000) + 1,
      properties: {},
    });
    this.published++;
  }

  /** Lets both answer what came. */
  answer(): void {
    this.#publisher.say();
    this.#subscriber.say();
    if (this.#publisher.closed || this.#subscriber.closed) this.complaint ??= 'a witness was thrown out';
  }

  /** Whether everything came. */
  get complete(): boolean {
    return this.received === this.published;
  }
}
