/** Options: numbers, formats, and what may be repeated (RFC 7252 §5.4, §5.10; 7641 §2; 7959 §2; 8768; 9175; 7967). */

export interface CoapOption {
  number: number;
  value: Uint8Array;
}

export type OptionFormat = 'empty' | 'opaque' | 'uint' | 'string' | 'block';

export interface OptionDefinition {
  number: number;
  name: string;
  format: OptionFormat;
  minBytes: number;
  maxBytes: number;
  repeatable: boolean;
}

function define(
  number: number,
  name: string,
  format: OptionFormat,
  minBytes: number,
  maxBytes: number,
  repeatable = false,
): OptionDefinition {
  return { number, name, format, minBytes, maxBytes, repeatable };
}

export const IF_MATCH = 1;
export const URI_HOST = 3;
export const ETAG = 4;
export const IF_NONE_MATCH = 5;
export const OBSERVE = 6;
export const URI_PORT = 7;
export const LOCATION_PATH = 8;
export const URI_PATH = 11;
export const CONTENT_FORMAT = 12;
export const MAX_AGE = 14;
export const URI_QUERY = 15;
export const HOP_LIMIT = 16;
export const ACCEPT = 17;
export const LOCATION_QUERY = 20;
export const BLOCK2 = 23;
export const BLOCK1 = 27;
export const SIZE2 = 28;
export const PROXY_URI = 35;
export const PROXY_SCHEME = 39;
export const SIZE1 = 60;
export const ECHO = 252;
export const NO_RESPONSE = 258;
export const REQUEST_TAG = 292;

const DEFINITIONS = new Map(
  [
    define(IF_MATCH, 'If-Match', 'opaque', 0, 8, true),
    define(URI_HOST, 'Uri-Host', 'string', 1, 255),
    define(ETAG, 'ETag', 'opaque', 1, 8, true),
    define(IF_NONE_MATCH, 'If-None-Match', 'empty', 0, 0),
    define(OBSERVE, 'Observe', 'uint', 0, 3),
    define(URI_PORT, 'Uri-Port', 'uint', 0, 2),
    define(LOCATION_PATH, 'Location-Path', 'string', 0, 255, true),
    define(URI_PATH, 'Uri-Path', 'string', 0, 255, true),
    define(CONTENT_FORMAT, 'Content-Format', 'uint', 0, 2),
    define(MAX_AGE, 'Max-Age', 'uint', 0, 4),
    define(URI_QUERY, 'Uri-Query', 'string', 0, 255, true),
    define(HOP_LIMIT, 'Hop-Limit', 'uint', 1, 1),
    define(ACCEPT, 'Accept', 'uint', 0, 2),
    define(LOCATION_QUERY, 'Location-Query', 'string', 0, 255, true),
    define(BLOCK2, 'Block2', 'block', 0, 3),
    define(BLOCK1, 'Block1', 'block', 0, 3),
    define(SIZE2, 'Size2', 'uint', 0, 4),
    define(PROXY_URI, 'Proxy-Uri', 'string', 1, 1034),
    define(PROXY_SCHEME, 'Proxy-Scheme', 'string', 1, 255),
    define(SIZE1, 'Size1', 'uint', 0, 4),
    define(ECHO, 'Echo', 'opaque', 1, 40),
    define(NO_RESPONSE, 'No-Response', 'uint', 0, 1),
    define(REQUEST_TAG, 'Request-Tag', 'opaque', 0, 8, true),
  ].map((definition) => [definition.number, definition]),
);

export function optionDefinition(number: number): OptionDefinition | undefined {
  return DEFINITIONS.get(number);
}

export function optionName(number: number): string {
  return DEFINITIONS.get(number)?.name ?? `Option ${number}`;
}

/** A receiver that does not know a critical option must not process the message (§5.4.1). */
export function isCritical(number: number): boolean {
  return (number & 1) === 1;
}

/** A proxy that does not know such an option must not forward the message (§5.4.2). */
export function isUnsafe(number: number): boolean {
  return (number & 2) === 2;
}

const NO_BYTES = new Uint8Array(0);

/** An unsigned integer without leading zero bytes; 0 is empty (§3.2). At most 32 bits. */
export function encodeUint(value: number): Uint8Array {
  if (value === 0) return NO_BYTES;
  if (value < 0x100) return Uint8Array.of(value);
  if (value < 0x1_0000) return Uint8Array.of(value >> 8, value);
  if (value < 0x100_0000) return Uint8Array.of(value >> 16, value >> 8, value);
  return Uint8Array.of(value >>> 24, value >> 16, value >> 8, value);
}

/** Leading zero bytes are legal on receipt (§3.2). */
export function decodeUint(value: Uint8Array): number {
  let result = 0;
  for (const byte of value) result = result * 256 + byte;
  return result;
}

const utf8 = new TextEncoder();

export function uintOption(number: number, value: number): CoapOption {
  return { number, value: encodeUint(value) };
}

export function textOption(number: number, value: string): CoapOption {
  return { number, value: utf8.encode(value) };
}

/** First option of that number whose length is legal; one of an illegal length counts as absent (§5.4.3). */
export function findOption(options: readonly CoapOption[], number: number): Uint8Array | undefined {
  for (const option of options) {
    if (option.number !== number) continue;
    const definition = DEFINITIONS.get(number);
    const bytes = option.value.length;
    if (definition !== undefined && (bytes < definition.minBytes || bytes > definition.maxBytes)) continue;
    return option.value;
  }
  return undefined;
}

export function findUint(options: readonly CoapOption[], number: number): number | undefined {
  const value = findOption(options, number);
  return value === undefined ? undefined : decodeUint(value);
}

/** The same options without those numbers. */
export function withoutOptions(options: readonly CoapOption[], ...numbers: number[]): CoapOption[] {
  return options.filter((option) => !numbers.includes(option.number));
}

/**
 * The first critical option that cannot be processed: unknown, of an illegal length (§5.4.3), or once too often
 * (§5.4.5). Elective ones of these kinds are to be ignored.
 */
export function unusableOption(options: readonly CoapOption[]): CoapOption | undefined {
  let previous = -1;
  for (const option of options) {
    const repeated = option.number === previous;
    previous = option.number;
    if (!isCritical(option.number)) continue;
    const definition = DEFINITIONS.get(option.number);
    if (definition === undefined) return option;
    if (repeated && !definition.repeatable) return option;
    const bytes = option.value.length;
    if (bytes < definition.minBytes || bytes > definition.maxBytes) return option;
  }
  return undefined;
}
