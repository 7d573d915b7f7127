import type { Clock } from '../../base/clock.ts';
import type { Log } from '../../base/log.ts';

const PERIOD_MS = 60_000;

/** One line per reason and minute, with how many were left out: whoever knocks often does not fill the disk. */
export class RareLog {
  readonly #log: Log;
  readonly #clock: Clock;
  readonly #told = new Map<string, { atMs: number; leftOut: number }>();

  /** Reasons are taken from a bounded set by the caller. */
  constructor(log: Log, clock: Clock) {
    this.#log = log;
    this.#clock = clock;
  }

  warn(message: string, reason: string, address: string): void {
    const nowMs = this.#clock.monotonic();
    const before = this.#told.get(reason);
    if (before !== undefined && nowMs - before.atMs < PERIOD_MS) {
      before.leftOut++;
      return;
    }
    const more = before === undefined || before.leftOut === 0 ? {} : { alsoSince: before.leftOut };
    this.#told.set(reason, { atMs: nowMs, leftOut: 0 });
    this.#log.warn(message, { reason, address, ...more });
  }
}
