import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { NumberScanner } from './number-text.ts';

const scanner = new NumberScanner();

function scan(text: string, strict: boolean): [value: number, end: number] {
  const bytes = Buffer.from(text);
  const value = scanner.scan(bytes, 0, bytes.length, strict);
  return [value, scanner.end];
}

describe('a number in bytes', () => {
  test.each([
    '0',
    '-0',
    '21.5',
    '-40',
    '1e3',
    '1.5E-7',
    '123456789012345',
    '1234567890123456789',
    '0.1',
    '5e-324',
  ])('%s is read as Number() reads it, by both grammars', (text) => {
    expect(scan(text, true)).toEqual([Number(text), text.length]);
    expect(scan(text, false)).toEqual([Number(text), text.length]);
  });

  test.each(['+1', '.5', '5.', '007', '+.5'])('%s is a number of people, not of JSON', (text) => {
    expect(scan(text, false)).toEqual([Number(text), text.length]);
    const [, end] = scan(text, true);
    expect(end === -1 || end < text.length).toBe(true);
  });

  test.each(['', '-', '+', '.', '-.', 'e5', '1e', '1e+', 'x', '1.e'])('%j is no number', (text) => {
    expect(scan(text, false)[1]).toBe(-1);
    expect(scan(text, true)[1]).toBe(-1);
  });

  test('it ends where the number ends', () => {
    expect(scan('21.5 C', false)).toEqual([21.5, 4]);
    expect(scan('1.2.3', false)).toEqual([1.2, 3]);
  });

  test('too large a number is infinite, for the caller to refuse', () => {
    expect(scan('1e999', true)[0]).toBe(Infinity);
    expect(scan(`-${'9'.repeat(400)}`, true)[0]).toBe(-Infinity);
  });

  test('every double comes back exactly as it was written', () => {
    fc.assert(
      fc.property(fc.double({ noNaN: true, noDefaultInfinity: true }), (value) => {
        expect(scan(JSON.stringify(value), true)[0]).toBe(Number(JSON.stringify(value)));
      }),
    );
    const digits = fc.stringMatching(/^-?\d{1,20}(\.\d{1,20})?$/);
    fc.assert(
      fc.property(digits, (text) => {
        expect(scan(text, false)[0]).toBe(Number(text));
      }),
    );
  });
});
