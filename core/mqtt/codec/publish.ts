import type { Buffer } from 'node:buffer';
import { checkTopicName } from '../topic.ts';
import type { Qos } from '../types.ts';
import type { FieldReader } from './fields.ts';
import { MalformedPacket } from './malformed.ts';
import { PUBLISH, type PublishPacket } from './packet.ts';
import { propertyBlock, readProperties } from './properties.ts';
import { PUBLISH_PROPERTIES } from './property-table.ts';
import { assemble, text, uint16 } from './writing.ts';

/**
 * PUBLISH (3.1.1 §3.3, v5 §3.3) of either side: that a client sends no Subscription Identifier (MQTT-3.3.4-6) is
 * `PublishProperties`' matter. The payload is a view.
 */
export function decodePublish(header: number, reader: FieldReader, level: number): PublishPacket {
  const qos = ((header >> 1) & 3) as Qos;
  const topic = reader.text();
  const packetId = qos === 0 ? 0 : reader.packetId();
  const properties = level === 5 ? readProperties(reader, PUBLISH_PROPERTIES) : {};
  if (topic !== '' || level !== 5) checkTopicName(topic);
  else if (properties.topicAlias === undefined) throw nameless();
  return {
    type: 'publish',
    topic,
    payload: reader.rest(),
    qos,
    retain: (header & 1) !== 0,
    dup: (header & 8) !== 0,
    packetId,
    properties,
  };
}

/** Neither a topic nor an alias of one (v5 §3.3.2.1). */
export function nameless(): MalformedPacket {
  return new MalformedPacket('protocol', 'A PUBLISH with neither topic nor topic alias.');
}

export function encodePublish(packet: PublishPacket, level: number): Buffer {
  const flags = (packet.dup ? 8 : 0) | (packet.qos << 1) | (packet.retain ? 1 : 0);
  const parts: Uint8Array[] = [text(packet.topic)];
  if (packet.qos > 0) parts.push(uint16(packet.packetId));
  if (level === 5) parts.push(propertyBlock(packet.properties));
  parts.push(packet.payload);
  return assemble((PUBLISH << 4) | flags, parts);
}
