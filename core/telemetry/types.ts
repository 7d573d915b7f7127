/** From payloads to readings. Knows topics and payloads; nothing of brokers, storage or screens. */

/** Where telemetry asks for numbers: implemented by `devices`. Both calls create what they do not find. */
export interface SeriesCatalog {
  /** Returns -1 when the station may have no more devices. */
  deviceId(key: string, protocol: 'mqtt' | 'coap'): number;
  /** `name` is the path inside the device. Returns -1 when the device or the station may have no more series. */
  seriesId(deviceId: number, name: string, quantity: string | null, unit: string): number;
}

/** Readings as growing columns; row i is (series[i], t[i], v[i]). `t` is ms since the epoch. */
export interface ReadingColumns {
  length: number;
  series: Int32Array;
  t: Float64Array;
  v: Float64Array;
}

/** Why a payload gave no readings. Each is counted under this name. */
export type RawReason =
  | 'empty'
  | 'not_numeric'
  | 'not_finite'
  | 'too_large'
  | 'too_deep'
  | 'malformed_json'
  | 'malformed_senml'
  | 'topic_too_long'
  | 'reserved_topic'
  | 'series_limit';

/** Result of one payload; reused by the next call. Rows `first..first+count-1` of the columns are its readings. */
export interface DecodeOutcome {
  deviceId: number | null;
  first: number;
  count: number;
  rawReason: RawReason | null;
  /** Values left out of an otherwise good payload (NaN, too many keys), by reason. */
  leftOut: number;
  /** Readings whose device time was outside the stated window and got the time of receipt instead. */
  clockRefused: number;
}
