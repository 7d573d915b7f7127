/** What telemetry takes from one payload. Stated for people in docs/limits.md. */
export interface TelemetryLimits {
  /** A longer payload is not decoded. */
  maxPayloadBytes: number;
  /** Objects and arrays within each other. */
  maxDepth: number;
  /** Numbers of one payload that become readings; the rest is left out and counted. */
  maxValues: number;
  /** A longer topic (in UTF-8) never becomes a device. */
  maxTopicBytes: number;
  /** Characters of a series name; a value with a longer one is left out and counted. */
  maxSeriesNameLength: number;
  /** Device times before this (ms since the epoch) are refused. */
  earliestMs: number;
  /** Device times further ahead of the receipt than this are refused. */
  maxAheadMs: number;
  /** Topics whose way to device and series is remembered; twice as many at most, for a while. */
  plannedTopics: number;
  /** JSON keys remembered over all topics; twice as many at most, for a while. */
  plannedKeys: number;
}

export const TELEMETRY_LIMITS: Readonly<TelemetryLimits> = {
  maxPayloadBytes: 256 * 1024,
  maxDepth: 8,
  maxValues: 256,
  maxTopicBytes: 1_024,
  maxSeriesNameLength: 256,
  earliestMs: Date.UTC(2001, 0, 1),
  maxAheadMs: 24 * 60 * 60 * 1_000,
  plannedTopics: 100_000,
  plannedKeys: 400_000,
};
