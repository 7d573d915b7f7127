import { existsSync, mkdirSync, statSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import type { Clock } from '../base/clock.ts';
import { CodedError, messageOf } from '../base/errors.ts';
import type { Log } from '../base/log.ts';
import { catalogOf, emptyCatalog } from './catalog-rows.ts';
import { isDamage } from './faults.ts';
import type { Failure } from './protocol.ts';
import type { ReaderLink } from './reader-link.ts';
import type { RecorderBoard } from './recorder-board.ts';
import { markDamaged, RECORD_FILE, setAside } from './set-aside.ts';
import type { Catalog } from './types.ts';

interface CareParts {
  folder: string;
  clock: Clock;
  log: Log;
  board: RecorderBoard;
}

/** What becomes of a record file that is damaged, or that can only be read. */
export class FileCare {
  readonly #folder: string;
  readonly #clock: Clock;
  readonly #log: Log;
  readonly #board: RecorderBoard;

  constructor(parts: CareParts) {
    this.#folder = parts.folder;
    this.#clock = parts.clock;
    this.#log = parts.log;
    this.#board = parts.board;
  }

  /** Sets the file aside and tells. Nothing may have it open. Throws `store.cannot_open` when it cannot be moved. */
  moveAway(reason: string): void {
    const nowMs = this.#clock.now();
    let file: string;
    try {
      file = setAside(this.#folder, nowMs);
    } catch (error) {
      throw new CodedError(
        'store.cannot_open',
        `The record in ${this.#folder} is damaged (${reason}) and cannot be moved aside: ${messageOf(error)}. ` +
          `Make the folder writable, or choose another one with --data.`,
        { cause: error },
      );
    }
    this.#log.error('the record was damaged and is set aside; a new one is started', { file, reason });
    this.#board.setAside = { file, reason, atMs: nowMs };
    this.#board.forgetFile();
    this.#board.changed.emit();
  }

  /** The catalog of a record that cannot be written to; without it new ids would collide with those in the file. */
  async catalogOnly(reader: ReaderLink, failure: Failure): Promise<Catalog> {
    if (failure.code === 'store.newer_version') throw new CodedError(failure.code, failure.message);
    if (!existsSync(join(this.#folder, RECORD_FILE))) return emptyCatalog();
    try {
      return catalogOf(await reader.ask({ kind: 'catalog' }));
    } catch (error) {
      throw new CodedError(
        'store.cannot_open',
        `The record in ${this.#folder} can be neither written nor read: ${failure.message} (${failure.code}). ` +
          `Check the disk and the rights on the folder, or choose another one with --data.`,
        { cause: error, detail: { ...failure } },
      );
    }
  }

  /** After an unclean stop, beside the running station. */
  async check(reader: ReaderLink): Promise<void> {
    try {
      const found = await reader.ask({ kind: 'check' });
      if (found !== null) this.readFailed({ code: 'SQLITE_CORRUPT', message: found });
      else this.#log.info('the record was checked after an unclean stop and is sound');
    } catch (error) {
      this.#log.debug('the check of the record ended early', { error });
    }
  }

  /** Hears every failure to read: damage is told, and noted for the next start. */
  readFailed(failure: Failure): void {
    if (!isDamage(failure) || this.#board.has('damage')) return;
    this.#log.error('the record is damaged; it is set aside at the next start', { ...failure });
    this.#board.setFault('damage', failure);
    try {
      markDamaged(this.#folder, `${failure.message} (${failure.code})`, this.#clock.now());
    } catch (error) {
      this.#log.warn('the damage could not be noted for the next start', { error });
    }
  }
}

export function cannotOpen(folder: string, cause: unknown): CodedError {
  return new CodedError(
    'store.cannot_open',
    `The data folder ${folder} cannot be used: ${messageOf(cause)}. ` +
      `Check the rights on it, or choose another one with --data.`,
    { cause },
  );
}

/** Makes the folder, for its owner alone; one that is there keeps its rights. Throws `store.cannot_open`. */
export function makeFolder(folder: string): void {
  try {
    makeLevels(resolve(folder));
  } catch (error) {
    throw cannotOpen(folder, error);
  }
}

/**
 * Level by level from the nearest one that is there. Not `recursive: true`: below a file system that answers ENOENT
 * to mkdir (`/proc`), Node's own loop climbs to a parent that exists and tries again, for ever.
 */
function makeLevels(folder: string): void {
  const missing: string[] = [];
  let level = folder;
  while (!existsSync(level) && dirname(level) !== level) {
    missing.push(level);
    level = dirname(level);
  }
  for (const name of missing.reverse()) mkdirSync(name, { mode: 0o700 });
  // A file in the place of the folder is told as such by the system.
  if (!statSync(folder).isDirectory()) throw new Error(`ENOTDIR: ${folder} is not a folder`);
}
