import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import Database from 'better-sqlite3';
import { afterEach, expect, it } from 'vitest';
import { cleanUp, columns, committed, later, openRecord, recordFolder } from '../../test/support/records.ts';
import { openForWriting } from './database.ts';
import { migrate, MIGRATIONS, RECORD_VERSION } from './migrate.ts';
import type { Migration } from './migrate.ts';
import { emptyBrokerState } from './mqtt-types.ts';

afterEach(cleanUp);

function versionOf(db: Database.Database): unknown {
  return db.pragma('user_version', { simple: true });
}

it('counts its steps without a gap, one file each', () => {
  expect(MIGRATIONS.map((step) => step.version)).toEqual(MIGRATIONS.map((_, i) => i + 1));
  const files = readdirSync(new URL('./migrations', import.meta.url)).filter((name) => /^\d{4}-/.test(name));
  expect(files).toHaveLength(RECORD_VERSION);
});

it('makes a new file whole, in WAL and with incremental vacuum', () => {
  const db = openForWriting(join(recordFolder(), 'record.db'), null);
  later(() => db.close());
  expect(versionOf(db)).toBe(RECORD_VERSION);
  expect(db.pragma('journal_mode', { simple: true })).toBe('wal');
  expect(db.pragma('auto_vacuum', { simple: true })).toBe(2);
  expect(db.pragma('synchronous', { simple: true })).toBe(2);
});

it('brings a version 1 file further and keeps what is in it', async () => {
  const folder = recordFolder();
  const file = join(folder, 'record.db');
  const old = new Database(file);
  migrate(old, [MIGRATIONS[0]!]);
  old.prepare('INSERT INTO reading_head VALUES (1, 10, 0, 20.5, NULL)').run();
  expect(versionOf(old)).toBe(1);
  old.close();
  const record = await openRecord(folder);
  expect(record.catalog.broker).toEqual(emptyBrokerState());
  record.broker.addIncoming(1, 7);
  await record.close();
  const db = new Database(file);
  later(() => db.close());
  expect(versionOf(db)).toBe(RECORD_VERSION);
  expect(db.prepare('SELECT v FROM reading_head').pluck().get()).toBe(20.5);
  expect(db.prepare('SELECT packet_id FROM mqtt_incoming').pluck().all()).toEqual([7]);
});

it('leaves the file at the step before one that fails', () => {
  const db = new Database(join(recordFolder(), 'record.db'));
  later(() => db.close());
  const broken: Migration = { version: 2, sql: 'CREATE TABLE half (a INTEGER); CREATE TABLE device (b)' };
  expect(() => migrate(db, [MIGRATIONS[0]!, broken])).toThrow('already exists');
  expect(versionOf(db)).toBe(1);
  expect(db.prepare("SELECT count(*) FROM sqlite_schema WHERE name = 'half'").pluck().get()).toBe(0);
});

it('refuses a record from the future and does not touch it', async () => {
  const folder = recordFolder();
  const file = join(folder, 'record.db');
  await (await openRecord(folder)).close();
  const db = new Database(file);
  db.pragma('user_version = 99');
  db.close();
  const before = readFileSync(file);
  await expect(openRecord(folder)).rejects.toMatchObject({
    code: 'store.newer_version',
    detail: { found: 99 },
  });
  expect(readFileSync(file).equals(before)).toBe(true);
  expect(readdirSync(folder).filter((name) => name.startsWith('record.'))).toEqual(['record.db']);
});

it('sets the database of another program aside', async () => {
  const folder = recordFolder();
  const other = new Database(join(folder, 'record.db'));
  other.exec("CREATE TABLE theirs (a TEXT); INSERT INTO theirs VALUES ('kept')");
  other.close();
  const record = await openRecord(folder);
  const { setAside } = record.status();
  expect(setAside!.reason).toContain('another program');
  const kept = new Database(join(folder, setAside!.file), { readonly: true });
  later(() => kept.close());
  expect(kept.prepare('SELECT a FROM theirs').pluck().get()).toBe('kept');
  record.addReadings(columns([1, 1, 1]), 1, true);
  await committed(record);
});
