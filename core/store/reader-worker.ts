/** The thread that answers queries, on a connection that cannot write. */
import { parentPort } from 'node:worker_threads';
import type Database from 'better-sqlite3';
import { CodedError } from '../base/errors.ts';
import { loadCatalog } from './catalog-rows.ts';
import { openForReading } from './database.ts';
import { failureOf } from './faults.ts';
import { findDamage } from './integrity.ts';
import { newestMessages } from './message-log.ts';
import type { FromReader, ReaderRequest, ReaderResults, ToReader } from './protocol.ts';
import { queryRange } from './range-query.ts';

const port = parentPort!;
/** Requests under way or waiting; one that is no longer in here was cancelled. */
const wanted = new Set<number>();
let db: Database.Database | null = null;

function release(): null {
  const closing = db;
  db = null;
  closing?.close();
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
  db ??= openForReading(file);
  switch (request.kind) {
    case 'range':
      return queryRange(db, request.range, turn);
    case 'messages':
      return newestMessages(db, request.topic, request.limit);
    case 'catalog':
      return loadCatalog(db);
    case 'check':
      return findDamage(db, turn);
  }
}

async function handle(id: number, file: string, request: ReaderRequest): Promise<void> {
  wanted.add(id);
  try {
    const result = await answer(id, file, request);
    port.postMessage({ id, result } satisfies FromReader, buffersOf(result));
  } catch (error) {
    const failure = failureOf(error);
    // What SQLite could not read may be readable on a new connection: a disk that came back, a file that was replaced.
    if (failure.code.startsWith('SQLITE_')) release();
    port.postMessage({ id, failure } satisfies FromReader);
  } finally {
    wanted.delete(id);
  }
}

/** Columns are handed over instead of copied. */
function buffersOf(result: ReaderResults[keyof ReaderResults]): ArrayBuffer[] {
  const buffers: ArrayBuffer[] = [];
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
    release();
    port.close();
  }
});
