/**
 * The site of the load: sensors that send temperature and humidity as JSON on one topic and two more values on topics
 * of their own, `plant/hall3/line12/sensor4711`, four topics a sensor. At most 20,000 sensors become devices
 * (docs/limits.md), so 100,000 topics have one more level that says a state, which no reading can come of.
 */
import { encodePacket } from '../../../core/mqtt/codec/encode.ts';

const LEVEL = 4;
export const HALLS = 20;
export const LINES_PER_HALL = 20;
const TOPICS_PER_SENSOR = 5;

export interface Site {
  /** Topics with `{"temp":21.53,"rh":48.21}`. */
  json: string[];
  /** Topics with a plain number or a word. */
  plain: string[];
}

export function siteOf(topics: number): Site {
  const site: Site = { json: [], plain: [] };
  const sensors = Math.ceil(topics / TOPICS_PER_SENSOR);
  const perLine = Math.ceil(sensors / (HALLS * LINES_PER_HALL));
  for (let sensor = 0; sensor < sensors; sensor++) {
    const place = Math.floor(sensor / perLine);
    const line = lineTopic(Math.floor(place / LINES_PER_HALL) + 1, (place % LINES_PER_HALL) + 1);
    const own = `${line}/sensor${sensor}`;
    site.json.push(own);
    site.plain.push(`${own}/co2`, `${own}/pressure`, `${own}/battery`, `${own}/state`);
  }
  site.plain.length = Math.max(0, topics - sensors);
  return site;
}

export function lineTopic(hall: number, line: number): string {
  return `plant/hall${hall}/line${line}`;
}

/** A topic that gets a hundred messages a second. */
export const BUSY_TOPIC = `${lineTopic(1, 1)}/sensor0`;

/** A PUBLISH whose `digits` can be written anew in place, so that values change without encoding. */
export interface Packet {
  bytes: Buffer;
  digits: number[];
}

export function jsonPacket(topic: string): Packet {
  return packet(topic, '{"temp":21.53,"rh":48.21}', [11, 12, 22, 23]);
}

export function plainPacket(topic: string): Packet {
  if (topic.endsWith('/state')) return packet(topic, 'running', []);
  return packet(topic, '1013.25', [5, 6]);
}

function packet(topic: string, payload: string, digitsOfPayload: number[]): Packet {
  const bytes = encodePacket(
    {
      type: 'publish',
      topic,
      payload: Buffer.from(payload),
      qos: 0,
      retain: false,
      dup: false,
      packetId: 0,
      properties: {},
    },
    LEVEL,
  );
  const start = bytes.length - payload.length;
  return { bytes: Buffer.from(bytes), digits: digitsOfPayload.map((at) => start + at) };
}
