/** The thread that owns the writing connection. Glue only: what it does is in writer.ts. */
import { parentPort } from 'node:worker_threads';
import { failureOf } from './faults.ts';
import { buffersOf } from './mqtt-columns.ts';
import type { FromWriter, ToWriter } from './protocol.ts';
import { Writer } from './writer.ts';

const port = parentPort!;
let writer: Writer | null = null;

function answer(message: FromWriter, transfer: ArrayBuffer[] = []): void {
  port.postMessage(message, transfer);
}

function release(): void {
  const closing = writer;
  writer = null;
  closing?.close();
}

function open(message: Extract<ToWriter, { kind: 'open' }>): void {
  try {
    release();
    writer = new Writer(message.settings, message.seed);
    const catalog = message.wantCatalog ? writer.loadCatalog(Date.now()) : null;
    const transfer = catalog === null ? [] : buffersOf(catalog.broker);
    answer({ kind: 'opened', catalog, readings: writer.readings }, transfer);
  } catch (error) {
    release();
    answer({ kind: 'open_failed', failure: failureOf(error) });
  }
}

function commit(message: Extract<ToWriter, { kind: 'batch' }>): void {
  const { sequence } = message.batch;
  try {
    if (writer === null) throw new Error('the record is not open');
    writer.commit(message.batch);
    answer({ kind: 'committed', sequence });
  } catch (error) {
    const failure = failureOf(error);
    try {
      release(); // descriptors of a disk that went away stay dead: the next attempt starts with a new connection
    } catch {
      writer = null;
    }
    answer({ kind: 'failed', sequence, failure });
  }
}

function maintain(nowMs: number): void {
  try {
    writer?.maintain(nowMs);
  } catch (error) {
    answer({ kind: 'maintenance_failed', failure: failureOf(error) });
  }
}

port.on('message', (message: ToWriter) => {
  switch (message.kind) {
    case 'open':
      return open(message);
    case 'batch':
      return commit(message);
    case 'maintain':
      return maintain(message.nowMs);
    case 'release':
      release();
      return answer({ kind: 'released' });
    case 'stop':
      try {
        release();
      } finally {
        port.close();
      }
  }
});
