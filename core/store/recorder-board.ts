import { stat, statfs } from 'node:fs/promises';
import { join } from 'node:path';
import type { Clock } from '../base/clock.ts';
import { Signal } from '../base/events.ts';
import type { FaultCode, RecorderStatus } from '../contract/station.ts';
import { faultCodeOf, faultMessage } from './faults.ts';
import type { Failure } from './protocol.ts';
import { RECORD_FILE } from './set-aside.ts';

type Fault = NonNullable<RecorderStatus['fault']>;

/** Where a fault was met: each kind comes and goes on its own. The first in this order is the one that is told. */
const SOURCES = ['write', 'damage', 'backlog'] as const;
export type FaultSource = (typeof SOURCES)[number];

/** What people are told about the recorder. */
export class RecorderBoard {
  readonly changed = new Signal<void>();
  readonly #folder: string;
  readonly #clock: Clock;
  readonly #faults = new Map<FaultSource, Fault>();
  setAside: RecorderStatus['setAside'] = null;
  committedReadings = 0;
  droppedReadings = 0;
  lastCommitMs: number | null = null;
  #databaseBytes = 0;
  #freeBytes: number | null = null;
  /** Identity of the file that the record was opened with. */
  #inode: number | null = null;

  constructor(folder: string, clock: Clock) {
    this.#folder = folder;
    this.#clock = clock;
  }

  has(source: FaultSource): boolean {
    return this.#faults.has(source);
  }

  /** Sets or clears (null) the fault of one source; `sinceMs` stays while the code does. */
  setFault(source: FaultSource, failure: Failure | null, code?: FaultCode): void {
    const before = this.#faults.get(source);
    if (failure === null) {
      if (before === undefined) return;
      this.#faults.delete(source);
    } else {
      const is = code ?? faultCodeOf(failure);
      const message = faultMessage(is, this.#folder, failure);
      if (before?.code === is && before.message === message) return;
      const sinceMs = before?.code === is ? before.sinceMs : this.#clock.now();
      this.#faults.set(source, { code: is, message, sinceMs });
    }
    this.changed.emit();
  }

  status(pendingReadings: number): RecorderStatus {
    const source = SOURCES.find((name) => this.#faults.has(name));
    return {
      state: source === undefined ? 'ok' : 'fault',
      fault: source === undefined ? null : { ...this.#faults.get(source)! },
      setAside: this.setAside,
      committedReadings: this.committedReadings,
      pendingReadings,
      droppedReadings: this.droppedReadings,
      lastCommitMs: this.lastCommitMs,
      databaseBytes: this.#databaseBytes,
      freeBytes: this.#freeBytes,
    };
  }

  /** The present file is the one to watch from now on. */
  forgetFile(): void {
    this.#inode = null;
  }

  /** Looks at the disk. `moved`: the file that the record writes to is no longer the one at its place. */
  async look(): Promise<{ moved: boolean }> {
    const file = join(this.#folder, RECORD_FILE);
    const [main, wal, disk] = await Promise.all([
      stat(file).catch(() => null),
      stat(`${file}-wal`).catch(() => null),
      statfs(this.#folder).catch(() => null),
    ]);
    const databaseBytes = (main?.size ?? 0) + (wal?.size ?? 0);
    const freeBytes = disk === null ? null : disk.bavail * disk.bsize;
    const changed = databaseBytes !== this.#databaseBytes || freeBytes !== this.#freeBytes;
    this.#databaseBytes = databaseBytes;
    this.#freeBytes = freeBytes;
    if (changed) this.changed.emit();
    const moved = this.#inode !== null && main?.ino !== this.#inode;
    this.#inode = main?.ino ?? null;
    return { moved };
  }
}
