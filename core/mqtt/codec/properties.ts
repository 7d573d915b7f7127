import { Buffer } from 'node:buffer';
import { asBuffer, FieldReader } from './fields.ts';
import { lengthBytes, writeLength } from './frame.ts';
import { MalformedPacket } from './malformed.ts';
import type { Properties } from './packet.ts';
import {
  AUTH_DATA,
  AUTH_METHOD,
  PROPERTIES,
  PROPERTY_BY_ID,
  type PropertyInfo,
  RESPONSE_TOPIC,
  SUBSCRIPTION_ID,
  SUBSCRIPTION_IDS_REPEAT,
  TOPIC_ALIAS,
  USER_PROPERTY,
} from './property-table.ts';
import { MALFORMED_PACKET, PROTOCOL_ERROR } from './reason-codes.ts';
import { binary, notEncodable, text, uint16 } from './writing.ts';

const AUTH_METHOD_BIT = PROPERTY_BY_ID[AUTH_METHOD]!.bit;
const AUTH_DATA_BIT = PROPERTY_BY_ID[AUTH_DATA]!.bit;

/** Property Length and properties (v5 §2.2.2) at the reader's place. */
export function readProperties(reader: FieldReader, allowedMask: number): Properties {
  const length = reader.variable();
  const at = reader.take(length);
  return decodeProperties(reader.bytes, at, at + length, allowedMask);
}

/**
 * The properties in `bytes[start..end)`, which is what Property Length counts. Binary values are copies. Throws
 * `MalformedPacket`: with Malformed Packet (0x81) what cannot be read or has no place in `allowedMask` (v5
 * §2.2.2.2), with Protocol Error (0x82) what comes twice or has a value that is not allowed (v5 §3.1.2.11 and its
 * like for the other packets).
 */
export function decodeProperties(
  bytes: Uint8Array,
  start: number,
  end: number,
  allowedMask: number,
): Properties {
  const properties: Properties = {};
  if (start === end) return properties;
  const reader = new FieldReader(asBuffer(bytes), start, end);
  let seen = 0;
  while (reader.left > 0) {
    const info = propertyInfo(reader.byte(), allowedMask);
    if ((seen & info.bit) !== 0) checkRepeat(info, allowedMask);
    seen |= info.bit;
    decodeValue(reader, info, properties);
  }
  if ((seen & (AUTH_METHOD_BIT | AUTH_DATA_BIT)) === AUTH_DATA_BIT) {
    throw new MalformedPacket(
      'property',
      'Authentication Data without Authentication Method.',
      PROTOCOL_ERROR,
    );
  }
  return properties;
}

/** What property `id` is; throws when there is none, or none that belongs here. */
export function propertyInfo(id: number, allowedMask: number): PropertyInfo {
  const info = PROPERTY_BY_ID[id];
  if (info !== undefined && (allowedMask & info.bit) !== 0) return info;
  const what = info === undefined ? 'There is no such property' : 'This packet may not carry that property';
  throw new MalformedPacket('property', `${what}: ${id}.`, MALFORMED_PACKET);
}

/** A property that was there before: User Properties may, and Subscription Identifiers of a server's PUBLISH. */
export function checkRepeat(info: PropertyInfo, allowedMask: number): void {
  if (info.id === USER_PROPERTY) return;
  if (info.id === SUBSCRIPTION_ID && (allowedMask & SUBSCRIPTION_IDS_REPEAT) !== 0) return;
  throw new MalformedPacket('property', `The property ${info.name} comes twice.`, PROTOCOL_ERROR);
}

/** Flags are 0 or 1, and some numbers are never 0. */
export function checkNumber(info: PropertyInfo, value: number): void {
  if (info.type === 'flag' ? value <= 1 : value > 0 || !info.neverZero) return;
  const reason = info.id === TOPIC_ALIAS ? 'topic_alias' : 'property';
  const code = info.id === TOPIC_ALIAS ? undefined : PROTOCOL_ERROR;
  throw new MalformedPacket(reason, `The property ${info.name} is ${value}.`, code);
}

