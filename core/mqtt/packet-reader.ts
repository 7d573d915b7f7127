import { Buffer } from 'node:buffer';
import { bodyStart, packetBytes } from './codec/frame.ts';
import { MalformedPacket } from './codec/malformed.ts';

/** Who gets the packets: `bytes[start..end)`, with the variable header at `body`. */
export interface PacketHandler {
  receive(bytes: Buffer, start: number, body: number, end: number): void;
}

const RUNNING = 0;
const PAUSED = 1;
const STOPPED = 2;

/** Header bytes 0x30-0x3d that are PUBLISH packets with legal flags, as a mask over their lower half. */
const LEGAL_PUBLISH = 0x3c3f;

/** Reads that were under way when reading was paused may still come; more than this is a broken transport. */
const MAX_LATE_BYTES = 4_194_304;

/**
 * Cuts a byte stream into packets. A whole packet is handed on where it lies in the read buffer; only the first
 * part of a split one is copied, into a buffer that grows with what has really come and not with what its header
 * promises.
 */
export class PacketReader {
  /**
   * Protocol level of what comes, which decides on the legal fixed headers. A handler that sees CONNECT sets it before
   * it returns, so that it holds for the very next packet.
   */
  level = 4;
  /** Largest whole packet that is taken, at least 256: holds from the next packet on. */
  maxPacketBytes: number;
  readonly #handler: PacketHandler;
  #state = RUNNING;
  /** The packet under way is to be handed on once more after the pause. */
  #again = false;
  #carry: Buffer | null = null;
  #carried = 0;

  constructor(handler: PacketHandler, maxPacketBytes: number) {
    this.#handler = handler;
    this.maxPacketBytes = maxPacketBytes;
  }

  /** Throws `MalformedPacket`, and whatever the handler throws; the stream is of no use then. */
  feed(chunk: Buffer): void {
    if (this.#state === STOPPED) return;
    if (this.#state === PAUSED) {
      this.#stash(chunk, 0);
      return;
    }
    const from = this.#carried === 0 ? 0 : this.#complete(chunk);
    if (from >= 0) this.#cut(chunk, from);
  }

  /** No packet is handed on until `resume`. With `again`, the one in the handler's hands comes once more. */
  pause(again = false): void {
    if (this.#state === RUNNING) this.#state = PAUSED;
    if (again) this.#again = true;
  }

  /** Goes on with what came meanwhile; throws as `feed` does. */
  resume(): void {
    if (this.#state !== PAUSED) return;
    this.#state = RUNNING;
    const carry = this.#carry;
    const carried = this.#carried;
    this.#carry = null;
    this.#carried = 0;
    if (carry !== null) this.#cut(carry.subarray(0, carried), 0);
  }

  /** Hands on nothing any more and forgets what it has. */
  stop(): void {
    this.#state = STOPPED;
    this.#carry = null;
    this.#carried = 0;
  }

  #cut(chunk: Buffer, from: number): void {
    const end = chunk.length;
    let at = from;
    while (at < end) {
      const header = chunk[at]!;
      let body = at + 2;
      let next: number;
      const remaining = body <= end ? chunk[at + 1]! : 128;
      if (remaining < 128 && header >> 4 === 3 && ((LEGAL_PUBLISH >> (header & 15)) & 1) === 1) {
        next = body + remaining;
      } else {
        const total = packetBytes(chunk, at, end, this.maxPacketBytes, this.level);
        if (total < 0) break;
        body = bodyStart(chunk, at);
        next = at + total;
      }
      if (next > end) break;
      this.#handler.receive(chunk, at, body, next);
      if (this.#state !== RUNNING) {
        if (this.#state === PAUSED) this.#stash(chunk, this.#again ? at : next);
        this.#again = false;
        return;
      }
      at = next;
    }
    if (at < end) this.#stash(chunk, at);
  }

  /** Adds to the carried packet; hands it on when it is whole. Offset of the next packet in `chunk`, or -1. */
  #complete(chunk: Buffer): number {
    let at = 0;
    let total = packetBytes(this.#carry!, 0, this.#carried, this.maxPacketBytes, this.level);
    while (total < 0 && at < chunk.length) {
      this.#append(chunk, at, ++at);
      total = packetBytes(this.#carry!, 0, this.#carried, this.maxPacketBytes, this.level);
    }
    if (total < 0) return -1;
    const take = Math.min(total - this.#carried, chunk.length - at);
    this.#append(chunk, at, at + take);
    if (this.#carried < total) return -1;
    const packet = this.#carry!.subarray(0, total);
    this.#carry = null;
    this.#carried = 0;
    this.#cut(packet, 0);
    if (this.#state === RUNNING) return at + take;
    if (this.#state === PAUSED) this.#stash(chunk, at + take);
    return -1;
  }

  #stash(chunk: Buffer, from: number): void {
    if (this.#carried + chunk.length - from > this.maxPacketBytes + MAX_LATE_BYTES) {
      throw new MalformedPacket('packet_too_large', 'More bytes came than a paused connection can hold.');
    }
    this.#append(chunk, from, chunk.length);
  }

  #append(chunk: Buffer, from: number, to: number): void {
    if (from >= to) return;
    const needed = this.#carried + to - from;
    if (this.#carry === null) this.#carry = Buffer.allocUnsafe(Math.max(needed, 16));
    else if (needed > this.#carry.length) {
      const wider = Buffer.allocUnsafeSlow(Math.max(needed, this.#carry.length * 2));
      this.#carry.copy(wider, 0, 0, this.#carried);
      this.#carry = wider;
    }
    chunk.copy(this.#carry, this.#carried, from, to);
    this.#carried = needed;
  }
}
