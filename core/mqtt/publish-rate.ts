import type { Clock } from '../base/clock.ts';
import type { TimerWheel, WheelEntry } from '../base/timer-wheel.ts';

/** Messages may come in a burst of this many seconds' worth. */
const BURST_SECONDS = 2;
const PAUSE_MS = 200;

/** Keeps one client to its messages a second: above them its reading pauses. A token bucket on the timer wheel. */
export class PublishRate implements WheelEntry {
  dueMs = Infinity;
  slot = -1;
  readonly #perSecond: number;
  readonly #clock: Clock;
  readonly #wheel: TimerWheel;
  readonly #onRoom: () => void;
  #tokens: number;
  #filledMs: number;

  constructor(perSecond: number, clock: Clock, wheel: TimerWheel, onRoom: () => void) {
    this.#perSecond = perSecond;
    this.#clock = clock;
    this.#wheel = wheel;
    this.#onRoom = onRoom;
    this.#tokens = perSecond * BURST_SECONDS;
    this.#filledMs = clock.monotonic();
  }

  /** Counts one message. False when it is one too many: `onRoom` is called when there is room again. */
  take(): boolean {
    if (--this.#tokens >= 0) return true;
    this.#fill();
    if (this.#tokens >= 0) return true;
    this.#wheel.arm(this, PAUSE_MS);
    return false;
  }

  stop(): void {
    this.#wheel.cancel(this);
  }

  onDue(): void {
    this.#fill();
    if (this.#tokens > 0) this.#onRoom();
    else this.#wheel.arm(this, PAUSE_MS);
  }

  #fill(): void {
    const nowMs = this.#clock.monotonic();
    const more = ((nowMs - this.#filledMs) / 1_000) * this.#perSecond;
    this.#tokens = Math.min(this.#tokens + more, this.#perSecond * BURST_SECONDS);
    this.#filledMs = nowMs;
  }
}
