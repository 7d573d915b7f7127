import type { Buffer } from 'node:buffer';
import { type BufferPool, MAX_POOLED_BYTES } from './buffer-pool.ts';
import { lengthBytes, writeLength } from './codec/frame.ts';
import { PUBLISH } from './codec/packet.ts';
import type { OutboundAliases } from './outbound-aliases.ts';
import type { PublishFrame } from './publish-frame.ts';
import { copy, publishHead, writeUint16 } from './publish-head.ts';
import type { Sink } from './sink.ts';
import type { Qos } from './types.ts';

/** From this size on, bytes are passed on by reference: writing two pieces is then cheaper than copying one. */
const SHARE_BYTES = 16_384;
/** Fixed header and property length at their longest, and an alias. */
const MAX_HEAD_BYTES = 5 + 4 + 3;

// Property identifiers (v5 §2.2.2.2).
const MESSAGE_EXPIRY = 0x02;
const SUBSCRIPTION_ID = 0x0b;
const TOPIC_ALIAS = 0x23;

/** What a PUBLISH needs to know of the connection that it goes to. */
export interface Receiver {
  readonly protocolLevel: number;
  /** Null when the client takes none, and below level 5. */
  readonly aliases: OutboundAliases | null;
  /** Larger packets are not sent (MQTT-3.1.2-24); Infinity when the client set no bound. */
  readonly maximumPacketBytes: number;
}

/** What one connection has to say at the end of this turn: small packets side by side in one buffer. */
export class Outbox {
  readonly #pool: BufferPool;
  #tail: Buffer | null = null;
  #used = 0;
  /** Full buffers and shared pieces that go before the tail. */
  #pieces: Buffer[] | null = null;
  /** Those of the pieces' buffers that are the pool's. */
  #full: Buffer[] | null = null;
  /** Bytes that wait. */
  bytes = 0;

  constructor(pool: BufferPool) {
    this.#pool = pool;
  }

  /** An acknowledgement. Success takes four bytes in every version; another reason code (v5 §3.4.2.1) is the fifth. */
  ack(header: number, packetId: number, reasonCode = 0): void {
    const length = reasonCode === 0 ? 4 : 5;
    const at = this.#reserve(length);
    const tail = this.#tail!;
    tail[at] = header;
    tail[at + 1] = length - 2;
    tail[at + 2] = packetId >> 8;
    tail[at + 3] = packetId & 255;
    if (reasonCode !== 0) tail[at + 4] = reasonCode;
  }

  /** `bytes[start..end)` as they are. From 16 KiB on by reference: nobody may change them until they are sent. */
  append(bytes: Buffer, start: number, end: number): void {
    const length = end - start;
    if (length === 0) return;
    if (length >= SHARE_BYTES) {
      this.#share(bytes.subarray(start, end));
      return;
    }
    const at = this.#reserve(length);
    const tail = this.#tail!;
    copy(bytes, start, tail, at, length);
  }

