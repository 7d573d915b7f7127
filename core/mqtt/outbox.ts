import type { Buffer } from 'node:buffer';
import { type BufferPool, MAX_POOLED_BYTES } from './buffer-pool.ts';
import { lengthBytes, writeLength } from './codec/frame.ts';
import { PUBLISH } from './codec/packet.ts';
import type { PublishFrame } from './publish-frame.ts';
import type { Sink } from './sink.ts';
import type { Qos } from './types.ts';

/** From this size on, bytes are passed on by reference: writing two pieces is then cheaper than copying one. */
const SHARE_BYTES = 16_384;
/** Up to this many bytes a loop beats the call of a copy. Measured on Node 24: 1 ns a byte against 32 ns. */
const LOOP_BYTES = 24;

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

  /** A packet of four bytes: every acknowledgement. */
  ack(header: number, packetId: number): void {
    const at = this.#reserve(4);
    const tail = this.#tail!;
    tail[at] = header;
    tail[at + 1] = 2;
    tail[at + 2] = packetId >> 8;
    tail[at + 3] = packetId & 255;
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
    if (length > LOOP_BYTES) bytes.copy(tail, at, start, end);
    else for (let i = 0; i < length; i++) tail[at + i] = bytes[start + i]!;
  }

  /**
   * A PUBLISH to one receiver. `flags` are the DUP and RETAIN bits of its header; `qos` is never above the
   * frame's own, and `packetId` counts only above 0.
   */
  publish(frame: PublishFrame, qos: Qos, packetId: number, flags: number): void {
    const { bytes, start, topicStart, topicEnd, end } = frame;
    const header = (PUBLISH << 4) | flags | (qos << 1);
    const payloadStart = frame.payloadStart;
    if (qos === 0 && frame.qos !== 0) {
      // The other layout: the same packet without its id.
      const remaining = end - topicStart;
      const at = this.#reserve(1 + lengthBytes(remaining));
      this.#tail![at] = header;
      writeLength(this.#tail!, at + 1, remaining);
      this.append(bytes, topicStart - 2, topicEnd);
      this.append(bytes, payloadStart, end);
      return;
    }
    const shares = end - start >= SHARE_BYTES;
    const length = shares ? payloadStart - start : end - start;
    const at = this.#reserve(length);
    const tail = this.#tail!;
    bytes.copy(tail, at, start, start + length);
    tail[at] = header;
    if (qos > 0) {
      const idAt = at + topicEnd - start;
      tail[idAt] = packetId >> 8;
      tail[idAt + 1] = packetId & 255;
    }
    if (shares) this.append(bytes, payloadStart, end);
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
