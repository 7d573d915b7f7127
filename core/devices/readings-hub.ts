import type { LastValue } from '../contract/devices.ts';
import type { ReadingsDelta, ReadingsSnapshot } from '../contract/readings.ts';
import type { ReadingColumns } from '../telemetry/types.ts';
import type { DeviceFeed } from './feed.ts';
import { ReadingsBuffer } from './readings-buffer.ts';

/** Readings that wait for one subscriber at most; more are thinned and counted as skipped. */
export const FEED_ROWS = 20_000;

/** Brings live readings to those who asked for their series. A series that nobody asked for costs one look. */
export class ReadingsHub {
  readonly #values: { lastValue(seriesId: number): LastValue | null };
  readonly #feedRows: number;
  readonly #bySeries = new Map<number, ReadingsFeed[]>();

  constructor(parts: { values: { lastValue(seriesId: number): LastValue | null }; feedRows?: number }) {
    this.#values = parts.values;
    this.#feedRows = parts.feedRows ?? FEED_ROWS;
  }

  /** Series that somebody listens to. */
  get listenedSeries(): number {
    return this.#bySeries.size;
  }

  push(columns: ReadingColumns): void {
    if (this.#bySeries.size === 0) return;
    const { length, series, t, v } = columns;
    for (let row = 0; row < length; row++) {
      const feeds = this.#bySeries.get(series[row]!);
      if (feeds === undefined) continue;
      for (const feed of feeds) feed.push(series[row]!, t[row]!, v[row]!);
    }
  }

  /** `dirty` is called when there is something to drain, once until it is drained. */
  openFeed(seriesIds: readonly number[], dirty: () => void): DeviceFeed<ReadingsSnapshot, ReadingsDelta> {
    const ids = [...new Set(seriesIds)];
    const feed = new ReadingsFeed({
      buffer: new ReadingsBuffer(this.#feedRows, ids.length),
      dirty,
      snapshot: () => this.#snapshot(ids),
      onClose: () => this.#remove(feed, ids),
    });
    for (const id of ids) this.#bySeries.set(id, [...(this.#bySeries.get(id) ?? []), feed]);
    return feed;
  }

  #snapshot(ids: number[]): ReadingsSnapshot {
    const rows = ids
      .map((id) => ({ id, last: this.#values.lastValue(id) }))
      .filter((row): row is { id: number; last: LastValue } => row.last !== null);
    return {
      series: Int32Array.from(rows, (row) => row.id),
      t: Float64Array.from(rows, (row) => row.last.t),
      v: Float64Array.from(rows, (row) => row.last.v),
    };
  }

  #remove(feed: ReadingsFeed, ids: number[]): void {
    for (const id of ids) {
      const others = (this.#bySeries.get(id) ?? []).filter((one) => one !== feed);
      if (others.length === 0) this.#bySeries.delete(id);
      else this.#bySeries.set(id, others);
    }
  }
}

class ReadingsFeed implements DeviceFeed<ReadingsSnapshot, ReadingsDelta> {
  readonly #buffer: ReadingsBuffer;
  readonly #dirty: () => void;
  readonly #snapshot: () => ReadingsSnapshot;
  readonly #onClose: () => void;

  constructor(parts: {
    buffer: ReadingsBuffer;
    dirty: () => void;
    snapshot: () => ReadingsSnapshot;
    onClose: () => void;
  }) {
    this.#buffer = parts.buffer;
    this.#dirty = parts.dirty;
    this.#snapshot = parts.snapshot;
    this.#onClose = parts.onClose;
  }

  push(series: number, t: number, v: number): void {
    this.#buffer.push(series, t, v);
    if (this.#buffer.length === 1) this.#dirty();
  }

  snapshot(): ReadingsSnapshot {
    this.#buffer.clear();
    return this.#snapshot();
  }

  drain(): ReadingsDelta | null {
    return this.#buffer.length === 0 ? null : this.#buffer.take();
  }

  close(): void {
    this.#buffer.clear();
    this.#onClose();
  }
}
