import type { ColumnBuffer } from './column-buffer.ts';
import type { TimeRange } from './range.ts';

/** What a range holds, in numbers. */
export interface SeriesSummary {
  last: number;
  lastT: number;
  min: number;
  max: number;
  /** Mean of the rows: exact for single readings, the mean over time for buckets. */
  mean: number;
  rows: number;
}

/**
 * The summary with the newest reading itself for its last value, where that lies in the range: the last row may be
 * the mean of a bucket, and two figures for one value on one screen are one too many.
 */
export function withLast(
  summary: SeriesSummary | null,
  last: { t: number; v: number } | undefined,
  range: TimeRange,
): SeriesSummary | null {
  if (summary === null || last === undefined || last.t > range.to || last.t < summary.lastT) return summary;
  return { ...summary, last: last.v, lastT: last.t };
}

/** Summary of the rows inside `range`, or null when it holds none: a missing value is never a zero. */
export function summarize(buffer: ColumnBuffer, range: TimeRange): SeriesSummary | null {
  let min = Infinity;
  let max = -Infinity;
  let sum = 0;
  const first = buffer.lowerBound(range.from);
  let i = first;
  for (; i < buffer.length && buffer.t[i]! <= range.to; i++) {
    if (buffer.min[i]! < min) min = buffer.min[i]!;
    if (buffer.max[i]! > max) max = buffer.max[i]!;
    sum += buffer.v[i]!;
  }
  const rows = i - first;
  if (rows === 0) return null;
  return { last: buffer.v[i - 1]!, lastT: buffer.t[i - 1]!, min, max, mean: sum / rows, rows };
}
