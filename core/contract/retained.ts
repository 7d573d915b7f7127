/** The retained store: the last retained message of every topic, and a trash that gives back what was cleared. */
import type { MessageProperties, MqttQos } from './broker.ts';

export interface RetainedRow {
  topic: string;
  bytes: number;
  qos: MqttQos;
  receivedMs: number;
  /** Who published it; null for the station. */
  client: string | null;
  /** When it expires; 0 never. */
  expiresMs: number;
  /** Beginning of the payload when it is UTF-8, at most 200 characters, else null. */
  text: string | null;
}

export interface RetainedPage {
  rows: RetainedRow[];
  /** All that fit the search. */
  total: number;
  /** Give it as `after` for the next page; null at the end. */
  next: string | null;
}

export interface RetainedMessageView extends RetainedRow {
  payload: Uint8Array;
  properties: MessageProperties;
}

/** What was cleared in one go, as one line of the trash. */
export interface TrashEntry {
  id: number;
  /** The topic, or the subtree with `/#`. */
  what: string;
  messages: number;
  bytes: number;
  clearedMs: number;
}

/** A long clear or restore. */
export interface RetainedJob {
  id: number;
  kind: 'clear' | 'restore';
  what: string;
  done: number;
  total: number;
  state: 'running' | 'done' | 'cancelled' | 'failed';
  error: string | null;
  /** The trash line that undoes it; null for a restore. */
  trash: number | null;
}

export interface RetainedStatus {
  messages: number;
  bytes: number;
  maxMessages: number;
  maxBytes: number;
  /** Steps whenever a message comes, changes or goes: the screen then asks for its page again. */
  revision: number;
  trash: TrashEntry[];
  /** Bytes of the trash together; the oldest lines go at `maxTrashBytes`. */
  trashBytes: number;
  maxTrashBytes: number;
  /** Newest first, running ones and the last few that ended. */
  jobs: RetainedJob[];
}
