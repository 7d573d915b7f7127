import type { ColumnBuffer } from './column-buffer.ts';
import type { TimeRange } from './range.ts';

/**
 * Where the keyboard puts the cursor: the time of the nearest row of any series at least `byMs` away in its
 * direction (0: at `time` or after it), inside `range`. Stays at `time`, brought into the range, where there is none.
 */
export function stepCursor(
  buffers: Iterable<ColumnBuffer>,
  range: TimeRange,
  time: number,
  byMs: number,
): number {
  let best: number | null = null;
  for (const buffer of buffers) {
    const at = buffer.lowerBound(time + byMs);
    const row = byMs < 0 && (at === buffer.length || buffer.t[at]! > time + byMs) ? at - 1 : at;
    if (row < 0 || row >= buffer.length) continue;
    const t = buffer.t[row]!;
    if (t < range.from || t > range.to) continue;
    if (best === null || Math.abs(t - time) < Math.abs(best - time)) best = t;
  }
  return best ?? Math.min(range.to, Math.max(range.from, time));
}
