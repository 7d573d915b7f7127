import { describe, expect, it } from 'vitest';
import { hexOf } from '../../../payload/tree.ts';
import { optionFlags } from './known-options.ts';
import { encodeOptions, optionNumber, rowsOf, uintBytes } from './option-rows.ts';
import type { OptionForm } from './known-options.ts';

let id = 0;
const row = (which: string, value: string, form: OptionForm = 'hex') => ({ id: ++id, which, form, value });
const bytes = (...rows: ReturnType<typeof row>[]) =>
  encodeOptions(rows).options.map(({ number, value }) => `${number}:${hexOf(value)}`);
const problem = (...rows: ReturnType<typeof row>[]) => {
  const found = encodeOptions(rows).problems.get(rows.at(-1)!.id);
  return found?.which ?? found?.value ?? null;
};

describe('options of a request', () => {
  it('are named by name, by number, or by both', () => {
    expect(['If-Match', 'if-match', 'If-Match (1)', ' 1 ', '65535'].map(optionNumber)).toEqual([
      1, 1, 1, 1, 65_535,
    ]);
    expect(['', 'Nothing', '65536', '-1', '1.5'].map(optionNumber)).toEqual(Array(5).fill(null));
  });

  it('are written in the form of the option, whatever form is chosen', () => {
    expect(bytes(row('If-Match', 'a1 B2', 'text'))).toEqual(['1:a1b2']);
    expect(bytes(row('If-None-Match', ''))).toEqual(['5:']);
    expect(bytes(row('Size1', '1000'), row('Max-Age', '0'), row('Hop-Limit', '16'))).toEqual([
      '60:03e8',
      '14:',
      '16:10',
    ]);
  });

  it('of a custom number are written as chosen', () => {
    expect(bytes(row('65001', 'caf\u00e9', 'text'))).toEqual(['65001:636166c3a9']);
    expect(bytes(row('65001', '4294967295', 'uint'), row('65003', '', 'empty'))).toEqual([
      '65001:ffffffff',
      '65003:',
    ]);
    expect(bytes(row('65001', '0x01:ff', 'hex'))).toEqual(['65001:01ff']);
  });

  it('have numbers without leading zero bytes', () => {
    expect([0, 1, 255, 256, 0x1_0000, 0xffff_ffff].map((n) => [...uintBytes(n)])).toEqual([
      [],
      [1],
      [255],
      [1, 0],
      [1, 0, 0],
      [255, 255, 255, 255],
    ]);
  });

  it('are refused with words', () => {
    expect(problem(row('Nothing', ''))).toMatch(/name from the list/);
    expect(problem(row('0', ''))).toMatch(/reserved/);
    expect(problem(row('11', 'a', 'text'))).toMatch(/address/);
    expect(problem(row('Accept (17)', '1', 'uint'))).toMatch(/field of its own/);
    expect(problem(row('35', 'a', 'text'))).toMatch(/Proxy-Uri/);
    expect(problem(row('ETag', ''))).toBe('ETag has 1 to 8 bytes; these are 0.');
    expect(problem(row('If-Match', '00'.repeat(9)))).toBe('If-Match has at most 8 bytes; these are 9.');
    expect(problem(row('Hop-Limit', '0'))).toBe('Hop-Limit is a number from 1 to 255.');
    expect(problem(row('No-Response', '256'))).toBe('No-Response is a number from 0 to 255.');
    expect(problem(row('Max-Age', '-1'))).toMatch(/whole number/);
    expect(problem(row('Echo', 'abc'))).toMatch(/pairs/);
    expect(problem(row('65001', 'x'.repeat(1_035), 'text'))).toMatch(/at most 1034/);
  });

  it('may be repeated only where the option may', () => {
    expect(bytes(row('ETag', '01'), row('ETag', '02'))).toEqual(['4:01', '4:02']);
    expect(problem(row('Size1', '1'), row('Size1', '2'))).toMatch(/once only/);
    expect(problem(...Array.from({ length: 101 }, () => row('65001', '')))).toMatch(/At most 100/);
  });

  it('that have nothing in them yet are passed over', () => {
    expect(encodeOptions([row('', '')])).toEqual({ options: [], problems: new Map() });
  });

  it('come back from a saved request as they were', () => {
    const options = [
      { number: 1, value: Uint8Array.of(0xa1, 0xb2) },
      { number: 5, value: new Uint8Array(0) },
      { number: 60, value: Uint8Array.of(3, 0xe8) },
      { number: 65_001, value: Uint8Array.of(0, 1) },
    ];
    const rows = rowsOf(options, 7);
    expect(rows.map(({ which, value }) => `${which}=${value}`)).toEqual([
      'If-Match (1)=a1b2',
      'If-None-Match (5)=',
      'Size1 (60)=1000',
      '65001=0001',
    ]);
    expect(rows.map((one) => one.id)).toEqual([7, 8, 9, 10]);
    expect(encodeOptions(rows).options).toEqual(options);
  });
});

describe('the bits of an option number', () => {
  it('say what they say in RFC 7252 §5.4.6', () => {
    const words = (number: number) =>
      Object.entries(optionFlags(number))
        .filter(([, is]) => is)
        .map(([name]) => name)
        .join(' ');
    // If-Match, Uri-Host, ETag, Content-Format, Max-Age, Size1 and Size2.
    expect([1, 3, 4, 12, 14, 60, 28].map(words)).toEqual([
      'critical',
      'critical unsafe',
      '',
      '',
      'unsafe',
      'noCacheKey',
      'noCacheKey',
    ]);
  });
});
