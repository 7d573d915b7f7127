import { Buffer } from 'node:buffer';
import type { FieldReader } from './fields.ts';
import { CONNACK_CODES, legalCode } from './legal-codes.ts';
import { MalformedPacket } from './malformed.ts';
import { CONNACK, type ConnackPacket } from './packet.ts';
import { propertyBlock, readProperties } from './properties.ts';
import { CONNACK_PROPERTIES } from './property-table.ts';
import { PROTOCOL_ERROR } from './reason-codes.ts';
import { assemble } from './writing.ts';

/** CONNACK (3.1.1 §3.2, v5 §3.2). */
export function decodeConnack(reader: FieldReader, level: number): ConnackPacket {
  const flags = reader.byte();
  const reasonCode = reader.byte();
  if (flags > 1) throw new MalformedPacket('connect_flags', 'CONNACK with reserved flags (MQTT-3.2.2-1).');
  if (level === 5) legalCode(reasonCode, CONNACK_CODES, 'CONNACK');
  else if (reasonCode > 5)
    throw new MalformedPacket('return_code', `CONNACK with return code ${reasonCode}.`);
  if (reasonCode > 0 && flags === 1) {
    throw new MalformedPacket(
      'return_code',
      'CONNACK with a session behind a refusal (MQTT-3.2.2-6, MQTT311-3.2.2-4).',
      PROTOCOL_ERROR,
    );
  }
  const properties = level === 5 ? readProperties(reader, CONNACK_PROPERTIES) : {};
  return { type: 'connack', sessionPresent: flags === 1, reasonCode, properties };
}

export function encodeConnack(packet: ConnackPacket, level: number): Buffer {
  const head = Buffer.from([packet.sessionPresent ? 1 : 0, packet.reasonCode]);
  return assemble(CONNACK << 4, level === 5 ? [head, propertyBlock(packet.properties)] : [head]);
}
