import type { ColumnBuffer } from './column-buffer.ts';
import { findGaps } from './gaps.ts';
import type { TimeRange } from './range.ts';

/** A cell of a drawn column: a number, null inside a gap, undefined where only another series has a row. */
export type Cell = number | null | undefined;

export interface AlignedSeries {
  v: Cell[];
  min: Cell[];
  max: Cell[];
  gaps: TimeRange[];
  /** Rows with a gap on both sides: no line reaches them, so they are drawn as points. */
  isolated: number[];
}

export interface Aligned {
  t: number[];
  series: AlignedSeries[];
}

export interface AlignInput {
  buffer: ColumnBuffer;
  gapMs: number;
}

/**
 * Several series with their own times on one time column, as uPlot draws them. Every row inside a gap is null,
 * and each gap has at least one row, so the line breaks exactly between the two readings around it.
 */
export function align(inputs: readonly AlignInput[]): Aligned {
  const gaps = inputs.map(({ buffer, gapMs }) => findGaps(buffer, gapMs));
  const t = mergeTimes(inputs, gaps);
  return { t, series: inputs.map(({ buffer }, i) => alignOne(buffer, t, gaps[i]!)) };
}

/** All times of all rows and the middle of each gap, sorted, each once. */
function mergeTimes(inputs: readonly AlignInput[], gaps: readonly TimeRange[][]): number[] {
  let merged: number[] = [];
  inputs.forEach(({ buffer }, i) => {
    const own: number[] = [];
    let g = 0;
    for (let row = 0; row < buffer.length; row++) {
      const time = buffer.t[row]!;
      const gap = gaps[i]![g];
      if (gap !== undefined && gap.to === time) {
        own.push((gap.from + gap.to) / 2);
        g++;
      }
      if (own[own.length - 1] !== time) own.push(time);
    }
    merged = merged.length === 0 ? own : mergeSorted(merged, own);
  });
  return merged;
}

function mergeSorted(a: number[], b: number[]): number[] {
  const both: number[] = [];
  let i = 0;
  let j = 0;
  while (i < a.length || j < b.length) {
    const next = j >= b.length || (i < a.length && a[i]! <= b[j]!) ? a[i++]! : b[j++]!;
    if (both[both.length - 1] !== next) both.push(next);
  }
  return both;
}

function alignOne(buffer: ColumnBuffer, t: number[], gaps: TimeRange[]): AlignedSeries {
  const v: Cell[] = new Array<Cell>(t.length);
  const min: Cell[] = new Array<Cell>(t.length);
  const max: Cell[] = new Array<Cell>(t.length);
  const isolated: number[] = [];
  let row = 0;
  let g = 0;
  for (let i = 0; i < t.length; i++) {
    const time = t[i]!;
    let value: Cell;
    let low: Cell;
    let high: Cell;
    if (row < buffer.length && buffer.t[row] === time) {
      // Several readings of one moment share the cell: the last one is the value, the band holds all of them.
      low = Infinity;
      high = -Infinity;
      while (row < buffer.length && buffer.t[row] === time) {
        value = buffer.v[row]!;
        low = Math.min(low, buffer.min[row]!);
        high = Math.max(high, buffer.max[row]!);
        row++;
      }
      while (g < gaps.length && gaps[g]!.to < time) g++;
      const gapBefore = g < gaps.length && gaps[g]!.to === time;
      const gapAfter = gaps[gapBefore ? g + 1 : g]?.from === time;
      const firstRow = time === buffer.t[0];
      const lastRow = row === buffer.length;
      if ((gapBefore || firstRow) && (gapAfter || lastRow)) isolated.push(i);
    } else {
      while (g < gaps.length && gaps[g]!.to < time) g++;
      const inside = g < gaps.length && gaps[g]!.from < time && time < gaps[g]!.to;
      value = low = high = inside ? null : undefined;
    }
    v[i] = value;
    min[i] = low;
    max[i] = high;
  }
  return { v, min, max, gaps, isolated };
}
