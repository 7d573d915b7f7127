/** Rows that cross into and out of the record. All times are ms since the epoch, fractions allowed. */
import type { BrokerState } from './mqtt-types.ts';

export interface DeviceRecord {
  id: number;
  key: string;
  name: string;
  protocols: string[];
  coapAuthority: string | null;
  firstSeenMs: number;
  lastSeenMs: number;
}

export interface SeriesRecord {
  id: number;
  deviceId: number;
  name: string;
  quantity: string | null;
  unit: string;
}

/** The last state of a topic; written when the topic is new, then at most once a second. */
export interface TopicRecord {
  topic: string;
  deviceId: number | null;
  messages: number;
  receivedMs: number;
  qos: 0 | 1 | 2;
  retain: boolean;
  client: string | null;
  /** Up to 64 KiB. */
  payload: Uint8Array;
  payloadBytes: number;
  rawReason: string | null;
}

/** One message of the raw log. */
export interface MessageRecord {
  topic: string;
  receivedMs: number;
  qos: 0 | 1 | 2;
  retain: boolean;
  client: string | null;
  payload: Uint8Array;
}

export interface CoapResourceRecord {
  uri: string;
  authority: string;
  path: string;
  attributes: Record<string, string>;
  /** The station observes it whenever it runs. */
  observed: boolean;
  accept: number | null;
  removed: boolean;
}

export interface CoapRegistrationRecord {
  /** Of its registration resource: `/rd/4521`. */
  location: string;
  /** JSON of the registration, null when it is gone. */
  registration: string | null;
}

/** What the record knows when it is opened. */
export interface Catalog {
  devices: DeviceRecord[];
  series: SeriesRecord[];
  /** Latest reading of each series that has one, by greatest `t`. */
  lastValues: { series: Int32Array; t: Float64Array; v: Float64Array; receivedMs: Float64Array };
  topics: TopicRecord[];
  resources: CoapResourceRecord[];
  registrations: CoapRegistrationRecord[];
  broker: BrokerState;
}
