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
  /** Who the client proved to be, or null. */
  username: string | null;
  /** Encoded v5 properties (see `decodeProperties`), a view like the payload; empty for most messages. */
  properties: Uint8Array;
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
  /** Packets from clients, and to them, that are not PUBLISH. */
  otherPacketsIn: number;
  otherPacketsOut: number;
  /** PUBLISH packets from clients, and to them, with their payload bytes. */
  publishBytesIn: number;
  publishBytesOut: number;
  /** Messages that reached their expiry before their client. */
  expiredMessages: number;
  /** Sessions that reached their expiry. */
  expiredSessions: number;
  /** Connections closed, and publishes refused, because a client was above one of its own limits. */
  quotaExceeded: number;
  /** CONNECT with a wrong password, certificate or AUTH exchange. */
  badCredentials: number;
  /** Packets not sent because they are above the client's Maximum Packet Size. */
  tooLargeForClient: number;
}

export type Transport = 'tcp' | 'tls' | 'ws' | 'wss';

/** One session as it is now, with or without its client. Counts are of the present connection, or of the last one. */
export interface ClientView {
  clientId: string;
  connected: boolean;
  protocolLevel: number;
  transport: Transport;
  /** Id of the listener that it came through. */
  listener: string;
  address: string;
  username: string | null;
  keepAliveSeconds: number;
  connectedMs: number;
  /** When its connection ended, 0 while connected. */
  leftMs: number;
  /** Wall time of the last bytes from the client. */
  lastPacketMs: number;
  /** 0: the session ends with its connection; `NEVER_EXPIRES`: never. */
  sessionExpirySeconds: number;
  subscriptions: number;
  inFlight: number;
  queued: number;
  queuedBytes: number;
  /** Messages to this client given up. */
  dropped: number;
  messagesIn: number;
  messagesOut: number;
  bytesIn: number;
  bytesOut: number;
  /** Its connection holds more than the high-water mark. */
  slow: boolean;
}

export interface SubscriptionView {
  filter: string;
  qos: Qos;
  noLocal: boolean;
  retainAsPublished: boolean;
  retainHandling: 0 | 1 | 2;
  /** 0 for none. */
  subscriptionId: number;
}

/** More of one session, for the one that a person looks at. Lists are cut at 200; the counts are in the view. */
export interface ClientDetail {
  view: ClientView;
  subscriptions: SubscriptionView[];
  inFlight: { packetId: number; qos: Qos; state: 'puback' | 'pubrec' | 'pubcomp'; topic: string | null }[];
  queued: { topic: string; qos: Qos; bytes: number }[];
  will: { topic: string; qos: Qos; retain: boolean; bytes: number; delaySeconds: number } | null;
  receiveMaximum: number;
  maximumPacketBytes: number;
  topicAliasMaximum: number;
  /** User properties of its CONNECT. */
  userProperties: [string, string][];
}
