import { Buffer } from 'node:buffer';
import { CodedError } from '../base/errors.ts';
import { asBuffer } from './codec/fields.ts';
import { lengthBytes, MAX_REMAINING_LENGTH, writeLength } from './codec/frame.ts';
import { PUBLISH } from './codec/packet.ts';
import type { Qos } from './types.ts';

const NO_BYTES: Buffer = Buffer.alloc(0);

/** Larger messages have memory of their own: to allocate it costs some 300 ns, and as much again to collect it. */
const MAX_SHARED_BYTES = 256;
/** Small, because one message of it that is not acknowledged keeps all of it. */
const SHARED_BYTES = 1_024;
let shared = NO_BYTES;
let sharedUsed = 0;

/** Memory whose `length` bytes before `sharedUsed` are the caller's. */
function shareOf(length: number): Buffer {
  if (sharedUsed + length > shared.length) {
    shared = Buffer.allocUnsafeSlow(SHARED_BYTES);
    sharedUsed = 0;
  }
  sharedUsed += length;
  return shared;
}

/** The two ways to write a PUBLISH: with properties (MQTT 5), or without (3.1 and 3.1.1). */
export type Layout = 4 | 5;

/** A message as a journal's row, a will or the station has it. */
export interface FrameSource {
  topic: string;
  payload: Uint8Array;
  /** Encoded v5 properties without the length in front, and without Topic Alias, Message Expiry Interval and ids. */
  properties?: Uint8Array | undefined;
  /** The publisher's. */
  qos: Qos;
  /** Wall time, ms since the epoch; 0 never. */
  expiresMs?: number | undefined;
  /** Client id, or null for the station. */
  publisher?: string | null | undefined;
  /** Wall time, ms since the epoch. */
  receivedMs?: number | undefined;
}

/**
 * One message as the packet it came in, with the offsets that sending it on needs. Topic and properties may lie
 * elsewhere: the topic behind an alias, properties without those that end at the broker.
 */
export class PublishFrame {
  bytes: Buffer = NO_BYTES;
  start = 0;
  /** The payload is `bytes[payloadStart..end)`. */
  payloadStart = 0;
  end = 0;
  topic = '';
  /** The topic without its length is `topicBytes[topicStart..topicEnd)`. */
  topicBytes: Buffer = NO_BYTES;
  topicStart = 0;
  topicEnd = 0;
  /** What goes to v5 receivers is `propertyBytes[propertiesStart..propertiesEnd)`, without the length in front. */
  propertyBytes: Buffer = NO_BYTES;
  propertiesStart = 0;
  propertiesEnd = 0;
  layout: Layout = 4;
  /** The publisher's QoS: above 0, `bytes` has room for a packet id. */
  qos: Qos = 0;
  /** Whether `bytes[start..end)` can be sent on as it is in its layout, but for header and packet id. */
  whole = true;
  /** Wall time, ms since the epoch, from which on nobody gets it (v5 §3.3.2.3.3); 0 never. */
  expiresMs = 0;
  /** Client id, or null for the station itself. */
  publisher: string | null = null;
  receivedMs = 0;
  /** Id of its row in the journal, 0 for none. As `references` of the copy that is kept, never of a view. */
  messageId = 0;
  /** Deliveries that the journal's row is kept for. */
  references = 0;
  /** Changes with every `point`: what was made of a view before is of no use then. */
  stamp = 0;
  /** Whether `bytes` is this frame's own, and not a view on a read buffer. */
  #owned = false;
  #copy: PublishFrame | null = null;
  #briefCopy: PublishFrame | null = null;

  /** Points this frame, which is a view, at another packet that is whole and carries no properties. */
  point(
    bytes: Buffer,
    start: number,
    payloadStart: number,
    end: number,
    topic: string,
    topicStart: number,
    topicEnd: number,
    layout: Layout,
    qos: Qos,
  ): void {
    this.bytes = bytes;
    this.start = start;
    this.payloadStart = payloadStart;
    this.end = end;
    this.topic = topic;
    this.topicBytes = bytes;
    this.topicStart = topicStart;
    this.topicEnd = topicEnd;
    this.propertyBytes = NO_BYTES;
    this.propertiesStart = 0;
    this.propertiesEnd = 0;
    this.layout = layout;
    this.qos = qos;
    this.whole = true;
    this.expiresMs = 0;
    this.stamp++;
    this.#copy = null;
    this.#briefCopy = null;
  }

  /** Bytes of the packet in its layout. */
  get size(): number {
    if (this.whole) return this.end - this.start;
    const remaining = this.#remaining;
    return 1 + lengthBytes(remaining) + remaining;
  }

  get payload(): Buffer {
    return this.bytes.subarray(this.payloadStart, this.end);
  }

  get properties(): Buffer {
    if (this.propertiesStart === this.propertiesEnd) return NO_BYTES;
    return this.propertyBytes.subarray(this.propertiesStart, this.propertiesEnd);
  }

  /** Whether nobody may get it any more. */
  expired(nowMs: number): boolean {
    return this.expiresMs !== 0 && this.expiresMs <= nowMs;
  }

