/** The last minutes of the station's own figures, kept by the screen from what it hears. */
import type { StationStatus } from '../../../core/contract/station.ts';
import { BrokerMeter } from './broker-rates.ts';
import type { BrokerRates } from './broker-rates.ts';

export const TREND_SECONDS = 300;

export class Trends {
  /** Host seconds of the newest sample, so that a gap in the connection stays a gap. */
  #second = 0;
  messages = $state.raw<(number | null)[]>([]);
  readings = $state.raw<(number | null)[]>([]);
  messagesIn = $state.raw<(number | null)[]>([]);
  messagesOut = $state.raw<(number | null)[]>([]);
  /** Of the broker alone; null until two statuses have come. */
  broker = $state.raw<BrokerRates | null>(null);
  readonly #meter = new BrokerMeter();

  take(status: StationStatus): void {
    this.broker = this.#meter.take(status.nowMs, status.mqtt);
    const second = Math.floor(status.nowMs / 1000);
    if (second <= this.#second) return;
    const missed = this.#second === 0 ? 0 : Math.min(second - this.#second - 1, TREND_SECONDS);
    this.#second = second;
    const { messagesPerSecond, readingsPerSecond } = status.rates;
    this.messages = extend(this.messages, missed, messagesPerSecond);
    this.readings = extend(this.readings, missed, readingsPerSecond);
    this.messagesIn = extend(this.messagesIn, missed, this.broker?.messagesIn ?? null);
    this.messagesOut = extend(this.messagesOut, missed, this.broker?.messagesOut ?? null);
  }
}

// One or two seconds without a status are jitter; more is a gap and drawn as one.
function extend(list: (number | null)[], missed: number, value: number | null): (number | null)[] {
  const between = new Array<number | null>(missed).fill(missed > 3 ? null : value);
  return [...list, ...between, value].slice(-TREND_SECONDS);
}
