import { describe, expect, it } from 'vitest';
import { align } from './align.ts';
import { ColumnBuffer } from './column-buffer.ts';
import { commonGaps, findGaps, gapThreshold, MIN_GAP_MS, usualInterval } from './gaps.ts';

function at(times: number[], value = (t: number) => t): ColumnBuffer {
  const buffer = new ColumnBuffer();
  for (const t of times) buffer.append(t, value(t));
  return buffer;
}

const everySecond = (from: number, count: number) =>
  Array.from({ length: count }, (_, i) => from + i * 1_000);

describe('what counts as a gap', () => {
  it('is three usual intervals', () => {
    const buffer = at([...everySecond(0, 20), ...everySecond(60_000, 20)]);
    expect(usualInterval(buffer)).toBe(1_000);
    expect(gapThreshold(buffer, null)).toBe(3_000);
    expect(findGaps(buffer, 3_000)).toEqual([{ from: 19_000, to: 60_000 }]);
  });

  it('is not a jitter of fast readings', () => {
    const buffer = at(Array.from({ length: 50 }, (_, i) => i * 100));
    expect(gapThreshold(buffer, null)).toBe(MIN_GAP_MS);
  });

  it('takes the interval that the station knows while there are few rows, and joins when nobody knows', () => {
    expect(gapThreshold(at([0, 60_000]), 60_000)).toBe(180_000);
    expect(gapThreshold(at([0, 60_000]), null)).toBe(Infinity);
    expect(findGaps(at([0, 60_000]), Infinity)).toEqual([]);
  });

  it('is never shorter than three buckets', () => {
    const buffer = new ColumnBuffer();
    const t = Float64Array.of(0, 60_000);
    buffer.load({ id: 1, mode: 'bucket', bucketMs: 60_000, t, v: t, min: t, max: t, total: 9 });
    expect(gapThreshold(buffer, 1_000)).toBe(180_000);
  });

  it('of a panel is where every series is silent', () => {
    const a = [
      { from: 0, to: 10 },
      { from: 20, to: 40 },
    ];
    const b = [{ from: 5, to: 30 }];
    expect(commonGaps([a, b])).toEqual([
      { from: 5, to: 10 },
      { from: 20, to: 30 },
    ]);
    expect(commonGaps([a])).toEqual(a);
    expect(commonGaps([])).toEqual([]);
  });
});

describe('drawn columns', () => {
  it('put a null between the two readings around a gap', () => {
    const drawn = align([{ buffer: at([0, 1_000, 9_000, 10_000]), gapMs: 3_000 }]);
    expect(drawn.t).toEqual([0, 1_000, 5_000, 9_000, 10_000]);
    expect(drawn.series[0]!.v).toEqual([0, 1_000, null, 9_000, 10_000]);
    expect(drawn.series[0]!.isolated).toEqual([]);
  });

  it('leave the rows of another series undefined, but null inside an own gap', () => {
    const drawn = align([
      { buffer: at([0, 1_000, 9_000]), gapMs: 3_000 },
      { buffer: at([500, 3_000, 5_500, 8_000], () => 1), gapMs: 3_000 },
    ]);
    expect(drawn.t).toEqual([0, 500, 1_000, 3_000, 5_000, 5_500, 8_000, 9_000]);
    expect(drawn.series[0]!.v).toEqual([0, undefined, 1_000, null, null, null, null, 9_000]);
    expect(drawn.series[1]!.v).toEqual([undefined, 1, undefined, 1, undefined, 1, 1, undefined]);
  });

  it('name the readings that no line reaches', () => {
    const drawn = align([{ buffer: at([0, 60_000, 120_000, 121_000]), gapMs: 3_000 }]);
    expect(drawn.series[0]!.isolated.map((i) => drawn.t[i])).toEqual([0, 60_000]);
    expect(align([{ buffer: at([7]), gapMs: Infinity }]).series[0]!.isolated).toEqual([0]);
  });

  it('hold every value of one moment in the band', () => {
    const buffer = at([0]);
    buffer.append(0, 5);
    const drawn = align([{ buffer, gapMs: 3_000 }]);
    expect(drawn.t).toEqual([0]);
    expect([drawn.series[0]!.min[0], drawn.series[0]!.max[0]]).toEqual([0, 5]);
  });

  it('are empty for no readings', () => {
    expect(align([{ buffer: new ColumnBuffer(), gapMs: 3_000 }])).toEqual({
      t: [],
      series: [{ v: [], min: [], max: [], gaps: [], isolated: [] }],
    });
  });
});