  /** This frame when it owns its bytes, else the one copy that does: a view would pin a 64 KiB read buffer. */
  keep(): PublishFrame {
    if (this.#owned) return this;
    return (this.#copy ??= PublishFrame.#copyOf(this, false));
  }

  /**
   * The same for memory that is soon given back, as in the queue of a session that ends with its connection: small
   * messages share theirs with a few others, for a third of the cost, and keep it as long as the last of them lives.
   */
  keepBriefly(): PublishFrame {
    if (this.#owned) return this;
    return this.#copy ?? (this.#briefCopy ??= PublishFrame.#copyOf(this, true));
  }

  static #copyOf(from: PublishFrame, briefly: boolean): PublishFrame {
    const remaining = from.#remaining;
    const whole = from.whole && from.topicBytes === from.bytes;
    const length = whole ? from.end - from.start : 1 + lengthBytes(remaining) + remaining;
    if (from.topicEnd - from.topicStart > 65_535 || remaining > MAX_REMAINING_LENGTH) {
      throw new CodedError('mqtt.not_encodable', 'A topic or payload is longer than MQTT can say.');
    }
    const made = new PublishFrame();
    if (briefly && length <= MAX_SHARED_BYTES) {
      made.bytes = shareOf(length);
      made.start = sharedUsed - length;
    } else made.bytes = Buffer.allocUnsafeSlow(length);
    made.end = made.start + length;
    if (whole) made.#takeWhole(from);
    else made.#takeParts(from);
    made.topic = from.topic;
    made.layout = from.layout;
    made.qos = from.qos;
    made.expiresMs = from.expiresMs;
    made.publisher = from.publisher;
    made.receivedMs = from.receivedMs;
    made.#owned = true;
    return made;
  }

  /** Header byte and packet id come along; both are filled in for each receiver. */
  #takeWhole(from: PublishFrame): void {
    const by = this.start - from.start;
    from.bytes.copy(this.bytes, this.start, from.start, from.end);
    this.topicBytes = this.bytes;
    this.topicStart = from.topicStart + by;
    this.topicEnd = from.topicEnd + by;
    this.payloadStart = from.payloadStart + by;
    const properties = from.propertiesEnd - from.propertiesStart;
    if (properties === 0) return;
    this.propertyBytes = this.bytes;
    this.propertiesStart = this.payloadStart - properties;
    this.propertiesEnd = this.payloadStart;
  }

  #takeParts(from: PublishFrame): void {
    const { bytes, start } = this;
    const topicBytes = from.topicEnd - from.topicStart;
    const propertyBytes = from.propertiesEnd - from.propertiesStart;
    bytes[start] = (PUBLISH << 4) | (from.qos << 1);
    this.topicBytes = this.propertyBytes = bytes;
    this.topicStart = bytes.writeUInt16BE(topicBytes, writeLength(bytes, start + 1, from.#remaining));
    this.topicEnd = this.topicStart + topicBytes;
    from.topicBytes.copy(bytes, this.topicStart, from.topicStart, from.topicEnd);
    let at = this.topicEnd;
    if (from.qos > 0) at = bytes.writeUInt16BE(0, at);
    if (from.layout === 5) at = writeLength(bytes, at, propertyBytes);
    this.propertiesStart = at;
    from.propertyBytes.copy(bytes, at, from.propertiesStart, from.propertiesEnd);
    this.propertiesEnd = this.payloadStart = at + propertyBytes;
    from.bytes.copy(bytes, this.payloadStart, from.payloadStart, from.end);
  }

  /** Remaining Length of the packet in this frame's layout. */
  get #remaining(): number {
    const properties = this.propertiesEnd - this.propertiesStart;
    return (
      2 +
      (this.topicEnd - this.topicStart) +
      (this.qos === 0 ? 0 : 2) +
      (this.layout === 5 ? lengthBytes(properties) + properties : 0) +
      (this.end - this.payloadStart)
    );
  }
}

/** A frame to be pointed at packets in read buffers, one after the other. */
export function createView(): PublishFrame {
  return new PublishFrame();
}

/**
 * A frame that owns its bytes; topic, payload and properties are copied. Throws `mqtt.not_encodable` for a topic above
 * 65,535 bytes or a packet above 256 MiB.
 */
export function frameOf(source: FrameSource): PublishFrame {
  const { topic, payload, properties = NO_BYTES, qos } = source;
  const parts = createView();
  parts.bytes = asBuffer(payload);
  parts.end = payload.length;
  parts.topic = topic;
  parts.topicBytes = Buffer.from(topic);
  parts.topicEnd = parts.topicBytes.length;
  parts.propertyBytes = asBuffer(properties);
  parts.propertiesEnd = properties.length;
  parts.layout = properties.length > 0 ? 5 : 4;
  parts.qos = qos;
  parts.whole = false;
  parts.expiresMs = source.expiresMs ?? 0;
  parts.publisher = source.publisher ?? null;
  parts.receivedMs = source.receivedMs ?? 0;
  return parts.keep();
}
