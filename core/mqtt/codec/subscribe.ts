import { Buffer } from 'node:buffer';
import { checkTopicFilter, parseShared } from '../topic.ts';
import type { Qos } from '../types.ts';
import type { FieldReader } from './fields.ts';
import { legalCode, SUBACK_CODES } from './legal-codes.ts';
import { MalformedPacket } from './malformed.ts';
import {
  SUBACK,
  type SubackPacket,
  SUBSCRIBE,
  SUBSCRIBE_REFUSED,
  type SubscribePacket,
  type SubscriptionRequest,
} from './packet.ts';
import { propertyBlock, readProperties } from './properties.ts';
import { ACK_PROPERTIES, SUBSCRIBE_PROPERTIES } from './property-table.ts';
import { MALFORMED_PACKET, PROTOCOL_ERROR } from './reason-codes.ts';
import { assemble, text, uint16 } from './writing.ts';

/** SUBSCRIBE (3.1.1 §3.8, v5 §3.8). Without a filter it is refused (MQTT-3.8.3-2, MQTT311-3.8.3-3). */
export function decodeSubscribe(reader: FieldReader, level: number): SubscribePacket {
  const packetId = reader.packetId();
  const properties = level === 5 ? readProperties(reader, SUBSCRIBE_PROPERTIES) : {};
  const filters: SubscriptionRequest[] = [];
  while (reader.left > 0) {
    const filter = reader.text();
    checkTopicFilter(filter);
    filters.push(decodeOptions(filter, reader.byte(), level));
  }
  if (filters.length === 0) throw new MalformedPacket('no_filters', 'SUBSCRIBE without a filter.');
  return { type: 'subscribe', packetId, filters, properties };
}

/** Subscription Options (v5 §3.8.3.1); below level 5 all but the QoS is reserved (MQTT311-3.8.3-4). */
function decodeOptions(filter: string, options: number, level: number): SubscriptionRequest {
  if ((options & (level === 5 ? 0xc0 : 0xfc)) !== 0) {
    throw badOptions('SUBSCRIBE with reserved options (MQTT-3.8.3-5).', MALFORMED_PACKET);
  }
  const qos = options & 3;
  const retainHandling = options >> 4;
  const noLocal = (options & 4) !== 0;
  if (qos === 3) throw new MalformedPacket('qos', 'SUBSCRIBE asks for QoS 3.', PROTOCOL_ERROR);
  if (retainHandling === 3) throw badOptions('SUBSCRIBE with Retain Handling 3.', PROTOCOL_ERROR);
  if (noLocal && parseShared(filter) !== null) {
    throw badOptions('No Local on a shared subscription (MQTT-3.8.3-4).', PROTOCOL_ERROR);
  }
  return {
    filter,
    qos: qos as Qos,
    noLocal,
    retainAsPublished: (options & 8) !== 0,
    retainHandling: retainHandling as 0 | 1 | 2,
  };
}

export function encodeSubscribe(packet: SubscribePacket, level: number): Buffer {
  const parts: Uint8Array[] = [uint16(packet.packetId)];
  if (level === 5) parts.push(propertyBlock(packet.properties));
  for (const { filter, qos, noLocal, retainAsPublished, retainHandling } of packet.filters) {
    const more = (noLocal ? 4 : 0) | (retainAsPublished ? 8 : 0) | (retainHandling << 4);
    parts.push(text(filter), Buffer.from([level === 5 ? qos | more : qos]));
  }
  return assemble((SUBSCRIBE << 4) | 2, parts);
}

/** SUBACK (3.1.1 §3.9, v5 §3.9). */
export function decodeSuback(reader: FieldReader, level: number): SubackPacket {
  const packetId = reader.packetId();
  const properties = level === 5 ? readProperties(reader, ACK_PROPERTIES) : {};
  const reasonCodes: number[] = [];
  while (reader.left > 0) {
    const code = reader.byte();
    if (level === 5) legalCode(code, SUBACK_CODES, 'SUBACK');
    else if (code > 2 && code !== SUBSCRIBE_REFUSED) {
      throw new MalformedPacket('return_code', `SUBACK with return code ${code} (MQTT311-3.9.3-2).`);
    }
    reasonCodes.push(code);
  }
  if (reasonCodes.length === 0) throw new MalformedPacket('no_filters', 'SUBACK without a reason code.');
  return { type: 'suback', packetId, reasonCodes, properties };
}

export function encodeSuback(packet: SubackPacket, level: number): Buffer {
  const parts: Uint8Array[] = [uint16(packet.packetId)];
  if (level === 5) parts.push(propertyBlock(packet.properties));
  parts.push(Buffer.from(packet.reasonCodes));
  return assemble(SUBACK << 4, parts);
}

function badOptions(message: string, reasonCode: number): MalformedPacket {
  return new MalformedPacket('subscription_options', message, reasonCode);
}
