/** Readings travel as columns. `t` is ms since the epoch. */

export interface SeriesColumns {
  id: number;
  /** `raw`: every reading. `bucket`: one row per non-empty bucket; `v` is its mean, `min`/`max` its band. */
  mode: 'raw' | 'bucket';
  bucketMs: number;
  t: Float64Array;
  v: Float64Array;
  min: Float64Array | null;
  max: Float64Array | null;
  /** Readings in the range before bucketing. */
  total: number;
}

export interface QueryResult {
  from: number;
  to: number;
  series: SeriesColumns[];
}

export interface ReadingsSnapshot {
  /** Last value of each subscribed series that has one. */
  series: Int32Array;
  t: Float64Array;
  v: Float64Array;
}

export interface ReadingsDelta {
  /** Row i is the reading (series[i], t[i], v[i]), in order of arrival. */
  series: Int32Array;
  t: Float64Array;
  v: Float64Array;
  /** Readings left out of this delta because more came than a screen can draw; they are in the record. */
  skipped: number;
}
