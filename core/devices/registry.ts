import type { Clock } from '../base/clock.ts';
import { CodedError } from '../base/errors.ts';
import type {
  DeviceDetail,
  DeviceRow,
  DevicesDelta,
  DevicesSnapshot,
  LastValue,
  SeriesInfo,
} from '../contract/devices.ts';
import type { ReadingColumns, SeriesCatalog } from '../telemetry/types.ts';
import { DeviceState, SeriesState } from './device-state.ts';
import { DevicesFeed } from './devices-feed.ts';
import type { DeviceFeed } from './feed.ts';
import type { DeviceSink, KeptDevices } from './records.ts';

/** Stated for people in docs/limits.md. */
export interface DeviceLimits {
  maxDevices: number;
  maxSeries: number;
  maxSeriesPerDevice: number;
}

export const DEVICE_LIMITS: Readonly<DeviceLimits> = {
  maxDevices: 20_000,
  maxSeries: 100_000,
  maxSeriesPerDevice: 256,
};

/** What was asked for and refused, by the limit's name. A payload asks once per shape, not once per message. */
export interface DeviceCounters {
  devices_limit: number;
  series_limit: number;
  device_series_limit: number;
}

/** Topics that feed a device: the topic tree knows them. */
export interface TopicsOfDevice {
  topicsOf(deviceId: number, limit: number): { topics: string[]; total: number };
}

const DETAIL_TOPICS = 1_000;
/** How far behind the record's `lastSeenMs` may be; the receipt of the last values tells the rest after a restart. */
const KEEP_SEEN_MS = 60_000;

/** All devices and series, their last values and rhythm. Gives them their numbers and tells the sink what is new. */
export class DeviceRegistry implements SeriesCatalog {
  readonly counters: DeviceCounters = { devices_limit: 0, series_limit: 0, device_series_limit: 0 };
  readonly #clock: Clock;
  readonly #sink: DeviceSink;
  readonly #limits: DeviceLimits;
  readonly #devices = new Map<number, DeviceState>();
  readonly #byKey = new Map<string, DeviceState>();
  readonly #seriesById: (SeriesState | undefined)[] = [];
  #seriesCount = 0;
  #nextDeviceId = 1;
  #nextSeriesId = 1;
  readonly #feeds = new Set<DevicesFeed>();
  /** Grows with every look of a feed: a series changed since a look when its epoch is later than the look's. */
  #epoch = 1;

  constructor(parts: { clock: Clock; sink: DeviceSink } & Partial<DeviceLimits>) {
    const { clock, sink, ...limits } = parts;
    this.#clock = clock;
    this.#sink = sink;
    this.#limits = { ...DEVICE_LIMITS, ...limits };
  }

  get deviceCount(): number {
    return this.#devices.size;
  }

  get seriesCount(): number {
    return this.#seriesCount;
  }

  /** Takes in what the record knew. Called once, before anything else is asked. */
  load(kept: KeptDevices): void {
    for (const device of kept.devices) {
      this.#addDevice(new DeviceState(device));
      this.#nextDeviceId = Math.max(this.#nextDeviceId, device.id + 1);
    }
    for (const one of kept.series) {
      this.#nextSeriesId = Math.max(this.#nextSeriesId, one.id + 1);
      const device = this.#devices.get(one.deviceId);
      if (device !== undefined) this.#addSeries(new SeriesState(device, one));
    }
    const { series, t, v, receivedMs } = kept.lastValues;
    for (let row = 0; row < series.length; row++) {
      const state = this.#seriesById[series[row]!];
      if (state === undefined) continue;
      state.setValue(t[row]!, v[row]!, receivedMs[row]!);
      state.device.lastSeenMs = Math.max(state.device.lastSeenMs, receivedMs[row]!);
    }
  }

  /** The device of that key where there is one already. */
  findDevice(key: string): number | undefined {
    return this.#byKey.get(key)?.id;
  }

