import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { option } from '../../../test/support/coap-net.ts';
import { decodeBlock, encodeBlock, szxOf } from './block.ts';
import { viewOptions } from './option-view.ts';
import {
  ACCEPT,
  BLOCK2,
  ETAG,
  MAX_AGE,
  OBSERVE,
  URI_PATH,
  decodeUint,
  encodeUint,
  findUint,
  isCritical,
  isUnsafe,
  textOption,
  unusableOption,
} from './options.ts';

test('unsigned integers are as short as they can be and read back with leading zeros too', () => {
  fc.assert(
    fc.property(fc.integer({ min: 0, max: 0xffff_ffff }), (value) => {
      const bytes = encodeUint(value);
      expect(decodeUint(bytes)).toBe(value);
      expect(bytes[0]).not.toBe(0);
      expect(decodeUint(Uint8Array.of(0, ...bytes))).toBe(value);
    }),
  );
});

test('critical and unsafe are bits of the number', () => {
  expect([isCritical(URI_PATH), isCritical(OBSERVE), isUnsafe(URI_PATH), isUnsafe(ETAG)]).toEqual([
    true,
    false,
    true,
    false,
  ]);
});

describe('options that cannot be processed', () => {
  test('unknown critical', () => expect(unusableOption([option(9, 1)])?.number).toBe(9));
  test('unknown elective passes', () =>
    expect(unusableOption([option(10, 1), option(65_000)])).toBeUndefined());
  test('critical of an illegal length', () =>
    expect(unusableOption([option(ACCEPT, 1, 2, 3)])?.number).toBe(ACCEPT));
  test('critical once too often', () =>
    expect(unusableOption([option(ACCEPT, 40), option(ACCEPT, 50)])?.number).toBe(ACCEPT));
  test('repeatable critical passes', () =>
    expect(unusableOption([textOption(URI_PATH, 'a'), textOption(URI_PATH, 'b')])).toBeUndefined());
  test('an elective one of an illegal length counts as absent', () => {
    const options = [option(MAX_AGE, 1, 2, 3, 4, 5)];
    expect(unusableOption(options)).toBeUndefined();
    expect(findUint(options, MAX_AGE)).toBeUndefined();
  });
});

test('block values', () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 0, max: 0xf_ffff }),
      fc.boolean(),
      fc.integer({ min: 0, max: 6 }),
      (number, more, szx) => {
        const bytes = encodeBlock(number, more, szx);
        expect(bytes.length).toBeLessThanOrEqual(3);
        expect(decodeBlock(bytes)).toEqual({ number, more, szx, bytes: 2 ** (szx + 4) });
      },
    ),
  );
  expect(decodeBlock(Uint8Array.of())).toEqual({ number: 0, more: false, szx: 0, bytes: 16 });
  expect(decodeBlock(Uint8Array.of(7))).toBeUndefined();
  expect(decodeBlock(Uint8Array.of(1, 2, 3, 4))).toBeUndefined();
  expect([szxOf(16), szxOf(1024), szxOf(2048), szxOf(100), szxOf(0)]).toEqual([
    0,
    6,
    undefined,
    undefined,
    undefined,
  ]);
});

test('options as people read them', () => {
  const options = [
    option(ETAG, 0xab, 0xcd),
    option(OBSERVE, 1, 0),
    textOption(URI_PATH, 'räume'),
    option(12, 110),
    option(BLOCK2, 0x1e),
    option(2_049, 9),
  ];
  expect(viewOptions(options).map(({ name, value }) => `${name}: ${value}`)).toEqual([
    'ETag: abcd',
    'Observe: 256',
    'Uri-Path: räume',
    'Content-Format: 110 (application/senml+json)',
    'Block2: 1/1/1024',
    'Option 2049: 09',
  ]);
});
