import type { SeriesColumns } from '../../../core/contract/readings.ts';

/**
 * One series as growing columns in time order: `t` and `v`, and `min`/`max` of the readings that a row stands
 * for (equal to `v` for a single reading). Rows that have left the window are dropped from the front, live
 * readings join the bucket they belong to, so the memory depends on the window's resolution and never on how
 * long a chart has been open.
 */
export class ColumnBuffer {
  t = new Float64Array(0);
  v = new Float64Array(0);
  min = new Float64Array(0);
  max = new Float64Array(0);
  length = 0;
  /** 0 while every row is one reading. */
  bucketMs = 0;
  /** Readings in the open bucket, the last row; 0 when its count is not known. */
  #open = 0;

  /** Replaces everything by the answer of `readings.query`. */
  load(columns: SeriesColumns): void {
    const n = columns.t.length;
    this.t = Float64Array.from(columns.t);
    this.v = Float64Array.from(columns.v);
    this.min = Float64Array.from(columns.min ?? columns.v);
    this.max = Float64Array.from(columns.max ?? columns.v);
    this.length = n;
    this.bucketMs = columns.mode === 'bucket' ? columns.bucketMs : 0;
    this.#open = 0;
  }

  clear(): void {
    this.length = 0;
    this.#open = 0;
  }

  /** Index of the first row with `t >= time`; `length` when there is none. */
  lowerBound(time: number): number {
    let low = 0;
    let high = this.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.t[middle]! < time) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  /** Index of the row nearest in time, or -1 when there is no row. */
  nearest(time: number): number {
    if (this.length === 0) return -1;
    const after = this.lowerBound(time);
    if (after === 0) return 0;
    if (after === this.length) return after - 1;
    return time - this.t[after - 1]! <= this.t[after]! - time ? after - 1 : after;
  }

  /** Adds one reading. The same reading twice is one row; a late one goes to its place in time. */
  append(t: number, v: number): void {
    const last = this.length - 1;
    if (last < 0 || t > this.t[last]!) {
      if (last >= 0 && this.#open > 0 && this.#sameBucket(this.t[last]!, t)) this.#join(t, v);
      else this.#insert(this.length, t, v);
      return;
    }
    let at = this.lowerBound(t);
    if (this.bucketMs > 0 && this.#sameBucket(this.t[at]!, t)) {
      this.#widen(at, v);
      return;
    }
    for (; at < this.length && this.t[at] === t; at++) if (this.v[at] === v) return;
    this.#insert(at, t, v);
  }

  /** Forgets rows before `time`, except the nearest one, from which a line still enters the window. */
  dropBefore(time: number): void {
    const gone = this.lowerBound(time) - 1;
    // Moving memory for each row would cost more than it frees.
    if (gone < 64 && gone < this.length / 4) return;
    if (gone <= 0) return;
    for (const column of [this.t, this.v, this.min, this.max]) column.copyWithin(0, gone, this.length);
    this.length -= gone;
  }

  /** Folds the rows into buckets of `bucketMs`, aligned to the epoch: a window with too many readings to draw. */
  fold(bucketMs: number): void {
    let to = -1;
    let bucket = Number.NaN;
    let count = 0;
    for (let i = 0; i < this.length; i++) {
      const own = Math.floor(this.t[i]! / bucketMs);
      const value = this.v[i]!;
      if (own !== bucket) {
        to++;
        bucket = own;
        count = 0;
        this.min[to] = this.min[i]!;
        this.max[to] = this.max[i]!;
        this.v[to] = 0;
      }
      count++;
      this.v[to]! += (value - this.v[to]!) / count;
      this.t[to] = this.t[i]!;
      this.min[to] = Math.min(this.min[to]!, this.min[i]!);
      this.max[to] = Math.max(this.max[to]!, this.max[i]!);
    }
    this.length = to + 1;
    this.bucketMs = bucketMs;
    this.#open = count;
  }

  #sameBucket(a: number, b: number): boolean {
    if (this.bucketMs === 0) return false;
    return Math.floor(a / this.bucketMs) === Math.floor(b / this.bucketMs);
  }

  /** A further reading of the open bucket: the row moves to its time, the value to the mean. */
  #join(t: number, v: number): void {
    const row = this.length - 1;
    this.#open++;
    this.t[row] = t;
    this.v[row]! += (v - this.v[row]!) / this.#open;
    this.#widen(row, v);
  }

  #widen(row: number, v: number): void {
    if (v < this.min[row]!) this.min[row] = v;
    if (v > this.max[row]!) this.max[row] = v;
  }

  #insert(at: number, t: number, v: number): void {
    if (this.length === this.t.length) this.#grow();
    if (at < this.length) {
      for (const column of [this.t, this.v, this.min, this.max]) column.copyWithin(at + 1, at, this.length);
    } else {
      this.#open = 1;
    }
    this.t[at] = t;
    this.v[at] = v;
    this.min[at] = v;
    this.max[at] = v;
    this.length++;
  }

  #grow(): void {
    const size = Math.max(256, Math.ceil(this.t.length * 1.5));
    const grown = (column: Float64Array): Float64Array<ArrayBuffer> => {
      const larger = new Float64Array(size);
      larger.set(column);
      return larger;
    };
    this.t = grown(this.t);
    this.v = grown(this.v);
    this.min = grown(this.min);
    this.max = grown(this.max);
  }
}
