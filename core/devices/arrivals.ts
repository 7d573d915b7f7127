/** How often readings of a series arrive, and from which age on its value is old (docs/readings.md). */

/** A value is never called stale before this, however fast the device is. */
export const SHORTEST_STALE_MS = 30_000;
/** While the rhythm is not known: after the first reading, and after a start of the station. */
export const UNKNOWN_STALE_MS = 5 * 60_000;
const STALE_INTERVALS = 3;
/** Weight of a sample that is longer than the interval, and of one that is shorter. */
const WEIGHT_LONGER = 0.5;
const WEIGHT_SHORTER = 0.25;
/** One sample counts at most as this many intervals: a pause is not a new rhythm. */
const LONGEST_SAMPLE = 4;
/** Arrivals are looked at over at least this part of the interval, and never over less than this. */
const STRETCHES_PER_INTERVAL = 8;
const SHORTEST_STRETCH_MS = 500;

/**
 * The smoothed distance between arrivals of one series. It is sampled over stretches and not from one arrival to the
 * next: a device that sends what it had queued, or a pack of readings, does so in milliseconds, and taking that for its
 * rhythm would call it stale between any two ordinary reports afterwards. Allocates nothing after its making.
 */
export class Rhythm {
  /** Null until it is known. */
  intervalMs: number | null = null;
  #stretchMs = -1;
  #lastMs = -1;
  #arrivals = 0;

  /** `atMs` is the time of receipt. A clock that is set back begins a new stretch. */
  arrive(atMs: number): void {
    if (this.#lastMs < 0 || atMs < this.#lastMs) {
      this.#begin(atMs);
      return;
    }
    const gapMs = atMs - this.#lastMs;
    const elapsedMs = atMs - this.#stretchMs;
    this.#lastMs = atMs;
    this.#arrivals++;
    const wanted = Math.max(SHORTEST_STRETCH_MS, (this.intervalMs ?? 0) / STRETCHES_PER_INTERVAL);
    if (elapsedMs < wanted) return;
    // A stretch that is mostly one gap was a burst before it: the gap is the rhythm.
    this.intervalMs = smoothed(this.intervalMs, gapMs > elapsedMs / 2 ? gapMs : elapsedMs / this.#arrivals);
    this.#begin(atMs);
  }

  #begin(atMs: number): void {
    this.#stretchMs = atMs;
    this.#lastMs = atMs;
    this.#arrivals = 0;
  }
}

function smoothed(intervalMs: number | null, sampleMs: number): number {
  if (intervalMs === null) return sampleMs;
  const counted = Math.min(sampleMs, intervalMs * LONGEST_SAMPLE);
  return intervalMs + (counted - intervalMs) * (counted > intervalMs ? WEIGHT_LONGER : WEIGHT_SHORTER);
}

export function staleAfter(intervalMs: number | null): number {
  if (intervalMs === null) return UNKNOWN_STALE_MS;
  return Math.max(SHORTEST_STALE_MS, Math.round(intervalMs * STALE_INTERVALS));
}
