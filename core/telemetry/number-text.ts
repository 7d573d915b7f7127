/** Numbers as text, read from bytes without making a string of them. */

const MINUS = 0x2d;
const PLUS = 0x2b;
const POINT = 0x2e;
const ZERO = 0x30;
const NINE = 0x39;

/** Powers of ten that a double holds exactly. */
const EXACT_TENS = Array.from({ length: 23 }, (_, power) => Number(`1e${power}`));
/** More digits than these do not fit a double's 53 bits for certain. */
const EXACT_DIGITS = 15;

/**
 * Reads a decimal number, with the same result as `Number()` of the same text. One scanner is used over and over:
 * `end` tells where the last number ended, -1 when there was none.
 */
export class NumberScanner {
  end = -1;

  /**
   * @param strict JSON's grammar (RFC 8259 §6): no plus sign, no leading zeros, digits on both sides of the point.
   * @returns the number, which may be infinite; meaningless when `end` is -1.
   */
  scan(bytes: Uint8Array, start: number, stop: number, strict: boolean): number {
    let at = start;
    this.end = -1;
    let negative = false;
    if (bytes[at] === MINUS || (!strict && bytes[at] === PLUS)) {
      negative = bytes[at] === MINUS;
      at++;
    }
    const whole = at;
    let mantissa = 0;
    let digit: number;
    while (at < stop && (digit = bytes[at]!) >= ZERO && digit <= NINE) {
      mantissa = mantissa * 10 + (digit - ZERO);
      at++;
    }
    let digits = at - whole;
    if (strict && (digits === 0 || (digits > 1 && bytes[whole] === ZERO))) return NaN;
    let exponent = 0;
    if (at < stop && bytes[at] === POINT) {
      const fraction = ++at;
      while (at < stop && (digit = bytes[at]!) >= ZERO && digit <= NINE) {
        mantissa = mantissa * 10 + (digit - ZERO);
        at++;
      }
      exponent = fraction - at;
      if (strict && exponent === 0) return NaN;
      digits -= exponent;
    }
    if (digits === 0) return NaN;
    if (at < stop && (bytes[at]! | 0x20) === 0x65) {
      const after = endOfExponent(bytes, at, stop);
      if (after === -1) return NaN;
      // Exponents are rare: the text goes to `Number`, which rounds correctly in every case.
      at = after;
      digits = Infinity;
    }
    this.end = at;
    if (digits > EXACT_DIGITS || exponent < -22) return Number(latin1(bytes, start, at));
    // An exact integer divided by an exact power of ten rounds once, as the correct result does (Clinger 1990).
    const value = exponent === 0 ? mantissa : mantissa / EXACT_TENS[-exponent]!;
    return negative ? -value : value;
  }
}

/** Where the exponent that begins at `start` ends; -1 when there are no digits in it. */
function endOfExponent(bytes: Uint8Array, start: number, stop: number): number {
  let at = start + 1;
  if (bytes[at] === MINUS || bytes[at] === PLUS) at++;
  const first = at;
  while (at < stop && bytes[at]! >= ZERO && bytes[at]! <= NINE) at++;
  return at === first ? -1 : at;
}

/** Bytes as text, one character each: for ASCII only. */
export function latin1(bytes: Uint8Array, start: number, end: number): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset + start, end - start).toString('latin1');
}
