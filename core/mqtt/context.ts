import type { Clock } from '../base/clock.ts';
import type { Log } from '../base/log.ts';
import { TimerWheel } from '../base/timer-wheel.ts';
import { BufferPool } from './buffer-pool.ts';
import type { Connection } from './connection.ts';
import { createCounters } from './counters.ts';
import { Flusher } from './flusher.ts';
import { type BrokerLimits, type BrokerOptions, DEFAULT_LIMITS } from './options.ts';
import { PendingAcks } from './pending-acks.ts';
import { createView } from './publish-frame.ts';
import { RetainedStore } from './retained.ts';
import { Router } from './router.ts';
import { SessionStore } from './session-store.ts';
import { TopicCache } from './topic-cache.ts';
import type { InboundPublish } from './types.ts';

const NO_PAYLOAD = new Uint8Array(0);

/** The parts of one broker, as its connections see them. */
export class BrokerContext {
  readonly options: BrokerOptions;
  readonly limits: BrokerLimits;
  readonly clock: Clock;
  readonly log: Log;
  readonly counters = createCounters();
  readonly wheel: TimerWheel;
  readonly pool = new BufferPool();
  readonly flusher = new Flusher();
  readonly topics: TopicCache;
  readonly router: Router;
  readonly retained: RetainedStore;
  readonly sessions: SessionStore;
  readonly acks: PendingAcks;
  readonly connections = new Set<Connection>();
  /** The packet in hand; see `PublishFrame.point`. */
  readonly view = createView();
  /** Handed to the intake for every client's message; filled anew each time. */
  readonly inbound: InboundPublish = {
    topic: '',
    payload: NO_PAYLOAD,
    qos: 0,
    retain: false,
    clientId: null,
    receivedMs: 0,
  };

  constructor(options: BrokerOptions) {
    this.options = options;
    this.limits = { ...DEFAULT_LIMITS, ...options.limits };
    this.clock = options.clock;
    this.log = options.log;
    this.wheel = new TimerWheel(options.clock);
    this.topics = new TopicCache(this.limits.topicCacheEntries);
    this.retained = new RetainedStore({
      maxMessages: this.limits.maxRetainedMessages,
      maxBytes: this.limits.maxRetainedBytes,
      maxLevels: this.limits.maxRetainedLevels,
    });
    this.router = new Router(this.counters, {
      maxSubscriptions: this.limits.maxSubscriptions,
      maxLevels: this.limits.maxSubscriptionLevels,
      maxCharacters: this.limits.maxSubscriptionCharacters,
    });
    this.sessions = new SessionStore(this.router, this.limits, this.counters);
    this.acks = new PendingAcks(this.limits.maxPendingAcksPerConnection, this.limits.maxPendingAcks);
  }
}
