import { Buffer } from 'node:buffer';
import type { FieldReader } from './fields.ts';
import { AUTH_CODES, DISCONNECT_CODES, legalCode } from './legal-codes.ts';
import { MalformedPacket } from './malformed.ts';
import { AUTH, type AuthPacket, DISCONNECT, type DisconnectPacket } from './packet.ts';
import { isEmpty, propertyBlock, readProperties } from './properties.ts';
import { AUTH_PROPERTIES, DISCONNECT_PROPERTIES } from './property-table.ts';
import { PROTOCOL_ERROR } from './reason-codes.ts';
import { assemble } from './writing.ts';

/** DISCONNECT (3.1.1 §3.14, v5 §3.14). Level 5 may leave out no properties, and with them reason code 0. */
export function decodeDisconnect(reader: FieldReader, level: number): DisconnectPacket {
  if (level !== 5 || reader.left === 0) return { type: 'disconnect', reasonCode: 0, properties: {} };
  const reasonCode = legalCode(reader.byte(), DISCONNECT_CODES, 'DISCONNECT');
  const properties = reader.left === 0 ? {} : readProperties(reader, DISCONNECT_PROPERTIES);
  return { type: 'disconnect', reasonCode, properties };
}

export function encodeDisconnect({ reasonCode, properties }: DisconnectPacket, level: number): Buffer {
  const parts: Uint8Array[] = [];
  if (level === 5) {
    const bare = isEmpty(properties);
    if (!bare || reasonCode !== 0) parts.push(Buffer.from([reasonCode]));
    if (!bare) parts.push(propertyBlock(properties));
  }
  return assemble(DISCONNECT << 4, parts);
}

/**
 * AUTH of level 5 (v5 §3.15): nothing at all means success, and everything else names its Authentication Method (v5
 * §3.15.2.2.2).
 */
export function decodeAuth(reader: FieldReader): AuthPacket {
  if (reader.left === 0) return { type: 'auth', reasonCode: 0, properties: {} };
  const reasonCode = legalCode(reader.byte(), AUTH_CODES, 'AUTH');
  const properties = readProperties(reader, AUTH_PROPERTIES);
  if (properties.authMethod === undefined) {
    throw new MalformedPacket('property', 'AUTH without Authentication Method.', PROTOCOL_ERROR);
  }
  return { type: 'auth', reasonCode, properties };
}

export function encodeAuth({ reasonCode, properties }: AuthPacket): Buffer {
  const bare = reasonCode === 0 && isEmpty(properties);
  return assemble(AUTH << 4, bare ? [] : [Buffer.from([reasonCode]), propertyBlock(properties)]);
}
