/** Threads of the record that die under it. */
import { once } from 'node:events';
import type { Worker } from 'node:worker_threads';
import { afterEach, expect, it } from 'vitest';
import { cleanUp, columns, committed, later, openRecord, ramp, recordFolder } from '../support/records.ts';

afterEach(cleanUp);

const EVERYTHING = { from: -Infinity, to: Infinity, maxPoints: 1e6 };

/** Every worker thread that this process starts from now on. */
function threads(): Worker[] {
  const started: Worker[] = [];
  const listen = (worker: Worker): void => void started.push(worker);
  process.on('worker', listen);
  later(() => process.off('worker', listen));
  return started;
}

it('starts a writer that died anew and writes each batch once', async () => {
  const started = threads();
  const record = await openRecord(recordFolder(), { batchReadings: 500 });
  for (let round = 0; round < 5; round++) {
    record.addReadings(ramp(1, 10_000, round * 1e7), 0, true);
    const mark = record.mark();
    await committed(record, mark - 12); // in the middle of its work
    await started.at(-1)!.terminate();
    await committed(record, mark);
  }
  expect(started.length).toBeGreaterThan(5);
  const [found] = await record.query({ series: [1], ...EVERYTHING });
  expect(found!.total).toBe(50_000);
  expect(record.status()).toMatchObject({ state: 'ok', committedReadings: 50_000, pendingReadings: 0 });
});

it('answers queries again after the reader died', async () => {
  const record = await openRecord(recordFolder());
  record.addReadings(columns([1, 1, 1]), 1, true);
  await committed(record);
  const starting = once(process, 'worker') as Promise<[Worker]>;
  const first = record.query({ series: [1], ...EVERYTHING });
  const refused = expect(first).rejects.toMatchObject({ code: 'store.unavailable' });
  const [reader] = await starting;
  await reader.terminate(); // it has hardly begun
  await refused;
  expect((await record.query({ series: [1], ...EVERYTHING }))[0]!.total).toBe(1);
});
