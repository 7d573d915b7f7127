/**
 * The message format of RFC 7252 §3, strict and without I/O: bytes in, message or problem out.
 *
 *     |Ver 2|T 2|TKL 4| Code 8 | Message ID 16 | Token 0-8 | Options | 0xFF Payload |
 */
import { ACK, EMPTY, RST, isRequest, isReserved } from './codes.ts';
import type { MessageType } from './codes.ts';
import { coapError } from '../errors.ts';
import type { CoapOption } from './options.ts';

export interface CoapMessage {
  type: MessageType;
  code: number;
  /** 0..65535. */
  messageId: number;
  /** 0..8 bytes. */
  token: Uint8Array;
  /** In ascending order of number. */
  options: CoapOption[];
  payload: Uint8Array;
}

/** What UDP over IPv4 can carry at all. */
export const MAX_MESSAGE_BYTES = 65_507;
export const MAX_TOKEN_BYTES = 8;

export type MalformedReason =
  | 'too_short'
  | 'version'
  | 'token_length'
  | 'token_past_end'
  | 'reserved_class'
  | 'type_code'
  | 'empty_not_empty'
  | 'option_nibble'
  | 'option_past_end'
  | 'option_number'
  | 'marker_without_payload';

/**
 * A message that breaks the format. When its first four bytes could be read it still says which message it was,
 * so that a CON can be rejected with RST (§4.2); `token` is there when it could be read too.
 */
export interface Malformed {
  reason: MalformedReason;
  type?: MessageType;
  messageId?: number;
  token?: Uint8Array;
}

export type Decoded = { ok: true; message: CoapMessage } | { ok: false; malformed: Malformed };

const NO_BYTES = new Uint8Array(0);

/** Token, option values and payload of the message are views on `bytes`. Never throws. */
export function decodeMessage(bytes: Uint8Array): Decoded {
  if (bytes.length < 4) return refuse('too_short');
  const first = bytes[0]!;
  // Another version is ignored in silence (§3): no type or id is told.
  if (first >> 6 !== 1) return refuse('version');
  const type = ((first >> 4) & 3) as MessageType;
  const tokenBytes = first & 15;
  const code = bytes[1]!;
  const messageId = (bytes[2]! << 8) | bytes[3]!;
  if (tokenBytes > MAX_TOKEN_BYTES) return refuse('token_length', type, messageId);
  if (code === EMPTY && bytes.length > 4) return refuse('empty_not_empty', type, messageId);
  if (4 + tokenBytes > bytes.length) return refuse('token_past_end', type, messageId);
  const token = bytes.subarray(4, 4 + tokenBytes);
  if (isReserved(code)) return refuse('reserved_class', type, messageId, token);
  // Table 1 of §4.3: RST is always empty, ACK never carries a request.
  if ((type === RST && code !== EMPTY) || (type === ACK && isRequest(code))) {
    return refuse('type_code', type, messageId, token);
  }

  const options: CoapOption[] = [];
  let payload: Uint8Array = NO_BYTES;
  let number = 0;
  let at = 4 + tokenBytes;
  while (at < bytes.length) {
    const head = bytes[at++]!;
    if (head === 0xff) {
      if (at === bytes.length) return refuse('marker_without_payload', type, messageId, token);
      payload = bytes.subarray(at);
      break;
    }
    let delta = head >> 4;
    let length = head & 15;
    if (delta === 15 || length === 15) return refuse('option_nibble', type, messageId, token);
    const extended = extendedBytes(delta) + extendedBytes(length);
    if (at + extended > bytes.length) return refuse('option_past_end', type, messageId, token);
    if (delta === 13) delta = bytes[at++]! + 13;
    else if (delta === 14) delta = ((bytes[at++]! << 8) | bytes[at++]!) + 269;
    if (length === 13) length = bytes[at++]! + 13;
    else if (length === 14) length = ((bytes[at++]! << 8) | bytes[at++]!) + 269;
    number += delta;
    if (number > 0xffff) return refuse('option_number', type, messageId, token);
    if (at + length > bytes.length) return refuse('option_past_end', type, messageId, token);
    options.push({ number, value: bytes.subarray(at, at + length) });
    at += length;
  }
  return { ok: true, message: { type, code, messageId, token, options, payload } };
}

function extendedBytes(nibble: number): number {
  return nibble === 13 ? 1 : nibble === 14 ? 2 : 0;
}

function refuse(
  reason: MalformedReason,
  type?: MessageType,
  messageId?: number,
  token?: Uint8Array,
): Decoded {
  const malformed: Malformed = { reason };
  if (type !== undefined) malformed.type = type;
  if (messageId !== undefined) malformed.messageId = messageId;
  if (token !== undefined) malformed.token = token;
  return { ok: false, malformed };
}

/**
 * Options may come in any order of number; those of one number keep their order. Fails with `coap.too_large` past
 * one datagram, `coap.bad_request` for a token or option that has no encoding.
 */
export function encodeMessage(message: CoapMessage): Uint8Array {
  const { token, payload } = message;
  if (token.length > MAX_TOKEN_BYTES)
    throw coapError('coap.bad_request', 'A CoAP token has at most 8 bytes.');
  const options = inOrder(message.options);
  let size = 4 + token.length + (payload.length > 0 ? 1 + payload.length : 0);
  let number = 0;
  for (const option of options) {
    if (option.number > 0xffff || option.value.length > 0xffff + 269) {
      throw coapError('coap.bad_request', `CoAP option ${option.number} cannot be encoded.`);
    }
    size += 1 + headBytes(option.number - number) + headBytes(option.value.length) + option.value.length;
    number = option.number;
  }
  if (size > MAX_MESSAGE_BYTES) {
    throw coapError('coap.too_large', `A CoAP message of ${size} bytes does not fit into one datagram.`);
  }

  const bytes = new Uint8Array(size);
  bytes[0] = 0x40 | (message.type << 4) | token.length;
  bytes[1] = message.code;
  bytes[2] = message.messageId >> 8;
  bytes[3] = message.messageId;
  bytes.set(token, 4);
  let at = 4 + token.length;
  number = 0;
  for (const option of options) {
    const delta = option.number - number;
    number = option.number;
    const length = option.value.length;
    bytes[at++] = (nibble(delta) << 4) | nibble(length);
    at = putExtended(bytes, at, delta);
    at = putExtended(bytes, at, length);
    bytes.set(option.value, at);
    at += length;
  }
  if (payload.length > 0) {
    bytes[at++] = 0xff;
    bytes.set(payload, at);
  }
  return bytes;
}

/** An empty ACK, RST or CON (ping): four bytes. */
export function encodeEmpty(type: MessageType, messageId: number): Uint8Array {
  return Uint8Array.of(0x40 | (type << 4), EMPTY, messageId >> 8, messageId);
}

function inOrder(options: CoapOption[]): CoapOption[] {
  for (let i = 1; i < options.length; i++) {
    if (options[i]!.number < options[i - 1]!.number) return options.toSorted((a, b) => a.number - b.number);
  }
  return options;
}

function nibble(value: number): number {
  return value < 13 ? value : value < 269 ? 13 : 14;
}

function headBytes(value: number): number {
  return value < 13 ? 0 : value < 269 ? 1 : 2;
}

function putExtended(bytes: Uint8Array, at: number, value: number): number {
  if (value < 13) return at;
  if (value < 269) {
    bytes[at] = value - 13;
    return at + 1;
  }
  bytes[at] = (value - 269) >> 8;
  bytes[at + 1] = value - 269;
  return at + 2;
}
