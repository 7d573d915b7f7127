import { accessSync, constants, existsSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import Database from 'better-sqlite3';
import { CodedError } from '../base/errors.ts';
import { explained, failureOf, faultCodeOf } from './faults.ts';

// Lets a cleanly closed record on a read-only disk be read (`immutable=1`). better-sqlite3 reads it once, when the
// first connection of the process opens, and that is the lock's.
process.env['SQLITE_USE_URI'] = '1';

const LOCK_FILE = 'lock.db';
const INFO_FILE = 'running.json';

/** Who runs on a data folder; readable by people and by a second start. */
export interface RunningInfo {
  pid: number;
  /** URL of its console, or null while it does not listen yet. */
  http: string | null;
  startedMs: number;
}

/**
 * Holds a data folder for this process: an exclusive transaction on a tiny SQLite file of its own, which the
 * operating system ends with the process however it dies. It carries no data; it is the one use of SQLite on the
 * host's thread, at start and at stop.
 */
export class FolderLock {
  readonly #folder: string;
  #info: RunningInfo;
  #held: Database.Database | null = null;
  /** The run before this one left without saying so: it was killed, or the machine lost power. */
  uncleanBefore = false;

  constructor(folder: string, info: RunningInfo) {
    this.#folder = folder;
    this.#info = info;
  }

  get held(): boolean {
    return this.#held !== null;
  }

  /** Throws `store.locked` when another station holds it. Does nothing when it is held already. */
  acquire(): void {
    if (this.#held !== null) return;
    const file = join(this.#folder, LOCK_FILE);
    // SQLite would fall back to reading a file that it may not write, and such a transaction locks nobody out.
    accessSync(existsSync(file) ? file : this.#folder, constants.W_OK);
    let db: Database.Database | undefined;
    try {
      db = new Database(file, { timeout: 200 });
      db.exec('BEGIN EXCLUSIVE');
    } catch (error) {
      db?.close();
      if (failureOf(error).code.startsWith('SQLITE_BUSY')) throw lockedBy(this.#folder);
      throw error;
    }
    this.#held = db;
    this.uncleanBefore ||= existsSync(join(this.#folder, INFO_FILE));
    this.#writeInfo();
  }

  updateRunning(info: Partial<RunningInfo>): void {
    this.#info = { ...this.#info, ...info };
    if (this.#held !== null) this.#writeInfo();
  }

  /** `clean`: everything given to the record is in it, so the next start need not check the file. */
  release(clean: boolean): void {
    if (this.#held === null) return;
    if (clean) removeIfPossible(join(this.#folder, INFO_FILE));
    this.#held.close();
    this.#held = null;
  }

  #writeInfo(): void {
    const file = join(this.#folder, INFO_FILE);
    try {
      writeFileSync(`${file}.new`, `${JSON.stringify(this.#info)}\n`);
      renameSync(`${file}.new`, file);
    } catch {
      removeIfPossible(`${file}.new`); // a full disk: the lock holds without it, only its owner goes unnamed
    }
  }
}

/**
 * Locks `folder` or throws `store.locked`, whose detail names the running station (`pid`, `http`). On a disk that
 * cannot be written to there is nothing to lock against: the lock comes back not held, to be acquired later. Throws
 * the system's error when the folder cannot be used at all.
 */
export function lockFolder(folder: string, info: RunningInfo): FolderLock {
  const lock = new FolderLock(folder, info);
  try {
    lock.acquire();
  } catch (error) {
    if (error instanceof CodedError) throw error;
    const failure = explained(failureOf(error), folder);
    if (!['disk_full', 'read_only'].includes(faultCodeOf(failure))) throw error;
    if (heldElsewhere(folder)) throw lockedBy(folder);
  }
  return lock;
}

/** Whether another user's station holds a folder in which this one may only read. */
function heldElsewhere(folder: string): boolean {
  let db: Database.Database | undefined;
  try {
    db = new Database(join(folder, LOCK_FILE), { readonly: true, fileMustExist: true, timeout: 200 });
    db.prepare('SELECT count(*) FROM sqlite_schema').get();
    return false;
  } catch (error) {
    return failureOf(error).code.startsWith('SQLITE_BUSY');
  } finally {
    db?.close();
  }
}

/** Who runs on the folder as far as its file tells. */
export function readRunning(folder: string): RunningInfo | null {
  try {
    const info = JSON.parse(readFileSync(join(folder, INFO_FILE), 'utf8')) as Partial<RunningInfo>;
    if (typeof info.pid !== 'number') return null;
    return { pid: info.pid, http: info.http ?? null, startedMs: info.startedMs ?? 0 };
  } catch {
    return null; // not there, or cut short by a full disk
  }
}

function lockedBy(folder: string): CodedError {
  const running = readRunning(folder);
  const who =
    running === null ? 'another station' : `the station with process id ${running.pid}${at(running.http)}`;
  return new CodedError(
    'store.locked',
    `The data folder ${folder} is in use by ${who}. Use that one, stop it first, or choose another folder with --data.`,
    { detail: { folder, ...running } },
  );
}

function at(http: string | null): string {
  return http === null ? '' : ` at ${http}`;
}

function removeIfPossible(file: string): void {
  try {
    rmSync(file, { force: true });
  } catch {
    return; // a read-only disk; nothing depends on it
  }
}
