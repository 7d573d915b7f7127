import type Database from 'better-sqlite3';
import { columnsToState, stateToColumns } from './mqtt-columns.ts';
import { loadBroker } from './mqtt-load.ts';
import { emptyBrokerState } from './mqtt-types.ts';
import type { CatalogInTransit, CatalogSeed } from './protocol.ts';
import type {
  Catalog,
  CoapRegistrationRecord,
  CoapResourceRecord,
  DeviceRecord,
  SeriesRecord,
  TopicRecord,
} from './types.ts';

/** Writes devices, series, resources and topics. Runs inside the caller's transaction. */
export class CatalogRows {
  readonly #device: Database.Statement;
  readonly #series: Database.Statement;
  readonly #resource: Database.Statement;
  readonly #registration: Database.Statement;
  readonly #registrationGone: Database.Statement;
  readonly #topic: Database.Statement;

  constructor(db: Database.Database) {
    this.#device = db.prepare('INSERT OR REPLACE INTO device VALUES (?, ?, ?, ?, ?, ?, ?)');
    this.#series = db.prepare('INSERT OR REPLACE INTO series VALUES (?, ?, ?, ?, ?)');
    this.#resource = db.prepare('INSERT OR REPLACE INTO resource VALUES (?, ?, ?, ?, ?, ?, ?)');
    this.#registration = db.prepare('INSERT OR REPLACE INTO coap_registration VALUES (?, ?)');
    this.#registrationGone = db.prepare('DELETE FROM coap_registration WHERE location = ?');
    this.#topic = db.prepare('INSERT OR REPLACE INTO topic VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)');
  }

  put(rows: CatalogSeed): void {
    for (const d of rows.devices) {
      const protocols = JSON.stringify(d.protocols);
      this.#device.run(d.id, d.key, d.name, protocols, d.coapAuthority, d.firstSeenMs, d.lastSeenMs);
    }
    for (const s of rows.series) this.#series.run(s.id, s.deviceId, s.name, s.quantity, s.unit);
    for (const r of rows.resources) {
      const attributes = JSON.stringify(r.attributes);
      this.#resource.run(
        r.uri,
        r.authority,
        r.path,
        attributes,
        Number(r.observed),
        r.accept,
        Number(r.removed),
      );
    }
    for (const { location, registration } of rows.registrations) {
      if (registration === null) this.#registrationGone.run(location);
      else this.#registration.run(location, registration);
    }
  }

  putTopic(nameId: number, t: TopicRecord): void {
    this.#topic.run(
      nameId,
      t.deviceId,
      t.messages,
      t.receivedMs,
      t.qos,
      Number(t.retain),
      t.client,
      t.payload,
      t.payloadBytes,
      t.rawReason,
    );
  }
}

/**
 * Everything that is known at a start at `nowMs`. The latest reading of each series is one seek in the index of its
 * readings, or two where it lies ahead of the present.
 */
export function loadCatalog(db: Database.Database, nowMs: number): CatalogInTransit {
  // A file whose making was cut short by a full disk has no tables yet.
  if (db.pragma('user_version', { simple: true }) === 0) {
    return { ...emptyCatalog(), broker: stateToColumns(emptyBrokerState()) };
  }
  const devices = db.prepare('SELECT * FROM device ORDER BY id').all() as DeviceRow[];
  const series = db.prepare('SELECT * FROM series ORDER BY id').all() as SeriesRow[];
  const topics = db
    .prepare('SELECT n.name, t.* FROM topic t JOIN topic_name n ON n.id = t.name_id ORDER BY n.id')
    .all() as TopicRow[];
  const resources = db.prepare('SELECT * FROM resource ORDER BY uri').all() as ResourceRow[];
  const registrations = db.prepare('SELECT * FROM coap_registration ORDER BY location').all();
  return {
    devices: devices.map(deviceRecord),
    series: series.map(seriesRecord),
    topics: topics.map(topicRecord),
    resources: resources.map(resourceRecord),
    registrations: registrations as CoapRegistrationRecord[],
    lastValues: lastValues(
      db,
      series.map((row) => row.id),
      nowMs,
    ),
    broker: loadBroker(db),
  };
}

