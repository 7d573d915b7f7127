import { Worker } from 'node:worker_threads';
import type { Clock, Timer } from '../base/clock.ts';
import { messageOf } from '../base/errors.ts';
import type { Log } from '../base/log.ts';
import type { BatchLine } from './batch-line.ts';
import { failureOf, isDamage } from './faults.ts';
import type { Failure, FileSeed, FromWriter, ToWriter, WriterSettings } from './protocol.ts';
import { workerUrl } from './worker-url.ts';

const FIRST_RETRY_MS = 1_000;
const LONGEST_RETRY_MS = 10_000;
/** A new file that turns out damaged this soon says that the disk is at fault: no file after file. */
const REPLACE_AT_MOST_EVERY_MS = 60_000;

export type Opened = Extract<FromWriter, { kind: 'opened' }>;

interface LoopParts {
  settings: WriterSettings;
  line: BatchLine;
  lingerMs: number;
  clock: Clock;
  log: Log;
  /** Before every opening of the file: takes the lock where it is not held. May throw. */
  prepare(): void;
  /** The file is damaged and closed by the writer: moves it away, and tells what the new one starts with. */
  replace(failure: Failure): Promise<FileSeed>;
  onCommitted(sequence: number, readings: number): void;
  /** Why nothing can be written now, or null once a commit went through. */
  onFault(failure: Failure | null): void;
}

/**
 * Keeps the writer at work: one batch at a time, the next one as soon as the last is on disk, so that batches grow
 * with the load (natural group commit). A batch that failed stays at the head of the line and is tried again, on a
 * new connection, after 1 to 10 s; a writer thread that died is started anew.
 */
export class CommitLoop {
  readonly #parts: LoopParts;
  #worker: Worker | null = null;
  #state: 'closed' | 'opening' | 'idle' | 'committing' | 'stopped' = 'closed';
  #waitForOpen: ((answer: Opened | Failure) => void) | null = null;
  #waitForExit: (() => void) | null = null;
  #attempts = 0;
  #seed: FileSeed | null = null;
  #replacedAtMs = -Infinity;
  #retry: Timer | undefined;
  #linger: Timer | undefined;
  #soon: NodeJS.Immediate | undefined;
  #draining: (() => void) | null = null;
  /** The next opening makes the file anew. */
  #moved: { failure: Failure; seed: () => FileSeed } | null = null;

  constructor(parts: LoopParts) {
    this.#parts = parts;
  }

  /** Opens the file once; a failure is returned, not retried. */
  open(wantCatalog: boolean, seed: FileSeed | null = null): Promise<Opened | Failure> {
    this.#state = 'opening';
    try {
      this.#parts.prepare();
    } catch (error) {
      this.#state = 'closed';
      return Promise.resolve(failureOf(error));
    }
    return new Promise((resolve) => {
      this.#waitForOpen = (answer) => {
        this.#waitForOpen = null;
        if (this.#state === 'opening') this.#state = 'code' in answer ? 'closed' : 'idle';
        resolve(answer);
      };
      this.#send({ kind: 'open', settings: this.#parts.settings, seed, wantCatalog });
    });
  }

  /** The file could not be opened: keep trying, and tell why not. */
  retryAfter(failure: Failure): void {
    this.#fail(failure);
  }

