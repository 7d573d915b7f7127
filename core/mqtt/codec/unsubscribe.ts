import { Buffer } from 'node:buffer';
import { checkTopicFilter } from '../topic.ts';
import type { FieldReader } from './fields.ts';
import { legalCode, UNSUBACK_CODES } from './legal-codes.ts';
import { MalformedPacket } from './malformed.ts';
import { UNSUBACK, type UnsubackPacket, UNSUBSCRIBE, type UnsubscribePacket } from './packet.ts';
import { propertyBlock, readProperties } from './properties.ts';
import { ACK_PROPERTIES, UNSUBSCRIBE_PROPERTIES } from './property-table.ts';
import { assemble, text, uint16 } from './writing.ts';

/** UNSUBSCRIBE (3.1.1 §3.10, v5 §3.10). Without a filter it is refused (MQTT-3.10.3-2, MQTT311-3.10.3-2). */
export function decodeUnsubscribe(reader: FieldReader, level: number): UnsubscribePacket {
  const packetId = reader.packetId();
  const properties = level === 5 ? readProperties(reader, UNSUBSCRIBE_PROPERTIES) : {};
  const filters: string[] = [];
  while (reader.left > 0) {
    const filter = reader.text();
    checkTopicFilter(filter);
    filters.push(filter);
  }
  if (filters.length === 0) throw new MalformedPacket('no_filters', 'UNSUBSCRIBE without a filter.');
  return { type: 'unsubscribe', packetId, filters, properties };
}

export function encodeUnsubscribe(packet: UnsubscribePacket, level: number): Buffer {
  const parts: Uint8Array[] = [uint16(packet.packetId)];
  if (level === 5) parts.push(propertyBlock(packet.properties));
  parts.push(...packet.filters.map(text));
  return assemble((UNSUBSCRIBE << 4) | 2, parts);
}

/** UNSUBACK (3.1.1 §3.11, v5 §3.11). */
export function decodeUnsuback(reader: FieldReader, level: number): UnsubackPacket {
  const packetId = reader.packetId();
  if (level !== 5) return { type: 'unsuback', packetId, reasonCodes: [], properties: {} };
  const properties = readProperties(reader, ACK_PROPERTIES);
  const reasonCodes: number[] = [];
  while (reader.left > 0) reasonCodes.push(legalCode(reader.byte(), UNSUBACK_CODES, 'UNSUBACK'));
  if (reasonCodes.length === 0) throw new MalformedPacket('no_filters', 'UNSUBACK without a reason code.');
  return { type: 'unsuback', packetId, reasonCodes, properties };
}

export function encodeUnsuback(packet: UnsubackPacket, level: number): Buffer {
  const parts: Uint8Array[] = [uint16(packet.packetId)];
  if (level === 5) parts.push(propertyBlock(packet.properties), Buffer.from(packet.reasonCodes));
  return assemble(UNSUBACK << 4, parts);
}
