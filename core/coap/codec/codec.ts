/**
 * The message format of RFC 7252 §3, strict and without I/O: bytes in, message or problem out.
 *
 *     |Ver 2|T 2|TKL 4| Code 8 | Message ID 16 | Token 0-8 | Options | 0xFF Payload |
 */
import { ACK, EMPTY, RST, isRequest, isReserved } from './codes.ts';
import type { MessageType } from './codes.ts';
import { coapError } from '../errors.ts';
import { bodyBytes, inOrder, readOptions, writeBody } from './option-list.ts';
import type { OptionListProblem } from './option-list.ts';
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
  | OptionListProblem;

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
  const payloadAt = readOptions(bytes, 4 + tokenBytes, bytes.length, options);
  if (typeof payloadAt === 'string') return refuse(payloadAt, type, messageId, token);
  const payload = payloadAt === bytes.length ? NO_BYTES : bytes.subarray(payloadAt);
  return { ok: true, message: { type, code, messageId, token, options, payload } };
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
  const size = 4 + token.length + bodyBytes(options, payload);
  if (size > MAX_MESSAGE_BYTES) {
    throw coapError('coap.too_large', `A CoAP message of ${size} bytes does not fit into one datagram.`);
  }

  const bytes = room(size);
  bytes[0] = 0x40 | (message.type << 4) | token.length;
  bytes[1] = message.code;
  bytes[2] = message.messageId >> 8;
  bytes[3] = message.messageId;
  for (let i = 0; i < token.length; i++) bytes[4 + i] = token[i]!;
  writeBody(bytes, 4 + token.length, options, payload);
  return bytes;
}

/** An empty ACK, RST or CON (ping): four bytes. */
export function encodeEmpty(type: MessageType, messageId: number): Uint8Array {
  const bytes = room(4);
  bytes[0] = 0x40 | (type << 4);
  bytes[1] = EMPTY;
  bytes[2] = messageId >> 8;
  bytes[3] = messageId;
  return bytes;
}

const POOL_BYTES = 16_384;
let pool = new Uint8Array(POOL_BYTES);
let pooled = 0;

/** A piece of a pool: a small array of its own costs far more as soon as a socket takes it. */
function room(size: number): Uint8Array {
  if (size > POOL_BYTES / 8) return new Uint8Array(size);
  if (pooled + size > POOL_BYTES) {
    pool = new Uint8Array(POOL_BYTES);
    pooled = 0;
  }
  pooled += size;
  return pool.subarray(pooled - size, pooled);
}
