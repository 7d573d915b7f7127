/** What the host and its two record threads say to each other. Only plain data and typed arrays cross. */
import type { SeriesColumns } from '../contract/readings.ts';
import type { RawMessage } from '../contract/topics.ts';
import type { BrokerRows } from './mqtt-batch.ts';
import type { BrokerColumns } from './mqtt-columns.ts';
import type {
  Catalog,
  CoapRegistrationRecord,
  CoapResourceRecord,
  DeviceRecord,
  MessageRecord,
  SeriesRecord,
  TopicRecord,
} from './types.ts';

/** A SQLite or system error as it crosses a thread border. `code` is SQLite's extended name or an errno name. */
export interface Failure {
  code: string;
  message: string;
}

/** Rows that a file started anew must hold, so that the readings which follow have something to belong to. */
export interface CatalogSeed {
  devices: DeviceRecord[];
  series: SeriesRecord[];
  resources: CoapResourceRecord[];
  registrations: CoapRegistrationRecord[];
}

/** Everything that a file started anew must hold. */
export interface FileSeed extends CatalogSeed {
  broker: BrokerColumns;
}

/** The catalog on its way between threads. */
export interface CatalogInTransit extends Omit<Catalog, 'broker'> {
  broker: BrokerColumns;
}

/** One transaction. Reading i is (series[i], t[i], v[i], received[i]). */
export interface BatchRows extends CatalogSeed {
  sequence: number;
  seriesOf: Int32Array;
  t: Float64Array;
  v: Float64Array;
  received: Float64Array;
  topics: TopicRecord[];
  messages: MessageRecord[];
  /** What the broker keeps; null when nothing of it changed. */
  mqtt: BrokerRows | null;
}

export interface WriterSettings {
  file: string;
  /** Names this run of the host: a batch that was committed before its writer died is not written twice. */
  run: string;
  messageLogBytes: number;
  messageLogAgeMs: number;
  /** For tests: `PRAGMA max_page_count`, a disk that is full without a mount. */
  maxPages: number | null;
}

export type ToWriter =
  | { kind: 'open'; settings: WriterSettings; seed: FileSeed | null; wantCatalog: boolean }
  | { kind: 'batch'; batch: BatchRows }
  | { kind: 'maintain'; nowMs: number }
  | { kind: 'release' }
  | { kind: 'stop' };

export type FromWriter =
  | { kind: 'opened'; catalog: CatalogInTransit | null; readings: number }
  | { kind: 'open_failed'; failure: Failure }
  | { kind: 'committed'; sequence: number }
  /** The transaction was rolled back; the connection is closed and wants a new `open` before the next batch. */
  | { kind: 'failed'; sequence: number; failure: Failure }
  | { kind: 'maintenance_failed'; failure: Failure }
  | { kind: 'released' };

export interface RangeRequest {
  series: number[];
  from: number;
  to: number;
  maxPoints: number;
}

export type ReaderRequest =
  | { kind: 'range'; range: RangeRequest }
  | { kind: 'messages'; topic: string; limit: number }
  | { kind: 'catalog' }
  | { kind: 'check' }
  | { kind: 'release' };

/** Result of each request by its kind. `check` gives one line that says what is wrong, or null. */
export interface ReaderResults {
  range: SeriesColumns[];
  messages: RawMessage[];
  catalog: CatalogInTransit;
  check: string | null;
  release: null;
}

export type ToReader =
  | { kind: 'request'; id: number; file: string; request: ReaderRequest }
  | { kind: 'cancel'; id: number }
  | { kind: 'stop' };

export type FromReader =
  { id: number; result: ReaderResults[keyof ReaderResults] } | { id: number; failure: Failure };
