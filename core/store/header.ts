import { closeSync, openSync, readSync, statSync } from 'node:fs';
import { newerVersion } from './faults.ts';
import { APPLICATION_ID, RECORD_VERSION } from './migrate.ts';

const HEADER_BYTES = 100;
const USER_VERSION_OFFSET = 60;
const APPLICATION_ID_OFFSET = 68;

/**
 * Throws `store.newer_version` when `file` is a record from the future. It must stay untouched, and merely opening
 * it with SQLite could already run a checkpoint, so its header is read as bytes.
 *
 * Call this only while this process has no connection to the file: closing any descriptor of a file drops all POSIX
 * locks that the process holds on it.
 */
export function refuseNewerFile(file: string): void {
  if ((statSync(file, { throwIfNoEntry: false })?.size ?? 0) < HEADER_BYTES) return;
  const header = Buffer.alloc(HEADER_BYTES);
  const handle = openSync(file, 'r');
  try {
    readSync(handle, header, 0, HEADER_BYTES, 0);
  } finally {
    closeSync(handle);
  }
  if (header.toString('latin1', 0, 15) !== 'SQLite format 3') return;
  if (header.readUInt32BE(APPLICATION_ID_OFFSET) !== APPLICATION_ID) return;
  const found = header.readUInt32BE(USER_VERSION_OFFSET);
  if (found > RECORD_VERSION) throw newerVersion(file, found, RECORD_VERSION);
}