/** As it came from the other thread. */
export function catalogOf(loaded: CatalogInTransit): Catalog {
  return { ...loaded, broker: columnsToState(loaded.broker) };
}

/** What a record that holds nothing knows. */
export function emptyCatalog(): Catalog {
  const none = new Float64Array(0);
  return {
    devices: [],
    series: [],
    lastValues: { series: new Int32Array(0), t: none, v: none, receivedMs: none },
    topics: [],
    resources: [],
    registrations: [],
    broker: emptyBrokerState(),
  };
}

/** [t, v, received] */
type LastRow = [number, number, number];

/**
 * The reading with the greatest time; but one from ahead of the present has given way to whatever came after it
 * (docs/readings.md), and does so again after a restart.
 */
function lastValues(db: Database.Database, ids: number[], nowMs: number): Catalog['lastValues'] {
  const latest = db
    .prepare(
      `SELECT t, v, coalesce(received, t) FROM reading_head
       WHERE series = ? AND t <= ? ORDER BY t DESC, seq DESC LIMIT 1`,
    )
    .raw();
  const series = new Int32Array(ids.length);
  const t = new Float64Array(ids.length);
  const v = new Float64Array(ids.length);
  const receivedMs = new Float64Array(ids.length);
  let length = 0;
  for (const id of ids) {
    let row = latest.get(id, Infinity) as LastRow | undefined;
    if (row === undefined) continue;
    if (row[0] > nowMs) {
      const present = latest.get(id, nowMs) as LastRow | undefined;
      if (present !== undefined && present[2] > row[2]) row = present;
    }
    series[length] = id;
    t[length] = row[0];
    v[length] = row[1];
    receivedMs[length++] = row[2];
  }
  return {
    series: series.slice(0, length),
    t: t.slice(0, length),
    v: v.slice(0, length),
    receivedMs: receivedMs.slice(0, length),
  };
}

interface DeviceRow {
  id: number;
  key: string;
  name: string;
  protocols: string;
  coap_authority: string | null;
  first_seen: number;
  last_seen: number;
}

interface SeriesRow {
  id: number;
  device_id: number;
  name: string;
  quantity: string | null;
  unit: string;
}

interface TopicRow {
  name: string;
  device_id: number | null;
  messages: number;
  received: number;
  qos: number;
  retain: number;
  client: string | null;
  payload: Uint8Array;
  payload_bytes: number;
  raw_reason: string | null;
}

interface ResourceRow {
  uri: string;
  authority: string;
  path: string;
  attributes: string;
  observed: number;
  accept: number | null;
  removed: number;
}

function deviceRecord(row: DeviceRow): DeviceRecord {
  return {
    id: row.id,
    key: row.key,
    name: row.name,
    protocols: JSON.parse(row.protocols) as string[],
    coapAuthority: row.coap_authority,
    firstSeenMs: row.first_seen,
    lastSeenMs: row.last_seen,
  };
}

function seriesRecord(row: SeriesRow): SeriesRecord {
  return { id: row.id, deviceId: row.device_id, name: row.name, quantity: row.quantity, unit: row.unit };
}

function topicRecord(row: TopicRow): TopicRecord {
  return {
    topic: row.name,
    deviceId: row.device_id,
    messages: row.messages,
    receivedMs: row.received,
    qos: row.qos as 0 | 1 | 2,
    retain: row.retain === 1,
    client: row.client,
    payload: new Uint8Array(row.payload), // out of the driver's buffer, which would cross the thread border whole
    payloadBytes: row.payload_bytes,
    rawReason: row.raw_reason,
  };
}

function resourceRecord(row: ResourceRow): CoapResourceRecord {
  return {
    uri: row.uri,
    authority: row.authority,
    path: row.path,
    attributes: JSON.parse(row.attributes) as Record<string, string>,
    observed: row.observed === 1,
    accept: row.accept,
    removed: row.removed === 1,
  };
}
