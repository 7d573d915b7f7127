import { describe, expect, it } from 'vitest';
import { ColumnBuffer } from './column-buffer.ts';
import { summarize, withLast } from './summary.ts';
import { roundStep, valueRange } from './value-range.ts';

describe('the value axis', () => {
  it('leaves room and ends on round numbers', () => {
    expect(valueRange(null, 18.3, 27.9, 'Cel')).toEqual({ min: 16, max: 30 });
  });

  it('does not blow the noise of a steady value up', () => {
    const range = valueRange(null, 21.48, 21.52, 'Cel');
    expect(range.max - range.min).toBeGreaterThanOrEqual(2);
    expect(range.min).toBeLessThan(21.48);
    expect(range.max).toBeGreaterThan(21.52);
  });

  it('stays while the data fits, moves when it does not', () => {
    const first = valueRange(null, 18, 28, 'Cel');
    expect(valueRange(first, 19, 27, 'Cel')).toBe(first);
    expect(valueRange(first, 18, 41, 'Cel').max).toBeGreaterThan(41);
    const narrow = valueRange(first, 21, 22, 'Cel');
    expect(narrow.max - narrow.min).toBeLessThan(first.max - first.min);
  });

  it('keeps humidity within 0 to 100', () => {
    expect(valueRange(null, 2, 99, '%RH')).toEqual({ min: 0, max: 100 });
    expect(valueRange(null, 99.5, 100, '%RH').max).toBe(100);
  });

  it('shows an impossible humidity instead of hiding it', () => {
    expect(valueRange(null, 60, 131, '%RH').max).toBeGreaterThan(131);
  });

  it('takes a lone value, zero, and very small numbers', () => {
    for (const value of [0, -40, 1e-9, 101_325]) {
      const range = valueRange(null, value, value, '');
      expect(range.min).toBeLessThan(value);
      expect(range.max).toBeGreaterThan(value);
    }
  });

  it('gives very small numbers the same room as large ones, and a lone zero the room of one', () => {
    const tiny = valueRange(null, 1e-9, 2e-9, '');
    expect(tiny.max - tiny.min).toBeLessThan(2e-9);
    const large = valueRange(null, 1e9, 2e9, '');
    expect(tiny.max / 1e-9).toBeCloseTo(large.max / 1e9);
    expect(valueRange(null, 0, 0, '')).toEqual({ min: -1.5, max: 1.5 });
  });

  it('steps by 1, 2 and 5', () => {
    expect([0.11, 0.5, 1, 1.01, 3, 70].map(roundStep)).toEqual([0.2, 0.5, 1, 2, 5, 100]);
  });
});

describe('the summary of a range', () => {
  const buffer = new ColumnBuffer();
  [4, 8, -3, 5].forEach((v, i) => buffer.append(i * 1_000, v));

  it('counts only what lies inside', () => {
    expect(summarize(buffer, { from: 500, to: 2_500 })).toEqual({
      last: -3,
      lastT: 2_000,
      min: -3,
      max: 8,
      mean: 2.5,
      rows: 2,
    });
  });

  it('is null, not zero, where nothing lies', () => {
    expect(summarize(buffer, { from: 3_500, to: 9_000 })).toBeNull();
  });

  it('names the newest reading itself as the last, unless it lies outside', () => {
    const range = { from: 0, to: 4_000 };
    const summary = summarize(buffer, range);
    expect(withLast(summary, { t: 3_500, v: 9 }, range)).toMatchObject({ last: 9, lastT: 3_500, max: 8 });
    expect(withLast(summary, { t: 4_500, v: 9 }, range)).toBe(summary);
    expect(withLast(summary, { t: 2_500, v: 9 }, range)).toBe(summary);
    expect(withLast(null, { t: 3_500, v: 9 }, range)).toBeNull();
  });
});
