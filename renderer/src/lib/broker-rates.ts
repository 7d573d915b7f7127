/** Rates of the broker from counters that only grow. Pure. */
import type { StationStatus } from '../../../core/contract/station.ts';

export type BrokerCounters = Pick<
  StationStatus['mqtt'],
  'messagesIn' | 'messagesOut' | 'bytesIn' | 'bytesOut' | 'droppedOut'
>;

/** Per second. */
export type BrokerRates = Record<keyof BrokerCounters, number>;

interface Sample {
  atMs: number;
  counters: BrokerCounters;
}

/** Long enough to be calm, short enough to follow. */
export const RATE_WINDOW_MS = 4_000;
const KEYS = ['messagesIn', 'messagesOut', 'bytesIn', 'bytesOut', 'droppedOut'] as const;

/**
 * Counters in, rates over the last seconds out. A counter that went back means that the station was started anew:
 * the meter begins again, as it does after a gap that is longer than the window.
 */
export class BrokerMeter {
  #samples: Sample[] = [];

  /** Null until there are two samples. `atMs` is host time. */
  take(atMs: number, counters: BrokerCounters): BrokerRates | null {
    const newest = this.#samples.at(-1);
    if (newest !== undefined) {
      if (atMs <= newest.atMs) return this.#rates();
      const back = KEYS.some((key) => counters[key] < newest.counters[key]);
      if (back || atMs - newest.atMs > 2 * RATE_WINDOW_MS) this.#samples = [];
    }
    this.#samples.push({ atMs, counters });
    // One sample at or before the beginning of the window stays: it is what the window is measured from.
    while (this.#samples.length > 2 && this.#samples[1]!.atMs <= atMs - RATE_WINDOW_MS) this.#samples.shift();
    return this.#rates();
  }

  #rates(): BrokerRates | null {
    const first = this.#samples[0];
    const last = this.#samples.at(-1);
    if (first === undefined || last === undefined || first === last) return null;
    const seconds = (last.atMs - first.atMs) / 1000;
    const rate = (key: keyof BrokerCounters) => (last.counters[key] - first.counters[key]) / seconds;
    return {
      messagesIn: rate('messagesIn'),
      messagesOut: rate('messagesOut'),
      bytesIn: rate('bytesIn'),
      bytesOut: rate('bytesOut'),
      droppedOut: rate('droppedOut'),
    };
  }
}
