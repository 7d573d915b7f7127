import fc from 'fast-check';
import {
  AUTH_CODES,
  CONNACK_CODES,
  DISCONNECT_CODES,
  type LegalCodes,
  PUBLISH_ACK_CODES,
  RELEASE_CODES,
  SUBACK_CODES,
  UNSUBACK_CODES,
} from '../../core/mqtt/codec/legal-codes.ts';
import type { Packet, Properties, ProtocolLevel, Will } from '../../core/mqtt/codec/packet.ts';
import {
  ACK_PROPERTIES,
  AUTH_PROPERTIES,
  CONNACK_PROPERTIES,
  CONNECT_PROPERTIES,
  DISCONNECT_PROPERTIES,
  PROPERTIES,
  PUBLISH_PROPERTIES,
  SUBSCRIBE_PROPERTIES,
  SUBSCRIPTION_IDS_REPEAT,
  UNSUBSCRIBE_PROPERTIES,
  WILL_PROPERTIES,
} from '../../core/mqtt/codec/property-table.ts';

/* Every packet that MQTT allows, as fast-check makes them. */

const id = fc.integer({ min: 1, max: 65_535 });
const qos = fc.constantFrom(0 as const, 1 as const, 2 as const);
export const arbitraryText = fc
  .string({ unit: 'grapheme', maxLength: 40 })
  .filter((value) => !value.includes('\0'));
