import { describe, expect, test } from 'vitest';
import { NOW, bench } from './catalog-for-tests.ts';
import { looksLikeSenml, readSenml } from './senml.ts';

const S = NOW / 1_000;

function lines(records: unknown, topic = 's7'): string[] {
  return bench().mqtt(topic, JSON.stringify(records)).lines;
}

describe('SenML in JSON (RFC 8428)', () => {
  test('base name, time, unit and value are resolved (§4.6)', () => {
    const pack = [
      { bn: 'urn:dev:ow:10e2073a01080063:', bt: S, bu: 'A', bver: 5, n: 'voltage', u: 'V', v: 120.1 },
      { n: 'current', t: -5, v: 1.2 },
      { n: 'current', t: -4, v: 1.3 },
      { bn: '', bv: 100, bu: '', n: 'x', v: 1 },
    ];
    expect(lines(pack)).toEqual([
      's7 urn:dev:ow:10e2073a01080063:voltage 120.1 V',
      's7 urn:dev:ow:10e2073a01080063:current 1.2 A @-5000',
      's7 urn:dev:ow:10e2073a01080063:current 1.3 A @-4000',
      's7 x 101',
    ]);
  });

  test('times below 2^28 are relative to now (§4.5.3)', () => {
    expect(
      lines([
        { n: 'x', v: 1 },
        { n: 'x', v: 2, t: 0 },
        { n: 'x', v: 3, t: -60 },
        { n: 'x', v: 4, t: 1.5 },
      ]),
    ).toEqual(['s7 x 1', 's7 x 2', 's7 x 3 @-60000', 's7 x 4 @1500']);
  });

  test('a time outside the window is refused, record by record', () => {
    const { outcome, lines: found } = bench().mqtt(
      's7',
      JSON.stringify([
        { n: 'x', v: 1, t: Date.UTC(2100, 0, 1) / 1_000 },
        { n: 'x', v: 2, t: Date.UTC(1990, 0, 1) / 1_000 },
        { n: 'x', v: 3, t: S - 1 },
      ]),
    );
    expect(found).toEqual(['s7 x 1', 's7 x 2', 's7 x 3 @-1000']);
    expect(outcome.clockRefused).toBe(2);
  });

  test('records without a number are left out and counted', () => {
    const records = [
      { n: 'a', vs: 'x' },
      { n: 'b', vb: true },
      { n: 'c', vd: 'AA' },
      { n: 'd', s: 5 },
      { n: 'e', v: 1 },
    ];
    const { outcome, lines: found } = bench().mqtt('s7', JSON.stringify(records));
    expect(found).toEqual(['s7 e 1']);
    expect(outcome.leftOut).toBe(4);
  });

  test('names lose what the topic says already, and their last part is read as a quantity', () => {
    expect(
      lines(
        [
          { bn: 'plant/s7/', n: 'temp', u: 'Cel', v: 1 },
          { n: 'in/rh', v: 2 },
        ],
        'plant/s7',
      ),
    ).toEqual(['plant/s7 temperature 1 Cel', 'plant/s7 in.humidity 2 %RH']);
    expect(lines([{ bn: 's7/temp', v: 1 }], 's7/temp')).toEqual(['s7 temperature 1 Cel']);
  });

  test('two names that come to one stay two series', () => {
    expect(
      lines([
        { n: 'temp', v: 1 },
        { n: 'temperature', v: 2 },
        { n: 'temp', v: 3 },
      ]),
    ).toEqual(['s7 temp 1 Cel', 's7 temperature 2 Cel', 's7 temp 3 Cel']);
  });

  test.each([
    ['a label that must be understood (§4.4)', [{ n: 'x', v: 1, secret_: 1 }]],
    ['a later version', [{ bver: 11, n: 'x', v: 1 }]],
    ['a value that is no number', [{ n: 'x', v: '1' }]],
    ['a name that is no text', [{ bn: 'a', n: 1, v: 1 }]],
    ['a time that is no number', [{ n: 'x', v: 1, t: 'now' }]],
  ])('%s spoils the pack', (_name, records) => {
    expect(bench().mqtt('s7', JSON.stringify(records)).raw).toBe('malformed_senml');
  });

  test('what is an array of objects but no pack is read as JSON', () => {
    expect(looksLikeSenml([{ temp: 1 }])).toBe(false);
    expect(looksLikeSenml([{ n: 'x' }])).toBe(false);
    expect(looksLikeSenml([])).toBe(false);
    expect(looksLikeSenml([{ n: 'x', v: 1 }, 5])).toBe(false);
    expect(lines([{ name: 'x', v: 1 }])).toEqual(['s7 0.v 1']);
  });

  test('an inherited field is none', () => {
    expect(readSenml([Object.assign(Object.create({ v: 1 }) as object, { n: 'x' })], 10)?.values).toEqual([]);
  });
});
