import type { ReadingsDelta } from '../contract/readings.ts';

const FIRST_CAPACITY = 64;

/**
 * Readings that wait for one subscriber, as columns. At most `limit` rows: when they are full, every second reading
 * of each series is given up, counted from its newest, which always stays. A chart keeps its shape that way.
 */
export class ReadingsBuffer {
  readonly #limit: number;
  #length = 0;
  #skipped = 0;
  #series = new Int32Array(FIRST_CAPACITY);
  #t = new Float64Array(FIRST_CAPACITY);
  #v = new Float64Array(FIRST_CAPACITY);

  /** @param seriesCount how many series it is for: the limit is raised to two readings of each */
  constructor(limit: number, seriesCount: number) {
    this.#limit = Math.max(limit, seriesCount * 2);
  }

  get length(): number {
    return this.#length;
  }

  push(series: number, t: number, v: number): void {
    if (this.#length === this.#limit) this.#thin();
    if (this.#length === this.#series.length) this.#grow();
    this.#series[this.#length] = series;
    this.#t[this.#length] = t;
    this.#v[this.#length] = v;
    this.#length++;
  }

  /** What waits, in order of arrival, as arrays of its own; empties the buffer. */
  take(): ReadingsDelta {
    const length = this.#length;
    const delta = {
      series: this.#series.slice(0, length),
      t: this.#t.slice(0, length),
      v: this.#v.slice(0, length),
      skipped: this.#skipped,
    };
    this.clear();
    return delta;
  }

  clear(): void {
    this.#length = 0;
    this.#skipped = 0;
  }

  #thin(): void {
    const keep = new Uint8Array(this.#length);
    const keepNext = new Map<number, boolean>();
    for (let row = this.#length - 1; row >= 0; row--) {
      const series = this.#series[row]!;
      const kept = keepNext.get(series) ?? true;
      keep[row] = kept ? 1 : 0;
      keepNext.set(series, !kept);
    }
    let to = 0;
    for (let row = 0; row < this.#length; row++) {
      if (keep[row] === 0) continue;
      this.#series[to] = this.#series[row]!;
      this.#t[to] = this.#t[row]!;
      this.#v[to] = this.#v[row]!;
      to++;
    }
    this.#skipped += this.#length - to;
    this.#length = to;
  }

  #grow(): void {
    const capacity = Math.min(this.#limit, this.#series.length * 2);
    const { series, t, v } = { series: this.#series, t: this.#t, v: this.#v };
    this.#series = new Int32Array(capacity);
    this.#series.set(series);
    this.#t = new Float64Array(capacity);
    this.#t.set(t);
    this.#v = new Float64Array(capacity);
    this.#v.set(v);
  }
}