const topic = arbitraryText.filter((value) => value.length > 0 && !/[#+]/.test(value));
const plainFilter = fc.oneof(
  topic.filter((value) => !value.startsWith('$share/')),
  topic.map((value) => `x/${value}/#`),
  topic.map((value) => `+/${value}/+`),
  fc.constant('#'),
);
const sharedFilter = plainFilter.map((value) => `$share/group/${value}`);
const filter = fc.oneof({ weight: 4, arbitrary: plainFilter }, sharedFilter);
const payload = fc.uint8Array({ maxLength: 300 });
const flag = fc.constantFrom(0 as const, 1 as const);
const uint16 = fc.integer({ min: 0, max: 65_535 });
const uint32 = fc.integer({ min: 0, max: 0xffff_ffff });

/** A value of each property. */
const VALUES: { [Name in keyof Properties]-?: fc.Arbitrary<NonNullable<Properties[Name]>> } = {
  payloadFormat: flag,
  messageExpirySeconds: uint32,
  contentType: arbitraryText,
  responseTopic: topic,
  correlationData: payload,
  subscriptionIds: fc.array(fc.integer({ min: 1, max: 268_435_455 }), { minLength: 1, maxLength: 1 }),
  sessionExpirySeconds: uint32,
  assignedClientId: arbitraryText,
  serverKeepAliveSeconds: uint16,
  authMethod: arbitraryText,
  authData: payload,
  requestProblemInformation: flag,
  willDelaySeconds: uint32,
  requestResponseInformation: flag,
  responseInformation: arbitraryText,
  serverReference: arbitraryText,
  reasonString: arbitraryText,
  receiveMaximum: id,
  topicAliasMaximum: uint16,
  topicAlias: id,
  maximumQos: flag,
  retainAvailable: flag,
  userProperties: fc.array(fc.tuple(arbitraryText, arbitraryText), { minLength: 1, maxLength: 4 }),
  maximumPacketBytes: fc.integer({ min: 1, max: 0xffff_ffff }),
  wildcardSubscriptionAvailable: flag,
  subscriptionIdsAvailable: flag,
  sharedSubscriptionAvailable: flag,
};

/** Any of the properties in `mask`, and no more; none at all below level 5. */
export function arbitraryProperties(mask: number, level: ProtocolLevel = 5): fc.Arbitrary<Properties> {
  if (level !== 5) return fc.constant({});
  const model: Record<string, fc.Arbitrary<unknown>> = {};
  for (const { name, bit } of PROPERTIES) if ((mask & bit) !== 0) model[name] = VALUES[name];
  if ((mask & SUBSCRIPTION_IDS_REPEAT) !== 0) {
    model['subscriptionIds'] = fc.array(fc.integer({ min: 1, max: 268_435_455 }), {
      minLength: 1,
      maxLength: 3,
    });
  }
  return (fc.record(model, { requiredKeys: [] }) as fc.Arbitrary<Properties>).map((value) => {
    if (value.authMethod === undefined) delete value.authData;
    return value;
  });
}

const code = (codes: LegalCodes) => fc.constantFrom(...codes);
const codeAt = (level: ProtocolLevel, codes: LegalCodes) => (level === 5 ? code(codes) : fc.constant(0));

function connect(level: ProtocolLevel): fc.Arbitrary<Packet> {
  const will = fc.option(
    fc.record<Will>({
      topic,
      payload,
      qos,
      retain: fc.boolean(),
      properties: arbitraryProperties(WILL_PROPERTIES, level),
    }),
  );
  return fc
    .record({
      type: fc.constant('connect' as const),
      protocolLevel: fc.constant(level),
      cleanStart: fc.boolean(),
      keepAliveSeconds: uint16,
      clientId: arbitraryText,
      will,
      username: fc.option(arbitraryText),
      password: fc.option(payload),
      properties: arbitraryProperties(CONNECT_PROPERTIES, level),
    })
    .map((value) => (value.username === null && level < 5 ? { ...value, password: null } : value));
}

function publish(level: ProtocolLevel): fc.Arbitrary<Packet> {
  return fc
    .record({
      type: fc.constant('publish' as const),
      topic,
      payload,
      qos,
      retain: fc.boolean(),
      dup: fc.boolean(),
      packetId: id,
      properties: arbitraryProperties(PUBLISH_PROPERTIES, level),
      byAlias: fc.boolean(),
    })
    .map(({ byAlias, ...value }) => ({
      ...value,
      topic: byAlias && value.properties.topicAlias !== undefined ? '' : value.topic,
      packetId: value.qos === 0 ? 0 : value.packetId,
      dup: value.qos > 0 && value.dup,
    }));
}

function ack(
  level: ProtocolLevel,
  type: 'puback' | 'pubrec' | 'pubrel' | 'pubcomp',
  codes: LegalCodes,
): fc.Arbitrary<Packet> {
  return fc.record({
    type: fc.constant(type),
    packetId: id,
    reasonCode: codeAt(level, codes),
    properties: fc.oneof(fc.constant({}), arbitraryProperties(ACK_PROPERTIES, level)),
  });
}

function subscribe(level: ProtocolLevel): fc.Arbitrary<Packet> {
  const v5 = level === 5;
  const options = {
    qos,
    retainAsPublished: v5 ? fc.boolean() : fc.constant(false),
    retainHandling: v5 ? fc.constantFrom(0 as const, 1 as const, 2 as const) : fc.constant(0 as const),
  };
  const request = fc.oneof(
    fc.record({ filter: plainFilter, noLocal: v5 ? fc.boolean() : fc.constant(false), ...options }),
    fc.record({ filter: sharedFilter, noLocal: fc.constant(false), ...options }),
  );
  return fc.record({
    type: fc.constant('subscribe' as const),
    packetId: id,
    filters: fc.array(request, { minLength: 1, maxLength: 5 }),
    properties: arbitraryProperties(SUBSCRIBE_PROPERTIES, level),
  });
}

/** What a client may send, by its type. */
export function clientPackets(level: ProtocolLevel): Record<string, fc.Arbitrary<Packet>> {
  const packets: Record<string, fc.Arbitrary<Packet>> = {
    connect: connect(level),
    publish: publish(level),
    puback: ack(level, 'puback', PUBLISH_ACK_CODES),
    pubrec: ack(level, 'pubrec', PUBLISH_ACK_CODES),
    pubrel: ack(level, 'pubrel', RELEASE_CODES),
    pubcomp: ack(level, 'pubcomp', RELEASE_CODES),
    subscribe: subscribe(level),
    unsubscribe: fc.record({
      type: fc.constant('unsubscribe' as const),
      packetId: id,
      filters: fc.array(filter, { minLength: 1, maxLength: 5 }),
      properties: arbitraryProperties(UNSUBSCRIBE_PROPERTIES, level),
    }),
    pingreq: fc.constant({ type: 'pingreq' }),
    disconnect: fc.record({
      type: fc.constant('disconnect' as const),
      reasonCode: codeAt(level, DISCONNECT_CODES),
      properties: fc.oneof(fc.constant({}), arbitraryProperties(DISCONNECT_PROPERTIES, level)),
    }),
  };
  if (level === 5) {
    packets['auth'] = fc
      .record({
        type: fc.constant('auth' as const),
        reasonCode: code(AUTH_CODES),
        properties: arbitraryProperties(AUTH_PROPERTIES),
      })
      .map((value) => {
        // Only success may leave out everything (v5 §3.15.2).
        if (value.reasonCode === 0 && value.properties.authMethod === undefined) value.properties = {};
        else value.properties.authMethod ??= 'SCRAM-SHA-256';
        return value;
      });
  }
  return packets;
}

/** Every packet, of both sides, by its type. */
export function allPackets(level: ProtocolLevel): Record<string, fc.Arbitrary<Packet>> {
  const v5 = level === 5;
  return {
    ...clientPackets(level),
    connack: fc
      .record({
        type: fc.constant('connack' as const),
        sessionPresent: fc.boolean(),
        reasonCode: v5 ? code(CONNACK_CODES) : fc.integer({ min: 0, max: 5 }),
        properties: arbitraryProperties(CONNACK_PROPERTIES, level),
      })
      .map((value) => (value.reasonCode > 0 ? { ...value, sessionPresent: false } : value)),
    suback: fc.record({
      type: fc.constant('suback' as const),
      packetId: id,
      reasonCodes: fc.array(v5 ? code(SUBACK_CODES) : fc.constantFrom(0, 1, 2, 0x80), {
        minLength: 1,
        maxLength: 5,
      }),
      properties: arbitraryProperties(ACK_PROPERTIES, level),
    }),
    unsuback: fc.record({
      type: fc.constant('unsuback' as const),
      packetId: id,
      reasonCodes: v5
        ? fc.array(code(UNSUBACK_CODES), { minLength: 1, maxLength: 5 })
        : fc.constant<number[]>([]),
      properties: arbitraryProperties(ACK_PROPERTIES, level),
    }),
    pingresp: fc.constant({ type: 'pingresp' }),
  };
}

/** Any packet of both sides. */
export function anyPacket(level: ProtocolLevel): fc.Arbitrary<Packet> {
  return fc.oneof(...Object.values(allPackets(level)));
}
