import type { TimerWheel, WheelEntry } from '../base/timer-wheel.ts';

/**
 * Watches a connection that holds more than the high-water mark: when not one byte leaves for a whole period, the
 * client has stopped reading and `onStuck` is called.
 */
export class StuckWatch implements WheelEntry {
  dueMs = Infinity;
  slot = -1;
  readonly #wheel: TimerWheel;
  readonly #periodMs: number;
  readonly #sentBytes: () => number;
  readonly #onStuck: () => void;
  #sentBefore = 0;

  /** `sentBytes`: what has left so far, or a negative number when the connection is below the mark again. */
  constructor(wheel: TimerWheel, periodMs: number, sentBytes: () => number, onStuck: () => void) {
    this.#wheel = wheel;
    this.#periodMs = periodMs;
    this.#sentBytes = sentBytes;
    this.#onStuck = onStuck;
  }

  start(): void {
    if (this.slot >= 0) return;
    this.#sentBefore = this.#sentBytes();
    this.#wheel.arm(this, this.#periodMs);
  }

  stop(): void {
    this.#wheel.cancel(this);
  }

  onDue(): void {
    const sent = this.#sentBytes();
    if (sent < 0) return;
    if (sent === this.#sentBefore) this.#onStuck();
    else this.start();
  }
}
