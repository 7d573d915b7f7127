import type { Clock, Timer } from '../base/clock.ts';
import { Signal } from '../base/events.ts';
import type { StationStatus } from '../contract/station.ts';
import { RateMeter } from './rates.ts';

const SAMPLE_MS = 1_000;

/** Samples the station's counters once a second, and says when a screen should look again. */
export class StatusBoard {
  /** Once a second, and at once when `touch` is called: a fault or a listener must not wait. */
  readonly changed = new Signal<void>();
  readonly #messages = new RateMeter();
  readonly #readings = new RateMeter();
  readonly #clock: Clock;
  readonly #collect: () => Omit<StationStatus, 'rates' | 'nowMs'>;
  readonly #counters: () => { messages: number; readings: number };
  #timer: Timer | undefined;

  constructor(parts: {
    clock: Clock;
    collect: () => Omit<StationStatus, 'rates' | 'nowMs'>;
    counters: () => { messages: number; readings: number };
  }) {
    this.#clock = parts.clock;
    this.#collect = parts.collect;
    this.#counters = parts.counters;
  }

  start(): void {
    this.#timer ??= this.#clock.after(0, () => this.#tick());
  }

  stop(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
    this.changed.clear();
  }

  touch(): void {
    this.changed.emit();
  }

  status(): StationStatus {
    return {
      ...this.#collect(),
      nowMs: this.#clock.now(),
      rates: {
        messagesPerSecond: this.#messages.perSecond(),
        readingsPerSecond: this.#readings.perSecond(),
      },
    };
  }

  #tick(): void {
    const atMs = this.#clock.monotonic();
    const { messages, readings } = this.#counters();
    this.#messages.sample(atMs, messages);
    this.#readings.sample(atMs, readings);
    this.changed.emit();
    this.#timer = this.#clock.after(SAMPLE_MS, () => this.#tick());
  }
}
