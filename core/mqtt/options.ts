import type { Clock } from '../base/clock.ts';
import type { Log } from '../base/log.ts';
import type { QueuePolicy } from './message-queue.ts';
import type { PublishIntake } from './types.ts';

/** Every bound of the broker. What happens beyond each is said where it is enforced, and counted. */
export interface BrokerLimits {
  maxConnections: number;
  /** Largest whole packet taken in, at least 256. Checked before anything of it is buffered. */
  maxPacketBytes: number;
  /** Messages with QoS above 0 that may be under way to one client. */
  inflightWindow: number;
  queueMessages: number;
  queueBytes: number;
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
  maxRetainedMessages: number;
  maxRetainedBytes: number;
  maxRetainedLevels: number;
  /** Persistent sessions whose client is away. */
  maxAbsentSessions: number;
  maxSubscriptionsPerSession: number;
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
  maxPacketBytes: 1_048_576,
  inflightWindow: 20,
  queueMessages: 1_000,
  queueBytes: 16_777_216,
  queuePolicy: 'drop-newest',
  maxKeptBytes: 536_870_912,
  highWaterBytes: 1_048_576,
  hardLimitBytes: 33_554_432,
  stuckTimeoutMs: 30_000,
  connectTimeoutMs: 10_000,
  maxRetainedMessages: 100_000,
  maxRetainedBytes: 268_435_456,
  maxRetainedLevels: 600_000,
  maxAbsentSessions: 10_000,
  maxSubscriptionsPerSession: 10_000,
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
  address: string;
}

export interface AccessRequest {
  clientId: string;
  username: string | null;
  action: 'publish' | 'subscribe';
  /** Topic name, or topic filter of a subscription. */
  topic: string;
}

/** Yes or no, now or later. A throw or a rejection is a no. */
export type Verdict = boolean | Promise<boolean>;

export interface BrokerOptions {
  clock: Clock;
  log: Log;
  limits?: Partial<BrokerLimits>;
  intake?: PublishIntake;
  /** Without it every client is let in. A no is answered with CONNACK 5. */
  authenticate?: (request: ConnectRequest) => Verdict;
  /** Without it everything is allowed. A no to a subscription is SUBACK 0x80; a publish is acknowledged and ignored. */
  authorize?: (request: AccessRequest) => Verdict;
}
