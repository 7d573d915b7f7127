import { expect, it } from 'vitest';
import { decodeText, hexLines, jsonTokens, viewPayload } from './payload.ts';

const bytes = (text: string) => new TextEncoder().encode(text);

it('shows JSON, text and bytes each in its best form', () => {
  expect(viewPayload(bytes('{"a":1}'))).toEqual({ text: '{"a":1}', json: '{\n  "a": 1\n}', best: 'json' });
  expect(viewPayload(bytes('21.5')).best).toBe('text');
  expect(viewPayload(bytes('{"a":')).best).toBe('text');
  expect(viewPayload(Uint8Array.of(0xff, 0xd8)).best).toBe('hex');
  expect(viewPayload(Uint8Array.of(0, 1, 2)).best).toBe('hex');
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

it('takes JSON apart without losing a character', () => {
  const json = JSON.stringify({ 'a"b': [1, -2.5e3, true, null, 'x: y'] }, null, 2);
  const tokens = jsonTokens(json);
  expect(tokens.map((token) => token.text).join('')).toBe(json);
  expect(tokens.filter((token) => token.kind === 'key').map((token) => token.text)).toEqual(['"a\\"b"']);
  expect(tokens.filter((token) => token.kind === 'string').map((token) => token.text)).toEqual(['"x: y"']);
});