  /**
   * A PUBLISH to one receiver. `qos` is never above the frame's own, `packetId` counts only above 0; `flags` are the DUP
   * and RETAIN bits of its header, `subscriptionIds` those of the subscriptions that it matched. `nowMs` counts only for
   * a frame that expires. False, and nothing is appended, when the packet would be above the receiver's maximum.
   */
  publish(
    frame: PublishFrame,
    receiver: Receiver,
    qos: Qos,
    packetId: number,
    flags: number,
    subscriptionIds: readonly number[] | null,
    nowMs: number,
  ): boolean {
    const header = (PUBLISH << 4) | flags | (qos << 1);
    const layout = receiver.protocolLevel === 5 ? 5 : 4;
    if (layout === 5 && (frame.expiresMs !== 0 || subscriptionIds !== null || receiver.aliases !== null)) {
      return this.#publishFor(frame, receiver, header, packetId, subscriptionIds, nowMs);
    }
    const hasId = qos > 0;
    const { bytes, payloadStart, end } = frame;
    if (frame.whole && frame.layout === layout && frame.qos > 0 === hasId) {
      const { start } = frame;
      if (end - start > receiver.maximumPacketBytes) return false;
      const shares = end - start >= SHARE_BYTES;
      const length = shares ? payloadStart - start : end - start;
      const at = this.#reserve(length);
      copy(bytes, start, this.#tail!, at, length);
      this.#patch(at, header, at + frame.topicEnd - start, packetId, hasId);
      if (shares) this.append(bytes, payloadStart, end);
      return true;
    }
    const head = publishHead(frame, layout, hasId);
    if (head.length + end - payloadStart > receiver.maximumPacketBytes) return false;
    const at = this.#reserve(head.length);
    copy(head.bytes, 0, this.#tail!, at, head.length);
    this.#patch(at, header, at + head.idAt, packetId, hasId);
    this.append(bytes, payloadStart, end);
    return true;
  }

  /**
   * Hands everything to the sink in one write. Returns how many bytes the sink still holds; buffers that it is
   * done with go back to the pool.
   */
  flush(sink: Sink): number {
    const tail = this.#tail;
    if (this.#pieces === null) {
      if (tail === null) return sink.bufferedBytes;
      const held = sink.write(tail.subarray(0, this.#used));
      if (held === 0) this.#pool.give(tail);
      this.#tail = null;
      this.bytes = 0;
      return held;
    }
    this.#retireTail();
    const held = sink.writeAll(this.#pieces!);
    if (held === 0 && this.#full !== null) for (const buffer of this.#full) this.#pool.give(buffer);
    this.#pieces = null;
    this.#full = null;
    this.bytes = 0;
    return held;
  }

  /** Forgets what waits. */
  clear(): void {
    if (this.#tail !== null) this.#pool.give(this.#tail);
    this.#tail = null;
    this.#pieces = null;
    this.#full = null;
    this.bytes = 0;
  }

  /** A v5 PUBLISH with what is this receiver's alone: the seconds that are left, an alias, subscription ids. */
  #publishFor(
    frame: PublishFrame,
    receiver: Receiver,
    header: number,
    packetId: number,
    subscriptionIds: readonly number[] | null,
    nowMs: number,
  ): boolean {
    const { bytes, payloadStart, end } = frame;
    const topicBytes = frame.topicEnd - frame.topicStart;
    const idBytes = (header & 6) === 0 ? 0 : 2;
    const shared = frame.propertiesEnd - frame.propertiesStart;
    let properties = shared + (frame.expiresMs === 0 ? 0 : 5);
    if (subscriptionIds !== null) for (const id of subscriptionIds) properties += 1 + lengthBytes(id);
    let remaining = 2 + topicBytes + idBytes + lengthBytes(properties) + properties + end - payloadStart;
    // An alias that is set in a packet that is not sent would be unknown to the client ever after, so there is none
    // where the packet with both alias and topic might be too large.
    let alias = 0;
    let known = false;
    const { aliases, maximumPacketBytes } = receiver;
    if (aliases !== null && MAX_HEAD_BYTES + remaining <= maximumPacketBytes) {
      alias = aliases.aliasOf(frame.topic, topicBytes);
      known = aliases.known;
      if (alias !== 0) {
        remaining += lengthBytes(properties + 3) - lengthBytes(properties) + 3 - (known ? topicBytes : 0);
        properties += 3;
      }
    }
    const length = 1 + lengthBytes(remaining) + remaining;
    if (length > maximumPacketBytes) return false;
    let at = this.#reserve(length - (end - payloadStart));
    const tail = this.#tail!;
    tail[at] = header;
    at = writeLength(tail, at + 1, remaining);
    at = writeUint16(tail, at, known ? 0 : topicBytes);
    if (!known) at = copy(frame.topicBytes, frame.topicStart, tail, at, topicBytes);
    if (idBytes > 0) at = writeUint16(tail, at, packetId);
    at = writeLength(tail, at, properties);
    at = copy(frame.propertyBytes, frame.propertiesStart, tail, at, shared);
    if (frame.expiresMs !== 0) {
      tail[at] = MESSAGE_EXPIRY;
      at = tail.writeUInt32BE(Math.max(0, Math.ceil((frame.expiresMs - nowMs) / 1_000)), at + 1);
    }
    if (alias !== 0) {
      tail[at] = TOPIC_ALIAS;
      at = writeUint16(tail, at + 1, alias);
    }
    if (subscriptionIds !== null) {
      for (const id of subscriptionIds) {
        tail[at] = SUBSCRIPTION_ID;
        at = writeLength(tail, at + 1, id);
      }
    }
    this.append(bytes, payloadStart, end);
    return true;
  }

  #patch(at: number, header: number, idAt: number, packetId: number, hasId: boolean): void {
    this.#tail![at] = header;
    if (hasId) writeUint16(this.#tail!, idAt, packetId);
  }

  /** Room for `length` bytes in the tail; returns where. */
  #reserve(length: number): number {
    const at = this.#used;
    if (this.#tail === null || at + length > this.#tail.length) return this.#grow(length);
    this.#used = at + length;
    this.bytes += length;
    return at;
  }

  #grow(length: number): number {
    const old = this.#tail;
    if (old === null) this.#tail = this.#pool.take(length);
    else if (this.#used + length <= MAX_POOLED_BYTES) {
      const tail = this.#pool.take(this.#used + length);
      old.copy(tail, 0, 0, this.#used);
      this.#pool.give(old);
      this.#tail = tail;
      this.#used += length;
      this.bytes += length;
      return this.#used - length;
    } else {
      this.#retireTail();
      this.#tail = this.#pool.take(length);
    }
    this.#used = length;
    this.bytes += length;
    return 0;
  }

  #share(piece: Buffer): void {
    this.#retireTail();
    (this.#pieces ??= []).push(piece);
    this.bytes += piece.length;
  }

  #retireTail(): void {
    const tail = this.#tail;
    if (tail === null) return;
    (this.#pieces ??= []).push(tail.subarray(0, this.#used));
    (this.#full ??= []).push(tail);
    this.#tail = null;
    this.#used = 0;
  }
}
