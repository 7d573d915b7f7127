import type { Clock } from '../../base/clock.ts';
import type { TimerWheel } from '../../base/timer-wheel.ts';
import { Deadline } from '../deadline.ts';
import type { ReliableLimits } from './context.ts';

/** What a connection tells when its patience is asked. */
export interface Liveness {
  /** A request is under way in either direction, somebody waits for a token, or observes. */
  busy: boolean;
  /** We do not read just now: silence means nothing. */
  paused: boolean;
  /** Here of a message that is not whole. */
  heldBytes: number;
  /** Waiting to go out. */
  outBytes: number;
  /** Taken by the operating system so far. */
  takenBytes: number;
}

export type Impatience =
  'no_csm' | 'unfinished' | 'stalled' | 'unanswered' | 'release_over' | 'ping_now' | 'idle';

/**
 * The one timer of a connection, and the times that it looks at (monotonic ms). Nothing is armed again for what
 * happens all the time: when the timer fires too early, it is set for the rest.
 */
export class Patience {
  /** The other end's CSM has come. */
  greeted = false;
  /** Anything at all came. */
  heardMs: number;
  /** A request or response went or came. */
  usedMs: number;
  /** When our keep-alive Ping went out, -1 while none is unanswered. */
  pingedMs = -1;
  heldSinceMs = 0;
  /** When Release was said, -1 before. */
  releasedMs = -1;
  readonly #clock: Clock;
  readonly #limits: ReliableLimits;
  readonly #deadline: Deadline;
  readonly #openedMs: number;
  #takenBytes = 0;
  /** When the system last took something of what waits, -1 while nothing does. */
  #takenMs = -1;
  #nextMs = Infinity;

  constructor(clock: Clock, wheel: TimerWheel, limits: ReliableLimits, onDue: () => void) {
    this.#clock = clock;
    this.#limits = limits;
    this.#deadline = new Deadline(wheel, onDue);
    this.#openedMs = this.heardMs = this.usedMs = clock.monotonic();
  }

  /** Looks in `ms` at the latest. */
  within(ms: number): void {
    if (this.#deadline.dueMs - this.#clock.monotonic() > ms) this.#deadline.set(ms);
  }

  /** Looks once more, in `ms`. */
  finally(ms: number): void {
    this.#deadline.set(ms);
  }

  stop(): void {
    this.#deadline.clear();
  }

  /** After each attempt to send. */
  flushed(nowMs: number, outBytes: number, takenBytes: number): void {
    if (outBytes === 0) this.#takenMs = -1;
    else {
      if (this.#takenMs < 0 || takenBytes !== this.#takenBytes) this.#takenMs = nowMs;
      this.within(this.#limits.stallTimeoutMs);
    }
    this.#takenBytes = takenBytes;
  }

  /** What has lasted too long; undefined when nothing has, and then it looks again in time. */
  judge(state: Liveness): Impatience | undefined {
    const nowMs = this.#clock.monotonic();
    this.#nextMs = Infinity;
    if (this.#takenMs >= 0 && state.takenBytes !== this.#takenBytes) {
      this.#takenBytes = state.takenBytes;
      this.#takenMs = nowMs;
    }
    const verdict = this.#verdict(state, nowMs);
    if (verdict === undefined && this.#nextMs !== Infinity) this.#deadline.set(this.#nextMs - nowMs);
    return verdict;
  }

  #verdict(state: Liveness, nowMs: number): Impatience | undefined {
    const limits = this.#limits;
    if (!this.greeted) return this.#over(nowMs, this.#openedMs, limits.csmTimeoutMs) ? 'no_csm' : undefined;
    const { busy, paused, heldBytes, outBytes } = state;
    if (heldBytes > 0 && !paused) {
      const patienceMs = limits.messageTimeoutMs + heldBytes;
      if (this.#over(nowMs, this.heldSinceMs, patienceMs)) return 'unfinished';
    }
    // What waits for the end of this turn has not been offered yet.
    const isOffered = outBytes > 0 && this.#takenMs >= 0;
    if (isOffered && this.#over(nowMs, this.#takenMs, limits.stallTimeoutMs)) return 'stalled';
    if (this.releasedMs >= 0) {
      return this.#over(nowMs, this.releasedMs, limits.releaseTimeoutMs) ? 'release_over' : undefined;
    }
    if (this.pingedMs >= 0) {
      if (this.#over(nowMs, this.pingedMs, limits.pongTimeoutMs)) return 'unanswered';
    } else if (!paused && this.#over(nowMs, this.heardMs, limits.keepAliveMs)) return 'ping_now';
    return !busy && this.#over(nowMs, this.usedMs, limits.idleCloseMs) ? 'idle' : undefined;
  }

  #over(nowMs: number, sinceMs: number, ms: number): boolean {
    if (sinceMs + ms <= nowMs) return true;
    this.#nextMs = Math.min(this.#nextMs, sinceMs + ms);
    return false;
  }
}
