import type { TimerWheel, WheelEntry } from '../base/timer-wheel.ts';

/** One thing that is due later, on a shared wheel. Setting it again moves it. */
export class Deadline implements WheelEntry {
  dueMs = Infinity;
  slot = -1;
  readonly #wheel: TimerWheel;
  readonly onDue: () => void;

  constructor(wheel: TimerWheel, onDue: () => void) {
    this.#wheel = wheel;
    this.onDue = onDue;
  }

  get armed(): boolean {
    return this.slot >= 0;
  }

  set(delayMs: number): void {
    this.#wheel.arm(this, delayMs);
  }

  clear(): void {
    this.#wheel.cancel(this);
  }
}
