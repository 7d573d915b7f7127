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

/** SUBACK return code of a refused filter (§3.9.3). */
export const SUBSCRIBE_REFUSED = 0x80;

export interface Will {
  topic: string;
  payload: Uint8Array;
  qos: Qos;
  retain: boolean;
}

export interface ConnectPacket {
  type: 'connect';
  /** 3 for MQTT 3.1 (`MQIsdp`), 4 for MQTT 3.1.1. */
  protocolLevel: 3 | 4;
  cleanSession: boolean;
  keepAliveSeconds: number;
  clientId: string;
  will: Will | null;
  username: string | null;
  password: Uint8Array | null;
}

/** A CONNECT of a protocol version that is not spoken here; nothing behind the level byte was read. */
export interface UnsupportedConnect {
  type: 'connect-unsupported';
  protocolLevel: number;
}

export interface ConnackPacket {
  type: 'connack';
  sessionPresent: boolean;
  /** 0 accepted, 1-5 refused (§3.2.2.3). */
  returnCode: number;
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
}

export interface AckPacket {
  type: 'puback' | 'pubrec' | 'pubrel' | 'pubcomp' | 'unsuback';
  packetId: number;
}

export interface SubscribePacket {
  type: 'subscribe';
  packetId: number;
  filters: { filter: string; qos: Qos }[];
}

export interface SubackPacket {
  type: 'suback';
  packetId: number;
  /** Granted QoS of each filter in turn, or `SUBSCRIBE_REFUSED`. */
  returnCodes: number[];
}

export interface UnsubscribePacket {
  type: 'unsubscribe';
  packetId: number;
  filters: string[];
}

export interface BarePacket {
  type: 'pingreq' | 'pingresp' | 'disconnect';
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
  | BarePacket;
