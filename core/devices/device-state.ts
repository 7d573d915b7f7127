import type { DeviceRow, Protocol, SeriesInfo } from '../contract/devices.ts';
import { Rhythm, staleAfter } from './arrivals.ts';
import type { KeptDevice, KeptSeries } from './records.ts';

/** A series as it is kept in memory. Changed in place on the hot path; screens get copies. */
export class SeriesState {
  readonly id: number;
  readonly device: DeviceState;
  readonly name: string;
  quantity: string | null;
  unit: string;
  hasValue = false;
  t = 0;
  v = 0;
  receivedMs = 0;
  /** The registry's epoch in which a value came last. */
  changedIn = 0;
  /** Of arrivals since the station started. */
  readonly #rhythm = new Rhythm();

  constructor(device: DeviceState, kept: KeptSeries) {
    this.device = device;
    this.id = kept.id;
    this.name = kept.name;
    this.quantity = kept.quantity;
    this.unit = kept.unit;
  }

  /**
   * Takes a reading in. An older one than the value does not replace it, but for a value that claims to lie ahead of
   * the receipt: a clock that was wrong once must not hold back what comes after.
   */
  take(t: number, v: number, receivedMs: number): void {
    if (!this.hasValue || t >= this.t || this.t > receivedMs) this.setValue(t, v, receivedMs);
    this.#rhythm.arrive(receivedMs);
  }

  setValue(t: number, v: number, receivedMs: number): void {
    this.hasValue = true;
    this.t = t;
    this.v = v;
    this.receivedMs = receivedMs;
  }

  get intervalMs(): number | null {
    return this.#rhythm.intervalMs;
  }

  info(): SeriesInfo {
    return {
      id: this.id,
      deviceId: this.device.id,
      name: this.name,
      quantity: this.quantity,
      unit: this.unit,
      last: this.hasValue ? { t: this.t, v: this.v, receivedMs: this.receivedMs } : null,
      intervalMs: this.#rhythm.intervalMs,
      staleAfterMs: staleAfter(this.#rhythm.intervalMs),
    };
  }

  kept(): KeptSeries {
    const { id, name, quantity, unit } = this;
    return { id, deviceId: this.device.id, name, quantity, unit };
  }
}

export class DeviceState {
  readonly id: number;
  readonly key: string;
  name: string;
  readonly protocols: Protocol[];
  coapAuthority: string | null;
  readonly firstSeenMs: number;
  lastSeenMs: number;
  /** `lastSeenMs` as the record has it. */
  keptSeenMs: number;
  readonly series: SeriesState[] = [];
  readonly byName = new Map<string, SeriesState>();

  constructor(kept: KeptDevice) {
    this.id = kept.id;
    this.key = kept.key;
    this.name = kept.name;
    this.protocols = kept.protocols.filter(isProtocol);
    this.coapAuthority = kept.coapAuthority;
    this.firstSeenMs = kept.firstSeenMs;
    this.lastSeenMs = kept.lastSeenMs;
    this.keptSeenMs = kept.lastSeenMs;
  }

  row(): DeviceRow {
    const { id, key, name, firstSeenMs, lastSeenMs } = this;
    const series = this.series.map((one) => one.info());
    return { id, key, name, protocols: [...this.protocols], firstSeenMs, lastSeenMs, series };
  }

  kept(): KeptDevice {
    const { id, key, name, coapAuthority, firstSeenMs, lastSeenMs } = this;
    return { id, key, name, protocols: [...this.protocols], coapAuthority, firstSeenMs, lastSeenMs };
  }
}

const PROTOCOLS: readonly string[] = ['mqtt', 'coap', 'lwm2m'] satisfies Protocol[];

function isProtocol(name: string): name is Protocol {
  return PROTOCOLS.includes(name);
}
