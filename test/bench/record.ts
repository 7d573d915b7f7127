/**
 * Readings committed per second: the record, fed as the station feeds it, against a plain better-sqlite3 insert in
 * batches, both with WAL and a flush per commit. In turns, same rows; the ratio of the medians is what counts.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { silentLog } from '../../core/base/log.ts';
import { Record } from '../../core/store/record.ts';

// Only core/store may import better-sqlite3; here it is the peer.
const Database = createRequire(new URL('../../core/store/record.ts', import.meta.url))(
  'better-sqlite3',
) as typeof import('better-sqlite3');

interface Work {
  readings: number;
  series: number;
  turns: number;
  /** Readings added at once, as from one message. */
  perMessage: number;
  batch: number;
}

interface Result {
  rate: number;
  /** Time from adding to committed, p99, ms; only where it can be told. */
  p99Ms: number | null;
}

/** `bench -- record [readings] [series] [turns]`. */
export async function run(args: string[]): Promise<void> {
  const [readings = 500_000, series = 200, turns = 5] = args.map(Number);
  const work: Work = { readings, series, turns, perMessage: 2, batch: 1_000 };
  const ours: Result[] = [];
  const acknowledged: Result[] = [];
  const plain: Result[] = [];
  for (let turn = 0; turn < turns; turn++) {
    ours.push(await inFolder((folder) => record(folder, work, false)));
    acknowledged.push(await inFolder((folder) => record(folder, work, true)));
    plain.push(await inFolder((folder) => Promise.resolve(peer(folder, work))));
  }
  const base = median(plain.map((r) => r.rate));
  const table = [
    row('record, nobody waits', ours, base),
    row('record, acknowledged', acknowledged, base),
    row(`better-sqlite3, batches of ${work.batch}`, plain, base),
  ];
  console.log(`${readings} readings, ${series} series, medians of ${turns} turns`);
  console.table(table);
  console.log(JSON.stringify({ bench: 'record', ...work, results: table }));
}

async function record(folder: string, work: Work, acknowledged: boolean): Promise<Result> {
  const station = await Record.open(folder, { log: silentLog });
  const n = work.perMessage;
  const columns = {
    length: n,
    series: new Int32Array(n),
    t: new Float64Array(n),
    v: new Float64Array(n),
  };
  const delays: number[] = [];
  const sent = new Map<number, number>();
  const start = performance.now();
  for (let i = 0; i < work.readings; i += n) {
    for (let k = 0; k < n; k++) fill(columns, k, i + k, work.series);
    station.addReadings(columns, columns.t[0]!, acknowledged);
    // A turn of the event loop per socket read: some hundred messages.
    if ((i / n) % 500 !== 499) continue;
    const mark = station.mark();
    if (!sent.has(mark)) sent.set(mark, performance.now());
    await new Promise((resolve) => setImmediate(resolve));
    while (station.status().pendingReadings > 200_000) await once(station);
  }
  const off = station.committed.on((mark) => {
    const at = sent.get(mark);
    if (at !== undefined) delays.push(performance.now() - at);
  });
  while (station.committedMark < station.mark()) await once(station);
  off();
  const rate = (work.readings / (performance.now() - start)) * 1000;
  await station.close();
  return { rate, p99Ms: null };
}

function once(station: Record): Promise<void> {
  return new Promise((resolve) => {
    const off = station.committed.on(() => {
      off();
      resolve();
    });
  });
}

/** As a user would glue it: a table, an index, a transaction per batch. */
function peer(folder: string, work: Work): Result {
  const db = new Database(join(folder, 'plain.db'));
  db.pragma('journal_mode = WAL');
  db.pragma('synchronous = FULL');
  db.exec('CREATE TABLE reading (series INTEGER, t REAL, v REAL)');
  db.exec('CREATE INDEX reading_by_time ON reading (series, t)');
  const insert = db.prepare('INSERT INTO reading VALUES (?, ?, ?)');
  const columns = { series: new Int32Array(1), t: new Float64Array(1), v: new Float64Array(1) };
  const batch = db.transaction((from: number, to: number) => {
    for (let i = from; i < to; i++) {
      fill(columns, 0, i, work.series);
      insert.run(columns.series[0], columns.t[0], columns.v[0]);
    }
  });
  const start = performance.now();
  for (let i = 0; i < work.readings; i += work.batch) batch(i, Math.min(i + work.batch, work.readings));
  const rate = (work.readings / (performance.now() - start)) * 1000;
  db.close();
  return { rate, p99Ms: null };
}

/** Reading `i` of all: series in turn, one second apart, a slow wave in hundredths. */
function fill(
  columns: { series: Int32Array; t: Float64Array; v: Float64Array },
  at: number,
  i: number,
  series: number,
): void {
  columns.series[at] = 1 + (i % series);
  columns.t[at] = 1_760_000_000_000 + Math.floor(i / series) * 1000;
  columns.v[at] = Math.round(2000 + Math.sin(i / 1000) * 500) / 100;
}

async function inFolder<T>(work: (folder: string) => Promise<T>): Promise<T> {
  const folder = mkdtempSync(join(tmpdir(), 'bench-record-'));
  try {
    return await work(folder);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function row(what: string, results: Result[], base: number): { what: string; rate: number; ratio: number } {
  const rate = median(results.map((r) => r.rate));
  return { what, rate: Math.round(rate), ratio: Number((rate / base).toFixed(2)) };
}

function median(values: number[]): number {
  return values.toSorted((a, b) => a - b)[values.length >> 1]!;
}
