/** Options and payload as they lie in a message of any transport (RFC 7252 §3.1; RFC 8323 §3.2 keeps them). */
import { coapError } from '../errors.ts';
import type { CoapOption } from './options.ts';

export type OptionListProblem =
  'option_nibble' | 'option_past_end' | 'option_number' | 'marker_without_payload';

const NO_BYTES = new Uint8Array(0);

/**
 * Adds the options from `at` on to `options`, as views on `bytes`. Returns where the payload begins (`end` without
 * one), or what is wrong. Never throws.
 */
export function readOptions(
  bytes: Uint8Array,
  at: number,
  end: number,
  options: CoapOption[],
): number | OptionListProblem {
  let number = 0;
  while (at < end) {
    const head = bytes[at++]!;
    if (head === 0xff) return at === end ? 'marker_without_payload' : at;
    let delta = head >> 4;
    let length = head & 15;
    if (delta === 15 || length === 15) return 'option_nibble';
    const extended = extendedBytes(delta) + extendedBytes(length);
    if (at + extended > end) return 'option_past_end';
    if (delta === 13) delta = bytes[at++]! + 13;
    else if (delta === 14) delta = ((bytes[at++]! << 8) | bytes[at++]!) + 269;
    if (length === 13) length = bytes[at++]! + 13;
    else if (length === 14) length = ((bytes[at++]! << 8) | bytes[at++]!) + 269;
    number += delta;
    if (number > 0xffff) return 'option_number';
    if (at + length > end) return 'option_past_end';
    options.push({ number, value: length === 0 ? NO_BYTES : bytes.subarray(at, at + length) });
    at += length;
  }
  return end;
}

function extendedBytes(nibble: number): number {
  return nibble === 13 ? 1 : nibble === 14 ? 2 : 0;
}

/** The same options in order of number; those of one number keep their order. */
export function inOrder(options: CoapOption[]): CoapOption[] {
  for (let i = 1; i < options.length; i++) {
    if (options[i]!.number < options[i - 1]!.number) return options.toSorted((a, b) => a.number - b.number);
  }
  return options;
}

/** Bytes of options (in order), marker and payload. Fails with `coap.bad_request` for what has no encoding. */
export function bodyBytes(options: readonly CoapOption[], payload: Uint8Array): number {
  let size = payload.length > 0 ? 1 + payload.length : 0;
  let number = 0;
  for (const option of options) {
    if (option.number > 0xffff || option.value.length > 0xffff + 269) {
      throw coapError('coap.bad_request', `CoAP option ${option.number} cannot be encoded.`);
    }
    size += 1 + headBytes(option.number - number) + headBytes(option.value.length) + option.value.length;
    number = option.number;
  }
  return size;
}

/** Writes what `bodyBytes` has measured. */
export function writeBody(
  bytes: Uint8Array,
  at: number,
  options: readonly CoapOption[],
  payload: Uint8Array,
): void {
  let number = 0;
  for (const option of options) {
    const delta = option.number - number;
    number = option.number;
    const length = option.value.length;
    bytes[at++] = (nibble(delta) << 4) | nibble(length);
    at = putExtended(bytes, at, delta);
    at = putExtended(bytes, at, length);
    at = putBytes(bytes, at, option.value);
  }
  if (payload.length > 0) {
    bytes[at++] = 0xff;
    putBytes(bytes, at, payload);
  }
}

function nibble(value: number): number {
  return value < 13 ? value : value < 269 ? 13 : 14;
}

function headBytes(value: number): number {
  return value < 13 ? 0 : value < 269 ? 1 : 2;
}

/** A few bytes are copied faster one by one. */
const FEW_BYTES = 24;

function putBytes(bytes: Uint8Array, at: number, value: Uint8Array): number {
  if (value.length > FEW_BYTES) bytes.set(value, at);
  else for (let i = 0; i < value.length; i++) bytes[at + i] = value[i]!;
  return at + value.length;
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
