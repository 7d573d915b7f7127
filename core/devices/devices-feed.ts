import type { DevicesDelta, DevicesSnapshot, DeviceValues } from '../contract/devices.ts';
import { staleAfter } from './arrivals.ts';
import type { DeviceState, SeriesState } from './device-state.ts';
import type { DeviceFeed } from './feed.ts';

export interface DevicesFeedParts {
  devices: ReadonlyMap<number, DeviceState>;
  /** Newest values come as columns instead of in whole rows. */
  columns: boolean;
  /** The epoch that ends with a look: what changes afterwards has a later one. */
  nextEpoch: () => number;
  dirty: () => void;
  onClose: () => void;
}

/** One subscriber's devices that changed: never more than there are devices. */
export class DevicesFeed implements DeviceFeed<DevicesSnapshot, DevicesDelta> {
  readonly #parts: DevicesFeedParts;
  /** Devices with something new besides values. */
  readonly #anew = new Set<number>();
  readonly #heard = new Set<number>();
  #lookedIn = 0;
  #marked = false;

  constructor(parts: DevicesFeedParts) {
    this.#parts = parts;
  }

  /** The device is new, or its name, protocols or list of series changed. */
  markAnew(id: number): void {
    this.#anew.add(id);
    this.#mark();
  }

  /** It was heard of, with values or without. */
  markHeard(id: number): void {
    this.#heard.add(id);
    if (!this.#marked) this.#mark();
  }

  snapshot(): DevicesSnapshot {
    this.#forget();
    return { devices: Array.from(this.#parts.devices.values(), (device) => device.row()) };
  }

  drain(): DevicesDelta | null {
    if (!this.#marked) return null;
    const { devices, columns } = this.#parts;
    const since = this.#lookedIn;
    if (!columns) for (const id of this.#heard) this.#anew.add(id);
    const upsert = Array.from(this.#anew, (id) => devices.get(id)!.row());
    const heard: DeviceState[] = [];
    if (columns) for (const id of this.#heard) if (!this.#anew.has(id)) heard.push(devices.get(id)!);
    this.#forget();
    const delta: DevicesDelta = { upsert, removed: [] };
    if (heard.length > 0) delta.values = valuesOf(heard, since);
    return delta;
  }

  close(): void {
    this.#forget();
    this.#parts.onClose();
  }

  #mark(): void {
    if (this.#marked) return;
    this.#marked = true;
    this.#parts.dirty();
  }

  #forget(): void {
    this.#marked = false;
    this.#anew.clear();
    this.#heard.clear();
    this.#lookedIn = this.#parts.nextEpoch();
  }
}

function valuesOf(devices: readonly DeviceState[], since: number): DeviceValues {
  const changed: SeriesState[] = [];
  const seriesCount = Int32Array.from(devices, ({ series }) => {
    const before = changed.length;
    for (const one of series) if (one.changedIn > since) changed.push(one);
    return changed.length - before;
  });
  return {
    device: Int32Array.from(devices, ({ id }) => id),
    lastSeenMs: Float64Array.from(devices, ({ lastSeenMs }) => lastSeenMs),
    seriesCount,
    series: Int32Array.from(changed, ({ id }) => id),
    t: Float64Array.from(changed, ({ t }) => t),
    v: Float64Array.from(changed, ({ v }) => v),
    receivedMs: Float64Array.from(changed, ({ receivedMs }) => receivedMs),
    intervalMs: Float64Array.from(changed, ({ intervalMs }) => intervalMs ?? NaN),
    staleAfterMs: Float64Array.from(changed, ({ intervalMs }) => staleAfter(intervalMs)),
  };
}
