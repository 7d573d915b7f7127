import { Worker } from 'node:worker_threads';
import { CodedError, messageOf } from '../base/errors.ts';
import type { Log } from '../base/log.ts';
import type { Failure, FromReader, ReaderRequest, ReaderResults, ToReader } from './protocol.ts';
import { workerUrl } from './worker-url.ts';

interface Pending {
  resolve(result: never): void;
  reject(error: CodedError): void;
}

/** Asks the reading thread. The thread starts with the first request, and anew after it died. */
export class ReaderLink {
  readonly #file: string;
  readonly #log: Log;
  readonly #onFailure: (failure: Failure) => void;
  readonly #pending = new Map<number, Pending>();
  #worker: Worker | null = null;
  #nextId = 1;
  #stopped = false;

  /** `onFailure` hears every failure of SQLite's, which may tell of damage that no write has met. */
  constructor(file: string, log: Log, onFailure: (failure: Failure) => void) {
    this.#file = file;
    this.#log = log;
    this.#onFailure = onFailure;
  }

  /**
   * Rejects with `store.cancelled` when `signal` is aborted (the thread then drops the request, at the latest at its
   * next bucket), `store.stopped` after `stop`, else `store.unavailable` when the record cannot be read.
   */
  ask<R extends ReaderRequest>(request: R, signal?: AbortSignal): Promise<ReaderResults[R['kind']]> {
    return new Promise((resolve, reject) => {
      if (this.#stopped) return reject(new CodedError('store.stopped', 'The record is closed.'));
      if (signal?.aborted === true) return reject(cancelled());
      const id = this.#nextId++;
      const cancel = (): void => {
        this.#pending.delete(id);
        this.#worker?.postMessage({ kind: 'cancel', id } satisfies ToReader);
        reject(cancelled());
      };
      signal?.addEventListener('abort', cancel, { once: true });
      const settle = (): void => signal?.removeEventListener('abort', cancel);
      this.#pending.set(id, {
        resolve: (result) => {
          settle();
          resolve(result);
        },
        reject: (error) => {
          settle();
          reject(error);
        },
      });
      this.#worker ??= this.#spawn();
      this.#worker.postMessage({ kind: 'request', id, file: this.#file, request } satisfies ToReader);
    });
  }

  /** Lets go of the file once the queries under way are done; the next one opens it anew. */
  async release(): Promise<void> {
    if (this.#worker !== null && !this.#stopped) await this.ask({ kind: 'release' });
  }

  async stop(): Promise<void> {
    if (this.#stopped) return;
    this.#stopped = true;
    const worker = this.#worker;
    if (worker === null) return;
    const ended = new Promise((resolve) => worker.once('exit', resolve));
    worker.postMessage({ kind: 'stop' } satisfies ToReader);
    await ended;
  }

  #spawn(): Worker {
    const worker = new Worker(workerUrl('reader-worker'), { name: 'record-reader' });
    let reason = 'The record was closed.';
    worker.on('message', (message: FromReader) => this.#hear(message));
    worker.on('error', (error) => {
      reason = `The reading thread stopped: ${messageOf(error)}`;
      this.#log.error('the reading thread stopped and starts anew with the next query', { error });
    });
    worker.on('exit', () => {
      this.#worker = null;
      const waiting = [...this.#pending.values()];
      this.#pending.clear();
      for (const { reject } of waiting) reject(new CodedError('store.unavailable', reason));
    });
    return worker;
  }

  #hear(message: FromReader): void {
    const pending = this.#pending.get(message.id);
    this.#pending.delete(message.id);
    if ('result' in message) return pending?.resolve(message.result as never);
    const { failure } = message;
    if (failure.code.startsWith('SQLITE_')) this.#onFailure(failure);
    const text = `The record cannot be read now: ${failure.message} (${failure.code}).`;
    pending?.reject(new CodedError('store.unavailable', text, { detail: { ...failure } }));
  }
}

function cancelled(): CodedError {
  return new CodedError('store.cancelled', 'The query was cancelled.');
}
