/** Small things that tests of the record share. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { silentLog } from '../../core/base/log.ts';
import { Record } from '../../core/store/record.ts';
import type { ReadingsIn, RecordOptions } from '../../core/store/record.ts';
import type { DeviceRecord, SeriesRecord, TopicRecord } from '../../core/store/types.ts';

const cleanups: (() => unknown)[] = [];

/** Runs `work` at the next `cleanUp`, last one first. */
export function later(work: () => unknown): void {
  cleanups.push(work);
}

/** For `afterEach`. */
export async function cleanUp(): Promise<void> {
  for (const work of cleanups.splice(0).reverse()) await work();
}

/** A new folder that is removed with `cleanUp`. */
export function recordFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'fieldstation-record-'));
  later(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

/** Opens a record that is closed with `cleanUp`. */
export async function openRecord(folder: string, options: Partial<RecordOptions> = {}): Promise<Record> {
  const record = await Record.open(folder, { log: silentLog, ...options });
  later(() => record.close());
  return record;
}

/** Rows of [series, t, v] as columns. */
export function columns(...rows: [number, number, number][]): ReadingsIn {
  return {
    length: rows.length,
    series: Int32Array.from(rows, (row) => row[0]),
    t: Float64Array.from(rows, (row) => row[1]),
    v: Float64Array.from(rows, (row) => row[2]),
  };
}

/** `count` readings of one series, one a second from `fromMs`, with the value `i`. */
export function ramp(series: number, count: number, fromMs = 0): ReadingsIn {
  return columns(
    ...Array.from({ length: count }, (_, i) => [series, fromMs + i * 1000, i] as [number, number, number]),
  );
}

/** Everything added so far is on disk. */
export function committed(record: Record, mark = record.mark()): Promise<void> {
  return until(record.committed, () => record.committedMark >= mark);
}

/** Waits for `holds` to become true, looking again each time that `signal` emits. */
export function until<T>(
  signal: { on(listener: (value: T) => void): () => void },
  holds: () => boolean,
): Promise<void> {
  return new Promise((resolve) => {
    if (holds()) return resolve();
    const off = signal.on(() => {
      if (!holds()) return;
      off();
      resolve();
    });
  });
}

export function device(id: number, over: Partial<DeviceRecord> = {}): DeviceRecord {
  const key = `plant/device${id}`;
  return {
    id,
    key,
    name: key,
    protocols: ['mqtt'],
    coapAuthority: null,
    firstSeenMs: 1,
    lastSeenMs: 1,
    ...over,
  };
}

export function series(id: number, over: Partial<SeriesRecord> = {}): SeriesRecord {
  return { id, deviceId: 1, name: `s${id}`, quantity: 'temperature', unit: 'Cel', ...over };
}

export function topic(name: string, over: Partial<TopicRecord> = {}): TopicRecord {
  return {
    topic: name,
    deviceId: null,
    messages: 1,
    receivedMs: 1,
    qos: 0,
    retain: false,
    client: null,
    payload: new Uint8Array([1]),
    payloadBytes: 1,
    rawReason: null,
    ...over,
  };
}
