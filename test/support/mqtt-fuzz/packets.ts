import type {
  ConnectPacket,
  Packet,
  Properties,
  ProtocolLevel,
  PublishPacket,
  SubscribePacket,
  Will,
} from '../../../core/mqtt/codec/packet.ts';
import {
  CLIENT_PUBLISH_PROPERTIES,
  CONNECT_PROPERTIES,
  PROPERTIES,
  type PropertyInfo,
  SUBSCRIBE_PROPERTIES,
  UNSUBSCRIBE_PROPERTIES,
  WILL_PROPERTIES,
} from '../../../core/mqtt/codec/property-table.ts';
import type { Qos } from '../../../core/mqtt/types.ts';
import type { Random } from './random.ts';

/* Valid packets of a client. Few topics and client ids, so that clients meet; many values at their borders. */

const TOPICS = [
  'f/a',
  'f/b',
  'f/a/b',
  'f//',
  '/',
  'f/ö',
  'f',
  `f/${'deep/'.repeat(40)}`,
  '$SYS/x',
  'reply/1',
];
const FILTERS = [
  ...TOPICS,
  '#',
  '+/+',
  'f/#',
  'f/+',
  '+/a/#',
  '$SYS/#',
  '$share/one/f/#',
  '$share/two/f/+',
  '$share/one/#',
];
const TEXTS = ['', 'a', 'text/plain', 'ö€𝄞', '\ufeffx', 'x'.repeat(300)];
const UINT32 = [0, 1, 2, 60, 0xffff_fffe, 0xffff_ffff];
const CLIENTS = 24;

export interface ClientPlan {
  level: ProtocolLevel;
  /** Topic aliases that have a topic by now. */
  aliases: Set<number>;
  nextId: number;
}

export function makeConnect(random: Random, level: ProtocolLevel): ConnectPacket {
  const named = random.chance(0.9) || level === 3;
  const username = random.chance(0.3) ? random.pick(TEXTS) : null;
  const properties = level === 5 ? makeProperties(random, CONNECT_PROPERTIES, 0.2) : {};
  if (random.chance(0.8)) {
    // An AUTH exchange that nobody goes on with would leave most connections in front of CONNACK.
    delete properties.authMethod;
    delete properties.authData;
  }
  return {
    type: 'connect',
    protocolLevel: level,
    cleanStart: !named || random.chance(0.5),
    keepAliveSeconds: random.pick([0, 1, 60, 65_535]),
    clientId: named ? `fuzz-${random.below(CLIENTS)}` : '',
    will: random.chance(0.3) ? makeWill(random, level) : null,
    username,
    password:
      random.chance(0.3) && (username !== null || level === 5) ? random.bytes(random.below(20)) : null,
    properties,
  };
}

/** Any packet that may follow CONNECT, but no acknowledgement. */
export function makePacket(random: Random, plan: ClientPlan): Packet {
  const kind = random.below(20);
  if (kind < 11) return makePublish(random, plan);
  if (kind < 16) return makeSubscribe(random, plan);
  if (kind < 18) {
    return {
      type: 'unsubscribe',
      packetId: idOf(plan),
      filters: Array.from({ length: 1 + random.below(3) }, () => random.pick(FILTERS)),
      properties: plan.level === 5 ? makeProperties(random, UNSUBSCRIBE_PROPERTIES, 0.2) : {},
    };
  }
  return { type: 'pingreq' };
}

export function makeDisconnect(random: Random): Packet {
  return { type: 'disconnect', reasonCode: random.pick([0, 0, 4]), properties: {} };
}

function makePublish(random: Random, plan: ClientPlan): PublishPacket {
  const qos = random.below(3) as Qos;
  const properties = plan.level === 5 ? makeProperties(random, CLIENT_PUBLISH_PROPERTIES, 0.15) : {};
  let topic = random.pick(TOPICS);
  if (properties.topicAlias !== undefined) {
    properties.topicAlias = 1 + random.below(10);
    if (plan.aliases.has(properties.topicAlias) && random.chance(0.7)) topic = '';
    else plan.aliases.add(properties.topicAlias);
  }
  return {
    type: 'publish',
    topic,
    payload: random.bytes(random.pick([0, 1, 20, 20, 20, 200, 20_000])),
    qos,
    retain: random.chance(0.2),
    dup: qos > 0 && random.chance(0.2),
    packetId: qos === 0 ? 0 : idOf(plan),
    properties,
  };
}

function makeSubscribe(random: Random, plan: ClientPlan): SubscribePacket {
  const v5 = plan.level === 5;
  return {
    type: 'subscribe',
    packetId: idOf(plan),
    filters: Array.from({ length: 1 + random.below(3) }, () => {
      const filter = random.pick(FILTERS);
      return {
        filter,
        qos: random.below(3) as Qos,
        noLocal: v5 && !filter.startsWith('$share') && random.chance(0.2),
        retainAsPublished: v5 && random.chance(0.3),
        retainHandling: v5 ? (random.below(3) as 0 | 1 | 2) : 0,
      };
    }),
    properties: v5 ? makeProperties(random, SUBSCRIBE_PROPERTIES, 0.3) : {},
  };
}

function makeWill(random: Random, level: ProtocolLevel): Will {
  return {
    topic: random.pick(TOPICS),
    payload: random.bytes(random.below(30)),
    qos: random.below(3) as Qos,
    retain: random.chance(0.3),
    properties: level === 5 ? makeProperties(random, WILL_PROPERTIES, 0.2) : {},
  };
}

function makeProperties(random: Random, mask: number, part: number): Properties {
  const values: Record<string, unknown> = {};
  for (const info of PROPERTIES) {
    if ((mask & info.bit) !== 0 && random.chance(part)) values[info.name] = makeValue(random, info);
  }
  const properties = values as Properties;
  if (properties.authMethod === undefined) delete properties.authData;
  return properties;
}

function makeValue(random: Random, info: PropertyInfo): unknown {
  switch (info.type) {
    case 'flag':
      return random.below(2);
    case 'uint16':
      return random.pick([1, 2, 10, 100, 65_535]);
    case 'uint32':
      if (info.name === 'maximumPacketBytes') return random.pick([100, 200, 10_000, 0xffff_ffff]);
      return random.pick(UINT32);
    case 'variable':
      return [random.pick([1, 127, 128, 268_435_455])];
    case 'text':
      return info.name === 'responseTopic' ? 'reply/1' : random.pick(TEXTS);
    case 'binary':
      return random.bytes(random.below(40));
    case 'pair':
      return Array.from({ length: 1 + random.below(3) }, () => [random.pick(TEXTS), random.pick(TEXTS)]);
  }
}

function idOf(plan: ClientPlan): number {
  plan.nextId = (plan.nextId % 65_535) + 1;
  return plan.nextId;
}
