import type { Properties } from './packet.ts';

/** How the value of a property is written (v5 §2.2.2.2); a flag is a byte that is 0 or 1. */
export type PropertyType = 'flag' | 'uint16' | 'uint32' | 'variable' | 'text' | 'binary' | 'pair';

export interface PropertyInfo {
  /** The Property Identifier on the wire. */
  id: number;
  name: keyof Properties;
  type: PropertyType;
  /** Its bit in masks of properties. */
  bit: number;
  /** Whether 0 is no value of it. */
  neverZero: boolean;
}

export const PAYLOAD_FORMAT = 0x01;
export const MESSAGE_EXPIRY = 0x02;
export const CONTENT_TYPE = 0x03;
export const RESPONSE_TOPIC = 0x08;
export const CORRELATION_DATA = 0x09;
export const SUBSCRIPTION_ID = 0x0b;
export const AUTH_METHOD = 0x15;
export const AUTH_DATA = 0x16;
export const TOPIC_ALIAS = 0x23;
export const USER_PROPERTY = 0x26;

const ROWS: [id: number, name: keyof Properties, type: PropertyType, neverZero?: 'never zero'][] = [
  [PAYLOAD_FORMAT, 'payloadFormat', 'flag'],
  [MESSAGE_EXPIRY, 'messageExpirySeconds', 'uint32'],
  [CONTENT_TYPE, 'contentType', 'text'],
  [RESPONSE_TOPIC, 'responseTopic', 'text'],
  [CORRELATION_DATA, 'correlationData', 'binary'],
  [SUBSCRIPTION_ID, 'subscriptionIds', 'variable', 'never zero'],
  [0x11, 'sessionExpirySeconds', 'uint32'],
  [0x12, 'assignedClientId', 'text'],
  [0x13, 'serverKeepAliveSeconds', 'uint16'],
  [AUTH_METHOD, 'authMethod', 'text'],
  [AUTH_DATA, 'authData', 'binary'],
  [0x17, 'requestProblemInformation', 'flag'],
  [0x18, 'willDelaySeconds', 'uint32'],
  [0x19, 'requestResponseInformation', 'flag'],
  [0x1a, 'responseInformation', 'text'],
  [0x1c, 'serverReference', 'text'],
  [0x1f, 'reasonString', 'text'],
  [0x21, 'receiveMaximum', 'uint16', 'never zero'],
  [0x22, 'topicAliasMaximum', 'uint16'],
  [TOPIC_ALIAS, 'topicAlias', 'uint16', 'never zero'],
  [0x24, 'maximumQos', 'flag'],
  [0x25, 'retainAvailable', 'flag'],
  [USER_PROPERTY, 'userProperties', 'pair'],
  [0x27, 'maximumPacketBytes', 'uint32', 'never zero'],
  [0x28, 'wildcardSubscriptionAvailable', 'flag'],
  [0x29, 'subscriptionIdsAvailable', 'flag'],
  [0x2a, 'sharedSubscriptionAvailable', 'flag'],
];

/** Every property of MQTT 5, in the order of their identifiers. */
export const PROPERTIES: readonly PropertyInfo[] = ROWS.map(([id, name, type, neverZero], index) => ({
  id,
  name,
  type,
  bit: 1 << index,
  neverZero: neverZero !== undefined,
}));

/** By Property Identifier. */
export const PROPERTY_BY_ID: readonly (PropertyInfo | undefined)[] = (() => {
  const byId: (PropertyInfo | undefined)[] = Array.from({ length: 256 }, () => undefined);
  for (const property of PROPERTIES) byId[property.id] = property;
  return byId;
})();

/** In a mask: Subscription Identifier may come more than once. Above the bits of all properties. */
export const SUBSCRIPTION_IDS_REPEAT = 1 << 30;

function mask(...names: (keyof Properties)[]): number {
  let bits = 0;
  for (const { name, bit } of PROPERTIES) if (names.includes(name)) bits |= bit;
  return bits;
}

// What each packet may carry (v5 Table 2-4).

export const CONNECT_PROPERTIES = mask(
  'sessionExpirySeconds',
  'authMethod',
  'authData',
  'requestProblemInformation',
  'requestResponseInformation',
  'receiveMaximum',
  'topicAliasMaximum',
  'userProperties',
  'maximumPacketBytes',
);
const MESSAGE_PROPERTIES = mask(
  'payloadFormat',
  'messageExpirySeconds',
  'contentType',
  'responseTopic',
  'correlationData',
  'userProperties',
);
export const WILL_PROPERTIES = MESSAGE_PROPERTIES | mask('willDelaySeconds');
export const CONNACK_PROPERTIES = mask(
  'sessionExpirySeconds',
  'assignedClientId',
  'serverKeepAliveSeconds',
  'authMethod',
  'authData',
  'responseInformation',
  'serverReference',
  'reasonString',
  'receiveMaximum',
  'topicAliasMaximum',
  'maximumQos',
  'retainAvailable',
  'userProperties',
  'maximumPacketBytes',
  'wildcardSubscriptionAvailable',
  'subscriptionIdsAvailable',
  'sharedSubscriptionAvailable',
);
/** Of a client's PUBLISH: without Subscription Identifier (MQTT-3.3.4-6). */
export const CLIENT_PUBLISH_PROPERTIES = MESSAGE_PROPERTIES | mask('topicAlias');
export const PUBLISH_PROPERTIES =
  CLIENT_PUBLISH_PROPERTIES | mask('subscriptionIds') | SUBSCRIPTION_IDS_REPEAT;
/** Of PUBACK, PUBREC, PUBREL, PUBCOMP, SUBACK and UNSUBACK. */
export const ACK_PROPERTIES = mask('reasonString', 'userProperties');
export const SUBSCRIBE_PROPERTIES = mask('subscriptionIds', 'userProperties');
export const UNSUBSCRIBE_PROPERTIES = mask('userProperties');
export const DISCONNECT_PROPERTIES = mask(
  'sessionExpirySeconds',
  'serverReference',
  'reasonString',
  'userProperties',
);
export const AUTH_PROPERTIES = mask('authMethod', 'authData', 'reasonString', 'userProperties');
