/** Records that are not what they should be. None is ever deleted, and the station starts with every one. */
import {
  closeSync,
  existsSync,
  openSync,
  readdirSync,
  readFileSync,
  statSync,
  truncateSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { join } from 'node:path';
import Database from 'better-sqlite3';
import { afterEach, describe, expect, it } from 'vitest';
import type { Record } from '../../core/store/record.ts';
import { startLineChild } from '../support/child-lines.ts';
import {
  cleanUp,
  columns,
  committed,
  device,
  later,
  openRecord,
  ramp,
  recordFolder,
  series,
  topic,
  until,
} from '../support/records.ts';

afterEach(cleanUp);

const CHILD = new URL('../support/record-child.ts', import.meta.url);
const EVERYTHING = { from: -Infinity, to: Infinity, maxPoints: 1e6 };
const PAGE_BYTES = 4096;

/** A record that was closed in good order, with some 200 pages. */
async function goodRecord(folder: string): Promise<string> {
  const record = await openRecord(folder);
  record.putDevice(device(1));
  record.putSeries(series(1));
  record.putTopic(topic('plant/t'));
  record.addReadings(ramp(1, 20_000), 0, true);
  record.addReadings(ramp(2, 20_000), 0, true);
  await record.close();
  return join(folder, 'record.db');
}

function overwrite(file: string, offset: number, bytes: Uint8Array): void {
  const handle = openSync(file, 'r+');
  writeSync(handle, bytes, 0, bytes.length, offset);
  closeSync(handle);
}

function pagesOf(file: string, table: string): number[] {
  const db = new Database(file, { readonly: true });
  try {
    const pages = db.prepare('SELECT pageno FROM dbstat WHERE name = ? ORDER BY path').pluck().all(table);
    return pages as number[];
  } finally {
    db.close();
  }
}

function smashPage(file: string, page: number): void {
  overwrite(file, (page - 1) * PAGE_BYTES, new Uint8Array(PAGE_BYTES).fill(0xab));
}

/** It was set aside whole, is told about, and the new record works. */
async function expectSetAside(folder: string, record: Record, was: Buffer): Promise<void> {
  const { setAside, state } = record.status();
  expect(state).toBe('ok');
  expect(setAside!.file).toMatch(/^record\.corrupt-\d{8}-\d{6}\.db$/);
  expect(setAside!.reason).not.toBe('');
  expect(readFileSync(join(folder, setAside!.file)).equals(was)).toBe(true);
  record.addReadings(columns([1, 5, 5]), 0, true);
  await committed(record);
  expect((await record.query({ series: [1], ...EVERYTHING }))[0]!.total).toBe(1);
}

describe('at the start', () => {
  const damages: [string, (file: string) => void][] = [
    ['a text in place of the record', (file) => writeFileSync(file, 'this is no database\n'.repeat(1000))],
    ['a header of noise', (file) => overwrite(file, 0, new Uint8Array(100).fill(0x5a))],
    ['a broken first page', (file) => overwrite(file, 100, new Uint8Array(500).fill(0xff))],
    ['a page in the middle, of the devices', (file) => smashPage(file, pagesOf(file, 'device')[0]!)],
    [
      'a page in the middle, of the latest readings',
      (file) => smashPage(file, pagesOf(file, 'reading_head')[0]!),
    ],
    [
      'a file cut short',
      (file) => truncateSync(file, Math.floor(statSync(file).size / 2 / PAGE_BYTES) * PAGE_BYTES),
    ],
    ['a file cut within a page', (file) => truncateSync(file, 3 * PAGE_BYTES + 77)],
  ];

  it.each(damages)('%s is set aside and a new record started', async (_what, damage) => {
    const folder = recordFolder();
    const file = await goodRecord(folder);
    damage(file);
    const was = readFileSync(file);
    const record = await openRecord(folder);
    expect(record.catalog.devices).toEqual([]);
    await expectSetAside(folder, record, was);
  });

  it('takes the write-ahead log along, and does not overwrite what was set aside before', async () => {
    const folder = recordFolder();
    for (let i = 0; i < 3; i++) {
      writeFileSync(join(folder, 'record.db'), `no database ${i}`.repeat(100));
      writeFileSync(join(folder, 'record.db-wal'), `its log ${i}`);
      const record = await openRecord(folder);
      const { file } = record.status().setAside!;
      expect(readFileSync(join(folder, `${file}-wal`), 'utf8')).toBe(`its log ${i}`);
      await record.close();
    }
    expect(readdirSync(folder).filter((name) => /^record\.corrupt-.*\.db$/.test(name))).toHaveLength(3);
  });

  it('makes a record of an empty file', async () => {
    const folder = recordFolder();
    writeFileSync(join(folder, 'record.db'), '');
    const record = await openRecord(folder);
    expect(record.status().setAside).toBeNull();
  });
});

it('met by a write: makes way at once, with the devices and all that waits', async () => {
  const folder = recordFolder();
  const first = await openRecord(folder);
  first.putDevice(device(1));
  first.addReadings(ramp(7, 20_000), 0, true); // of a series that the start does not look for
  await first.close();
  const file = join(folder, 'record.db');
  for (const page of pagesOf(file, 'reading_head')) smashPage(file, page);

  const record = await openRecord(folder);
  expect(record.status().setAside).toBeNull();
  record.putSeries(series(7));
  record.addReadings(ramp(7, 100, 1e9), 0, true);
  await committed(record);
  expect(record.status().state).toBe('ok');
  expect(record.status().setAside!.reason).toContain('SQLITE_CORRUPT');
  expect(existsSync(join(folder, record.status().setAside!.file))).toBe(true);
  expect((await record.query({ series: [7], ...EVERYTHING }))[0]!.total).toBe(100);
  await record.close();
  const again = await openRecord(folder);
  expect(again.catalog.devices).toEqual([device(1)]);
  expect(again.catalog.series).toEqual([series(7)]);
});

it('met by a query: is told, recording goes on, and the next start sets the file aside', async () => {
  const folder = recordFolder();
  const file = await goodRecord(folder);
  smashPage(file, pagesOf(file, 'reading_head')[20]!);
  const record = await openRecord(folder);
  await expect(record.query({ series: [1], ...EVERYTHING })).rejects.toMatchObject({
    code: 'store.unavailable',
  });
  expect(record.status().fault).toMatchObject({ code: 'corrupt' });
  record.addReadings(columns([99, 1, 1]), 0, true);
  await committed(record);
  await record.close();
  const again = await openRecord(folder);
  expect(again.status().setAside).not.toBeNull();
  expect(again.status().state).toBe('ok');
  await again.close();
  expect((await openRecord(folder)).status().setAside).toBeNull();
});

it('after an unclean stop: is looked for beside the running station', async () => {
  const folder = recordFolder();
  const file = await goodRecord(folder);
  const holder = startLineChild(CHILD, [folder, 'hold']);
  later(() => holder.kill9());
  await holder.line((line) => line === 'open');
  await holder.kill9();
  smashPage(file, pagesOf(file, 'reading_head')[20]!);
  const record = await openRecord(folder);
  await until(record.statusChanged, () => record.status().state === 'fault');
  expect(record.status().fault).toMatchObject({ code: 'corrupt' });
  await record.close();
  expect((await openRecord(folder)).status().setAside).not.toBeNull();
});
