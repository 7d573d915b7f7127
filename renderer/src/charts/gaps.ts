import type { ColumnBuffer } from './column-buffer.ts';
import type { TimeRange } from './range.ts';

/** Below this no distance is called a gap: delivery jitters by more than that without anything missing. */
export const MIN_GAP_MS = 2_000;
/** Rows that are looked at to learn the usual distance; enough for a median, little enough for every frame. */
const SAMPLE_ROWS = 255;

/** The usual distance between two rows: the median over the newest rows, NaN when there are fewer than three. */
export function usualInterval(buffer: ColumnBuffer): number {
  const n = buffer.length;
  if (n < 3) return Number.NaN;
  const first = Math.max(1, n - SAMPLE_ROWS);
  const distances = new Float64Array(n - first);
  for (let i = first; i < n; i++) distances[i - first] = buffer.t[i]! - buffer.t[i - 1]!;
  distances.sort();
  return distances[distances.length >> 1]!;
}

/**
 * Distance from which two neighbouring rows are not joined by a line: three usual intervals, three buckets, and
 * never below `MIN_GAP_MS`. Without enough rows the series' own interval, as the station measures it, counts.
 * Infinity when nothing is known: two readings with an unknown rhythm are joined.
 */
export function gapThreshold(buffer: ColumnBuffer, seriesIntervalMs: number | null): number {
  const measured = usualInterval(buffer);
  const usual = Number.isNaN(measured) ? seriesIntervalMs : measured;
  if (usual === null) return buffer.bucketMs > 0 ? Math.max(3 * buffer.bucketMs, MIN_GAP_MS) : Infinity;
  return Math.max(3 * usual, 3 * buffer.bucketMs, MIN_GAP_MS);
}

/** The stretches between neighbouring rows that are longer than `thresholdMs`, in order. */
export function findGaps(buffer: ColumnBuffer, thresholdMs: number): TimeRange[] {
  const gaps: TimeRange[] = [];
  if (!Number.isFinite(thresholdMs)) return gaps;
  for (let i = 1; i < buffer.length; i++) {
    const from = buffer.t[i - 1]!;
    const to = buffer.t[i]!;
    if (to - from > thresholdMs) gaps.push({ from, to });
  }
  return gaps;
}

/** The stretches that are a gap in every list: where a panel with several series shows nothing at all. */
export function commonGaps(lists: readonly TimeRange[][]): TimeRange[] {
  const first = lists[0];
  if (first === undefined) return [];
  return lists.slice(1).reduce(intersect, first);
}

function intersect(a: TimeRange[], b: TimeRange[]): TimeRange[] {
  const both: TimeRange[] = [];
  let i = 0;
  let j = 0;
  while (i < a.length && j < b.length) {
    const from = Math.max(a[i]!.from, b[j]!.from);
    const to = Math.min(a[i]!.to, b[j]!.to);
    if (to > from) both.push({ from, to });
    if (a[i]!.to < b[j]!.to) i++;
    else j++;
  }
  return both;
}
