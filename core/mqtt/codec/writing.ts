import { Buffer } from 'node:buffer';
import { CodedError } from '../../base/errors.ts';
import { lengthBytes, MAX_REMAINING_LENGTH, writeLength } from './frame.ts';

/** A whole packet: fixed header and the parts of its body in turn. */
export function assemble(header: number, parts: readonly Uint8Array[]): Buffer {
  let remaining = 0;
  for (const part of parts) remaining += part.length;
  if (remaining > MAX_REMAINING_LENGTH) throw notEncodable('A packet is longer than MQTT can say.');
  const bytes = Buffer.allocUnsafe(1 + lengthBytes(remaining) + remaining);
  bytes[0] = header;
  let at = writeLength(bytes, 1, remaining);
  for (const part of parts) {
    bytes.set(part, at);
    at += part.length;
  }
  return bytes;
}

/** A UTF-8 Encoded String: its length in two bytes, then its bytes. */
export function text(value: string): Buffer {
  const length = Buffer.byteLength(value);
  if (length > 65_535) throw notEncodable('A text is longer than 65,535 bytes.');
  const bytes = Buffer.allocUnsafe(2 + length);
  bytes.writeUInt16BE(length);
  bytes.write(value, 2);
  return bytes;
}

/** Binary Data: its length in two bytes, then its bytes. */
export function binary(value: Uint8Array): Buffer {
  if (value.length > 65_535) throw notEncodable('Binary data is longer than 65,535 bytes.');
  return Buffer.concat([uint16(value.length), value]);
}

export function uint16(value: number): Buffer {
  return Buffer.from([value >> 8, value & 255]);
}

export function notEncodable(message: string): CodedError {
  return new CodedError('mqtt.not_encodable', message);
}
