/** The thread that answers queries, on a connection that cannot write. */
import { parentPort } from 'node:worker_threads';
import type Database from 'better-sqlite3';
import { CodedError } from '../base/errors.ts';
import { loadCatalog } from './catalog-rows.ts';
import { openForReading } from './database.ts';
import { failureOf } from './faults.ts';
import { findDamage } from './integrity.ts';
import { newestMessages } from './message-log.ts';
import { buffersOf } from './mqtt-columns.ts';
import type { FromReader, ReaderRequest, ReaderResults, ToReader } from './protocol.ts';
import { queryRange } from './range-query.ts';

const port = parentPort!;
/** Requests under way or waiting; one that is no longer in here was cancelled. */
const wanted = new Set<number>();
/** The connection of new requests. One that was given up is closed by the last request that still uses it. */
let current: Connection | null = null;

class Connection {
  readonly db: Database.Database;
  #users = 0;
  #givenUp = false;
  #onClosed: (() => void)[] = [];

  constructor(file: string) {
    this.db = openForReading(file);
  }

  async use<T>(work: () => T | Promise<T>): Promise<T> {
    this.#users++;
    try {
      return await work();
    } finally {
      this.#users--;
      this.#closeWhenFree();
    }
  }

  /** Answers once it is closed. */
  giveUp(): Promise<void> {
    return new Promise((resolve) => {
      this.#givenUp = true;
      this.#onClosed.push(resolve);
      this.#closeWhenFree();
    });
  }

  #closeWhenFree(): void {
    if (!this.#givenUp || this.#users > 0) return;
    this.db.close();
    for (const closed of this.#onClosed.splice(0)) closed();
  }
}

async function release(): Promise<null> {
  const connection = current;
  current = null;
  await connection?.giveUp();
  return null;
}

async function answer(
  id: number,
  file: string,
  request: ReaderRequest,
): Promise<ReaderResults[keyof ReaderResults]> {
  const turn = async (): Promise<void> => {
    await new Promise((resolve) => setImmediate(resolve));
    if (!wanted.has(id)) throw new CodedError('store.cancelled', 'The query was cancelled.');
  };
  if (request.kind === 'release') return release();
  await turn(); // whatever is queued behind it may be its cancellation
  const connection = (current ??= new Connection(file));
  return connection.use<ReaderResults[keyof ReaderResults]>(() => {
    switch (request.kind) {
      case 'range':
        return queryRange(connection.db, request.range, turn);
      case 'messages':
        return newestMessages(connection.db, request.topic, request.limit);
      case 'catalog':
        return loadCatalog(connection.db, Date.now());
      case 'check':
        return findDamage(connection.db, turn);
    }
  });
}

async function handle(id: number, file: string, request: ReaderRequest): Promise<void> {
  wanted.add(id);
  try {
    const result = await answer(id, file, request);
    port.postMessage({ id, result } satisfies FromReader, handedOver(result));
  } catch (error) {
    const failure = failureOf(error);
    // What SQLite could not read may be readable on a new connection: a disk that came back, a file that was replaced.
    if (failure.code.startsWith('SQLITE_')) void release();
    port.postMessage({ id, failure } satisfies FromReader);
  } finally {
    wanted.delete(id);
  }
}

/** Columns are handed over instead of copied. */
function handedOver(result: ReaderResults[keyof ReaderResults]): ArrayBuffer[] {
  const buffers: ArrayBuffer[] = [];
  if (result !== null && typeof result === 'object' && 'broker' in result) return buffersOf(result.broker);
  if (!Array.isArray(result)) return buffers;
  for (const item of result) {
    if (!('mode' in item)) continue;
    for (const column of [item.t, item.v, item.min, item.max]) {
      if (column !== null) buffers.push(column.buffer as ArrayBuffer);
    }
  }
  return buffers;
}

port.on('message', (message: ToReader) => {
  if (message.kind === 'request') void handle(message.id, message.file, message.request);
  else if (message.kind === 'cancel') wanted.delete(message.id);
  else {
    wanted.clear();
    void release().then(() => port.close());
  }
});