  deviceId(key: string, protocol: 'mqtt' | 'coap'): number {
    const known = this.#byKey.get(key);
    if (known !== undefined) {
      if (!known.protocols.includes(protocol)) this.#speaks(known, protocol);
      return known.id;
    }
    if (this.#devices.size >= this.#limits.maxDevices) {
      this.counters.devices_limit++;
      return -1;
    }
    const nowMs = this.#clock.now();
    const device = new DeviceState({
      id: this.#nextDeviceId++,
      key,
      name: key,
      protocols: [protocol],
      coapAuthority: protocol === 'coap' ? key : null,
      firstSeenMs: nowMs,
      lastSeenMs: nowMs,
    });
    this.#addDevice(device);
    this.#sink.putDevice(device.kept());
    this.#changed(device);
    return device.id;
  }

  /**
   * A series keeps the unit that it was first told. A reading in another unit belongs to another series, named with
   * its unit: `temperature` in Cel and `temperature_degF`. A series without a unit takes the first one told.
   */
  seriesId(deviceId: number, name: string, quantity: string | null, unit: string): number {
    const device = this.#devices.get(deviceId);
    if (device === undefined) return -1;
    const known = device.byName.get(name);
    if (known === undefined) return this.#newSeries(device, name, quantity, unit);
    if (unit !== '' && known.unit !== '' && known.unit !== unit) {
      return this.seriesId(deviceId, `${name}_${unit}`, quantity, unit);
    }
    const tellsUnit = known.unit === '' && unit !== '';
    const tellsQuantity = known.quantity === null && quantity !== null;
    if (tellsUnit || tellsQuantity) {
      known.unit = known.unit === '' ? unit : known.unit;
      known.quantity ??= quantity;
      this.#sink.putSeries(known.kept());
      this.#changed(device);
    }
    return known.id;
  }

  /** Takes readings in that all arrived at `receivedMs`. */
  apply(columns: ReadingColumns, receivedMs: number): void {
    const { length, series, t, v } = columns;
    let device: DeviceState | undefined;
    for (let row = 0; row < length; row++) {
      const state = this.#seriesById[series[row]!];
      if (state === undefined) continue;
      state.take(t[row]!, v[row]!, receivedMs);
      state.changedIn = this.#epoch;
      if (state.device === device) continue;
      device = state.device;
      this.#seen(device, receivedMs);
    }
  }

  /** The device spoke, without a reading. A number that no device has is passed over. */
  touch(deviceId: number, atMs: number): void {
    const device = this.#devices.get(deviceId);
    if (device !== undefined) this.#seen(device, atMs);
  }

  /** @throws CodedError `devices.unknown` */
  rename(id: number, name: string): DeviceRow {
    const device = this.#known(id);
    if (device.name !== name) {
      device.name = name;
      this.#sink.putDevice(device.kept());
      this.#changed(device);
    }
    return device.row();
  }

  /** What the device calls itself; counts as long as no person and no other word of its own has named it. */
  introduce(id: number, name: string): void {
    const device = this.#known(id);
    const plain = name.trim().slice(0, 120);
    if (plain !== '' && device.name === device.key) this.rename(id, plain);
  }

