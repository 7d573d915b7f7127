import { Buffer } from 'node:buffer';
import { CodedError } from '../base/errors.ts';
import { lengthBytes, MAX_REMAINING_LENGTH, writeLength } from './codec/frame.ts';
import { PUBLISH } from './codec/packet.ts';
import type { Qos } from './types.ts';

/**
 * One PUBLISH packet as the bytes it came in, with the offsets that sending it on needs. There are two layouts,
 * with and without a packet id; in either the header byte and the id are patched per receiver, everything else is
 * copied as it is.
 */
export class PublishFrame {
  bytes: Buffer;
  start: number;
  end: number;
  /** First byte of the topic, behind its length. */
  topicStart: number;
  topicEnd: number;
  /** The publisher's QoS: above 0, two bytes of packet id follow the topic. */
  qos: Qos;
  /** Whether `bytes` is this frame's own, and not a view on a read buffer. */
  #owned: boolean;
  #copy: PublishFrame | null = null;

  constructor(
    bytes: Buffer,
    start: number,
    end: number,
    topicStart: number,
    topicEnd: number,
    qos: Qos,
    owned: boolean,
  ) {
    this.bytes = bytes;
    this.start = start;
    this.end = end;
    this.topicStart = topicStart;
    this.topicEnd = topicEnd;
    this.qos = qos;
    this.#owned = owned;
  }

  get size(): number {
    return this.end - this.start;
  }

  get payloadStart(): number {
    return this.qos === 0 ? this.topicEnd : this.topicEnd + 2;
  }

  /** Points this frame, which is a view, at another packet. */
  point(bytes: Buffer, start: number, end: number, topicStart: number, topicEnd: number, qos: Qos): void {
    this.bytes = bytes;
    this.start = start;
    this.end = end;
    this.topicStart = topicStart;
    this.topicEnd = topicEnd;
    this.qos = qos;
    this.#copy = null;
  }

  /** This frame when it owns its bytes, else the one copy that does: a view would pin a 64 KiB read buffer. */
  keep(): PublishFrame {
    if (this.#owned) return this;
    if (this.#copy === null) {
      const { start, size } = this;
      const bytes = Buffer.allocUnsafeSlow(size);
      this.bytes.copy(bytes, 0, start, this.end);
      this.#copy = new PublishFrame(
        bytes,
        0,
        size,
        this.topicStart - start,
        this.topicEnd - start,
        this.qos,
        true,
      );
    }
    return this.#copy;
  }
}

/** A frame to be pointed at packets in read buffers, one after the other. */
export function createView(): PublishFrame {
  return new PublishFrame(Buffer.alloc(0), 0, 0, 0, 0, 0, false);
}

/** A frame of the station's own making; the payload is copied. Topic and sizes as in `encodePacket`. */
export function createFrame(topic: string, payload: Uint8Array, qos: Qos): PublishFrame {
  const topicBytes = Buffer.byteLength(topic);
  const remaining = 2 + topicBytes + (qos === 0 ? 0 : 2) + payload.length;
  if (topicBytes > 65_535 || remaining > MAX_REMAINING_LENGTH) {
    throw new CodedError('mqtt.not_encodable', 'A topic or payload is longer than MQTT can say.');
  }
  const bytes = Buffer.allocUnsafeSlow(1 + lengthBytes(remaining) + remaining);
  bytes[0] = (PUBLISH << 4) | (qos << 1);
  const lengthAt = writeLength(bytes, 1, remaining);
  const topicStart = bytes.writeUInt16BE(topicBytes, lengthAt);
  const topicEnd = topicStart + bytes.write(topic, topicStart);
  if (qos > 0) bytes.writeUInt16BE(0, topicEnd);
  bytes.set(payload, qos === 0 ? topicEnd : topicEnd + 2);
  return new PublishFrame(bytes, 0, bytes.length, topicStart, topicEnd, qos, true);
}
