import type { Clock } from '../../base/clock.ts';
import type { Log } from '../../base/log.ts';

const PERIOD_MS = 60_000;

/** One line a minute, with how many were left out: whoever knocks often does not fill the disk. */
export class SeldomLog {
  readonly #log: Log;
  readonly #clock: Clock;
  #toldMs = -Infinity;
  #leftOut = 0;

  constructor(log: Log, clock: Clock) {
    this.#log = log;
    this.#clock = clock;
  }

  warn(message: string, fields: Record<string, unknown>): void {
    const nowMs = this.#clock.monotonic();
    if (nowMs - this.#toldMs < PERIOD_MS) {
      this.#leftOut++;
      return;
    }
    this.#log.warn(message, this.#leftOut === 0 ? fields : { ...fields, leftOut: this.#leftOut });
    this.#toldMs = nowMs;
    this.#leftOut = 0;
  }
}
