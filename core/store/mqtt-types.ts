/**
 * What the record keeps for the MQTT broker, as rows. The same shapes as in core/mqtt/journal.ts, where they are
 * explained; core/station/broker-journal.ts fails to compile when the two drift apart. Times are wall time, ms since
 * the epoch; 0 means never.
 */
type Qos = 0 | 1 | 2;

export interface WillRow {
  topic: string;
  payload: Uint8Array;
  qos: Qos;
  retain: boolean;
  properties: Uint8Array;
  expirySeconds: number | null;
  delaySeconds: number;
}

export interface SessionRow {
  id: number;
  clientId: string;
  protocolLevel: number;
  username: string | null;
  expirySeconds: number;
  createdMs: number;
  leftMs: number;
  will: WillRow | null;
}

export interface SubscriptionRow {
  session: number;
  filter: string;
  options: number;
  subscriptionId: number;
}

export interface MessageRow {
  id: number;
  topic: string;
  payload: Uint8Array;
  properties: Uint8Array;
  qos: Qos;
  expiresMs: number;
}

export interface OutgoingRow {
  order: number;
  session: number;
  /** 0 for none. */
  message: number;
  qos: Qos;
  state: number;
  packetId: number;
  flags: number;
  subscriptionIds: readonly number[] | null;
}

export interface IncomingRow {
  session: number;
  packetId: number;
}

export interface RetainedRow {
  topic: string;
  payload: Uint8Array;
  properties: Uint8Array;
  qos: Qos;
  expiresMs: number;
  client: string | null;
  receivedMs: number;
}

/** Sessions by id, subscriptions by session, messages by id, outgoing by order, incoming by session, retained by topic. */
export interface BrokerState {
  sessions: SessionRow[];
  subscriptions: SubscriptionRow[];
  messages: MessageRow[];
  outgoing: OutgoingRow[];
  incoming: IncomingRow[];
  retained: RetainedRow[];
}

export function emptyBrokerState(): BrokerState {
  return { sessions: [], subscriptions: [], messages: [], outgoing: [], incoming: [], retained: [] };
}
