import type { Clock } from '../base/clock.ts';
import { messageOf } from '../base/errors.ts';
import type { Log } from '../base/log.ts';
import { TimerWheel } from '../base/timer-wheel.ts';
import { BufferPool } from './buffer-pool.ts';
import { ClientChanges } from './client-changes.ts';
import { NOT_AUTHORIZED } from './codec/reason-codes.ts';
import type { Connection } from './connection.ts';
import { createCounters } from './counters.ts';
import { Flusher } from './flusher.ts';
import type { BrokerJournal } from './journal.ts';
import { MessageLedger } from './message-ledger.ts';
import {
  type AccessRequest,
  type BrokerLimits,
  type BrokerOptions,
  DEFAULT_CLIENT_LIMITS,
  DEFAULT_LIMITS,
} from './options.ts';
import type { ClientLimits, ListenerProfile } from './origin.ts';
import { PendingAcks } from './pending-acks.ts';
import { createView } from './publish-frame.ts';
import { publishWill } from './publishing-own.ts';
import { RetainedStore } from './retained.ts';
import { Router } from './router.ts';
import type { Session } from './session.ts';
import { SessionStore } from './session-store.ts';
import { TopicCache } from './topic-cache.ts';
import type { InboundPublish } from './types.ts';

const NO_BYTES = new Uint8Array(0);

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
  readonly changes = new ClientChanges();
  readonly acks: PendingAcks;
  readonly journal: BrokerJournal | null;
  readonly ledger: MessageLedger | null;
  readonly connections = new Set<Connection>();
  /** Connections by listener. */
  readonly perListener = new Map<string, number>();
  /** Steps when the rules of access change. */
  accessGeneration = 0;
  /** The packet in hand; see `PublishFrame.point`. */
  readonly view = createView();
  /** Handed to the intake for every client's message; filled anew each time. */
  readonly inbound: InboundPublish = {
    topic: '',
    payload: NO_BYTES,
    qos: 0,
    retain: false,
    clientId: null,
    username: null,
    properties: NO_BYTES,
    receivedMs: 0,
  };
  readonly #clientLimits: ClientLimits;
  readonly #profileLimits = new WeakMap<ListenerProfile, ClientLimits>();

  constructor(options: BrokerOptions) {
    this.options = options;
    this.limits = { ...DEFAULT_LIMITS, ...options.limits };
    this.#clientLimits = { ...DEFAULT_CLIENT_LIMITS, ...options.clientLimits };
    const { limits, counters, changes } = this;
    const { clock, log, journal = null } = options;
    this.clock = clock;
    this.log = log;
    this.journal = journal;
    this.ledger = journal === null ? null : new MessageLedger(journal);
    const wheel = new TimerWheel(clock);
    this.wheel = wheel;
    this.topics = new TopicCache(limits.topicCacheEntries);
    this.retained = new RetainedStore(
      {
        maxMessages: limits.maxRetainedMessages,
        maxBytes: limits.maxRetainedBytes,
        maxLevels: limits.maxRetainedLevels,
      },
      { clock, wheel, journal, counters },
    );
    const router = new Router(counters, {
      maxSubscriptions: limits.maxSubscriptions,
      maxLevels: limits.maxSubscriptionLevels,
      maxCharacters: limits.maxSubscriptionCharacters,
    });
    this.router = router;
    const acks = new PendingAcks(limits.maxPendingAcksPerConnection, limits.maxPendingAcks);
    this.acks = acks;
    const { ledger } = this;
    const { queuePolicy, inflightWindow } = limits;
    this.sessions = new SessionStore({
      ...{ clock, counters, changes, acks, journal, ledger, queuePolicy, inflightWindow },
      ...{ wheel, router, limits },
      publishWill: (session) => this.#publishWill(session),
    });
  }

  /** What clients of a listener may use; `own` is the user's part. */
  limitsOf(profile: ListenerProfile, own?: Partial<ClientLimits>): ClientLimits {
    let limits = this.#profileLimits.get(profile);
    if (limits === undefined) {
      limits = { ...this.#clientLimits, ...profile.limits };
      this.#profileLimits.set(profile, limits);
    }
    return own === undefined ? limits : { ...limits, ...own };
  }

  mayUse(clientId: string, username: string | null, action: AccessRequest['action'], topic: string): boolean {
    return this.refusalOf(clientId, username, action, topic) === 0;
  }

  /** A throw is a no. */
  mayPublishAll(username: string | null): boolean {
    try {
      return this.options.mayPublishAll?.(username) === true;
    } catch (error) {
      this.warn('an access check failed', error);
      return false;
    }
  }

  /** The answer of the access check as a reason code: 0 is a yes. A throw is a no. */
  refusalOf(
    clientId: string,
    username: string | null,
    action: AccessRequest['action'],
    topic: string,
  ): number {
    const { authorize } = this.options;
    if (authorize === undefined) return 0;
    try {
      const verdict = authorize({ clientId, username, action, topic });
      return typeof verdict === 'number' ? verdict : verdict ? 0 : NOT_AUTHORIZED;
    } catch (error) {
      this.warn('an access check failed', error);
      return NOT_AUTHORIZED;
    }
  }

  /** The network connection is gone. */
  forget(connection: Connection): void {
    if (!this.connections.delete(connection)) return;
    const { id } = connection.origin.profile;
    const left = (this.perListener.get(id) ?? 1) - 1;
    if (left === 0) this.perListener.delete(id);
    else this.perListener.set(id, left);
  }

  warn(message: string, error: unknown): void {
    this.log.warn(message, { error: messageOf(error) });
  }

  #publishWill(session: Session): void {
    const { record, clientId } = session;
    const { will } = record;
    record.will = null;
    if (will !== null) publishWill(this, clientId, record.username, will);
  }
}
