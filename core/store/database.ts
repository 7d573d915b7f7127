import { statSync } from 'node:fs';
import { pathToFileURL } from 'node:url';
import Database from 'better-sqlite3';
import { migrate } from './migrate.ts';

/** WAL pages (4 KiB) between checkpoints: large enough that a burst rewrites each hot page once, not ten times. */
const CHECKPOINT_PAGES = 8_000;

/** Opens the record for writing, creating or migrating it. Throws SQLite errors and those of `migrate`. */
export function openForWriting(file: string, maxPages: number | null): Database.Database {
  const db = new Database(file, { timeout: 5_000 });
  try {
    if (maxPages !== null) db.pragma(`max_page_count = ${maxPages}`);
    const fresh = db.pragma('page_count', { simple: true }) === 0;
    if (fresh) db.pragma('auto_vacuum = INCREMENTAL'); // only a file without tables can still choose
    db.pragma('journal_mode = WAL');
    db.pragma('synchronous = FULL'); // an acknowledged message is on disk: every commit is flushed
    db.pragma(`wal_autocheckpoint = ${CHECKPOINT_PAGES}`);
    db.pragma('journal_size_limit = 67108864');
    db.pragma('cache_size = -65536');
    migrate(db);
    return db;
  } catch (error) {
    db.close();
    throw error;
  }
}

/**
 * Opens the record for reading only. On a disk that cannot be written to, SQLite cannot make the shared memory that
 * WAL needs; a record that was closed cleanly (no WAL left) is then read as an unchanging file. Such a connection
 * never sees what is written later.
 */
export function openForReading(file: string): Database.Database {
  let db: Database.Database | undefined;
  try {
    db = new Database(file, { readonly: true, fileMustExist: true, timeout: 5_000 });
    db.prepare('SELECT count(*) FROM sqlite_schema').get();
  } catch (error) {
    db?.close();
    if (bytesOf(`${file}-wal`) > 0 || bytesOf(file) === 0) throw error;
    db = new Database(`${pathToFileURL(file).href}?immutable=1`, { readonly: true, fileMustExist: true });
  }
  db.pragma('cache_size = -16384');
  return db;
}

/** Length of a file in bytes, 0 when it is not there. */
export function bytesOf(file: string): number {
  return statSync(file, { throwIfNoEntry: false })?.size ?? 0;
}
