import type { Clock, Timer } from '../base/clock.ts';

/**
 * Rows that change with every message but need not be written with every message. The caller decides which rows are
 * new; those that are not wait here, latest only, and are handed over once per `everyMs`: all together, or the
 * `atMost` that wait longest, so that a hundred thousand rows that change every second do not keep the disk to themselves.
 */
export class Coalescer<K, R> {
  readonly #clock: Clock;
  readonly #everyMs: number;
  readonly #atMost: number;
  readonly #handOver: (records: Iterable<R>) => boolean;
  /** In the order in which they began to wait: a newer row takes the place of the older one. */
  readonly #waiting = new Map<K, R>();
  #timer: Timer | undefined;

  /** `handOver` returns false when it cannot take the rows now; they then wait for another turn. */
  constructor(parts: {
    clock: Clock;
    everyMs: number;
    atMost?: number;
    handOver: (records: Iterable<R>) => boolean;
  }) {
    this.#clock = parts.clock;
    this.#everyMs = parts.everyMs;
    this.#atMost = parts.atMost ?? Infinity;
    this.#handOver = parts.handOver;
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
    if (this.#waiting.size <= this.#atMost) this.flush();
    else {
      const longest = new Map<K, R>();
      for (const [key, record] of this.#waiting) {
        if (longest.size === this.#atMost) break;
        longest.set(key, record);
      }
      if (this.#handOver(longest.values())) for (const key of longest.keys()) this.#waiting.delete(key);
    }
    this.#timer = undefined;
    if (this.#waiting.size > 0) this.#timer = this.#clock.after(this.#everyMs, () => this.#turn());
  }
}
