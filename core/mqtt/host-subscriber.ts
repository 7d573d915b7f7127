import { Buffer } from 'node:buffer';
import type { Broker } from './broker.ts';
import { decodePacket } from './codec/decode.ts';
import { encodePacket } from './codec/encode.ts';
import type { Packet, PublishPacket } from './codec/packet.ts';
import { encodeProperties } from './codec/properties.ts';
import { HOST_PROFILE } from './origin.ts';
import { PacketReader } from './packet-reader.ts';
import type { Sink } from './sink.ts';
import type { InboundPublish, Qos } from './types.ts';

export interface HostSubscription {
  filter: string;
  /** 0 when left out: then a message that comes while nobody has time is dropped, as for any client. */
  qos?: Qos;
  /** Name for logs; several may have the same one. */
  clientId?: string;
}

/** Larger than anything that a client may send. */
const MAX_PACKET_BYTES = 268_435_455;

let subscribers = 0;

/**
 * A subscriber inside the station is a client of MQTT 5 without a network: it gets what a client gets, in the order
 * in which a client gets it, at the end of each turn. What publishers are is not told to subscribers, so `clientId`
 * and `username` are null. Returns how to unsubscribe.
 */
export function subscribeHost(
  broker: Broker,
  { filter, qos = 0, clientId = 'station' }: HostSubscription,
  onMessage: (publish: InboundPublish) => void,
  now: () => number,
  failed: (error: unknown) => void,
): () => void {
  const take = (packet: PublishPacket): void => {
    const { messageExpirySeconds: _, subscriptionIds: __, topicAlias: ___, ...forwarded } = packet.properties;
    const { topic, payload, retain } = packet;
    const properties = encodeProperties(forwarded);
    try {
      onMessage({
        ...{ topic, payload, qos: packet.qos, retain, properties },
        ...{ clientId: null, username: null, receivedMs: now() },
      });
    } catch (error) {
      failed(error);
    }
  };
  const answer = (packet: Packet): void => {
    if (packet.type === 'publish') {
      take(packet);
      if (packet.qos === 0) return;
      const type = packet.qos === 1 ? 'puback' : 'pubrec';
      tell({ type, packetId: packet.packetId, reasonCode: 0, properties: {} });
    } else if (packet.type === 'pubrel') {
      tell({ type: 'pubcomp', packetId: packet.packetId, reasonCode: 0, properties: {} });
    }
  };
  const receive = (bytes: Buffer, start: number, _body: number, end: number): void =>
    answer(decodePacket(bytes, start, end, 5));
  const reader = new PacketReader({ receive }, MAX_PACKET_BYTES);
  reader.level = 5;
  const connection = broker.open(new HostSink(reader, failed), { profile: HOST_PROFILE, certificate: null });
  const tell = (packet: Packet): void => connection.feed(encodePacket(packet, 5));
  tell({
    type: 'connect',
    protocolLevel: 5,
    cleanStart: true,
    keepAliveSeconds: 0,
    clientId: `${clientId}#${++subscribers}`,
    will: null,
    username: null,
    password: null,
    properties: {},
  });
  const wanted = { filter, qos, noLocal: false, retainAsPublished: true, retainHandling: 0 as const };
  tell({ type: 'subscribe', packetId: 1, filters: [wanted], properties: {} });
  return () => {
    connection.close('the station unsubscribes');
    connection.closed('the station unsubscribes');
  };
}

/**
 * Takes everything at once: nothing is ever held. It is read when the write is over, before anything else happens: what
 * the subscriber answers or publishes must not meet a connection that is in the middle of writing.
 */
class HostSink implements Sink {
  readonly address = 'station';
  readonly bufferedBytes = 0;
  readonly #reader: PacketReader;
  readonly #failed: (error: unknown) => void;
  #waiting: Buffer[] = [];

  constructor(reader: PacketReader, failed: (error: unknown) => void) {
    this.#reader = reader;
    this.#failed = failed;
  }

  write(bytes: Uint8Array): number {
    // Copied: the broker's buffer goes back to its pool.
    if (this.#waiting.push(Buffer.from(bytes)) === 1) queueMicrotask(() => this.#read());
    return 0;
  }

  writeAll(pieces: Uint8Array[]): number {
    for (const piece of pieces) this.write(piece);
    return 0;
  }

  pause(): void {
    // Nothing is read from it that could wait.
  }

  resume(): void {
    // As above.
  }

  end(): void {
    this.#reader.stop();
  }

  destroy(): void {
    this.#reader.stop();
  }

  #read(): void {
    const chunks = this.#waiting;
    this.#waiting = [];
    for (const chunk of chunks) {
      try {
        this.#reader.feed(chunk);
      } catch (error) {
        this.#failed(error);
      }
    }
  }
}
