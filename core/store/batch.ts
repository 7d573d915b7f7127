import { MqttBatch } from './mqtt-batch.ts';
import type { Highest } from './mqtt-batch.ts';
import type { BatchRows } from './protocol.ts';
import type {
  CoapRegistrationRecord,
  CoapResourceRecord,
  DeviceRecord,
  MessageRecord,
  SeriesRecord,
  TopicRecord,
} from './types.ts';

/** Bytes that a waiting reading costs: 4 + 8 + 8 + 8. */
export const READING_BYTES = 28;
/** What any other row costs besides its payload, roughly. */
const ROW_BYTES = 256;
const FIRST_CAPACITY = 512;

/**
 * What is committed together: columns of readings, and rows of everything else. It stays with the host until the
 * writer has committed it, so that it can be sent again; its columns are then used for a later batch.
 */
export class Batch {
  sequence = 0;
  length = 0;
  /** Someone waits for this batch: it does not linger. */
  urgent = false;
  /** Its sequence was told to someone: it passes through the line even when nothing is left in it. */
  promised = false;
  /** What the broker keeps. */
  readonly mqtt: MqttBatch;
  #bytes = 0;
  #capacity = FIRST_CAPACITY;
  #series = new Int32Array(FIRST_CAPACITY);
  #t = new Float64Array(FIRST_CAPACITY);
  #v = new Float64Array(FIRST_CAPACITY);
  #received = new Float64Array(FIRST_CAPACITY);
  readonly #devices = new Map<number, DeviceRecord>();
  readonly #seriesRows = new Map<number, SeriesRecord>();
  readonly #resources = new Map<string, CoapResourceRecord>();
  readonly #registrations = new Map<string, CoapRegistrationRecord>();
  readonly #topics = new Map<string, TopicRecord>();
  #messages: MessageRecord[] = [];

  constructor(highest: Highest) {
    this.mqtt = new MqttBatch(highest);
  }

  /** Costs in the backlog, roughly. */
  get bytes(): number {
    return this.#bytes + this.mqtt.bytes;
  }

  /** Nothing is in it, and nobody waits for it. */
  get empty(): boolean {
    return !this.promised && this.bytes === 0;
  }

  /** From now on it is filled, behind all batches that were filled before. */
  begin(sequence: number): void {
    this.sequence = sequence;
    this.mqtt.begin();
  }

  addReading(series: number, t: number, v: number, receivedMs: number): void {
    if (this.length === this.#capacity) this.#grow();
    const i = this.length++;
    this.#series[i] = series;
    this.#t[i] = t;
    this.#v[i] = v;
    this.#received[i] = receivedMs;
    this.#bytes += READING_BYTES;
  }

  /** `record` must not change afterwards. */
  putDevice(record: DeviceRecord): void {
    this.#devices.set(record.id, record);
    this.#bytes += ROW_BYTES;
  }

  putSeries(record: SeriesRecord): void {
    this.#seriesRows.set(record.id, record);
    this.#bytes += ROW_BYTES;
  }

  putResource(record: CoapResourceRecord): void {
    this.#resources.set(record.uri, record);
    this.#bytes += ROW_BYTES;
  }

  putRegistration(record: CoapRegistrationRecord): void {
    this.#registrations.set(record.location, record);
    this.#bytes += ROW_BYTES + (record.registration?.length ?? 0);
  }

  /** The record is read when the batch is sent; a later one of the same topic takes its place. */
  putTopic(record: TopicRecord): void {
    const before = this.#topics.get(record.topic);
    this.#topics.set(record.topic, record);
    if (before === undefined) this.#bytes += ROW_BYTES + record.topic.length;
    this.#bytes += record.payload.length - (before?.payload.length ?? 0);
  }

  addMessage(record: MessageRecord): void {
    this.#messages.push(record);
    this.#bytes += ROW_BYTES + record.topic.length + record.payload.length;
  }

  /** A copy to send away, and the buffers in it that can be handed over instead of copied once more. */
  toRows(): { rows: BatchRows; transfer: ArrayBuffer[] } {
    const seriesOf = this.#series.slice(0, this.length);
    const t = this.#t.slice(0, this.length);
    const v = this.#v.slice(0, this.length);
    const received = this.#received.slice(0, this.length);
    const mqtt = this.mqtt.toRows();
    const rows: BatchRows = {
      sequence: this.sequence,
      seriesOf,
      t,
      v,
      received,
      devices: [...this.#devices.values()],
      series: [...this.#seriesRows.values()],
      resources: [...this.#resources.values()],
      registrations: [...this.#registrations.values()],
      topics: [...this.#topics.values()].map(plainTopic),
      messages: this.#messages,
      mqtt: mqtt.rows,
    };
    const columns = this.length === 0 ? [] : [seriesOf.buffer, t.buffer, v.buffer, received.buffer];
    return { rows, transfer: [...columns, ...mqtt.transfer] };
  }

  reset(): void {
    this.length = 0;
    this.#bytes = 0;
    this.mqtt.reset();
    this.urgent = false;
    this.promised = false;
    this.#devices.clear();
    this.#seriesRows.clear();
    this.#resources.clear();
    this.#registrations.clear();
    this.#topics.clear();
    this.#messages = [];
  }

  #grow(): void {
    this.#capacity *= 2;
    this.#series = copied(this.#series, new Int32Array(this.#capacity));
    this.#t = copied(this.#t, new Float64Array(this.#capacity));
    this.#v = copied(this.#v, new Float64Array(this.#capacity));
    this.#received = copied(this.#received, new Float64Array(this.#capacity));
  }
}

function copied<T extends Int32Array | Float64Array>(from: T, into: T): T {
  into.set(from);
  return into;
}

/** Only the fields of the record, and only the payload's own bytes: a view crosses with all that it looks into. */
function plainTopic(record: TopicRecord): TopicRecord {
  const { topic, deviceId, messages, receivedMs, qos, retain, client, payloadBytes, rawReason } = record;
  const payload = new Uint8Array(record.payload);
  return {
    topic,
    deviceId,
    messages,
    receivedMs,
    qos,
    retain,
    client,
    payload,
    payloadBytes,
    rawReason,
  };
}
