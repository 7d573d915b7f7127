import type { TimerWheel } from '../base/timer-wheel.ts';
import type { SessionRow } from './journal.ts';
import { KeptBytes } from './message-queue.ts';
import type { BrokerLimits } from './options.ts';
import type { ClientLimits } from './origin.ts';
import type { Router } from './router.ts';
import { Session, type SessionParts } from './session.ts';
import { endsMs, willDueMs } from './session-deadline.ts';

/** What the store does not do itself. */
export interface SessionStoreParts extends Omit<SessionParts, 'kept' | 'onDeadline'> {
  wheel: TimerWheel;
  router: Router;
  limits: BrokerLimits;
  /** Publishes the will of a session, which has none any more. */
  publishWill: (session: Session) => void;
}

/** Every session by client id. Those whose client is away are bounded: the one away longest goes first. */
export class SessionStore {
  readonly all = new Map<string, Session>();
  readonly #absent = new Set<Session>();
  readonly #parts: SessionStoreParts;
  readonly #sessionParts: SessionParts;
  #serials = 0;

  constructor(parts: SessionStoreParts) {
    this.#parts = parts;
    const kept = new KeptBytes(parts.limits.maxKeptBytes, () => this.#evict());
    this.#sessionParts = { ...parts, kept, onDeadline: (session) => this.#onDeadline(session) };
  }

  /** Sessions whose client is away. */
  get absent(): number {
    return this.#absent.size;
  }

  get(clientId: string): Session | undefined {
    return this.all.get(clientId);
  }

  /**
   * The session for a CONNECT: the stored one, or a new one when there is none, with Clean Start (MQTT-3.1.2-4), and
   * when the stored one is another user's. A connection that the old one had is closed by the caller before.
   */
  open(
    clientId: string,
    cleanStart: boolean,
    username: string | null,
    limits: ClientLimits,
  ): { session: Session; present: boolean } {
    const known = this.all.get(clientId);
    if (known !== undefined) {
      if (!cleanStart && known.lasting && known.record.username === username) {
        this.#absent.delete(known);
        this.#parts.wheel.cancel(known.deadline);
        // MQTT-3.1.3-9: the client is back before its will was due.
        known.record.will = null;
        return { session: known, present: true };
      }
      this.remove(known);
    }
    const session = this.#add(++this.#serials, clientId, limits);
    return { session, present: false };
  }

  /** A session that an earlier run of the station kept; its client is away. */
  restore(row: SessionRow, limits: ClientLimits): Session {
    this.continueAfter(row.id);
    const session = this.#add(row.id, row.clientId, limits, row.createdMs);
    const { protocolLevel, username, leftMs, will } = row;
    Object.assign(session.record, { protocolLevel, username, leftMs, will, hasRow: true });
    session.restoreExpiry(row.expirySeconds);
    this.#absent.add(session);
    return session;
  }

  /** Serials of an earlier run are not given again. */
  continueAfter(serial: number): void {
    this.#serials = Math.max(this.#serials, serial);
  }

  /** From here on wills and ends of restored sessions come when they are due. */
  start(): void {
    const nowMs = this.#parts.clock.now();
    for (const session of this.#absent) session.deadline.arm(this.#parts.wheel, nowMs);
  }

  /** The connection is gone: a session that does not last goes with it, another one waits for its client. */
  leave(session: Session): void {
    const { clock, wheel, limits } = this.#parts;
    const { record } = session;
    session.detach();
    if (!session.lasting) {
      this.remove(session);
      return;
    }
    const nowMs = clock.now();
    record.leftMs = nowMs;
    this.#absent.add(session);
    if (record.will?.delaySeconds === 0) this.#parts.publishWill(session);
    session.putRow();
    session.deadline.arm(wheel, nowMs);
    if (this.#absent.size > limits.maxAbsentSessions) this.#evict();
  }

  /** The end of a session, and with it of the patience with its will (v5 §3.1.3.2.2). */
  remove(session: Session): void {
    const { router, wheel, changes, publishWill } = this.#parts;
    router.unsubscribeAll(session);
    this.#absent.delete(session);
    wheel.cancel(session.deadline);
    if (this.all.get(session.clientId) === session) this.all.delete(session.clientId);
    if (!session.hidden) changes.remove(session.clientId);
    // Before its rows go: a crash in between publishes it again rather than never.
    if (session.record.will !== null) publishWill(session);
    session.end();
  }

  #add(serial: number, clientId: string, limits: ClientLimits, createdMs?: number): Session {
    const session = new Session(serial, clientId, limits, this.#sessionParts, createdMs);
    this.all.set(clientId, session);
    return session;
  }

  #onDeadline(session: Session): void {
    const { clock, wheel, counters, publishWill } = this.#parts;
    const nowMs = clock.now();
    if (endsMs(session) <= nowMs) {
      if (session.lasting) counters.expiredSessions++;
      this.remove(session);
      return;
    }
    if (willDueMs(session) <= nowMs) {
      publishWill(session);
      session.putRow();
    }
    session.deadline.arm(wheel, nowMs);
  }

  /** Gives up the session whose client is away longest; false when none is away. */
  #evict(): boolean {
    for (const oldest of this.#absent) {
      this.remove(oldest);
      this.#parts.counters.sessionsEvicted++;
      return true;
    }
    return false;
  }
}
