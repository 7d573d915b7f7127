/** Small looks into the bytes of a payload. */
import { latin1 } from './number-text.ts';
import { unitOfText } from './units.ts';

const LONGEST_UNIT_BYTES = 16;
const NOT_FINITE = /^[+-]?(nan|inf|infinity)$/i;

const strictUtf8 = new TextDecoder('utf-8', { fatal: true });

/** Where the text begins behind a byte order mark and blanks; the payload's length when there is none. */
export function startOfText(payload: Uint8Array): number {
  const marked = payload[0] === 0xef && payload[1] === 0xbb && payload[2] === 0xbf;
  return skipBlanks(payload, marked ? 3 : 0);
}

/** NUL counts as blank: many devices send the end of their C string. */
export function skipBlanks(payload: Uint8Array, start: number): number {
  let at = start;
  while (at < payload.length && isBlank(payload[at]!)) at++;
  return at;
}

function endOfText(payload: Uint8Array): number {
  let end = payload.length;
  while (end > 0 && isBlank(payload[end - 1]!)) end--;
  return end;
}

function isBlank(byte: number): boolean {
  return byte === 0x20 || byte === 0x0a || byte === 0x0d || byte === 0x09 || byte === 0;
}

/** `NaN`, `-inf` and the like: no number to store, but meant as one. */
export function saysNotFinite(payload: Uint8Array, start: number): boolean {
  const end = endOfText(payload);
  return end - start <= 10 && NOT_FINITE.test(latin1(payload, start, end));
}

/** The unit that is all the rest of the payload, or undefined. */
export function unitAt(payload: Uint8Array, start: number): string | undefined {
  const end = endOfText(payload);
  if (end - start > LONGEST_UNIT_BYTES) return undefined;
  try {
    return unitOfText(strictUtf8.decode(payload.subarray(start, end)));
  } catch {
    return undefined;
  }
}

/** The inside of a JSON string, unescaped; empty when it is no text. */
export function textAt(payload: Uint8Array, start: number, end: number): string {
  try {
    return JSON.parse(`"${strictUtf8.decode(payload.subarray(start, end))}"`) as string;
  } catch {
    return '';
  }
}

/** The payload as JSON, undefined when it is none. */
export function jsonOf(payload: Uint8Array): unknown {
  try {
    return JSON.parse(strictUtf8.decode(payload.subarray(0, endOfText(payload))));
  } catch {
    return undefined;
  }
}