/** A Response Topic is a topic name (MQTT-3.3.2-14, MQTT-4.7.3-1). */
export function badResponseTopic(): MalformedPacket {
  return new MalformedPacket('property', 'A Response Topic that is empty or has a wildcard.', PROTOCOL_ERROR);
}

function decodeValue(reader: FieldReader, info: PropertyInfo, properties: Properties): void {
  const values = properties as Record<string, unknown>;
  switch (info.type) {
    case 'flag':
      values[info.name] = checked(info, reader.byte());
      break;
    case 'uint16':
      values[info.name] = checked(info, reader.uint16());
      break;
    case 'uint32':
      values[info.name] = checked(info, reader.uint32());
      break;
    case 'variable':
      (properties.subscriptionIds ??= []).push(checked(info, reader.variable()));
      break;
    case 'text': {
      const value = reader.text();
      if (info.id === RESPONSE_TOPIC && (value === '' || /[+#]/.test(value))) throw badResponseTopic();
      values[info.name] = value;
      break;
    }
    case 'binary':
      values[info.name] = reader.binary();
      break;
    case 'pair':
      (properties.userProperties ??= []).push([reader.text(), reader.text()]);
      break;
  }
}

function checked(info: PropertyInfo, value: number): number {
  checkNumber(info, value);
  return value;
}

/**
 * The bytes that Property Length counts, without that length; empty for `{}`. Values out of their range fail with
 * `mqtt.not_encodable`; which packet may carry them is the caller's matter.
 */
export function encodeProperties(properties: Properties): Buffer {
  const parts: Uint8Array[] = [];
  for (const info of PROPERTIES) {
    const value = properties[info.name];
    if (value === undefined) continue;
    if (info.type === 'variable') {
      for (const id of properties.subscriptionIds!) parts.push(single(info), variable(id));
    } else if (info.type === 'pair') {
      for (const [name, content] of properties.userProperties!) {
        parts.push(single(info), text(name), text(content));
      }
    } else parts.push(single(info), encodeValue(info, value as number | string | Uint8Array));
  }
  return Buffer.concat(parts);
}

/** Property Length and properties, as they stand in a packet. */
export function propertyBlock(properties: Properties): Buffer {
  const encoded = encodeProperties(properties);
  return Buffer.concat([variable(encoded.length), encoded]);
}

/** How many bytes `propertyBlock` has. */
export function propertyBlockBytes(properties: Properties): number {
  const { length } = encodeProperties(properties);
  return lengthBytes(length) + length;
}

/** Whether there is no property at all. */
export function isEmpty(properties: Properties): boolean {
  for (const name in properties) if (properties[name as keyof Properties] !== undefined) return false;
  return true;
}

function encodeValue(info: PropertyInfo, value: number | string | Uint8Array): Buffer {
  if (typeof value === 'string') return text(value);
  if (typeof value !== 'number') return binary(value);
  const largest = info.type === 'flag' ? 1 : info.type === 'uint16' ? 0xffff : 0xffff_ffff;
  if (!Number.isInteger(value) || value < 0 || value > largest) {
    throw notEncodable(`The property ${info.name} cannot be ${value}.`);
  }
  if (info.type === 'flag') return Buffer.from([value]);
  if (info.type === 'uint16') return uint16(value);
  const bytes = Buffer.allocUnsafe(4);
  bytes.writeUInt32BE(value);
  return bytes;
}

function single(info: PropertyInfo): Buffer {
  return Buffer.from([info.id]);
}

function variable(value: number): Buffer {
  if (!Number.isInteger(value) || value < 0 || value > 268_435_455) {
    throw notEncodable(`${value} is no variable byte integer.`);
  }
  const bytes = Buffer.allocUnsafe(lengthBytes(value));
  writeLength(bytes, 0, value);
  return bytes;
}
