import { existsSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

export const RECORD_FILE = 'record.db';
const MARKER_FILE = 'record.damaged.json';

/**
 * Moves the record out of the way as `record.corrupt-YYYYMMDD-HHMMSS.db` (UTC) with its -wal and -shm; nothing is
 * ever deleted. No connection to it may be open in this process. Returns the new file name, within the folder.
 */
export function setAside(folder: string, nowMs: number): string {
  const name = freeName(folder, nowMs);
  // The record itself goes last: SQLite deletes a WAL that it finds beside an empty or missing database.
  for (const suffix of ['-wal', '-shm', '']) {
    const file = join(folder, RECORD_FILE + suffix);
    if (existsSync(file)) renameSync(file, join(folder, name + suffix));
  }
  rmSync(join(folder, MARKER_FILE), { force: true });
  return name;
}

/** Notes that the record is damaged, so that the next start sets it aside. */
export function markDamaged(folder: string, reason: string, nowMs: number): void {
  writeFileSync(join(folder, MARKER_FILE), `${JSON.stringify({ reason, atMs: nowMs })}\n`);
}

/** Why an earlier run found the record damaged, or null when it did not. */
export function damageMark(folder: string): string | null {
  const file = join(folder, MARKER_FILE);
  if (!existsSync(file)) return null;
  if (!existsSync(join(folder, RECORD_FILE))) {
    rmSync(file, { force: true }); // it spoke of a file that someone else has taken away
    return null;
  }
  try {
    return String((JSON.parse(readFileSync(file, 'utf8')) as { reason?: unknown }).reason);
  } catch {
    return 'an earlier run found it damaged'; // the mark counts, also one that was cut short
  }
}

function freeName(folder: string, nowMs: number): string {
  const [day, time] = new Date(nowMs).toISOString().split('T') as [string, string];
  const stamp = `${day.replaceAll('-', '')}-${time.slice(0, 8).replaceAll(':', '')}`;
  for (let n = 1; ; n++) {
    const name = `record.corrupt-${stamp}${n === 1 ? '' : `-${n}`}.db`;
    if (['', '-wal', '-shm'].every((suffix) => !existsSync(join(folder, name + suffix)))) return name;
  }
}
