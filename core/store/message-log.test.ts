import { join } from 'node:path';
import { afterEach, expect, it } from 'vitest';
import { cleanUp, later, recordFolder, topic } from '../../test/support/records.ts';
import { openForReading } from './database.ts';
import { newestMessages } from './message-log.ts';
import type { BatchRows } from './protocol.ts';
import type { MessageRecord } from './types.ts';
import { Writer } from './writer.ts';

afterEach(cleanUp);

let sequence = 0;

function batch(messages: MessageRecord[], over: Partial<BatchRows> = {}): BatchRows {
  const none = new Float64Array(0);
  return {
    sequence: ++sequence,
    seriesOf: new Int32Array(0),
    t: none,
    v: none,
    received: none,
    devices: [],
    series: [],
    resources: [],
    registrations: [],
    topics: [],
    messages,
    mqtt: null,
    ...over,
  };
}

function message(name: string, receivedMs: number, bytes = 100): MessageRecord {
  const payload = new Uint8Array(bytes).fill(receivedMs % 256);
  return { topic: name, receivedMs, qos: 0, retain: false, client: null, payload };
}

function open(file: string, limits: { bytes?: number; ageMs?: number } = {}): Writer {
  const { bytes = 1e9, ageMs = 1e12 } = limits;
  const settings = {
    file,
    run: `${++sequence}`,
    messageLogBytes: bytes,
    messageLogAgeMs: ageMs,
    maxPages: null,
  };
  const writer = new Writer(settings, null);
  later(() => writer.close());
  return writer;
}

function countAll(file: string): number {
  const db = openForReading(file);
  try {
    return db.prepare('SELECT count(*) FROM message').pluck().get() as number;
  } finally {
    db.close();
  }
}

it('stays under its bytes, giving up the oldest, also across a restart', () => {
  const file = join(recordFolder(), 'record.db');
  const first = open(file, { bytes: 300_000 });
  for (let i = 0; i < 40; i++) {
    first.commit(batch(Array.from({ length: 100 }, (_, k) => message('a', i * 100 + k))));
  }
  first.close();
  const kept = countAll(file);
  expect(kept).toBeLessThanOrEqual(300_000 / 164);
  expect(kept).toBeGreaterThan(300_000 / 164 - 501);

  const second = open(file, { bytes: 100_000 });
  second.commit(batch([message('b', 5000)]));
  expect(countAll(file)).toBeLessThanOrEqual(100_000 / 164);
  const db = openForReading(file);
  later(() => db.close());
  expect(newestMessages(db, 'b', 5)).toHaveLength(1);
  expect(newestMessages(db, 'a', 1)[0]!.receivedMs).toBe(3999);
});

it('gives up what is too old, and nothing else', () => {
  const file = join(recordFolder(), 'record.db');
  const writer = open(file, { ageMs: 1000 });
  writer.commit(batch(Array.from({ length: 1200 }, (_, i) => message('a', i))));
  writer.maintain(1900);
  expect(countAll(file)).toBe(300);
  writer.maintain(1_000_000);
  expect(countAll(file)).toBe(0);
});

it('shares the name of a topic with the topic table', () => {
  const file = join(recordFolder(), 'record.db');
  const writer = open(file);
  writer.commit(batch([message('a', 1), message('a', 2)], { topics: [topic('a'), topic('b')] }));
  const db = openForReading(file);
  later(() => db.close());
  expect(db.prepare('SELECT name FROM topic_name ORDER BY name').pluck().all()).toEqual(['a', 'b']);
  expect(newestMessages(db, 'a', 1).map((m) => m.receivedMs)).toEqual([2]);
});

it('forgets names that neither a message nor the topic table has any more', () => {
  const file = join(recordFolder(), 'record.db');
  const writer = open(file, { ageMs: 1000 });
  const replies = Array.from({ length: 1200 }, (_, i) => message(`reply/${i}`, i));
  writer.commit(batch(replies, { topics: [topic('reply/3')] }));
  writer.commit(batch([message('reply/4', 5000)]));
  writer.maintain(5500);
  const db = openForReading(file);
  later(() => db.close());
  const names = db.prepare('SELECT name FROM topic_name ORDER BY name').pluck();
  expect(names.all()).toEqual(['reply/3', 'reply/4']);
  // A name that comes back gets a number that nobody else has.
  writer.commit(batch([message('other', 5001), message('reply/1199', 5002), message('reply/3', 5003)]));
  for (const name of ['other', 'reply/1199', 'reply/3', 'reply/4']) {
    expect(newestMessages(db, name, 9)).toHaveLength(1);
  }
});

it('counts the name of a topic: long names with nothing to say fill a disk too', () => {
  const file = join(recordFolder(), 'record.db');
  const writer = open(file, { bytes: 300_000 });
  for (let i = 0; i < 10; i++) {
    const name = (k: number): string => `${i}/${k}`.padEnd(10_000, 'x');
    writer.commit(batch(Array.from({ length: 20 }, (_, k) => message(name(k), 1, 1))));
  }
  const db = openForReading(file);
  later(() => db.close());
  expect(db.prepare('SELECT sum(length(name)) FROM topic_name').pluck().get()).toBeLessThanOrEqual(300_000);
  expect(newestMessages(db, '9/19'.padEnd(10_000, 'x'), 1)).toHaveLength(1);
});

it('does not write a batch twice that it has committed already in this run', () => {
  const file = join(recordFolder(), 'record.db');
  const settings = { file, run: 'same', messageLogBytes: 1e9, messageLogAgeMs: 1e12, maxPages: null };
  const first = new Writer(settings, null);
  const rows = batch([message('a', 1)]);
  first.commit(rows);
  first.close();
  const again = new Writer(settings, null);
  again.commit(rows);
  again.close();
  expect(countAll(file)).toBe(1);
  const nextRun = new Writer({ ...settings, run: 'other' }, null);
  nextRun.commit(rows);
  nextRun.close();
  expect(countAll(file)).toBe(2);
});
