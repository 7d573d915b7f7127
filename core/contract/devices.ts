/** Devices and their series as a screen sees them. All times are ms since the epoch. */

export type Protocol = 'mqtt' | 'coap' | 'lwm2m';

export interface SeriesInfo {
  id: number;
  deviceId: number;
  /** Path inside the device: `temperature`, `inside.temperature`. Unique per device. */
  name: string;
  /** The quantity it measures (`temperature`, `humidity`, ...), or null when no name told it. */
  quantity: string | null;
  /** Unit as in the SenML registry (`Cel`, `%RH`, `Pa`), empty when not known. */
  unit: string;
  /** Latest value; null until there is one. */
  last: LastValue | null;
  /** Smoothed distance between arrivals in ms (docs/readings.md); null until it is known. */
  intervalMs: number | null;
  /** Age past which the value counts as stale, from `intervalMs` by a stated rule. */
  staleAfterMs: number;
}

export interface LastValue {
  /** When it was measured (or received, when the device did not say). */
  t: number;
  v: number;
  receivedMs: number;
}

export interface DeviceRow {
  id: number;
  /** What identifies it: topic prefix (`plant/room1/sensor7`) or CoAP authority (`coap://10.0.0.7:5683`). */
  key: string;
  name: string;
  protocols: Protocol[];
  firstSeenMs: number;
  lastSeenMs: number;
  /** All its series in the order they appeared. */
  series: SeriesInfo[];
}

export interface DeviceDetail extends DeviceRow {
  /** MQTT topics that feed it, first 1,000. */
  topics: string[];
  topicCount: number;
  /** Authority of its CoAP server, or null. */
  coapAuthority: string | null;
}

export interface DevicesSnapshot {
  devices: DeviceRow[];
}

export interface DevicesDelta {
  /** Whole rows that are new or changed, latest only. */
  upsert: DeviceRow[];
  removed: number[];
  /** Only for who subscribed with `columns`: devices that were heard of and are otherwise as they were. */
  values?: DeviceValues;
}

/**
 * Newest values as columns: 20,000 devices that speak each second are 1 MB instead of 16. `device[i]` was heard of at
 * `lastSeenMs[i]`, and the next `seriesCount[i]` rows of the columns below are its series with a new value.
 */
export interface DeviceValues {
  device: Int32Array;
  lastSeenMs: Float64Array;
  seriesCount: Int32Array;
  series: Int32Array;
  t: Float64Array;
  v: Float64Array;
  receivedMs: Float64Array;
  /** NaN while it is not known. */
  intervalMs: Float64Array;
  staleAfterMs: Float64Array;
}
