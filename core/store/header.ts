import { closeSync, openSync, readSync, statSync } from 'node:fs';
import { newerVersion } from './faults.ts';
import { APPLICATION_ID, RECORD_VERSION } from './migrate.ts';

const MAGIC = 'SQLite format 3\0';
const HEADER_BYTES = 100;
const USER_VERSION_OFFSET = 60;
const APPLICATION_ID_OFFSET = 68;

/**
 * What the first bytes of a record tell before SQLite opens it: why it is no SQLite database at all, or null. Throws
 * `store.newer_version` for a record from the future. Either file must stay as it is, and merely opening it with
 * SQLite could run a checkpoint or remove its write-ahead log.
 *
 * Call this only while this process has no connection to the file: closing any descriptor of a file drops all POSIX
 * locks that the process holds on it.
 */
export function headerProblem(file: string): string | null {
  const bytes = statSync(file, { throwIfNoEntry: false })?.size ?? 0;
  if (bytes === 0) return null;
  const header = Buffer.alloc(HEADER_BYTES);
  const handle = openSync(file, 'r');
  try {
    readSync(handle, header, 0, HEADER_BYTES, 0);
  } finally {
    closeSync(handle);
  }
  if (header.toString('latin1', 0, MAGIC.length) !== MAGIC) return 'it is not a SQLite database';
  if (header.readUInt32BE(APPLICATION_ID_OFFSET) !== APPLICATION_ID) return null; // told by migrate
  const found = header.readUInt32BE(USER_VERSION_OFFSET);
  if (found > RECORD_VERSION) throw newerVersion(file, found, RECORD_VERSION);
  return null;
}
