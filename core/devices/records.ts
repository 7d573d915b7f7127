/**
 * What devices asks of a record: rows as core/store/types.ts has them, by shape, because this folder does not know
 * the store. All times are ms since the epoch.
 */
import type { ReadingColumns } from '../telemetry/types.ts';

export interface KeptDevice {
  id: number;
  key: string;
  name: string;
  protocols: string[];
  coapAuthority: string | null;
  firstSeenMs: number;
  lastSeenMs: number;
}

export interface KeptSeries {
  id: number;
  deviceId: number;
  name: string;
  quantity: string | null;
  unit: string;
}

export interface KeptTopic {
  topic: string;
  deviceId: number | null;
  messages: number;
  receivedMs: number;
  qos: 0 | 1 | 2;
  retain: boolean;
  client: string | null;
  /** The last payload or its beginning, in memory of its own. */
  payload: Uint8Array;
  payloadBytes: number;
  rawReason: string | null;
  /** Encoded MQTT 5 properties of the last message. Not part of the record. */
  properties?: Uint8Array;
}

export interface KeptDevices {
  devices: readonly KeptDevice[];
  series: readonly KeptSeries[];
  lastValues: Pick<ReadingColumns, 'series' | 't' | 'v'> & { receivedMs: Float64Array };
}

/** Where new and changed devices and series go. Called before the first reading of a series is seen by anyone. */
export interface DeviceSink {
  putDevice(device: KeptDevice): void;
  putSeries(series: KeptSeries): void;
}

export interface TopicSink {
  /** The topic's own changing record, given again with every message: the sink writes it when it sees fit. */
  putTopic(topic: KeptTopic): void;
}
