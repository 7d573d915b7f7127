/**
 * All devices, kept current by one subscription that every page shares. Each device has its own signal, so a
 * delta of a hundred devices redraws the few of them that are on the screen and no list.
 */
import { untrack } from 'svelte';
import type { DeviceRow, DeviceValues, SeriesInfo } from '../../../core/contract/devices.ts';
import { now } from './now.svelte.ts';
import { presenceOf } from './presence.ts';
import type { Presence } from './presence.ts';
import { getClient } from './station.svelte.ts';

const names = new Intl.Collator(undefined, { numeric: true, sensitivity: 'base' });

export class Device {
  readonly id: number;
  /** Reactive: whoever reads it is drawn anew when the device changes. */
  row: DeviceRow = $state.raw()!;
  /** Lower-case name and key, for searching. */
  searchText = '';

  constructor(row: DeviceRow) {
    this.id = row.id;
    this.take(row);
  }

  /** True when the name is another than before. */
  take(row: DeviceRow): boolean {
    const renamed = this.searchText !== '' && untrack(() => this.row).name !== row.name;
    this.row = row;
    this.searchText = `${row.name}\n${row.key}`.toLowerCase();
    return renamed;
  }

  /** Takes in row `at` of the newest values, whose series begin at row `from`. */
  takeValues(values: DeviceValues, at: number, from: number): void {
    const row = this.peek();
    const to = from + values.seriesCount[at]!;
    const series = to === from ? row.series : [...row.series];
    for (let next = from; next < to; next++) {
      const place = series.findIndex(({ id }) => id === values.series[next]);
      if (place < 0) continue;
      const intervalMs = values.intervalMs[next]!;
      series[place] = {
        ...series[place]!,
        last: { t: values.t[next]!, v: values.v[next]!, receivedMs: values.receivedMs[next]! },
        intervalMs: Number.isNaN(intervalMs) ? null : intervalMs,
        staleAfterMs: values.staleAfterMs[next]!,
      };
    }
    this.row = { ...row, lastSeenMs: values.lastSeenMs[at]!, series };
  }

  /** The row without becoming dependent on it. */
  peek(): DeviceRow {
    return untrack(() => this.row);
  }
}

class Devices {
  /** False until the first snapshot. */
  loaded = $state(false);
  problem = $state<string | null>(null);
  /** Steps when devices come, go or are renamed; not when their values change. */
  version = $state(0);
  readonly #byId = new Map<number, Device>();
  /** Kept in order, so that a newcomer costs one pass and not a whole sort. */
  #byName: Device[] = [];
  #byNameVersion = -1;
  #stop: (() => void) | undefined;

  start(): void {
    this.#stop ??= getClient().subscribe(
      'devices',
      { columns: true },
      {
        snapshot: ({ devices }) => this.#replace(devices),
        delta: ({ upsert, removed, values }) => {
          this.#change(upsert, removed);
          if (values !== undefined) this.#takeValues(values);
        },
        error: ({ message }) => (this.problem = message),
      },
      { maxHz: 10 },
    );
  }

  stop(): void {
    this.#stop?.();
    this.#stop = undefined;
  }

  /** Reactive in who is there, not in their values. */
  all(): Device[] {
    void this.version;
    return [...this.#byId.values()];
  }

  /** As `all`, sorted by name as people count. Do not change the list. */
  byName(): readonly Device[] {
    if (this.version === this.#byNameVersion) return this.#byName;
    const known = new Set(this.#byName);
    const kept = this.#byName.filter((device) => this.#byId.get(device.id) === device);
    for (const device of this.#byId.values()) if (!known.has(device)) kept.push(device);
    this.#byName = kept.sort((a, b) => names.compare(a.peek().name, b.peek().name) || a.id - b.id);
    this.#byNameVersion = this.version;
    return this.#byName;
  }

  get count(): number {
    void this.version;
    return this.#byId.size;
  }

  get(id: number): Device | undefined {
    void this.version;
    return this.#byId.get(id);
  }

  /** Device and description of a series; reactive in who is there. */
  ofSeries(seriesId: number): { device: Device; series: SeriesInfo } | undefined {
    for (const device of this.all()) {
      const series = device.peek().series.find((one) => one.id === seriesId);
      if (series !== undefined) return { device, series };
    }
    return undefined;
  }

  #replace(rows: DeviceRow[]): void {
    const kept = new Set(rows.map((row) => row.id));
    for (const id of this.#byId.keys()) if (!kept.has(id)) this.#byId.delete(id);
    this.#upsert(rows);
    this.version++;
    this.loaded = true;
    this.problem = null;
  }

  #change(upsert: DeviceRow[], removed: number[]): void {
    let changed = this.#upsert(upsert);
    for (const id of removed) changed = this.#byId.delete(id) || changed;
    if (changed) this.version++;
  }

  #takeValues(values: DeviceValues): void {
    let from = 0;
    for (let at = 0; at < values.device.length; at++) {
      this.#byId.get(values.device[at]!)?.takeValues(values, at, from);
      from += values.seriesCount[at]!;
    }
  }

  /** True when one of them is new or renamed. */
  #upsert(rows: DeviceRow[]): boolean {
    let changed = false;
    for (const row of rows) {
      const device = this.#byId.get(row.id);
      if (device !== undefined) changed = device.take(row) || changed;
      else {
        this.#byId.set(row.id, new Device(row));
        changed = true;
      }
    }
    return changed;
  }
}

export const devices = new Devices();

/** How many are live, stale and silent; counted anew each second. */
export function countPresence(): Record<Presence, number> {
  const counts: Record<Presence, number> = { live: 0, stale: 0, silent: 0 };
  const nowMs = now.ms;
  for (const device of devices.all()) counts[presenceOf(device.peek(), nowMs)]++;
  return counts;
}
