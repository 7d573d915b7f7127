/**
 * The small trend lines of the rows that are on the screen: the last quarter of an hour of each device's first
 * temperature (or first) series, asked for when rows come into view and anew from time to time.
 */
import { SvelteMap } from 'svelte/reactivity';
import { devices } from './devices.svelte.ts';
import { now } from './now.svelte.ts';
import { getClient, station } from './station.svelte.ts';
import { sparkSeries } from './spark-series.ts';
import { bridge, toSlots } from './spark-slots.ts';

export const SPARK_RANGE_MS = 15 * 60_000;
const SLOTS = 60;
/** Slots without a reading that still count as the device's own pace. */
const MOST_BRIDGED = 4;
const AGAIN_AFTER_MS = 15_000;
const MOST_PER_CALL = 64;
const MOST_KEPT = 500;

type Line = readonly (number | null)[];

export class SparkFeed {
  readonly #lines = new SvelteMap<number, Line>();
  /** When each series was asked for last. */
  #askedMs: Record<number, number> = {};
  #shown: number[] = [];
  #timer: ReturnType<typeof setInterval> | undefined;
  #running = false;

  start(): void {
    this.#timer ??= setInterval(() => void this.#ask(), AGAIN_AFTER_MS / 3);
  }

  stop(): void {
    clearInterval(this.#timer);
    this.#timer = undefined;
    this.#shown = [];
  }

  /** Says which devices are on the screen. */
  show(ids: number[]): void {
    this.#shown = ids;
    void this.#ask();
  }

  /** The line of a series; null until it was asked for. */
  of(seriesId: number): Line | null {
    return this.#lines.get(seriesId) ?? null;
  }

  async #ask(): Promise<void> {
    if (this.#running || !station.live) return;
    const nowMs = now.exactMs();
    const wanted: number[] = [];
    for (const id of this.#shown) {
      const device = devices.get(id);
      const series = device === undefined ? null : sparkSeries(device.peek());
      if (series === null || series.last === null || nowMs - series.last.t > SPARK_RANGE_MS) continue;
      if (nowMs - (this.#askedMs[series.id] ?? 0) < AGAIN_AFTER_MS) continue;
      wanted.push(series.id);
      if (wanted.length === MOST_PER_CALL) break;
    }
    if (wanted.length === 0) return;
    this.#running = true;
    try {
      const from = nowMs - SPARK_RANGE_MS;
      const answer = await getClient().call('readings.query', {
        series: wanted,
        from,
        to: nowMs,
        maxPoints: SLOTS * 2,
      });
      if (this.#lines.size > MOST_KEPT) this.#lines.clear();
      for (const { id, t, v } of answer.series) {
        this.#lines.set(id, bridge(toSlots(t, v, from, nowMs, SLOTS), MOST_BRIDGED));
      }
    } catch {
      // A trend is a help, not a value: without it the row still tells everything.
    } finally {
      for (const id of wanted) this.#askedMs[id] = nowMs;
      this.#running = false;
    }
  }
}
