import { Buffer, isUtf8 } from 'node:buffer';
import { MalformedPacket } from './malformed.ts';

/** `bytes` as a Buffer over the same memory. */
export function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

/**
 * Strict text (MQTT 3.1.1 §1.5.3, v5 §1.5.4): well-formed UTF-8 without surrogates and without U+0000. Returns
 * whether it is ASCII; throws when it is no such text.
 */
export function checkText(bytes: Buffer, start: number, end: number): boolean {
  let seen = 0;
  for (let at = start; at < end; at++) {
    const byte = bytes[at]!;
    if (byte === 0) throw new MalformedPacket('utf8', 'Text with U+0000.');
    seen |= byte;
  }
  if (seen < 128) return true;
  if (!isUtf8(bytes.subarray(start, end))) throw new MalformedPacket('utf8', 'Text that is not UTF-8.');
  return false;
}

/** Strict text as a string. A byte order mark is kept as the character it is. */
export function decodeText(bytes: Buffer, start: number, end: number): string {
  return bytes.toString(checkText(bytes, start, end) ? 'latin1' : 'utf8', start, end);
}

/** Reads the fields of one packet in turn; never past `end`. */
export class FieldReader {
  readonly bytes: Buffer;
  readonly #end: number;
  #at: number;

  constructor(bytes: Buffer, start: number, end: number) {
    this.bytes = bytes;
    this.#at = start;
    this.#end = end;
  }

  get left(): number {
    return this.#end - this.#at;
  }

  byte(): number {
    return this.bytes[this.take(1)]!;
  }

  uint16(): number {
    const at = this.take(2);
    return (this.bytes[at]! << 8) | this.bytes[at + 1]!;
  }

  uint32(): number {
    return this.bytes.readUInt32BE(this.take(4));
  }

  /** A Variable Byte Integer: one to four bytes, as few as do (MQTT-1.5.5-1). */
  variable(): number {
    let value = 0;
    for (let shift = 0; shift < 28; shift += 7) {
      const byte = this.byte();
      value += (byte & 127) << shift;
      if (byte >= 128) continue;
      if (byte === 0 && shift > 0) break;
      return value;
    }
    throw new MalformedPacket('variable_integer', 'A variable byte integer is not minimal, or too long.');
  }

  /** A packet identifier: never 0 (MQTT-2.2.1-3, MQTT311-2.3.1-1). */
  packetId(): number {
    const id = this.uint16();
    if (id === 0) throw new MalformedPacket('packet_id', 'Packet identifier 0.');
    return id;
  }

  text(): string {
    const length = this.uint16();
    const at = this.take(length);
    return decodeText(this.bytes, at, at + length);
  }

  /** Length-prefixed binary data: a copy. */
  binary(): Uint8Array {
    const length = this.uint16();
    const at = this.take(length);
    return Uint8Array.prototype.slice.call(this.bytes, at, at + length);
  }

  /** All that is left: a view. */
  rest(): Buffer {
    const at = this.take(this.left);
    return this.bytes.subarray(at, this.#end);
  }

  done(): void {
    if (this.left > 0)
      throw new MalformedPacket('trailing_bytes', `${this.left} bytes behind the last field.`);
  }

  /** Goes past `count` bytes; returns where they begin. */
  take(count: number): number {
    const at = this.#at;
    if (at + count > this.#end) throw new MalformedPacket('truncated', 'A field ends behind its packet.');
    this.#at = at + count;
    return at;
  }
}
