import type Database from 'better-sqlite3';
import { CodedError } from '../base/errors.ts';
import { newerVersion } from './faults.ts';
import { firstRecord } from './migrations/0001-first-record.ts';
import { broker } from './migrations/0002-broker.ts';
import { coapDirectory } from './migrations/0003-coap-directory.ts';

/** One step of the schema, from `version - 1` to `version`. A step that was released is never changed. */
export interface Migration {
  version: number;
  sql: string;
}

export const MIGRATIONS: readonly Migration[] = [firstRecord, broker, coapDirectory];

/** Record version that this program writes. */
export const RECORD_VERSION = MIGRATIONS.length;

/** `FSTN`: tells our files from those of other programs. */
export const APPLICATION_ID = 0x4653544e;

/**
 * Brings an open database to the newest version, each step in its own transaction with its `user_version`.
 * Throws `store.newer_version` for a file from the future and `store.foreign_file` for one of another program,
 * both before anything is written.
 */
export function migrate(db: Database.Database, migrations: readonly Migration[] = MIGRATIONS): void {
  const found = db.pragma('user_version', { simple: true }) as number;
  if (found > migrations.length) throw newerVersion(db.name, found, migrations.length);
  refuseForeign(db, found);
  for (const migration of migrations.slice(found)) {
    db.transaction(() => {
      db.exec(migration.sql);
      db.pragma(`application_id = ${APPLICATION_ID}`);
      db.pragma(`user_version = ${migration.version}`);
    }).immediate();
  }
}

function refuseForeign(db: Database.Database, version: number): void {
  const empty = db.prepare('SELECT count(*) FROM sqlite_schema').pluck().get() === 0;
  if (version === 0 && empty) return;
  if (version > 0 && db.pragma('application_id', { simple: true }) === APPLICATION_ID) return;
  throw new CodedError('store.foreign_file', `${db.name} is a SQLite database of another program`);
}
