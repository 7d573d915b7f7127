import type { Qos } from '../types.ts';

/** Control packet types, the upper four bits of the first byte (MQTT 3.1.1 §2.2.1). */
export const CONNECT = 1;
export const CONNACK = 2;
export const PUBLISH = 3;
export const PUBACK = 4;
export const PUBREC = 5;
export const PUBREL = 6;
export const PUBCOMP = 7;
export const SUBSCRIBE = 8;
export const SUBACK = 9;
export const UNSUBSCRIBE = 10;
export const UNSUBACK = 11;
export const PINGREQ = 12;
export const PINGRESP = 13;
export const DISCONNECT = 14;
/** MQTT 5 only. */
export const AUTH = 15;

/** SUBACK return code of a refused filter (§3.9.3). */
export const SUBSCRIBE_REFUSED = 0x80;

/** Protocol Level byte of CONNECT: 3 for MQTT 3.1 (`MQIsdp`), 4 for 3.1.1, 5 for 5.0. */
export type ProtocolLevel = 3 | 4 | 5;

/** The properties of one packet (v5 §2.2.2.2); those that it does not carry are undefined. Always {} below level 5. */
export interface Properties {
  payloadFormat?: 0 | 1;
  messageExpirySeconds?: number;
  contentType?: string;
  responseTopic?: string;
  correlationData?: Uint8Array;
  /** In their order. One in SUBSCRIBE, any number in a PUBLISH of the server. */
  subscriptionIds?: number[];
  sessionExpirySeconds?: number;
  assignedClientId?: string;
  serverKeepAliveSeconds?: number;
  authMethod?: string;
  authData?: Uint8Array;
  requestProblemInformation?: 0 | 1;
  willDelaySeconds?: number;
  requestResponseInformation?: 0 | 1;
  responseInformation?: string;
  serverReference?: string;
  reasonString?: string;
  receiveMaximum?: number;
  topicAliasMaximum?: number;
  topicAlias?: number;
  maximumQos?: 0 | 1;
  retainAvailable?: 0 | 1;
  /** In their order; names may repeat. */
  userProperties?: [name: string, value: string][];
  maximumPacketBytes?: number;
  wildcardSubscriptionAvailable?: 0 | 1;
  subscriptionIdsAvailable?: 0 | 1;
  sharedSubscriptionAvailable?: 0 | 1;
}

export interface Will {
  topic: string;
  payload: Uint8Array;
  qos: Qos;
  retain: boolean;
  properties: Properties;
}

export interface ConnectPacket {
  type: 'connect';
  protocolLevel: ProtocolLevel;
  /** Clean Session below level 5. */
  cleanStart: boolean;
  keepAliveSeconds: number;
  clientId: string;
  will: Will | null;
  username: string | null;
  password: Uint8Array | null;
  properties: Properties;
}

/** A CONNECT of a protocol version that is not spoken here; nothing behind the level byte was read. */
export interface UnsupportedConnect {
  type: 'connect-unsupported';
  protocolLevel: number;
}

export interface ConnackPacket {
  type: 'connack';
  sessionPresent: boolean;
  /** Below level 5: 0 accepted, 1-5 refused (3.1.1 §3.2.2.3). Level 5: a reason code (v5 §3.2.2.2). */
  reasonCode: number;
  properties: Properties;
}

export interface PublishPacket {
  type: 'publish';
  topic: string;
  payload: Uint8Array;
  qos: Qos;
  retain: boolean;
  dup: boolean;
  /** 0 exactly when `qos` is 0. */
  packetId: number;
  properties: Properties;
}

export interface AckPacket {
  type: 'puback' | 'pubrec' | 'pubrel' | 'pubcomp';
  packetId: number;
  /** Always 0 below level 5. */
  reasonCode: number;
  properties: Properties;
}

/** One entry of SUBSCRIBE (v5 §3.8.3.1); below level 5 only filter and QoS. */
export interface SubscriptionRequest {
  filter: string;
  qos: Qos;
  noLocal: boolean;
  retainAsPublished: boolean;
  /** 0 send at subscribe, 1 only when the subscription is new, 2 never. */
  retainHandling: 0 | 1 | 2;
}

export interface SubscribePacket {
  type: 'subscribe';
  packetId: number;
  filters: SubscriptionRequest[];
  properties: Properties;
}

export interface SubackPacket {
  type: 'suback';
  packetId: number;
  /** Granted QoS of each filter in turn, or a refusal: `SUBSCRIBE_REFUSED`, in level 5 any code from 0x80 on. */
  reasonCodes: number[];
  properties: Properties;
}

export interface UnsubscribePacket {
  type: 'unsubscribe';
  packetId: number;
  filters: string[];
  properties: Properties;
}

export interface UnsubackPacket {
  type: 'unsuback';
  packetId: number;
  /** Empty below level 5. */
  reasonCodes: number[];
  properties: Properties;
}

export interface DisconnectPacket {
  type: 'disconnect';
  /** 0 below level 5. */
  reasonCode: number;
  properties: Properties;
}

/** Level 5 only (v5 §3.15). */
export interface AuthPacket {
  type: 'auth';
  reasonCode: number;
  properties: Properties;
}

export interface BarePacket {
  type: 'pingreq' | 'pingresp';
}

export type Packet =
  | ConnectPacket
  | UnsupportedConnect
  | ConnackPacket
  | PublishPacket
  | AckPacket
  | SubscribePacket
  | SubackPacket
  | UnsubscribePacket
  | UnsubackPacket
  | DisconnectPacket
  | AuthPacket
  | BarePacket;
