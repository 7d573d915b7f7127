import type { Clock, Timer } from '../base/clock.ts';

/**
 * Rows that change with every message but need not be written with every message. The caller decides which rows are
 * new; those that are not wait here, latest only, and are handed over together once per `everyMs`.
 */
export class Coalescer<K, R> {
  readonly #clock: Clock;
  readonly #everyMs: number;
  readonly #handOver: (records: Iterable<R>) => boolean;
  readonly #waiting = new Map<K, R>();
  #timer: Timer | undefined;

  /** `handOver` returns false when it cannot take the rows now; they then wait for another turn. */
  constructor(clock: Clock, everyMs: number, handOver: (records: Iterable<R>) => boolean) {
    this.#clock = clock;
    this.#everyMs = everyMs;
    this.#handOver = handOver;
  }

  put(key: K, record: R): void {
    this.#waiting.set(key, record);
    this.#timer ??= this.#clock.after(this.#everyMs, () => this.#turn());
  }

  /** A row that was written at once makes its waiting one void. */
  drop(key: K): void {
    this.#waiting.delete(key);
  }

  /** Hands over what waits and stops the timer; may be used again. */
  flush(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
    if (this.#waiting.size > 0 && this.#handOver(this.#waiting.values())) this.#waiting.clear();
  }

  #turn(): void {
    this.flush();
    if (this.#waiting.size > 0) this.#timer = this.#clock.after(this.#everyMs, () => this.#turn());
  }
}
