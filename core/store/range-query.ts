import type Database from 'better-sqlite3';
import type { SeriesColumns } from '../contract/readings.ts';
import type { RangeRequest } from './protocol.ts';

/** Longest stretch of work (ms) before others get a turn and a cancellation is heard. */
const STRETCH_MS = 12;

/** Gives way to other requests; throws when this one was cancelled meanwhile. */
export type Turn = () => Promise<void>;

/**
 * Readings of each series in [from, to], in order of t and, at one t, of arrival. A series with at most `maxPoints`
 * of them comes raw. Else the range is cut into at most `maxPoints` buckets, aligned to multiples of `bucketMs` since
 * the epoch so that all series of one answer share the same grid: `t` is the bucket's start, `v` its mean, and every
 * spike survives in `min` and `max`. A bucket with no reading gives no row: a gap stays a gap.
 */
export async function queryRange(
  db: Database.Database,
  request: RangeRequest,
  turn: Turn,
): Promise<SeriesColumns[]> {
  const results: (SeriesColumns | null)[] = [];
  for (const id of request.series) {
    results.push(readRaw(db, id, request));
    await turn();
  }
  if (!results.includes(null)) return results as SeriesColumns[];

  const large = request.series.filter((_, i) => results[i] === null);
  const extent = extentOf(db, large, request);
  // One bucket fewer than points, because an aligned grid can overlap the range at both ends.
  let bucketMs = Math.max(1, Math.ceil((extent.to - extent.from) / Math.max(1, request.maxPoints - 1)));
  // The difference of two times is rounded, and may hide the bucket that a tiny fraction before zero begins.
  while (bucketsIn(extent, bucketMs) > Math.max(2, request.maxPoints)) bucketMs++;
  const filled: SeriesColumns[] = [];
  for (const [i, id] of request.series.entries()) {
    filled.push(results[i] ?? (await readBuckets(db, id, extent, bucketMs, turn)));
  }
  return filled;
}

/** Every reading of one series, or null when there are more than `maxPoints`. */
function readRaw(db: Database.Database, id: number, request: RangeRequest): SeriesColumns | null {
  const rows = db
    .prepare('SELECT t, v FROM reading_head WHERE series = ? AND t >= ? AND t <= ? ORDER BY t, seq LIMIT ?')
    .raw()
    .all(id, request.from, request.to, request.maxPoints + 1) as [number, number][];
  if (rows.length > request.maxPoints) return null;
  const t = new Float64Array(rows.length);
  const v = new Float64Array(rows.length);
  for (let i = 0; i < rows.length; i++) {
    t[i] = rows[i]![0];
    v[i] = rows[i]![1];
  }
  return { id, mode: 'raw', bucketMs: 0, t, v, min: null, max: null, total: rows.length };
}

/** The part of the range that holds readings: "everything" must not be cut into buckets of a century. */
function extentOf(db: Database.Database, ids: number[], range: RangeRequest): { from: number; to: number } {
  const where = 'FROM reading_head WHERE series = ? AND t >= ? AND t <= ?';
  const first = db.prepare(`SELECT min(t) ${where}`).pluck();
  const last = db.prepare(`SELECT max(t) ${where}`).pluck();
  let from = Infinity;
  let to = -Infinity;
  for (const id of ids) {
    from = Math.min(from, (first.get(id, range.from, range.to) as number | null) ?? Infinity);
    to = Math.max(to, (last.get(id, range.from, range.to) as number | null) ?? -Infinity);
  }
  return { from, to };
}

function bucketsIn(extent: { from: number; to: number }, bucketMs: number): number {
  return Math.floor(extent.to / bucketMs) - Math.floor(extent.from / bucketMs) + 1;
}

async function readBuckets(
  db: Database.Database,
  id: number,
  extent: { from: number; to: number },
  bucketMs: number,
  turn: Turn,
): Promise<SeriesColumns> {
  const first = Math.floor(extent.from / bucketMs);
  const count = bucketsIn(extent, bucketMs);
  const t = new Float64Array(count);
  const v = new Float64Array(count);
  const min = new Float64Array(count);
  const max = new Float64Array(count);
  const bucket = db
    .prepare(
      `SELECT count(*), avg(v), min(v), max(v) FROM reading_head
       WHERE series = ? AND t >= ? AND t < ? AND t <= ?`,
    )
    .raw();
  let length = 0;
  let total = 0;
  let stretchStart = performance.now();
  for (let i = 0; i < count; i++) {
    const start = (first + i) * bucketMs;
    // The outer buckets end where the range does, not where a rounded product says: no reading falls between.
    const from = i === 0 ? extent.from : start;
    const end = i === count - 1 ? Infinity : start + bucketMs;
    const row = bucket.get(id, from, end, extent.to) as number[];
    if (row[0]! > 0) {
      total += row[0]!;
      t[length] = start;
      v[length] = row[1]!;
      min[length] = row[2]!;
      max[length++] = row[3]!;
    }
    if (performance.now() - stretchStart > STRETCH_MS) {
      await turn();
      stretchStart = performance.now();
    }
  }
  const cut = (column: Float64Array): Float64Array => column.slice(0, length);
  return { id, mode: 'bucket', bucketMs, t: cut(t), v: cut(v), min: cut(min), max: cut(max), total };
}
