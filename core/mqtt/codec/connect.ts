import { checkTopicName } from '../topic.ts';
import type { Qos } from '../types.ts';
import type { FieldReader } from './fields.ts';
import { MalformedPacket } from './malformed.ts';
import type { ConnectPacket, UnsupportedConnect, Will } from './packet.ts';

/** CONNECT (MQTT 3.1.1 §3.1), also of MQTT 3.1. Other levels stop behind the level byte: their layout differs. */
export function decodeConnect(reader: FieldReader): ConnectPacket | UnsupportedConnect {
  const name = reader.text();
  if (name !== 'MQTT' && name !== 'MQIsdp') {
    throw new MalformedPacket('protocol_name', 'The protocol name is not MQTT.');
  }
  const protocolLevel = reader.byte();
  if (protocolLevel !== (name === 'MQTT' ? 4 : 3)) return { type: 'connect-unsupported', protocolLevel };

  const flags = reader.byte();
  if ((flags & 1) !== 0) throw new MalformedPacket('connect_flags', 'CONNECT with its reserved flag set.');
  const keepAliveSeconds = reader.uint16();
  const clientId = reader.text();
  const will = decodeWill(flags, reader);
  const username = (flags & 0x80) !== 0 ? reader.text() : null;
  const password = (flags & 0x40) !== 0 ? reader.binary() : null;
  if (password !== null && username === null) {
    throw new MalformedPacket('connect_flags', 'A password without a user name (MQTT-3.1.2-22).');
  }
  const cleanSession = (flags & 2) !== 0;
  return {
    type: 'connect',
    protocolLevel,
    cleanSession,
    keepAliveSeconds,
    clientId,
    will,
    username,
    password,
  };
}

function decodeWill(flags: number, reader: FieldReader): Will | null {
  const qos = (flags >> 3) & 3;
  const retain = (flags & 0x20) !== 0;
  if ((flags & 4) === 0) {
    if (qos !== 0 || retain)
      throw new MalformedPacket('connect_flags', 'Will QoS or Will Retain without a will.');
    return null;
  }
  if (qos === 3) throw new MalformedPacket('qos', 'A will with QoS 3.');
  const topic = reader.text();
  checkTopicName(topic);
  return { topic, payload: reader.binary(), qos: qos as Qos, retain };
}
