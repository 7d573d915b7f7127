/** How often readings of a series arrive, and from which age on its value is old (docs/readings.md). */

/** A value is never called stale before this, however fast the device is. */
export const SHORTEST_STALE_MS = 30_000;
/** While the rhythm is not known: after the first reading, and after a start of the station. */
export const UNKNOWN_STALE_MS = 5 * 60_000;
const STALE_INTERVALS = 3;
/** Weight of the newest distance. */
const WEIGHT = 0.25;
/** One distance counts at most as this many intervals: a pause is not a new rhythm. */
const LONGEST_DISTANCE = 2;

/** The smoothed distance after one more arrival `distanceMs` after the last one. */
export function smoothedInterval(intervalMs: number | null, distanceMs: number): number {
  if (intervalMs === null) return distanceMs;
  const counted = Math.min(distanceMs, intervalMs * LONGEST_DISTANCE);
  return intervalMs + (counted - intervalMs) * WEIGHT;
}

export function staleAfter(intervalMs: number | null): number {
  if (intervalMs === null) return UNKNOWN_STALE_MS;
  return Math.max(SHORTEST_STALE_MS, Math.round(intervalMs * STALE_INTERVALS));
}
