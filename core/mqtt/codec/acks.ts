import { Buffer } from 'node:buffer';
import type { FieldReader } from './fields.ts';
import { type LegalCodes, legalCode, PUBLISH_ACK_CODES, RELEASE_CODES } from './legal-codes.ts';
import { type AckPacket, PUBACK, PUBCOMP, PUBREC, PUBREL } from './packet.ts';
import { isEmpty, propertyBlock, readProperties } from './properties.ts';
import { ACK_PROPERTIES } from './property-table.ts';
import { assemble, uint16 } from './writing.ts';

const HEADERS: Record<AckPacket['type'], number> = {
  puback: PUBACK << 4,
  pubrec: PUBREC << 4,
  pubrel: (PUBREL << 4) | 2,
  pubcomp: PUBCOMP << 4,
};

const CODES: Record<AckPacket['type'], LegalCodes> = {
  puback: PUBLISH_ACK_CODES,
  pubrec: PUBLISH_ACK_CODES,
  pubrel: RELEASE_CODES,
  pubcomp: RELEASE_CODES,
};

/**
 * PUBACK, PUBREC, PUBREL or PUBCOMP (3.1.1 §3.4-3.7, v5 §3.4-3.7). Level 5 may leave out no properties, and with
 * them reason code 0.
 */
export function decodeAck(type: AckPacket['type'], reader: FieldReader, level: number): AckPacket {
  const packetId = reader.packetId();
  if (level !== 5 || reader.left === 0) return { type, packetId, reasonCode: 0, properties: {} };
  const reasonCode = legalCode(reader.byte(), CODES[type], type.toUpperCase());
  const properties = reader.left === 0 ? {} : readProperties(reader, ACK_PROPERTIES);
  return { type, packetId, reasonCode, properties };
}

export function encodeAck(packet: AckPacket, level: number): Buffer {
  const { type, packetId, reasonCode, properties } = packet;
  const parts: Uint8Array[] = [uint16(packetId)];
  if (level === 5) {
    const bare = isEmpty(properties);
    if (!bare || reasonCode !== 0) parts.push(Buffer.from([reasonCode]));
    if (!bare) parts.push(propertyBlock(properties));
  }
  return assemble(HEADERS[type], parts);
}
