/** Time ranges of a chart: presets, zoom, pan, and whether what is loaded is fine enough. All times in ms. */

export interface TimeRange {
  from: number;
  to: number;
}

export interface RangePreset {
  id: string;
  label: string;
  /** What a screen reader says. */
  title: string;
  spanMs: number;
}

const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;
const DAY_MS = 24 * HOUR_MS;

export const RANGE_PRESETS: readonly RangePreset[] = [
  { id: '5m', label: '5 min', title: 'Last 5 minutes', spanMs: 5 * MINUTE_MS },
  { id: '15m', label: '15 min', title: 'Last 15 minutes', spanMs: 15 * MINUTE_MS },
  { id: '1h', label: '1 h', title: 'Last hour', spanMs: HOUR_MS },
  { id: '6h', label: '6 h', title: 'Last 6 hours', spanMs: 6 * HOUR_MS },
  { id: '24h', label: '24 h', title: 'Last 24 hours', spanMs: DAY_MS },
  { id: '7d', label: '7 d', title: 'Last 7 days', spanMs: 7 * DAY_MS },
  { id: '30d', label: '30 d', title: 'Last 30 days', spanMs: 30 * DAY_MS },
];

/** Closer than this a chart shows nothing new; wider, the time axis has no room for years. */
export const MIN_SPAN_MS = 1_000;
export const MAX_SPAN_MS = 20 * 366 * DAY_MS;

export function spanOf(range: TimeRange): number {
  return range.to - range.from;
}

/** Zooms by `factor` (below 1: closer) around `centre`, which keeps its place on the screen. */
export function zoomRange(range: TimeRange, centre: number, factor: number): TimeRange {
  const span = Math.min(MAX_SPAN_MS, Math.max(MIN_SPAN_MS, spanOf(range) * factor));
  const share = spanOf(range) > 0 ? (centre - range.from) / spanOf(range) : 0.5;
  const from = centre - span * share;
  return { from, to: from + span };
}

/** Moves by a share of the span: -0.25 is a quarter of the screen back. */
export function panRange(range: TimeRange, share: number): TimeRange {
  const shift = spanOf(range) * share;
  return { from: range.from + shift, to: range.to + shift };
}

/** The range between two drag ends in either order, or null when it is too short to be meant. */
export function draggedRange(a: number, b: number): TimeRange | null {
  const from = Math.min(a, b);
  const to = Math.max(a, b);
  return to - from >= MIN_SPAN_MS ? { from, to } : null;
}

export function sameRange(a: TimeRange, b: TimeRange, toleranceMs = 1): boolean {
  return Math.abs(a.from - b.from) <= toleranceMs && Math.abs(a.to - b.to) <= toleranceMs;
}

/** Rows that are worth asking for at this width: one per CSS pixel, in steps so that a drag of the window edge is one question. */
export function pointsForWidth(widthPx: number): number {
  return Math.min(4_000, Math.max(300, Math.ceil(widthPx / 100) * 100));
}

/** What the buffers hold: the range that was asked for and how fine it came. */
export interface Loaded extends TimeRange {
  /** Widest bucket of any series; 0 when every reading came. */
  bucketMs: number;
}

/**
 * Whether `wanted` needs a new question: it lies outside of what is loaded, or at `maxPoints` it could be shown
 * distinctly finer (a third or more), or it is so much coarser that the rows would only cost time.
 */
export function needsFetch(loaded: Loaded | null, wanted: TimeRange, maxPoints: number): boolean {
  if (loaded === null) return true;
  if (wanted.from < loaded.from || wanted.to > loaded.to) return true;
  if (loaded.bucketMs === 0) return false;
  const wantedBucketMs = spanOf(wanted) / maxPoints;
  return loaded.bucketMs > wantedBucketMs * 1.5 || loaded.bucketMs < wantedBucketMs / 8;
}

export type CustomRange = { ok: true; range: TimeRange } | { ok: false; problem: string };

const WRITTEN = /^(?:(\d{4})-(\d{1,2})-(\d{1,2}))?[T ]*(?:(\d{1,2}):(\d{2})(?::(\d{2}))?)?$/;

/**
 * A moment as people write it, local time: `2026-03-09 14:03:27`, `2026-03-09 14:03`, `2026-03-09` (its beginning),
 * `14:03` (today). NaN when it is none of these or no such day or time exists.
 */
export function readMoment(text: string, nowMs: number): number {
  const [whole, year, month, day, hour, minute, second] = WRITTEN.exec(text.trim()) ?? [];
  if (whole === undefined || whole === '') return Number.NaN;
  const today = new Date(nowMs);
  const date = [year ?? today.getFullYear(), month ?? today.getMonth() + 1, day ?? today.getDate()].map(
    Number,
  );
  const time = [hour ?? 0, minute ?? 0, second ?? 0].map(Number);
  const at = new Date(date[0]!, date[1]! - 1, date[2]!, time[0]!, time[1]!, time[2]!);
  // Date rolls 31 February over into March; here it is a slip of the pen.
  const same = at.getMonth() === date[1]! - 1 && at.getDate() === date[2]! && time[0]! < 24;
  return same && time[1]! < 60 && time[2]! < 60 ? at.getTime() : Number.NaN;
}

/** Reads the two fields of the picker. */
export function customRange(fromText: string, toText: string, nowMs: number): CustomRange {
  const from = readMoment(fromText, nowMs);
  const to = readMoment(toText, nowMs);
  if (Number.isNaN(from))
    return { ok: false, problem: 'Write the beginning like 2026-03-09 14:03 or 14:03.' };
  if (Number.isNaN(to)) return { ok: false, problem: 'Write the end like 2026-03-09 14:03 or 14:03.' };
  if (to <= from) return { ok: false, problem: 'The end must lie after the beginning.' };
  if (to - from > MAX_SPAN_MS) return { ok: false, problem: 'Choose at most 20 years.' };
  return { ok: true, range: { from, to } };
}

/** The range in whole milliseconds: marks counted from the middle of one are a hair early, and 18:00 reads 17:59. */
export function wholeMs({ from, to }: TimeRange): TimeRange {
  return { from: Math.round(from), to: Math.round(to) };
}
