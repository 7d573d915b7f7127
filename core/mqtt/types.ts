/** What the broker shares with the rest of the station. The broker knows nothing of devices, storage or screens. */

export type Qos = 0 | 1 | 2;

/**
 * One accepted PUBLISH, in order of arrival. The object and its payload are reused: copy what you keep.
 */
export interface InboundPublish {
  topic: string;
  /** A view on the connection's read buffer: valid during the call only. */
  payload: Uint8Array;
  qos: Qos;
  retain: boolean;
  /** Publishing client, or null for the station itself. */
  clientId: string | null;
  /** Wall time, ms since the epoch. */
  receivedMs: number;
}

/** Acknowledge at once. */
export const ACK_NOW = 0;
/** Not taken in: the broker does not acknowledge and closes the connection, so that the client sends it again. */
export const ACK_NEVER = -1;

/**
 * Where accepted publishes go before they are acknowledged. `take` returns `ACK_NOW`, `ACK_NEVER`, or a sequence
 * number (never falling from call to call): PUBACK and PUBREC then leave when `Broker.release(n)` is called with
 * an `n` at or above it, in order of arrival. Delivery to subscribers does not wait.
 */
export interface PublishIntake {
  take(publish: InboundPublish): number;
}

export interface BrokerCounters {
  messagesIn: number;
  messagesOut: number;
  bytesIn: number;
  bytesOut: number;
  /** Messages to subscribers given up: QoS 0 above high water, full session queues. */
  droppedOut: number;
  /** QoS 0 messages that the intake did not take. */
  droppedIn: number;
  /** Publishes and subscriptions that the client may not make. */
  denied: number;
  /** Retained messages not kept because the retained store is full. They were delivered. */
  retainedRefused: number;
  /** Absent persistent sessions forgotten because there were too many. */
  sessionsEvicted: number;
  /** Connections closed because their client did not read. */
  stuckClients: number;
  connectionsAccepted: number;
  connectionsRefused: number;
  malformedPackets: number;
  keepAliveTimeouts: number;
  takeOvers: number;
}

export interface ClientView {
  clientId: string;
  connected: boolean;
  protocolLevel: number;
  address: string;
  keepAliveSeconds: number;
  connectedMs: number;
  cleanSession: boolean;
  subscriptions: number;
  inFlight: number;
  queued: number;
}
