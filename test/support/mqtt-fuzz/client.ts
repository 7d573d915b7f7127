import { asBuffer } from '../../../core/mqtt/codec/fields.ts';
import { decodePacket } from '../../../core/mqtt/codec/decode.ts';
import { encodePacket } from '../../../core/mqtt/codec/encode.ts';
import type { ConnectPacket, Packet, ProtocolLevel } from '../../../core/mqtt/codec/packet.ts';
import type { Connection } from '../../../core/mqtt/connection.ts';
import type { Broker } from '../../../core/mqtt/broker.ts';
import { LOCAL_PROFILE } from '../../../core/mqtt/origin.ts';
import { PacketReader } from '../../../core/mqtt/packet-reader.ts';
import { MemorySink } from '../mqtt-broker.ts';
import { BOUNDED_USER } from './access.ts';
import { mutate } from './mutations.ts';
import { type ClientPlan, makeConnect, makeDisconnect, makePacket } from './packets.ts';
import type { Random } from './random.ts';

/** Bytes that may come in one read, mostly all that there is. */
const READS = [1, 2, 3, 7, 50, 1_000, 65_536, 65_536];

/**
 * One connection that says valid things, or now and then invalid ones, in reads of any size, and answers what it gets.
 * It also reads everything as a strict client would: what it finds wrong is in `complaint`.
 */
export class FuzzClient {
  readonly sink = new MemorySink();
  readonly connection: Connection;
  readonly level: ProtocolLevel;
  /** It sends nothing that a broker may refuse. */
  readonly polite: boolean;
  /** Why the broker is wrong; null while it is not. */
  complaint: string | null = null;
  closed = false;
  /** The broker ended it, and that has been looked at. */
  judged = false;
  /** The transport has said that the end came. */
  reported = false;
  sent = 0;
  /** The last packet that came. */
  last: Packet | null = null;
  /** The last reads, to be shown when something goes wrong. */
  readonly recent: Buffer[] = [];
  readonly #random: Random;
  readonly #reader: PacketReader;
  readonly #connect: ConnectPacket;
  readonly #plan: ClientPlan;
  readonly #aliases = new Map<number, string>();
  #queue: Buffer;
  #left: number;

