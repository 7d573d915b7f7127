/** The station about itself. All times are ms since the epoch unless a name says otherwise. */

export type ListenerName = 'mqtt' | 'coap' | 'http';

export interface ListenerStatus {
  name: ListenerName;
  /** What was asked for, `host:port`. */
  requested: string;
  /** Where it really listens, or null while it does not. */
  address: string | null;
  state: 'starting' | 'listening' | 'failed' | 'stopped';
  /** One line for people when `state` is `failed`: what, why, what to do. */
  error: string | null;
}

export interface StationInfo {
  name: string;
  version: string;
  startedMs: number;
  nowMs: number;
  listeners: ListenerStatus[];
  /** Where the record lies, for people to find it. Never an input. */
  dataFolder: string;
  runtime: { node: string; electron: string | null; platform: string };
}

export type FaultCode = 'disk_full' | 'read_only' | 'corrupt' | 'io' | 'backlog';

export interface RecorderStatus {
  state: 'ok' | 'fault';
  /** What keeps the recorder from writing, since when, and what to do. Null while all is well. */
  fault: { code: FaultCode; message: string; sinceMs: number } | null;
  /** A file that was set aside because it was damaged, to be told until someone has seen it. */
  setAside: { file: string; reason: string; atMs: number } | null;
  committedReadings: number;
  /** Readings that wait for a commit. */
  pendingReadings: number;
  /** QoS 0 readings that were given up because the waiting line was full. */
  droppedReadings: number;
  lastCommitMs: number | null;
  databaseBytes: number;
  freeBytes: number | null;
}

/** Everything that was refused or given up, by its stated reason (`docs/limits.md`). Only ever grows. */
export type LimitCounters = Record<string, number>;

export interface StationStatus {
  nowMs: number;
  listeners: ListenerStatus[];
  recorder: RecorderStatus;
  mqtt: {
    clients: number;
    messagesIn: number;
    messagesOut: number;
    bytesIn: number;
    bytesOut: number;
    droppedOut: number;
    retained: number;
  };
  coap: { observations: number; exchanges: number; requests: number; retransmissions: number };
  /** Rates over the last seconds. */
  rates: { messagesPerSecond: number; readingsPerSecond: number };
  counts: { devices: number; series: number; topics: number };
  screens: number;
  limits: LimitCounters;
}
