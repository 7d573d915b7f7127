import type { CatalogSeed } from './protocol.ts';
import type {
  Catalog,
  CoapRegistrationRecord,
  CoapResourceRecord,
  DeviceRecord,
  SeriesRecord,
} from './types.ts';

/**
 * The small rows as last given to the record: to tell a new device from one that was only seen again, and to fill a
 * new file when the old one had to be set aside while the station runs. Topics are not kept, they come again by
 * themselves.
 */
export class KnownRows {
  readonly #devices = new Map<number, DeviceRecord>();
  readonly #series = new Map<number, SeriesRecord>();
  readonly #resources = new Map<string, CoapResourceRecord>();
  readonly #registrations = new Map<string, CoapRegistrationRecord>();

  load(catalog: Catalog): void {
    for (const row of catalog.devices) this.#devices.set(row.id, row);
    for (const row of catalog.series) this.#series.set(row.id, row);
    for (const row of catalog.resources) this.#resources.set(row.uri, row);
    for (const row of catalog.registrations) this.#registrations.set(row.location, row);
  }

  /** Keeps a copy of the record. `onlySeen`: nothing but the time it was last seen has changed. */
  device(record: DeviceRecord): { row: DeviceRecord; onlySeen: boolean } {
    const { id, key, name, coapAuthority, firstSeenMs, lastSeenMs } = record;
    const row = {
      id,
      key,
      name,
      protocols: [...record.protocols],
      coapAuthority,
      firstSeenMs,
      lastSeenMs,
    };
    const before = this.#devices.get(id);
    this.#devices.set(id, row);
    return { row, onlySeen: before !== undefined && sameButSeen(before, row) };
  }

  series(record: SeriesRecord): SeriesRecord {
    const { id, deviceId, name, quantity, unit } = record;
    const row = { id, deviceId, name, quantity, unit };
    this.#series.set(id, row);
    return row;
  }

  resource(record: CoapResourceRecord): CoapResourceRecord {
    const { uri, authority, path, attributes, observed, accept, removed } = record;
    const row = { uri, authority, path, attributes: { ...attributes }, observed, accept, removed };
    this.#resources.set(uri, row);
    return row;
  }

  registration(record: CoapRegistrationRecord): CoapRegistrationRecord {
    const row = { ...record };
    if (row.registration === null) this.#registrations.delete(row.location);
    else this.#registrations.set(row.location, row);
    return row;
  }

  seed(): CatalogSeed {
    return {
      devices: [...this.#devices.values()],
      series: [...this.#series.values()],
      resources: [...this.#resources.values()],
      registrations: [...this.#registrations.values()],
    };
  }
}

function sameButSeen(a: DeviceRecord, b: DeviceRecord): boolean {
  return (
    a.key === b.key &&
    a.name === b.name &&
    a.coapAuthority === b.coapAuthority &&
    a.firstSeenMs === b.firstSeenMs &&
    a.protocols.join() === b.protocols.join()
  );
}
