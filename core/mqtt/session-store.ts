import type { BrokerLimits } from './options.ts';
import { KeptBytes } from './message-queue.ts';
import type { Router } from './router.ts';
import { Session } from './session.ts';
import type { BrokerCounters } from './types.ts';

/** Every session by client id. Those whose client is away are bounded: the one away longest goes first. */
export class SessionStore {
  readonly #sessions = new Map<string, Session>();
  readonly #absent = new Set<Session>();
  readonly #router: Router;
  readonly #limits: BrokerLimits;
  readonly #counters: BrokerCounters;
  readonly #kept: KeptBytes;

  constructor(router: Router, limits: BrokerLimits, counters: BrokerCounters) {
    this.#router = router;
    this.#limits = limits;
    this.#counters = counters;
    this.#kept = new KeptBytes(limits.maxKeptBytes, () => this.#evict());
  }

  get(clientId: string): Session | undefined {
    return this.#sessions.get(clientId);
  }

  values(): Iterable<Session> {
    return this.#sessions.values();
  }

  /**
   * The session for a CONNECT: the stored one, or a new one when there is none or either is clean
   * (MQTT-3.1.2-6). A connection that the old one had is closed by the caller before.
   */
  open(clientId: string, clean: boolean): { session: Session; present: boolean } {
    const known = this.#sessions.get(clientId);
    if (known !== undefined) {
      if (!clean && !known.clean) {
        this.#absent.delete(known);
        return { session: known, present: true };
      }
      this.remove(known);
    }
    const { inflightWindow, queueMessages, queueBytes, queuePolicy } = this.#limits;
    const queue = { maxMessages: queueMessages, maxBytes: queueBytes, policy: queuePolicy };
    const session = new Session(clientId, clean, inflightWindow, queue, this.#kept, this.#counters);
    this.#sessions.set(clientId, session);
    return { session, present: false };
  }

  /** The connection is gone: a clean session goes with it, another one waits for its client. */
  leave(session: Session): void {
    session.connection = null;
    if (session.clean) {
      this.remove(session);
      return;
    }
    this.#absent.add(session);
    if (this.#absent.size > this.#limits.maxAbsentSessions) this.#evict();
  }

  remove(session: Session): void {
    this.#router.unsubscribeAll(session);
    this.#absent.delete(session);
    session.end();
    if (this.#sessions.get(session.clientId) === session) this.#sessions.delete(session.clientId);
  }

  /** Gives up the session whose client is away longest; false when none is away. */
  #evict(): boolean {
    for (const oldest of this.#absent) {
      this.remove(oldest);
      this.#counters.sessionsEvicted++;
      return true;
    }
    return false;
  }
}
