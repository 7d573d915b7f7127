import type { ReadingColumns } from './types.ts';

const FIRST_CAPACITY = 1_024;

/** Readings as columns that grow by doubling and keep their arrays when cleared. */
export class GrowingColumns implements ReadingColumns {
  length = 0;
  series = new Int32Array(FIRST_CAPACITY);
  t = new Float64Array(FIRST_CAPACITY);
  v = new Float64Array(FIRST_CAPACITY);

  push(series: number, t: number, v: number): void {
    const row = this.length;
    if (row === this.series.length) this.#grow();
    this.series[row] = series;
    this.t[row] = t;
    this.v[row] = v;
    this.length = row + 1;
  }

  #grow(): void {
    const capacity = this.series.length * 2;
    const { series, t, v } = this;
    this.series = new Int32Array(capacity);
    this.series.set(series);
    this.t = new Float64Array(capacity);
    this.t.set(t);
    this.v = new Float64Array(capacity);
    this.v.set(v);
  }
}