  list(): DeviceRow[] {
    return Array.from(this.#devices.values(), (device) => device.row());
  }

  /** @throws CodedError `devices.unknown` */
  detail(id: number, tree: TopicsOfDevice): DeviceDetail {
    const device = this.#known(id);
    const { topics, total } = tree.topicsOf(id, DETAIL_TOPICS);
    return { ...device.row(), topics, topicCount: total, coapAuthority: device.coapAuthority };
  }

  /**
   * Series of one device, or of all.
   * @throws CodedError `devices.unknown`
   */
  seriesInfos(deviceId?: number): SeriesInfo[] {
    const devices = deviceId === undefined ? this.#devices.values() : [this.#known(deviceId)];
    return Array.from(devices, (device) => device.series.map((one) => one.info())).flat();
  }

  seriesInfo(seriesId: number): SeriesInfo | undefined {
    return this.#seriesById[seriesId]?.info();
  }

  /** @throws CodedError `devices.unknown` */
  keyOf(deviceId: number): string {
    return this.#known(deviceId).key;
  }

  /** The latest value, null when there is none or the series is not known. */
  lastValue(seriesId: number): LastValue | null {
    return this.#seriesById[seriesId]?.info().last ?? null;
  }

  /**
   * The number of a series from its number, `DEVICE_KEY/NAME`, or its number as text. Keys and names may hold
   * slashes themselves: the longest key that is a device's wins.
   * @throws CodedError `readings.unknown_series`
   */
  resolveSeries(ref: number | string): number {
    const id = this.#seriesNamed(ref)?.id;
    if (id !== undefined) return id;
    throw new CodedError(
      'readings.unknown_series',
      `There is no series ${ref}. Give its number or DEVICE_KEY/NAME, as readings.series lists them.`,
    );
  }

  /**
   * `dirty` is called when there is something to drain, once until it is drained. With `columns`, new values of known
   * series come as columns, and whole rows only where something else changed.
   */
  openFeed(dirty: () => void, { columns = false } = {}): DeviceFeed<DevicesSnapshot, DevicesDelta> {
    const feed = new DevicesFeed({
      devices: this.#devices,
      columns,
      nextEpoch: () => this.#epoch++,
      dirty,
      onClose: () => this.#feeds.delete(feed),
    });
    this.#feeds.add(feed);
    return feed;
  }

  #newSeries(device: DeviceState, name: string, quantity: string | null, unit: string): number {
    if (device.series.length >= this.#limits.maxSeriesPerDevice) {
      this.counters.device_series_limit++;
      return -1;
    }
    if (this.#seriesCount >= this.#limits.maxSeries) {
      this.counters.series_limit++;
      return -1;
    }
    const kept = { id: this.#nextSeriesId++, deviceId: device.id, name, quantity, unit };
    this.#addSeries(new SeriesState(device, kept));
    this.#sink.putSeries(kept);
    this.#changed(device);
    return kept.id;
  }

  #addDevice(device: DeviceState): void {
    this.#devices.set(device.id, device);
    this.#byKey.set(device.key, device);
  }

  #addSeries(series: SeriesState): void {
    series.device.series.push(series);
    series.device.byName.set(series.name, series);
    this.#seriesById[series.id] = series;
    this.#seriesCount++;
  }

  #speaks(device: DeviceState, protocol: 'mqtt' | 'coap'): void {
    device.protocols.push(protocol);
    if (protocol === 'coap') device.coapAuthority = device.key;
    this.#sink.putDevice(device.kept());
    this.#changed(device);
  }

  #seen(device: DeviceState, atMs: number): void {
    if (atMs > device.lastSeenMs) device.lastSeenMs = atMs;
    if (device.lastSeenMs - device.keptSeenMs >= KEEP_SEEN_MS) {
      device.keptSeenMs = device.lastSeenMs;
      this.#sink.putDevice(device.kept());
    }
    for (const feed of this.#feeds) feed.markHeard(device.id);
  }

  #changed(device: DeviceState): void {
    for (const feed of this.#feeds) feed.markAnew(device.id);
  }

  #seriesNamed(ref: number | string): SeriesState | undefined {
    if (typeof ref === 'number') return this.#seriesById[ref];
    for (let at = ref.lastIndexOf('/'); at > 0; at = ref.lastIndexOf('/', at - 1)) {
      const found = this.#byKey.get(ref.slice(0, at))?.byName.get(ref.slice(at + 1));
      if (found !== undefined) return found;
    }
    return /^\d{1,9}$/.test(ref) ? this.#seriesById[Number(ref)] : undefined;
  }

  #known(id: number): DeviceState {
    const device = this.#devices.get(id);
    if (device === undefined) {
      throw new CodedError('devices.unknown', `There is no device ${id}. devices.list names them all.`);
    }
    return device;
  }
}
