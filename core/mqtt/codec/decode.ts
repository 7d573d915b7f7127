import type { Buffer } from 'node:buffer';
import { checkTopicFilter, checkTopicName } from '../topic.ts';
import type { Qos } from '../types.ts';
import { decodeConnect } from './connect.ts';
import { FieldReader } from './fields.ts';
import { bodyStart } from './frame.ts';
import { MalformedPacket } from './malformed.ts';
import * as types from './packet.ts';
import type {
  AckPacket,
  ConnackPacket,
  Packet,
  PublishPacket,
  SubackPacket,
  SubscribePacket,
  UnsubscribePacket,
} from './packet.ts';

const ACKS: Record<number, AckPacket['type']> = {
  [types.PUBACK]: 'puback',
  [types.PUBREC]: 'pubrec',
  [types.PUBREL]: 'pubrel',
  [types.PUBCOMP]: 'pubcomp',
  [types.UNSUBACK]: 'unsuback',
};

/**
 * Reads the one packet in `bytes[start..end)`, whose fixed header passed `packetBytes`. The payload of a PUBLISH
 * is a view. Throws `MalformedPacket`.
 */
export function decodePacket(bytes: Buffer, start: number, end: number): Packet {
  const header = bytes[start]!;
  const reader = new FieldReader(bytes, bodyStart(bytes, start), end);
  const packet = decodeBody(header, reader);
  if (packet.type !== 'connect-unsupported') reader.done();
  return packet;
}

function decodeBody(header: number, reader: FieldReader): Packet {
  const type = header >> 4;
  switch (type) {
    case types.CONNECT:
      return decodeConnect(reader);
    case types.CONNACK:
      return decodeConnack(reader);
    case types.PUBLISH:
      return decodePublish(header, reader);
    case types.SUBSCRIBE:
      return decodeSubscribe(reader);
    case types.SUBACK:
      return decodeSuback(reader);
    case types.UNSUBSCRIBE:
      return decodeUnsubscribe(reader);
    case types.PINGREQ:
      return { type: 'pingreq' };
    case types.PINGRESP:
      return { type: 'pingresp' };
    case types.DISCONNECT:
      return { type: 'disconnect' };
    default:
      return { type: ACKS[type]!, packetId: reader.packetId() };
  }
}

function decodeConnack(reader: FieldReader): ConnackPacket {
  const flags = reader.byte();
  const returnCode = reader.byte();
  if (flags > 1) throw new MalformedPacket('connect_flags', 'CONNACK with reserved flags.');
  // MQTT-3.2.2-4: no session is present behind a refusal.
  if (returnCode > 5 || (returnCode > 0 && flags === 1)) {
    throw new MalformedPacket('return_code', `CONNACK with return code ${returnCode}.`);
  }
  return { type: 'connack', sessionPresent: flags === 1, returnCode };
}

function decodePublish(header: number, reader: FieldReader): PublishPacket {
  const qos = ((header >> 1) & 3) as Qos;
  const topic = reader.text();
  checkTopicName(topic);
  const packetId = qos === 0 ? 0 : reader.packetId();
  return {
    type: 'publish',
    topic,
    payload: reader.rest(),
    qos,
    retain: (header & 1) !== 0,
    dup: (header & 8) !== 0,
    packetId,
  };
}

function decodeSubscribe(reader: FieldReader): SubscribePacket {
  const packetId = reader.packetId();
  const filters: SubscribePacket['filters'] = [];
  while (reader.left > 0) {
    const filter = reader.text();
    checkTopicFilter(filter);
    const qos = reader.byte();
    if (qos > 2) throw new MalformedPacket('qos', `SUBSCRIBE asks for QoS ${qos}.`);
    filters.push({ filter, qos: qos as Qos });
  }
  if (filters.length === 0) throw new MalformedPacket('no_filters', 'SUBSCRIBE without a filter.');
  return { type: 'subscribe', packetId, filters };
}

function decodeSuback(reader: FieldReader): SubackPacket {
  const packetId = reader.packetId();
  const returnCodes: number[] = [];
  while (reader.left > 0) {
    const code = reader.byte();
    if (code > 2 && code !== types.SUBSCRIBE_REFUSED) {
      throw new MalformedPacket('return_code', `SUBACK with return code ${code}.`);
    }
    returnCodes.push(code);
  }
  if (returnCodes.length === 0) throw new MalformedPacket('no_filters', 'SUBACK without a return code.');
  return { type: 'suback', packetId, returnCodes };
}

function decodeUnsubscribe(reader: FieldReader): UnsubscribePacket {
  const packetId = reader.packetId();
  const filters: string[] = [];
  while (reader.left > 0) {
    const filter = reader.text();
    checkTopicFilter(filter);
    filters.push(filter);
  }
  if (filters.length === 0) throw new MalformedPacket('no_filters', 'UNSUBSCRIBE without a filter.');
  return { type: 'unsubscribe', packetId, filters };
}
