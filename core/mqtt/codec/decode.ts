import type { Buffer } from 'node:buffer';
import { decodeAck } from './acks.ts';
import { decodeConnack } from './connack.ts';
import { decodeConnect } from './connect.ts';
import { decodeAuth, decodeDisconnect } from './disconnect.ts';
import { FieldReader } from './fields.ts';
import { bodyStart } from './frame.ts';
import { MalformedPacket } from './malformed.ts';
import * as types from './packet.ts';
import type { Packet } from './packet.ts';
import { decodePublish } from './publish.ts';
import { decodeSuback, decodeSubscribe } from './subscribe.ts';
import { decodeUnsuback, decodeUnsubscribe } from './unsubscribe.ts';

/**
 * Reads the one packet in `bytes[start..end)`, whose fixed header passed `packetBytes`, as protocol `level` 3, 4 or 5
 * writes it; CONNECT says its level itself. The payload of a PUBLISH is a view. Throws `MalformedPacket`.
 */
export function decodePacket(bytes: Buffer, start: number, end: number, level: number): Packet {
  const header = bytes[start]!;
  const reader = new FieldReader(bytes, bodyStart(bytes, start), end);
  const packet = decodeBody(header, reader, level);
  if (packet.type !== 'connect-unsupported') reader.done();
  return packet;
}

function decodeBody(header: number, reader: FieldReader, level: number): Packet {
  const type = header >> 4;
  switch (type) {
    case types.CONNECT:
      return decodeConnect(reader);
    case types.CONNACK:
      return decodeConnack(reader, level);
    case types.PUBLISH:
      return decodePublish(header, reader, level);
    case types.PUBACK:
      return decodeAck('puback', reader, level);
    case types.PUBREC:
      return decodeAck('pubrec', reader, level);
    case types.PUBREL:
      return decodeAck('pubrel', reader, level);
    case types.PUBCOMP:
      return decodeAck('pubcomp', reader, level);
    case types.SUBSCRIBE:
      return decodeSubscribe(reader, level);
    case types.SUBACK:
      return decodeSuback(reader, level);
    case types.UNSUBSCRIBE:
      return decodeUnsubscribe(reader, level);
    case types.UNSUBACK:
      return decodeUnsuback(reader, level);
    case types.PINGREQ:
      return { type: 'pingreq' };
    case types.PINGRESP:
      return { type: 'pingresp' };
    case types.DISCONNECT:
      return decodeDisconnect(reader, level);
    case types.AUTH:
      if (level === 5) return decodeAuth(reader);
  }
  throw new MalformedPacket('reserved_type', `Packet type ${type} is reserved.`);
}