  /** Something was added to the line. */
  wake(): void {
    if (this.#state !== 'idle') return;
    if (this.#parts.line.urgent) {
      // At the end of the turn: whatever the sockets brought in with it shares the commit. To wait for the next turns
      // as well was measured, with 500 clients that each wait: no gain, as what a commit costs is a page per series.
      this.#soon ??= setImmediate(() => this.#post());
    } else {
      this.#linger ??= this.#parts.clock.after(this.#parts.lingerMs, () => this.#post());
    }
  }

  maintain(nowMs: number): void {
    if (this.#state === 'idle') this.#send({ kind: 'maintain', nowMs });
  }

  /**
   * The file was taken away: gives up the present connection, behind the batch that is under way, and opens a new one,
   * filled with `seed` as it is then.
   */
  reopen(failure: Failure, seed: () => FileSeed): void {
    this.#moved = { failure, seed };
    if (this.#state === 'idle') this.#fail(failure);
  }

  /** Commits what waits, or tries to once when the disk is at fault; then ends the thread. Idempotent. */
  async stop(): Promise<void> {
    if (this.#state === 'stopped') return;
    if (!this.#parts.line.empty || this.#moved !== null || this.#seed !== null) {
      await new Promise<void>((resolve) => {
        this.#draining = resolve;
        if (this.#state === 'idle') this.#post();
        else if (this.#state === 'closed') void this.#tryAgain(); // else what is under way ends it
      });
    }
    this.#state = 'stopped';
    this.#cancelTimers();
    const worker = this.#worker;
    if (worker === null) return;
    await new Promise<void>((resolve) => {
      this.#waitForExit = resolve;
      this.#send({ kind: 'stop' });
    });
  }

  #cancelTimers(): void {
    this.#retry?.cancel();
    this.#linger?.cancel();
    if (this.#soon !== undefined) clearImmediate(this.#soon);
    this.#retry = this.#linger = this.#soon = undefined;
  }

  #send(message: ToWriter, transfer: ArrayBuffer[] = []): void {
    this.#worker ??= this.#spawn();
    this.#worker.postMessage(message, transfer);
  }

  #spawn(): Worker {
    const worker = new Worker(workerUrl('writer-worker'), { name: 'record-writer' });
    let reason = 'it ended by itself';
    worker.on('message', (message: FromWriter) => this.#hear(message));
    worker.on('error', (error) => (reason = messageOf(error)));
    worker.on('exit', () => {
      this.#worker = null;
      this.#waitForExit?.();
      if (this.#state !== 'stopped') this.#crashed(reason);
    });
    return worker;
  }

  #hear(message: FromWriter): void {
    switch (message.kind) {
      case 'opened':
        return this.#waitForOpen?.(message);
      case 'open_failed':
        return this.#waitForOpen?.(message.failure);
      case 'committed':
        return this.#committed(message.sequence);
      case 'failed':
        return this.#fail(message.failure);
      case 'maintenance_failed':
        return this.#parts.log.warn('upkeep of the record failed', { ...message.failure });
    }
  }

  #post(): void {
    this.#cancelTimers();
    if (this.#state !== 'idle') return;
    const batch = this.#parts.line.head();
    if (batch === undefined) return this.#drained();
    // All that was in it has gone again, and what came before is on disk: there is nothing to write or to wait for.
    if (batch.bytes === 0) return this.#committed(batch.sequence);
    this.#state = 'committing';
    const { rows, transfer } = batch.toRows();
    this.#send({ kind: 'batch', batch: rows }, transfer);
  }

  #committed(sequence: number): void {
    const { line } = this.#parts;
    const readings = line.head()?.length ?? 0;
    line.done();
    this.#state = 'idle';
    if (this.#attempts > 0) this.#parts.onFault(null);
    this.#attempts = 0;
    this.#parts.onCommitted(sequence, readings);
    if (this.#moved !== null) this.#leaveFile(this.#moved.failure);
    else if (line.empty) this.#drained();
    else if (line.full || this.#draining !== null) this.#post();
    else this.wake();
  }

  /** A stop waits for one attempt to write what the new file is to hold. */
  #leaveFile(failure: Failure): void {
    if (this.#draining === null) return this.#fail(failure);
    this.#state = 'closed';
    void this.#tryAgain();
  }

  /** Why the file that was just opened is to be left again, or null. */
  #goneAgain(): Failure | null {
    return this.#moved?.failure ?? null;
  }

  #stopped(): boolean {
    return this.#state === 'stopped';
  }

  #drained(): void {
    this.#draining?.();
    this.#draining = null;
  }

  #crashed(reason: string): void {
    const failure = { code: 'internal', message: `the recorder thread stopped: ${reason}` };
    this.#parts.log.error('the recorder thread stopped and is started anew', { reason });
    if (this.#waitForOpen !== null) return this.#waitForOpen(failure);
    if (this.#attempts > 0) return this.#fail(failure);
    // The first time it costs nothing but the new connection; a second time in a row is a fault.
    this.#state = 'closed';
    this.#attempts = 1;
    this.#cancelTimers();
    void this.#tryAgain();
  }

  #fail(failure: Failure): void {
    this.#cancelTimers();
    if (this.#state === 'stopped') return;
    this.#state = 'closed';
    if (isDamage(failure) && this.#mayReplace()) return void this.#replace(failure);
    this.#parts.onFault(failure);
    const delayMs = Math.min(LONGEST_RETRY_MS, FIRST_RETRY_MS * 2 ** this.#attempts++);
    if (this.#draining !== null) return this.#drained(); // it was tried; a stop does not wait for a new disk
    this.#retry = this.#parts.clock.after(delayMs, () => void this.#tryAgain());
  }

  async #tryAgain(): Promise<void> {
    this.#cancelTimers();
    if (this.#state === 'stopped') return;
    if (this.#moved !== null) this.#seed = this.#moved.seed();
    this.#moved = null;
    const answer = await this.open(false, this.#seed);
    if (this.#stopped()) return;
    if ('code' in answer) return this.#fail(answer);
    this.#seed = null;
    const gone = this.#goneAgain();
    if (gone !== null) return this.#leaveFile(gone);
    if (this.#parts.line.empty && this.#attempts > 0) {
      // Nothing waits that could prove it, but the file is open again.
      this.#attempts = 0;
      this.#parts.onFault(null);
    }
    this.#post();
  }

  #mayReplace(): boolean {
    const nowMs = this.#parts.clock.monotonic();
    if (nowMs - this.#replacedAtMs < REPLACE_AT_MOST_EVERY_MS) return false;
    this.#replacedAtMs = nowMs;
    return true;
  }

  async #replace(failure: Failure): Promise<void> {
    this.#state = 'opening';
    try {
      this.#seed = await this.#parts.replace(failure);
    } catch (error) {
      return this.#fail(failureOf(error)); // not damage again: this says why it could not be moved
    }
    await this.#tryAgain();
  }
}
