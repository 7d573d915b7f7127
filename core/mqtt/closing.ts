import type { Buffer } from 'node:buffer';
import { encodePacket } from './codec/encode.ts';
import type { Properties, ProtocolLevel } from './codec/packet.ts';
import * as codes from './codec/reason-codes.ts';

/** CONNACK return codes of 3.1 and 3.1.1 (3.1.1 §3.2.2.3). */
const UNACCEPTABLE_PROTOCOL = 1;
const IDENTIFIER_REJECTED = 2;
const SERVER_UNAVAILABLE = 3;
const BAD_USER_NAME_OR_PASSWORD = 4;
const NOT_AUTHORIZED = 5;

const RETURN_CODES: Partial<Record<number, number>> = {
  [codes.UNSUPPORTED_PROTOCOL_VERSION]: UNACCEPTABLE_PROTOCOL,
  [codes.CLIENT_IDENTIFIER_NOT_VALID]: IDENTIFIER_REJECTED,
  [codes.BAD_USER_NAME_OR_PASSWORD]: BAD_USER_NAME_OR_PASSWORD,
  [codes.NOT_AUTHORIZED]: NOT_AUTHORIZED,
  [codes.BANNED]: NOT_AUTHORIZED,
  [codes.SERVER_UNAVAILABLE]: SERVER_UNAVAILABLE,
  [codes.SERVER_BUSY]: SERVER_UNAVAILABLE,
  [codes.SERVER_SHUTTING_DOWN]: SERVER_UNAVAILABLE,
  [codes.QUOTA_EXCEEDED]: SERVER_UNAVAILABLE,
  [codes.USE_ANOTHER_SERVER]: SERVER_UNAVAILABLE,
  [codes.SERVER_MOVED]: SERVER_UNAVAILABLE,
  [codes.CONNECTION_RATE_EXCEEDED]: SERVER_UNAVAILABLE,
};

/** Of DISCONNECT only; CONNACK has no words for them (v5 §3.2.2.2). */
const NOT_IN_CONNACK = new Set([
  codes.SERVER_SHUTTING_DOWN,
  codes.KEEP_ALIVE_TIMEOUT,
  codes.SESSION_TAKEN_OVER,
  codes.TOPIC_FILTER_INVALID,
  codes.RECEIVE_MAXIMUM_EXCEEDED,
  codes.TOPIC_ALIAS_INVALID,
  codes.MESSAGE_RATE_TOO_HIGH,
  codes.ADMINISTRATIVE_ACTION,
]);

/** What goes with a farewell. */
export interface Farewell {
  reasonCode: number;
  reason?: string | undefined;
  serverReference?: string | undefined;
}

/**
 * CONNACK that refuses; `reasonCode` as in level 5, from 0x80 on. Null where an older level has no return code for it:
 * then the connection is closed without a word (MQTT311-3.2.2-6).
 */
export function refusal(level: ProtocolLevel, farewell: Farewell, maxPacketBytes: number): Buffer | null {
  if (level !== 5) {
    const reasonCode = RETURN_CODES[farewell.reasonCode];
    if (reasonCode === undefined) return null;
    return encodePacket({ type: 'connack', sessionPresent: false, reasonCode, properties: {} }, level);
  }
  const reasonCode = NOT_IN_CONNACK.has(farewell.reasonCode) ? codes.SERVER_UNAVAILABLE : farewell.reasonCode;
  return fitting(farewell, maxPacketBytes, (properties) =>
    encodePacket({ type: 'connack', sessionPresent: false, reasonCode, properties }, 5),
  );
}

/** DISCONNECT of level 5 (v5 §3.14). */
export function disconnection(farewell: Farewell, maxPacketBytes: number): Buffer {
  const { reasonCode } = farewell;
  return fitting(farewell, maxPacketBytes, (properties) =>
    encodePacket({ type: 'disconnect', reasonCode, properties }, 5),
  );
}

/** With the reason in words where the client's Maximum Packet Size has room for it (MQTT-3.2.2-19, MQTT-3.14.2-3). */
function fitting(
  { reason, serverReference }: Farewell,
  maxPacketBytes: number,
  encode: (properties: Properties) => Buffer,
): Buffer {
  const properties: Properties = {};
  if (serverReference !== undefined) properties.serverReference = serverReference;
  if (reason !== undefined && reason !== '') properties.reasonString = reason;
  const packet = encode(properties);
  return packet.length <= maxPacketBytes ? packet : encode({});
}
