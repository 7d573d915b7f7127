import { Buffer } from 'node:buffer';
import { checkTopicName } from '../topic.ts';
import type { Qos } from '../types.ts';
import type { FieldReader } from './fields.ts';
import { MalformedPacket } from './malformed.ts';
import { CONNECT, type ConnectPacket, type UnsupportedConnect, type Will } from './packet.ts';
import { propertyBlock, readProperties } from './properties.ts';
import { CONNECT_PROPERTIES, WILL_PROPERTIES } from './property-table.ts';
import { assemble, binary, text, uint16 } from './writing.ts';

/**
 * CONNECT (3.1.1 §3.1, v5 §3.1) of MQTT 3.1, 3.1.1 and 5.0. Other levels stop behind the level byte: their layout
 * is not known here.
 */
export function decodeConnect(reader: FieldReader): ConnectPacket | UnsupportedConnect {
  const name = reader.text();
  if (name !== 'MQTT' && name !== 'MQIsdp') {
    throw new MalformedPacket('protocol_name', 'The protocol name is not MQTT (MQTT-3.1.2-1).');
  }
  const protocolLevel = reader.byte();
  const spoken = name === 'MQTT' ? protocolLevel === 4 || protocolLevel === 5 : protocolLevel === 3;
  if (!spoken) return { type: 'connect-unsupported', protocolLevel };

  const flags = reader.byte();
  if ((flags & 1) !== 0) throw new MalformedPacket('connect_flags', 'CONNECT with its reserved flag set.');
  const keepAliveSeconds = reader.uint16();
  const properties = protocolLevel === 5 ? readProperties(reader, CONNECT_PROPERTIES) : {};
  const clientId = reader.text();
  const will = decodeWill(flags, reader, protocolLevel);
  // MQTT 3.1 §3.1: with the packet at its end, their flags promise nothing.
  const promised = protocolLevel === 3 ? () => reader.left > 0 : () => true;
  const username = (flags & 0x80) !== 0 && promised() ? reader.text() : null;
  const password = (flags & 0x40) !== 0 && promised() ? reader.binary() : null;
  // Level 5 allows it (v5 §3.1.2.9).
  if (password !== null && username === null && protocolLevel !== 5) {
    throw new MalformedPacket('connect_flags', 'A password without a user name (MQTT311-3.1.2-22).');
  }
  return {
    type: 'connect',
    protocolLevel,
    cleanStart: (flags & 2) !== 0,
    keepAliveSeconds,
    clientId,
    will,
    username,
    password,
    properties,
  } as ConnectPacket;
}

function decodeWill(flags: number, reader: FieldReader, level: number): Will | null {
  const qos = (flags >> 3) & 3;
  const retain = (flags & 0x20) !== 0;
  if ((flags & 4) === 0) {
    if (qos === 0 && !retain) return null;
    throw new MalformedPacket('connect_flags', 'Will QoS or Will Retain without a will.');
  }
  if (qos === 3) throw new MalformedPacket('qos', 'A will with QoS 3.');
  const properties = level === 5 ? readProperties(reader, WILL_PROPERTIES) : {};
  const topic = reader.text();
  checkTopicName(topic);
  return { topic, payload: reader.binary(), qos: qos as Qos, retain, properties };
}

export function encodeConnect(packet: ConnectPacket): Buffer {
  const { will, protocolLevel } = packet;
  let flags = packet.cleanStart ? 2 : 0;
  if (will !== null) flags |= 4 | (will.qos << 3) | (will.retain ? 0x20 : 0);
  if (packet.username !== null) flags |= 0x80;
  if (packet.password !== null) flags |= 0x40;
  const parts: Uint8Array[] = [
    text(protocolLevel === 3 ? 'MQIsdp' : 'MQTT'),
    Buffer.from([protocolLevel, flags]),
    uint16(packet.keepAliveSeconds),
  ];
  if (protocolLevel === 5) parts.push(propertyBlock(packet.properties));
  parts.push(text(packet.clientId));
  if (will !== null) {
    if (protocolLevel === 5) parts.push(propertyBlock(will.properties));
    parts.push(text(will.topic), binary(will.payload));
  }
  if (packet.username !== null) parts.push(text(packet.username));
  if (packet.password !== null) parts.push(binary(packet.password));
  return assemble(CONNECT << 4, parts);
}
