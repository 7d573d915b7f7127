/**
 * What the broker keeps over a restart, as rows. The broker calls the journal in the order in which things happen;
 * whoever implements it puts all rows of one turn into one transaction with the readings of the same messages.
 * Times are wall time, ms since the epoch; 0 means never. Rows must not be changed after they were handed over.
 */
import type { Qos } from './types.ts';

/** Session Expiry Interval of a session that never ends (v5 §3.1.2.11.2). */
export const NEVER_EXPIRES = 0xffff_ffff;

export interface WillRow {
  topic: string;
  payload: Uint8Array;
  qos: Qos;
  retain: boolean;
  /** Encoded v5 properties that go with the message (`PublishFrame`), without the length in front. */
  properties: Uint8Array;
  /** Message Expiry Interval, counted from publication; null for none. */
  expirySeconds: number | null;
  delaySeconds: number;
}

/** A session that outlives its connection, or a will that must be published after a crash. */
export interface SessionRow {
  id: number;
  clientId: string;
  protocolLevel: number;
  username: string | null;
  /** 0 when the session ends with its connection and only the will is kept. */
  expirySeconds: number;
  createdMs: number;
  /** When its connection ended; 0 while it is connected. */
  leftMs: number;
  will: WillRow | null;
}

export interface SubscriptionRow {
  session: number;
  /** As subscribed, with `$share/NAME/` when it is shared. */
  filter: string;
  /** Subscription options as on the wire: QoS, No Local 4, Retain As Published 8, Retain Handling << 4 (v5 §3.8.3.1). */
  options: number;
  /** 0 for none. */
  subscriptionId: number;
}

/** One message that waits for at least one client. Shared by all of them. */
export interface MessageRow {
  id: number;
  topic: string;
  payload: Uint8Array;
  /** Encoded v5 properties to forward, without Topic Alias, Message Expiry Interval and Subscription Identifier. */
  properties: Uint8Array;
  /** The publisher's. */
  qos: Qos;
  /** When it expires. */
  expiresMs: number;
}

export const QUEUED = 0;
// The other states are those of inflight.ts: 1 await PUBACK, 2 await PUBREC, 3 await PUBCOMP.

/** One message on its way to one client. */
export interface OutgoingRow {
  /** Given by the broker, ever growing: the order of delivery, unique over all sessions. */
  order: number;
  session: number;
  /** 0 from PUBREC on: the payload is the client's then. */
  message: number;
  /** QoS of delivery, 1 or 2. */
  qos: Qos;
  state: number;
  /** 0 while queued. */
  packetId: number;
  /** RETAIN bit of the delivery. */
  flags: number;
  subscriptionIds: readonly number[] | null;
}

export interface IncomingRow {
  session: number;
  /** Of a QoS 2 PUBLISH that was taken in and is not released (PUBREL). */
  packetId: number;
}

export interface RetainedRow {
  topic: string;
  payload: Uint8Array;
  properties: Uint8Array;
  qos: Qos;
  expiresMs: number;
  /** Who published it: client id, or null for the station. */
  client: string | null;
  receivedMs: number;
}

/** Everything that is kept, for `Broker.restore` and `Broker.state`. Outgoing rows are sorted by `order`. */
export interface BrokerState {
  sessions: SessionRow[];
  subscriptions: SubscriptionRow[];
  messages: MessageRow[];
  outgoing: OutgoingRow[];
  incoming: IncomingRow[];
  retained: RetainedRow[];
}

export interface BrokerJournal {
  /** False while no more can be taken: QoS 1 and 2 messages are then not taken in (as `ACK_NEVER`). */
  readonly accepting: boolean;
  putSession(row: SessionRow): void;
  /** With everything that belongs to it but the messages, which the broker lets go one by one. */
  removeSession(id: number): void;
  putSubscription(row: SubscriptionRow): void;
  removeSubscription(session: number, filter: string): void;
  addMessage(row: MessageRow): void;
  removeMessage(id: number): void;
  /** Adds it, or replaces the row of the same `order`. */
  putOutgoing(row: OutgoingRow): void;
  removeOutgoing(order: number): void;
  addIncoming(session: number, packetId: number): void;
  removeIncoming(session: number, packetId: number): void;
  putRetained(row: RetainedRow): void;
  removeRetained(topic: string): void;
  /**
   * Sequence of the last batch that holds anything: all rows handed over so far are on disk once
   * `Broker.release(n)` came with n at or above it. `urgent`: someone waits, commit at the end of this turn.
   */
  mark(urgent: boolean): number;
}
