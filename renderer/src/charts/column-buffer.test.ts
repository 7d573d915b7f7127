import { describe, expect, it } from 'vitest';
import { ColumnBuffer } from './column-buffer.ts';

function rows(buffer: ColumnBuffer): number[][] {
  return Array.from({ length: buffer.length }, (_, i) => [
    buffer.t[i]!,
    buffer.v[i]!,
    buffer.min[i]!,
    buffer.max[i]!,
  ]);
}

function raw(...pairs: [number, number][]): ColumnBuffer {
  const buffer = new ColumnBuffer();
  for (const [t, v] of pairs) buffer.append(t, v);
  return buffer;
}

function bucketed(bucketMs: number, t: number[], v: number[]): ColumnBuffer {
  const buffer = new ColumnBuffer();
  buffer.load({
    id: 1,
    mode: 'bucket',
    bucketMs,
    t: Float64Array.from(t),
    v: Float64Array.from(v),
    min: Float64Array.from(v, (x) => x - 1),
    max: Float64Array.from(v, (x) => x + 1),
    total: 1_000,
  });
  return buffer;
}

describe('raw readings', () => {
  it('keeps time order whatever the order of arrival', () => {
    const buffer = raw([10, 1], [30, 3], [20, 2], [5, 0]);
    expect(rows(buffer).map(([t]) => t)).toEqual([5, 10, 20, 30]);
  });

  it('takes the same reading twice once, and two values of one moment both', () => {
    const buffer = raw([10, 1], [20, 2], [10, 1], [20, 2.5]);
    expect(rows(buffer).map(([t, v]) => [t, v])).toEqual([
      [10, 1],
      [20, 2],
      [20, 2.5],
    ]);
  });

  it('keeps negative and zero values as they are', () => {
    expect(rows(raw([1, 0], [2, -3.5]))).toEqual([
      [1, 0, 0, 0],
      [2, -3.5, -3.5, -3.5],
    ]);
  });

  it('does not share memory with what it was loaded from', () => {
    const t = Float64Array.of(1, 2);
    const buffer = new ColumnBuffer();
    buffer.load({
      id: 1,
      mode: 'raw',
      bucketMs: 0,
      t,
      v: Float64Array.of(5, 6),
      min: null,
      max: null,
      total: 2,
    });
    t[0] = 99;
    buffer.append(3, 7);
    expect(rows(buffer).map(([at, v]) => [at, v])).toEqual([
      [1, 5],
      [2, 6],
      [3, 7],
    ]);
  });

  it('finds the nearest row', () => {
    const buffer = raw([10, 1], [20, 2], [40, 3]);
    expect([-5, 14, 16, 29, 31, 99].map((t) => buffer.nearest(t))).toEqual([0, 0, 1, 1, 2, 2]);
    expect(new ColumnBuffer().nearest(5)).toBe(-1);
  });
});

describe('the sliding window', () => {
  it('stays bounded over eight hours at 10 Hz', () => {
    const buffer = new ColumnBuffer();
    let largest = 0;
    for (let i = 0; i < 8 * 36_000; i++) {
      const t = i * 100;
      buffer.append(t, Math.sin(i));
      buffer.dropBefore(t - 60_000);
      largest = Math.max(largest, buffer.t.length);
    }
    expect(buffer.length).toBeLessThan(900);
    expect(largest).toBeLessThan(1_500);
    expect(buffer.t[buffer.length - 1]).toBe((8 * 36_000 - 1) * 100);
  });

  it('keeps the row before the window, from which the line enters', () => {
    const buffer = new ColumnBuffer();
    for (let i = 0; i < 200; i++) buffer.append(i, i);
    buffer.dropBefore(150.5);
    expect(buffer.t[0]).toBe(150);
    expect(buffer.length).toBe(50);
  });
});

describe('buckets', () => {
  it('joins live readings into the open bucket with mean, least and greatest', () => {
    const buffer = bucketed(100, [50, 150], [5, 6]);
    for (const [t, v] of [
      [210, 1],
      [220, 3],
      [290, 8],
      [310, 9],
    ] as const) {
      buffer.append(t, v);
    }
    expect(rows(buffer).slice(2)).toEqual([
      [290, 4, 1, 8],
      [310, 9, 9, 9],
    ]);
  });

  it('adds nothing to the mean of a loaded bucket whose count it does not know', () => {
    const buffer = bucketed(100, [50, 150], [5, 6]);
    buffer.append(160, 20);
    expect(rows(buffer).slice(1)).toEqual([
      [150, 6, 5, 7],
      [160, 20, 20, 20],
    ]);
  });

  it('widens the band of an old bucket for a late reading', () => {
    const buffer = bucketed(100, [50, 150, 250], [5, 6, 7]);
    buffer.append(120, 30);
    expect(buffer.length).toBe(3);
    expect(rows(buffer)[1]).toEqual([150, 6, 5, 30]);
  });

  it('folds raw readings into buckets and goes on filling the last', () => {
    const buffer = raw([0, 1], [40, 3], [110, 10], [190, 20], [230, 7]);
    buffer.fold(100);
    expect(rows(buffer)).toEqual([
      [40, 2, 1, 3],
      [190, 15, 10, 20],
      [230, 7, 7, 7],
    ]);
    buffer.append(260, 9);
    expect(rows(buffer)[2]).toEqual([260, 8, 7, 9]);
  });

  it('folds an empty buffer to an empty buffer', () => {
    const buffer = new ColumnBuffer();
    buffer.fold(100);
    expect(buffer.length).toBe(0);
    buffer.append(5, 1);
    expect(rows(buffer)).toEqual([[5, 1, 1, 1]]);
  });
});
