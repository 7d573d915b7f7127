/**
 * Small files with secrets or settings, for their owner alone: read and written whole, so that a power cut leaves
 * the old state or the new one. They lie beside the record and not in it: a damaged record must not take the users,
 * the listeners and their keys along.
 */
import {
  chmodSync,
  closeSync,
  fchmodSync,
  fsyncSync,
  openSync,
  readFileSync,
  renameSync,
  statSync,
  unlinkSync,
  writeSync,
} from 'node:fs';
import { dirname } from 'node:path';
import { CodedError, messageOf } from '../base/errors.ts';
import type { Log } from '../base/log.ts';

/** Nobody but the owner reads or writes. Windows has no such bits; there the folder's own list protects it. */
const OWNER_ONLY = 0o600;

/**
 * The text of the file, or undefined when there is none. `what` names it to people: "the access tokens".
 * Throws `access.unreadable`.
 */
export function readPrivate(path: string, what = 'the file'): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw new CodedError(
      'access.unreadable',
      `${capital(what)} in ${path} cannot be read (${messageOf(error)}). Give the station's user the right to read that file.`,
      { cause: error },
    );
  }
}

/** Writes beside its place, syncs, and moves it there. Throws `access.unwritable`; the old file is then untouched. */
export function writePrivate(path: string, text: string, what = 'the file'): void {
  const temporary = `${path}.new`;
  try {
    const file = openSync(temporary, 'w', OWNER_ONLY);
    try {
      // The mode above counts only for a file that is new, and the umask is taken off it. Before the secrets are in.
      fchmodSync(file, OWNER_ONLY);
      // One write may take less than it is given (a disk that fills up in between).
      const bytes = Buffer.from(text, 'utf8');
      for (let at = 0; at < bytes.length;) at += writeSync(file, bytes, at);
      fsyncSync(file);
    } finally {
      closeSync(file);
    }
    renameSync(temporary, path);
    syncFolder(dirname(path));
  } catch (error) {
    // Half of a secret helps nobody, and on a full disk it takes room.
    try {
      unlinkSync(temporary);
    } catch {
      // It was never made.
    }
    throw new CodedError(
      'access.unwritable',
      `${capital(what)} cannot be written to ${path} (${messageOf(error)}). ` +
        `Give the station's user the right to write in that folder, or make room on the disk.`,
      { cause: error },
    );
  }
}

/**
 * Reads a file and makes sense of it with `parse`, which returns undefined (or throws) for what it cannot take.
 * Such a file is set aside, never deleted, and told in the log with `consequence`; the answer is then undefined, as
 * for one that is not there. Rights of others on the file are taken away. Throws `access.unreadable`.
 */
export function loadPrivate<T>(
  path: string,
  options: { what: string; consequence: string; log: Log; parse: (text: string) => T | undefined },
): T | undefined {
  const { what, consequence, log } = options;
  const text = readPrivate(path, what);
  if (text === undefined) return undefined;
  let value: T | undefined;
  try {
    value = options.parse(text);
  } catch {
    // What the parser makes of rubbish may quote it, and it may be a secret: its message is not told.
  }
  if (value !== undefined) {
    repairMode(path, what, log);
    return value;
  }
  repairMode(path, what, log);
  const aside = setAside(path);
  log.warn(`${what} were damaged: set aside, ${consequence}`, { aside });
  return undefined;
}

/** Moves a damaged file out of the way and returns its new path. */
export function setAside(path: string): string {
  const aside = `${path}.damaged-${Date.now()}`;
  renameSync(path, aside);
  return aside;
}

/** Takes away what others may do with the file, and says so. */
export function repairMode(path: string, what: string, log: Log): void {
  if (process.platform === 'win32') return;
  const mode = statSync(path).mode & 0o777;
  if (mode === OWNER_ONLY) return;
  try {
    chmodSync(path, OWNER_ONLY);
    if ((mode & 0o077) !== 0) log.warn(`others could read ${what}; that is repaired`, { path });
  } catch (error) {
    log.warn(`others may read ${what}, and that could not be changed`, { path, error });
  }
}

/** Makes the move itself last over a power cut. Windows neither needs nor knows it. */
function syncFolder(folder: string): void {
  if (process.platform === 'win32') return;
  const handle = openSync(folder, 'r');
  try {
    fsyncSync(handle);
  } finally {
    closeSync(handle);
  }
}

function capital(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}