  constructor(broker: Broker, random: Random) {
    this.#random = random;
    this.level = random.pick([3, 4, 4, 5, 5, 5, 5] as const);
    this.polite = random.chance(0.4);
    this.#plan = { level: this.level, aliases: new Set(), nextId: random.below(65_535) };
    this.#left = 1 + random.below(30);
    this.#connect = makeConnect(random, this.level);
    if (this.polite) {
      // In front of CONNACK it would have to wait with everything but AUTH (MQTT-3.1.2-30).
      delete this.#connect.properties.authMethod;
      delete this.#connect.properties.authData;
      if (this.#connect.username === BOUNDED_USER) this.#connect.username = '€';
    }
    this.#queue = this.#bytesOf(this.#connect, 0.1);
    this.sink.onBytes = (bytes) => this.#read(bytes);
    this.sink.onClose = () => {
      this.closed = true;
    };
    const reader: PacketReader = new PacketReader(
      {
        receive: (bytes, start, _body, end) => {
          reader.level = this.connection.protocolLevel;
          this.#receive(Buffer.from(bytes.subarray(start, end)));
        },
      },
      268_435_460,
    );
    this.#reader = reader;
    this.connection = broker.open(this.sink, { profile: LOCAL_PROFILE, certificate: null });
  }

  /** Whether it has something to send. */
  get talks(): boolean {
    return !this.closed && (this.#queue.length > 0 || this.#left > 0);
  }

  /** The next read of the broker, or null when it does not read now. */
  step(): Buffer | null {
    if (this.sink.paused && this.#random.chance(0.9)) return null;
    while (this.#queue.length === 0 && this.#left > 0) {
      this.#left--;
      const leaves = this.#left === 0 && this.#random.chance(0.5);
      const packet = leaves ? makeDisconnect(this.#random) : makePacket(this.#random, this.#plan);
      this.#say(this.#bytesOf(packet, 0.12));
      if (!this.polite && this.#random.chance(0.03)) this.#say(this.#bytesOf(this.#connect, 0.1));
      if (!this.polite && this.#random.chance(0.03))
        this.#say(this.#random.bytes(1 + this.#random.below(40)));
    }
    if (this.#queue.length === 0) return null;
    const length = Math.min(this.#queue.length, 1 + this.#random.below(this.#random.pick(READS)));
    const read = Buffer.from(this.#queue.subarray(0, length));
    this.#queue = this.#queue.subarray(length);
    this.recent.push(read);
    if (this.recent.length > 12) this.recent.shift();
    return read;
  }

  /** The network goes away, or the client leaves without a word. */
  lose(): void {
    this.closed = true;
  }

  #say(bytes: Buffer): void {
    this.#queue = Buffer.concat([this.#queue, bytes]);
  }

  #bytesOf(packet: Packet, badPart: number): Buffer {
    this.sent++;
    const bytes = encodePacket(packet, this.level);
    if (this.polite || !this.#random.chance(badPart)) return bytes;
    return mutate(
      this.#random,
      packet,
      this.level,
      encodePacket(makePacket(this.#random, this.#plan), this.level),
    );
  }

  #read(bytes: Uint8Array): void {
    if (this.complaint !== null) return;
    try {
      this.#reader.level = this.connection.protocolLevel;
      this.#reader.feed(asBuffer(bytes));
    } catch (error) {
      this.complaint ??= `the broker sent what cannot be read: ${String(error)}`;
    }
  }

  #receive(bytes: Buffer): void {
    const packet = decodePacket(bytes, 0, bytes.length, this.connection.protocolLevel);
    if (this.last?.type === 'disconnect')
      this.complaint ??= `a ${packet.type} behind DISCONNECT (MQTT-3.14.4-1)`;
    this.last = packet;
    const limit = this.#connect.properties.maximumPacketBytes;
    if (this.polite && limit !== undefined && bytes.length > limit) {
      this.complaint ??= `a ${packet.type} of ${bytes.length} bytes for a client that takes ${limit} (MQTT-3.1.2-24)`;
    }
    if (packet.type === 'publish' && this.polite) {
      const { topicAlias } = packet.properties;
      const most = this.#connect.properties.topicAliasMaximum ?? 0;
      if (topicAlias !== undefined && topicAlias > most)
        this.complaint ??= `alias ${topicAlias} above ${most}`;
      if (topicAlias !== undefined && packet.topic !== '') this.#aliases.set(topicAlias, packet.topic);
      if (packet.topic === '' && !this.#aliases.has(topicAlias!))
        this.complaint ??= 'an alias without a topic';
    }
    this.#answer(packet);
  }

  #answer(packet: Packet): void {
    const more = { reasonCode: 0, properties: {} };
    let answer: Packet | null = null;
    if (packet.type === 'publish' && packet.qos > 0) {
      answer = { type: packet.qos === 1 ? 'puback' : 'pubrec', packetId: packet.packetId, ...more };
    } else if (packet.type === 'pubrec' && packet.reasonCode < 0x80) {
      answer = { type: 'pubrel', packetId: packet.packetId, ...more };
    } else if (packet.type === 'pubrel') {
      answer = { type: 'pubcomp', packetId: packet.packetId, ...more };
    } else if (packet.type === 'auth') {
      const authMethod = packet.properties.authMethod ?? '';
      answer = {
        type: 'auth',
        reasonCode: 0x18,
        properties: { authMethod, authData: this.#random.bytes(4) },
      };
    }
    if (answer !== null && this.#random.chance(0.85)) this.#say(this.#bytesOf(answer, 0.05));
  }
}
