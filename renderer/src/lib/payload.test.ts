import { expect, it } from 'vitest';
import { decodeText, hexLines } from './payload.ts';

const bytes = (text: string) => new TextEncoder().encode(text);

it('tells text from bytes', () => {
  expect(decodeText(bytes('21.5'))).toBe('21.5');
  expect(decodeText(Uint8Array.of(0xff, 0xd8))).toBeNull();
  expect(decodeText(Uint8Array.of(0, 1, 2))).toBeNull();
});

it('forgives a character cut in two only where more follows', () => {
  const cut = bytes('grün').subarray(0, 3);
  expect(decodeText(cut)).toBeNull();
  expect(decodeText(cut, false)).toBe('gr');
});

it('writes sixteen bytes a line', () => {
  const lines = hexLines(Uint8Array.from({ length: 18 }, (_, i) => 0x40 + i));
  expect(lines[0]).toEqual({
    offset: '000000',
    hex: '40 41 42 43 44 45 46 47  48 49 4a 4b 4c 4d 4e 4f',
    ascii: '@ABCDEFGHIJKLMNO',
  });
  expect(lines[1]).toEqual({ offset: '000010', hex: '50 51', ascii: 'PQ' });
});
