import { Buffer } from 'node:buffer';
import { CodedError } from '../../base/errors.ts';
import { lengthBytes, MAX_REMAINING_LENGTH, writeLength } from './frame.ts';
import * as types from './packet.ts';
import type { ConnectPacket, Packet } from './packet.ts';

const HEADERS = {
  puback: types.PUBACK << 4,
  pubrec: types.PUBREC << 4,
  pubrel: (types.PUBREL << 4) | 2,
  pubcomp: types.PUBCOMP << 4,
  unsuback: types.UNSUBACK << 4,
  pingreq: types.PINGREQ << 4,
  pingresp: types.PINGRESP << 4,
  disconnect: types.DISCONNECT << 4,
} as const;

/**
 * The bytes of one packet. Text above 65,535 bytes and packets above 268,435,455 bytes fail with
 * `mqtt.not_encodable`; what a peer may not send is the caller's matter.
 */
export function encodePacket(packet: Packet): Buffer {
  switch (packet.type) {
    case 'connect':
      return encodeConnect(packet);
    case 'connect-unsupported':
      return assemble(types.CONNECT << 4, [text('MQTT'), Buffer.from([packet.protocolLevel])]);
    case 'connack':
      return Buffer.from([types.CONNACK << 4, 2, packet.sessionPresent ? 1 : 0, packet.returnCode]);
    case 'publish': {
      const flags = (packet.dup ? 8 : 0) | (packet.qos << 1) | (packet.retain ? 1 : 0);
      const id = packet.qos === 0 ? Buffer.alloc(0) : uint16(packet.packetId);
      return assemble((types.PUBLISH << 4) | flags, [text(packet.topic), id, packet.payload]);
    }
    case 'subscribe': {
      const parts = packet.filters.flatMap(({ filter, qos }) => [text(filter), Buffer.from([qos])]);
      return assemble((types.SUBSCRIBE << 4) | 2, [uint16(packet.packetId), ...parts]);
    }
    case 'suback':
      return assemble(types.SUBACK << 4, [uint16(packet.packetId), Buffer.from(packet.returnCodes)]);
    case 'unsubscribe':
      return assemble((types.UNSUBSCRIBE << 4) | 2, [uint16(packet.packetId), ...packet.filters.map(text)]);
    case 'pingreq':
    case 'pingresp':
    case 'disconnect':
      return Buffer.from([HEADERS[packet.type], 0]);
    default:
      return assemble(HEADERS[packet.type], [uint16(packet.packetId)]);
  }
}

function encodeConnect(packet: ConnectPacket): Buffer {
  const { will } = packet;
  let flags = packet.cleanSession ? 2 : 0;
  if (will !== null) flags |= 4 | (will.qos << 3) | (will.retain ? 0x20 : 0);
  if (packet.username !== null) flags |= 0x80;
  if (packet.password !== null) flags |= 0x40;
  const parts: Uint8Array[] = [
    text(packet.protocolLevel === 3 ? 'MQIsdp' : 'MQTT'),
    Buffer.from([packet.protocolLevel, flags]),
    uint16(packet.keepAliveSeconds),
    text(packet.clientId),
  ];
  if (will !== null) parts.push(text(will.topic), uint16(will.payload.length), will.payload);
  if (packet.username !== null) parts.push(text(packet.username));
  if (packet.password !== null) parts.push(uint16(packet.password.length), packet.password);
  return assemble(types.CONNECT << 4, parts);
}

function assemble(header: number, parts: Uint8Array[]): Buffer {
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

function text(value: string): Buffer {
  const length = Buffer.byteLength(value);
  if (length > 65_535) throw notEncodable('A text is longer than 65,535 bytes.');
  const bytes = Buffer.allocUnsafe(2 + length);
  bytes.writeUInt16BE(length);
  bytes.write(value, 2);
  return bytes;
}

function uint16(value: number): Buffer {
  return Buffer.from([value >> 8, value & 255]);
}

function notEncodable(message: string): CodedError {
  return new CodedError('mqtt.not_encodable', message);
}
