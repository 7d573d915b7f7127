import type { Clock } from '../base/clock.ts';
import type { Log } from '../base/log.ts';
import type { ProtocolLevel } from './codec/packet.ts';
import type { BrokerJournal } from './journal.ts';
import type { QueuePolicy } from './message-queue.ts';
import type { ClientLimits, ConnectionOrigin } from './origin.ts';
import type { PublishIntake } from './types.ts';

export const DEFAULT_CLIENT_LIMITS: ClientLimits = {
  maxConnections: 10_000,
  maxPacketBytes: 1_048_576,
  // Client libraries that know no such bound are disconnected for going past it; reading pauses long before.
  receiveMaximum: 65_535,
  topicAliasMaximum: 10,
  outboundAliases: 10,
  maxSubscriptions: 10_000,
  maxTopicLevels: 200,
  publishRate: 0,
  queueMessages: 1_000,
  queueBytes: 16_777_216,
  maxSessionExpirySeconds: 0xffff_ffff,
  serverKeepAliveSeconds: 0,
};

/** Bounds of the broker as a whole; those of one client are `ClientLimits`. What happens beyond each is said where it is enforced, and counted. */
export interface BrokerLimits {
  maxConnections: number;
  /** Messages with QoS above 0 that may be under way to one client, at most 65,535; fewer when it says so. */
  inflightWindow: number;
  queuePolicy: QueuePolicy;
  /** Bytes of messages that all sessions together keep. Beyond, sessions go whose clients are away longest. */
  maxKeptBytes: number;
  /** Bytes waiting for one client above which QoS 0 is dropped and QoS 1 and 2 wait in the session. */
  highWaterBytes: number;
  /** Bytes waiting for one client at which it is disconnected: even acknowledgements need an end. */
  hardLimitBytes: number;
  /** How long a client may stay above high water without reading anything. */
  stuckTimeoutMs: number;
  connectTimeoutMs: number;
  /** Largest packet of a client that was not let in yet, where its listener allows larger ones. */
  connectBytes: number;
  maxRetainedMessages: number;
  maxRetainedBytes: number;
  maxRetainedLevels: number;
  /** Persistent sessions whose client is away. */
  maxAbsentSessions: number;
  /** Of all sessions together, as are the levels and characters of their filters. */
  maxSubscriptions: number;
  maxSubscriptionLevels: number;
  maxSubscriptionCharacters: number;
  /** Acknowledgements that wait for the intake: of one connection, and in all. Beyond, reading pauses. */
  maxPendingAcksPerConnection: number;
  maxPendingAcks: number;
  /** Topics whose text and subscribers are remembered, a power of two. */
  topicCacheEntries: number;
}

export const DEFAULT_LIMITS: BrokerLimits = {
  maxConnections: 10_000,
  inflightWindow: 20,
  queuePolicy: 'drop-newest',
  maxKeptBytes: 536_870_912,
  highWaterBytes: 1_048_576,
  hardLimitBytes: 33_554_432,
  stuckTimeoutMs: 30_000,
  connectTimeoutMs: 10_000,
  connectBytes: 1_048_576,
  maxRetainedMessages: 100_000,
  maxRetainedBytes: 268_435_456,
  maxRetainedLevels: 600_000,
  maxAbsentSessions: 10_000,
  maxSubscriptions: 500_000,
  maxSubscriptionLevels: 600_000,
  maxSubscriptionCharacters: 67_108_864,
  maxPendingAcksPerConnection: 5_000,
  maxPendingAcks: 100_000,
  topicCacheEntries: 32_768,
};

export interface ConnectRequest {
  clientId: string;
  username: string | null;
  password: Uint8Array | null;
  /** `host:port` of the peer. */
  address: string;
  protocolLevel: ProtocolLevel;
  origin: ConnectionOrigin;
}

/** Who a client is and what it may use. */
export interface Admission {
  /** The user that ACL rules speak of; null for an anonymous client. */
  username: string | null;
  limits?: Partial<ClientLimits>;
}

/** `reasonCode` as in CONNACK of level 5 (0x86, 0x87, 0x8a, 0x89, ...); the broker finds the code of older levels. */
export interface Refusal {
  reasonCode: number;
  /** Reason String for clients that ask for problem information. Never tells an attacker which half was wrong. */
  reason?: string;
  /** Server Reference with 0x9c and 0x9d (v5 §4.11). */
  serverReference?: string;
}

export type ConnectVerdict = Admission | Refusal;

/** One step of an AUTH exchange (v5 §4.12). */
export type AuthStep =
  { kind: 'continue'; data: Uint8Array } | { kind: 'done'; data: Uint8Array; admission: Admission } | Refusal;

/** One exchange, for CONNECT or for re-authentication. A throw or a rejection is a refusal. */
export interface AuthExchange {
  step(data: Uint8Array): AuthStep | Promise<AuthStep>;
}

export interface AccessRequest {
  clientId: string;
  username: string | null;
  action: 'publish' | 'subscribe';
  /** Topic name, or topic filter of a subscription (without `$share/NAME/`). */
  topic: string;
}

export interface BrokerOptions {
  clock: Clock;
  log: Log;
  limits?: Partial<BrokerLimits>;
  /** Of every client, unless its listener or its user say less. */
  clientLimits?: Partial<ClientLimits>;
  intake?: PublishIntake;
  /** Without it sessions and retained messages live in memory only. */
  journal?: BrokerJournal;
  /** Without it every client is let in where its listener allows anonymous ones. A throw or rejection is a no. */
  authenticate?: (request: ConnectRequest) => ConnectVerdict | Promise<ConnectVerdict>;
  /** Begins an AUTH exchange; null when the method is not spoken here (0x8c). */
  beginAuth?: (method: string, request: ConnectRequest) => AuthExchange | null;
  /**
   * Without it everything is allowed. Answers are remembered per client and topic until `Broker.accessChanged()`.
   * A no to a subscription is SUBACK 0x80 (v5 0x87); a publish is acknowledged and ignored (v5 0x87).
   * A number is a no with that reason code for SUBACK.
   */
  authorize?: (request: AccessRequest) => boolean | number;
  /** True when `authorize` allows the client every publish: it is then not asked until `Broker.accessChanged()`. */
  mayPublishAll?: (username: string | null) => boolean;
}
