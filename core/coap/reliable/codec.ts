/**
 * Messages over reliable transports: the same as over UDP without version, type and message id (RFC 8323 §3.2).
 *
 *     TCP:        |Len 4|TKL 4| Extended Length 0, 1, 2 or 4 | Code 8 | Token 0-8 | Options | 0xFF Payload |
 *     WebSocket:  |0    |TKL 4| Code 8 | Token 0-8 | Options | 0xFF Payload |      one binary frame each (§4.2)
 *
 * Len counts options, marker and payload.
 */
import { MAX_TOKEN_BYTES } from '../codec/codec.ts';
import { EMPTY, codeClass, isReserved } from '../codec/codes.ts';
import { bodyBytes, inOrder, readOptions, writeBody } from '../codec/option-list.ts';
import type { OptionListProblem } from '../codec/option-list.ts';
import type { CoapOption } from '../codec/options.ts';
import { coapError } from '../errors.ts';

export interface ReliableMessage {
  code: number;
  /** 0..8 bytes. */
  token: Uint8Array;
  /** In ascending order of number when decoded, in any order when encoded. */
  options: CoapOption[];
  payload: Uint8Array;
}

export type Framing = 'stream' | 'websocket';

export type FrameProblem =
  | 'too_short'
  | 'length'
  | 'token_length'
  | 'token_past_end'
  | 'reserved_class'
  | 'too_large'
  /** Not its fault: too much is unfinished here, on all connections. */
  | 'no_room'
  | OptionListProblem;

/** For the diagnostic payload of an Abort, and for people. */
export const FRAME_PROBLEM_TEXTS: Readonly<Record<FrameProblem, string>> = {
  too_short: 'a message shorter than its header',
  length: 'a length over WebSocket that is not 0',
  token_length: 'a token longer than 8 bytes',
  token_past_end: 'a token past the end of the message',
  reserved_class: 'a code of a reserved class',
  too_large: 'a message larger than Max-Message-Size',
  no_room: 'too much is unfinished here',
  option_nibble: 'a reserved option length or delta',
  option_past_end: 'an option past the end of the message',
  option_number: 'an option number past 65535',
  marker_without_payload: 'a payload marker without a payload',
};

const SIGNAL_CLASS = 7;
const NO_BYTES = new Uint8Array(0);

/** Extended length bytes and what they add, by the first nibble minus 12. */
const EXTENDED_BYTES = [0, 1, 2, 4] as const;
const EXTENDED_FROM = [0, 13, 269, 65_805] as const;

/** Len, extended length, code: the bytes that tell all about the size. */
export const MAX_HEADER_BYTES = 6;

/**
 * The size of the message that begins at `at`: whole, in bytes, or 0 while too few bytes are there to tell. Up to
 * 4 GiB; nothing is read past `end`.
 */
export function streamMessageBytes(bytes: Uint8Array, at: number, end: number): number {
  if (at >= end) return 0;
  const first = bytes[at]!;
  const nibble = first >> 4;
  if (nibble < 13) return 2 + (first & 15) + nibble;
  const extended = EXTENDED_BYTES[nibble - 12]!;
  if (at + 1 + extended > end) return 0;
  let length = 0;
  for (let i = 1; i <= extended; i++) length = length * 256 + bytes[at + i]!;
  return 2 + extended + (first & 15) + EXTENDED_FROM[nibble - 12]! + length;
}

/**
 * The one message from `at` to `end`, whose size is known. Token, option values and payload are views on `bytes`.
 * Never throws.
 */
export function decodeFramed(
  bytes: Uint8Array,
  at: number,
  end: number,
  framing: Framing,
): ReliableMessage | FrameProblem {
  if (end - at < 2) return 'too_short';
  const first = bytes[at]!;
  const nibble = first >> 4;
  if (framing === 'websocket' && nibble !== 0) return 'length';
  const tokenBytes = first & 15;
  if (tokenBytes > MAX_TOKEN_BYTES) return 'token_length';
  const codeAt = at + 1 + (nibble < 13 ? 0 : EXTENDED_BYTES[nibble - 12]!);
  const code = bytes[codeAt]!;
  const tokenAt = codeAt + 1;
  if (tokenAt + tokenBytes > end) return 'token_past_end';
  if (codeClass(code) !== SIGNAL_CLASS && isReserved(code)) return 'reserved_class';
  const token = tokenBytes === 0 ? NO_BYTES : bytes.subarray(tokenAt, tokenAt + tokenBytes);
  // Whatever an empty message carries, it is ignored (§3.4).
  if (code === EMPTY) return { code, token, options: [], payload: NO_BYTES };
  const options: CoapOption[] = [];
  const payloadAt = readOptions(bytes, tokenAt + tokenBytes, end, options);
  if (typeof payloadAt === 'string') return payloadAt;
  const payload = payloadAt === end ? NO_BYTES : bytes.subarray(payloadAt, end);
  return { code, token, options, payload };
}

/** Fails with `coap.bad_request` for what has no encoding, `coap.too_large` past `maxBytes`. */
export function encodeFramed(message: ReliableMessage, framing: Framing, maxBytes: number): Uint8Array {
  const { code, token, payload } = message;
  if (token.length > MAX_TOKEN_BYTES)
    throw coapError('coap.bad_request', 'A CoAP token has at most 8 bytes.');
  const options = inOrder(message.options);
  const length = bodyBytes(options, payload);
  const form =
    framing === 'websocket' || length < 13 ? 0 : length < 269 ? 1 : length < EXTENDED_FROM[3] ? 2 : 3;
  const extended = EXTENDED_BYTES[form]!;
  const size = 2 + extended + token.length + length;
  if (size > maxBytes) {
    throw coapError(
      'coap.too_large',
      `A CoAP message of ${size} bytes is larger than the ${maxBytes} bytes that the other end takes.`,
      { bytes: size, maxBytes },
    );
  }
  const bytes = Buffer.allocUnsafe(size);
  const nibble = framing === 'websocket' ? 0 : form === 0 ? length : 12 + form;
  bytes[0] = (nibble << 4) | token.length;
  if (extended > 0) bytes.writeUIntBE(length - EXTENDED_FROM[form]!, 1, extended);
  bytes[1 + extended] = code;
  bytes.set(token, 2 + extended);
  writeBody(bytes, 2 + extended + token.length, options, payload);
  return bytes;
}
