import type { TimerWheel, WheelEntry } from '../base/timer-wheel.ts';
import { NEVER_EXPIRES } from './journal.ts';
import type { Session } from './session.ts';

/** Wall time may jump and monotonic time may stand still while a laptop sleeps: looked at anew at least this often. */
const LONGEST_WAIT_MS = 60_000;

/** The next moment at which something happens to a session whose client is away: its will, or its end. */
export class SessionDeadline implements WheelEntry {
  dueMs = Infinity;
  slot = -1;
  readonly #session: Session;
  readonly #onDeadline: (session: Session) => void;

  constructor(session: Session, onDeadline: (session: Session) => void) {
    this.#session = session;
    this.#onDeadline = onDeadline;
  }

  /** Arms it for the earlier of will and end, or not at all. */
  arm(wheel: TimerWheel, nowMs: number): void {
    const atMs = Math.min(willDueMs(this.#session), endsMs(this.#session));
    if (atMs === Infinity) wheel.cancel(this);
    else wheel.arm(this, Math.min(Math.max(0, atMs - nowMs), LONGEST_WAIT_MS));
  }

  onDue(): void {
    this.#onDeadline(this.#session);
  }
}

/** Wall time at which the will of an absent client is published; Infinity for never. */
export function willDueMs({ record }: Session): number {
  const { will, leftMs } = record;
  return will === null || leftMs === 0 ? Infinity : leftMs + will.delaySeconds * 1_000;
}

/** Wall time at which the session of an absent client ends; Infinity for never. */
export function endsMs({ record }: Session): number {
  const { expirySeconds, leftMs } = record;
  return leftMs === 0 || expirySeconds === NEVER_EXPIRES ? Infinity : leftMs + expirySeconds * 1_000;
}
