import type Database from 'better-sqlite3';
import type { Turn } from './range-query.ts';

/** Rows walked between two turns of the thread, a few ms. */
const STEP_ROWS = 10_000;

const SMALL_TABLES = [
  'device',
  'series',
  'topic_name',
  'topic',
  'resource',
  'coap_registration',
  'progress',
  'mqtt_session',
  'mqtt_subscription',
  'mqtt_message',
  'mqtt_outgoing',
  'mqtt_incoming',
  'mqtt_retained',
];

/**
 * Looks for damage after an unclean stop. `PRAGMA quick_check` over the whole file cannot be interrupted and would
 * hold up every chart and the stop of the station for as long as a large file takes, so it runs over the small tables
 * only, and the two large ones are walked in key order, step by step. Returns one line that says what is wrong, or
 * null. Throws what SQLite throws (`SQLITE_CORRUPT`) where a page cannot be read.
 */
export async function findDamage(db: Database.Database, turn: Turn): Promise<string | null> {
  for (const table of SMALL_TABLES) {
    const found = db.pragma(`quick_check(${table})`, { simple: true });
    if (found !== 'ok') return `${table}: ${String(found)}`;
    await turn();
  }
  return (await walkReadings(db, turn)) ?? (await walkMessages(db, turn));
}

async function walkReadings(db: Database.Database, turn: Turn): Promise<string | null> {
  const next = db
    .prepare(
      `SELECT series, t, seq, v FROM reading_head WHERE (series, t, seq) > (?, ?, ?)
       ORDER BY series, t, seq LIMIT ${STEP_ROWS}`,
    )
    .raw();
  let [series, t, seq] = [-Infinity, -Infinity, -Infinity];
  for (;;) {
    const rows = next.all(series, t, seq) as [number, number, number, number][];
    for (const row of rows) {
      const after = row[0] > series || (row[0] === series && (row[1] > t || (row[1] === t && row[2] > seq)));
      if (!after) return `readings of series ${row[0]} are out of order`;
      if (typeof row[3] !== 'number') return `a reading of series ${row[0]} has no value`;
      [series, t, seq] = row;
    }
    if (rows.length < STEP_ROWS) return null;
    await turn();
  }
}

async function walkMessages(db: Database.Database, turn: Turn): Promise<string | null> {
  const next = db
    .prepare(
      `SELECT id, topic_id, length(payload) FROM message WHERE id > ? ORDER BY id LIMIT ${STEP_ROWS / 10}`,
    )
    .raw();
  let id = -Infinity;
  for (;;) {
    const rows = next.all(id) as [number, number, number | null][];
    for (const row of rows) {
      if (!(row[0] > id) || row[2] === null) return `the message log is out of order at ${row[0]}`;
      id = row[0];
    }
    if (rows.length < STEP_ROWS / 10) return null;
    await turn();
  }
}
