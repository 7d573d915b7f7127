import { describe, expect, it } from 'vitest';
import { hexOf } from '../../../payload/tree.ts';
import {
  asWritten,
  blockCount,
  cborOfJson,
  indentedJson,
  payloadBytes,
  payloadText,
  rewritten,
} from './payload-forms.ts';

const bytesOf = (...args: Parameters<typeof payloadBytes>): string => {
  const made = payloadBytes(...args);
  return made.ok ? hexOf(made.value) : made.problem;
};

describe('a payload from one form to another', () => {
  it('keeps its bytes', () => {
    for (const text of ['21.5', 'caf\u00e9 \u{1f321}', '\ufeffwith a mark', 'a\nb\tc', '']) {
      const back = rewritten(
        rewriteOrFail(rewriteOrFail(text, 'text', 'hex'), 'hex', 'base64'),
        'base64',
        'text',
      );
      expect(back).toEqual({ ok: true, value: text });
    }
  });

  it('is refused where bytes are no text, or no text that a field can hold', () => {
    expect(rewritten('ff fe', 'hex', 'text')).toMatchObject({
      ok: false,
      problem: expect.stringMatching(/UTF-8/),
    });
    expect(rewritten('61 0d 0a 62', 'hex', 'text')).toMatchObject({
      ok: false,
      problem: expect.stringMatching(/carriage/),
    });
    expect(rewritten('61 00', 'hex', 'text')).toMatchObject({
      ok: false,
      problem: expect.stringMatching(/control/),
    });
    expect(rewritten('ff fe', 'hex', 'base64')).toEqual({ ok: true, value: '//4=' });
  });

  it('is refused where what is written is none of its form', () => {
    expect(rewritten('abc', 'hex', 'text')).toMatchObject({
      ok: false,
      problem: expect.stringMatching(/pairs/),
    });
    expect(rewritten('*', 'base64', 'hex')).toMatchObject({
      ok: false,
      problem: expect.stringMatching(/base64/),
    });
  });

  it('comes from a file as text where that loses nothing', () => {
    expect(asWritten(new TextEncoder().encode('{}'))).toEqual({ form: 'text', text: '{}' });
    expect(asWritten(Uint8Array.of(0, 255))).toEqual({ form: 'hex', text: '00 ff' });
    expect(asWritten(Uint8Array.of(65), 'base64')).toEqual({ form: 'base64', text: 'QQ==' });
    const text = payloadText(Uint8Array.of(0xef, 0xbb, 0xbf, 65), 'text');
    expect(text).toEqual({ ok: true, value: '\ufeffA' });
  });

  function rewriteOrFail(...args: Parameters<typeof rewritten>): string {
    const made = rewritten(...args);
    if (!made.ok) throw new Error(made.problem);
    return made.value;
  }
});

describe('payload bytes', () => {
  it('are read with any spacing', () => {
    expect(bytesOf('de AD\nbe:ef', 'hex')).toBe('deadbeef');
    expect(bytesOf('SGV sbG8', 'base64')).toBe('48656c6c6f');
    expect(bytesOf('x'.repeat(1024 * 1024 + 1), 'text')).toMatch(/1 MiB/);
  });

  it('take so many blocks', () => {
    expect([0, 64, 65, 1_048_576].map((bytes) => blockCount(bytes, 64))).toEqual([1, 1, 2, 16_384]);
  });
});

describe('JSON', () => {
  it('is indented with its numbers as they were', () => {
    expect(indentedJson('{"a":1.0,"b":12345678901234567890}')).toEqual({
      ok: true,
      value: '{\n  "a": 1.0,\n  "b": 12345678901234567890\n}',
    });
    expect(indentedJson('{"a":')).toMatchObject({ ok: false, problem: expect.stringMatching(/breaks off/) });
  });

  it('becomes CBOR', () => {
    const cbor = (text: string, senml = false) => {
      const made = cborOfJson(text, senml);
      return made.ok ? hexOf(made.value) : made.problem;
    };
    expect(cbor('{"a":1,"b":[true,null]}')).toBe('a2616101616282f5f6');
    expect(cbor('18446744073709551615')).toBe('1bffffffffffffffff');
    expect(cbor('[{"n":"t","v":21.5,"vd":"AQI"}]', true)).toBe('81a30061740' + '2f94d60' + '08420102');
    expect(cbor('{"n":"t"}', true)).toMatch(/list of records/);
    expect(cbor('{')).toMatch(/breaks off/);
  });
});
