import type BetterSqlite3 from 'better-sqlite3';
import { mkdtempSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { silentLog } from '../../core/base/log.ts';
import type { Signal } from '../../core/base/events.ts';
import { Record } from '../../core/store/record.ts';
import { median, table, writeReport } from './support/report.ts';

export const about =
  'readings committed per second against plain better-sqlite3 [readings] [series] [rounds]';

/*
 * Notes.
 * - All write the same rows with WAL and a flush per commit; a round asks each in turn. A figure is the median of its
 *   rounds, a ratio that of two medians.
 * - The record is fed as the station feeds it: two readings per message, some hundred messages per turn of the loop,
 *   no more than 200,000 waiting.
 * - `sockets`: so many clients with one acknowledged message (two readings, two series of its own, one row of the broker
 *   that stays) under way each; what is released comes again some messages a turn, as sockets bring it. On two busy
 *   cores a commit of 230 such messages was 1.5 ms of inserts and 3-4 ms of COMMIT: each reading of another series is
 *   another page (ADR 4), 4 KiB of log each. Flushing is a quarter of it.
 * - `ack` is the time from a reading to its commit at a steady 20,000 readings/s, in 200 portions a second.
 */

// Only core/store may import better-sqlite3; here it is the peer.
const Database = createRequire(new URL('../../core/store/record.ts', import.meta.url))(
  'better-sqlite3',
) as typeof BetterSqlite3;

const PEER_BATCH = 1_000;
const PER_MESSAGE = 2;
const MESSAGES_PER_TURN = 500;
const SOCKETS = { clients: 500, perTurn: 30, ms: 2_000 };
const STEADY = { portion: 100, everyMs: 5, portions: 400 };

const OUTGOING = { message: 0, qos: 2, state: 3, packetId: 1, flags: 0, subscriptionIds: null } as const;

interface Work {
  readings: number;
  series: number;
}

/** Rows that are written: the same for all. */
interface Row {
  series: Int32Array;
  t: Float64Array;
  v: Float64Array;
}

export async function run(args: string[]): Promise<void> {
  const [readings = 500_000, series = 200, rounds = 5] = args.map(Number);
  const work: Work = { readings, series };
  const contenders: [string, (folder: string) => Promise<number>][] = [
    [`better-sqlite3, batches of ${PEER_BATCH}`, (folder) => Promise.resolve(plain(folder, work))],
    ['record, nobody waits', (folder) => flood(folder, work, false)],
    ['record, acknowledged', (folder) => flood(folder, work, true)],
  ];
  const samples = contenders.map(() => [] as number[]);
  const delays: number[] = [];
  const sockets: { rate: number; p99: number }[] = [];
  for (let round = 0; round < rounds; round++) {
    for (const [i, [, measure]] of contenders.entries()) samples[i]!.push(await inFolder(measure));
    delays.push(...(await inFolder((folder) => steady(folder, work))));
    sockets.push(await inFolder(manySockets));
  }
  const base = median(samples[0]!);
  const rows = contenders.map(([name], i) => {
    const rate = median(samples[i]!);
    return { name, rate, ratio: rate / base, samples: samples[i]! };
  });
  const sorted = delays.toSorted((a, b) => a - b);
  const at = (part: number): number => sorted[Math.floor(part * (sorted.length - 1))]!;
  const ackMs = { p50: at(0.5), p99: at(0.99), max: at(1) };
  console.log(`${readings} readings, ${series} series, medians of ${rounds} rounds`);
  const text = rows.map(({ name, rate, ratio }) => [name, Math.round(rate).toString(), ratio.toFixed(2)]);
  console.log(table(['what', 'readings/s', 'ratio'], text));
  console.log(
    `ack p50 ${ackMs.p50.toFixed(1)} ms, p99 ${ackMs.p99.toFixed(1)} ms, max ${ackMs.max.toFixed(1)} ms`,
  );
  const rate = median(sockets.map((sample) => sample.rate));
  const p99 = median(sockets.map((sample) => sample.p99));
  console.log(`sockets: ${Math.round(rate)} messages/s, ack p99 ${p99.toFixed(1)} ms`);
  console.log(`written: ${writeReport('record', { ...work, rounds, rows, ackMs, sockets })}`);
}

/** Readings per second committed, as fast as they are taken. */
async function flood(folder: string, work: Work, acknowledged: boolean): Promise<number> {
  const record = await Record.open(folder, { log: silentLog });
  const columns = { length: PER_MESSAGE, ...newRows(PER_MESSAGE) };
  const start = performance.now();
  for (let i = 0; i < work.readings; i += PER_MESSAGE) {
    for (let k = 0; k < PER_MESSAGE; k++) fill(columns, k, i + k, work.series);
    record.addReadings(columns, columns.t[0]!, acknowledged);
    if ((i / PER_MESSAGE) % MESSAGES_PER_TURN !== MESSAGES_PER_TURN - 1) continue;
    await new Promise((resolve) => setImmediate(resolve));
    while (record.status().pendingReadings > 200_000) await next(record.committed);
  }
  while (record.committedMark < record.mark()) await next(record.committed);
  const rate = (work.readings / (performance.now() - start)) * 1000;
  await record.close();
  return rate;
}

/** Milliseconds from adding to commit, of each portion, at a rate that does not fill the disk. */
async function steady(folder: string, work: Work): Promise<number[]> {
  const record = await Record.open(folder, { log: silentLog });
  const columns = { length: STEADY.portion, ...newRows(STEADY.portion) };
  const delays: number[] = [];
  const waiting: { mark: number; at: number }[] = [];
  record.committed.on((mark) => {
    while (waiting.length > 0 && waiting[0]!.mark <= mark)
      delays.push(performance.now() - waiting.shift()!.at);
  });
  for (let portion = 0; portion < STEADY.portions; portion++) {
    for (let k = 0; k < STEADY.portion; k++) fill(columns, k, portion * STEADY.portion + k, work.series);
    record.addReadings(columns, columns.t[0]!, true);
    waiting.push({ mark: record.mark(), at: performance.now() });
    await new Promise((resolve) => setTimeout(resolve, STEADY.everyMs));
  }
  while (waiting.length > 0) await next(record.committed);
  await record.close();
  return delays;
}

/** Messages acknowledged a second, and how long the slowest of a hundred waited. */
async function manySockets(folder: string): Promise<{ rate: number; p99: number }> {
  const record = await Record.open(folder, { log: silentLog });
  const columns = { length: 2, ...newRows(2) };
  const ready = Array.from({ length: SOCKETS.clients }, (_, client) => client);
  const waiting: { mark: number; client: number; at: number }[] = [];
  const delays: number[] = [];
  record.committed.on((mark) => {
    while (waiting.length > 0 && waiting[0]!.mark <= mark) {
      const { client, at } = waiting.shift()!;
      delays.push(performance.now() - at);
      ready.push(client);
    }
  });
  const start = performance.now();
  let sent = 0;
  while (performance.now() - start < SOCKETS.ms) {
    for (const client of ready.splice(0, SOCKETS.perTurn)) {
      for (const k of [0, 1]) {
        columns.series[k] = 1 + 2 * client + k;
        columns.t[k] = sent;
        columns.v[k] = sent;
      }
      record.addReadings(columns, sent, true);
      record.broker.putOutgoing({ ...OUTGOING, order: ++sent, session: 1 + client });
      waiting.push({ mark: record.broker.mark(true), client, at: performance.now() });
    }
    await new Promise((resolve) => setImmediate(resolve));
  }
  while (record.committedMark < record.mark()) await next(record.committed);
  const rate = (sent / (performance.now() - start)) * 1000;
  await record.close();
  delays.sort((a, b) => a - b);
  return { rate, p99: delays[Math.floor(0.99 * (delays.length - 1))]! };
}

/** As a user would glue it: a table, an index, a transaction per batch, on the thread that has the rows. */
function plain(folder: string, work: Work): number {
  const db = new Database(join(folder, 'plain.db'));
  db.pragma('journal_mode = WAL');
  db.pragma('synchronous = FULL');
  db.exec('CREATE TABLE reading (series INTEGER, t REAL, v REAL)');
  db.exec('CREATE INDEX reading_by_time ON reading (series, t)');
  const insert = db.prepare('INSERT INTO reading VALUES (?, ?, ?)');
  const row = newRows(1);
  const batch = db.transaction((from: number, to: number) => {
    for (let i = from; i < to; i++) {
      fill(row, 0, i, work.series);
      insert.run(row.series[0], row.t[0], row.v[0]);
    }
  });
  const start = performance.now();
  for (let i = 0; i < work.readings; i += PEER_BATCH) batch(i, Math.min(i + PEER_BATCH, work.readings));
  const rate = (work.readings / (performance.now() - start)) * 1000;
  db.close();
  return rate;
}

function next(signal: Signal<number>): Promise<void> {
  return new Promise((resolve) => {
    const off = signal.on(() => {
      off();
      resolve();
    });
  });
}

function newRows(length: number): Row {
  return { series: new Int32Array(length), t: new Float64Array(length), v: new Float64Array(length) };
}

/** Reading `i` of all: the series in turn, one second apart, a slow wave in hundredths. */
function fill(rows: Row, at: number, i: number, series: number): void {
  rows.series[at] = 1 + (i % series);
  rows.t[at] = 1_760_000_000_000 + Math.floor(i / series) * 1000;
  rows.v[at] = Math.round(2000 + Math.sin(i / 1000) * 500) / 100;
}

async function inFolder<T>(work: (folder: string) => Promise<T>): Promise<T> {
  const folder = mkdtempSync(join(tmpdir(), 'bench-record-'));
  try {
    return await work(folder);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
