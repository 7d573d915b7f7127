import Database from 'better-sqlite3';
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import {
  everyRow,
  message,
  outgoing,
  putAll,
  retained,
  session,
  subscription,
} from '../../test/support/broker-rows.ts';
import {
  cleanUp,
  columns,
  committed,
  later,
  openRecord,
  ramp,
  recordFolder,
  until,
} from '../../test/support/records.ts';
import { emptyBrokerState } from './mqtt-types.ts';
import type { BrokerState } from './mqtt-types.ts';
import type { Record } from './record.ts';

afterEach(cleanUp);

/** What a start after `close` finds. */
async function reopened(folder: string, record: Record): Promise<BrokerState> {
  await record.close();
  return (await openRecord(folder)).catalog.broker;
}

function commits(record: Record): Promise<void> {
  return committed(record, record.broker.mark(true));
}

describe("the broker's rows", () => {
  it('are there after a restart, every field of every kind', async () => {
    const folder = recordFolder();
    const record = await openRecord(folder);
    expect(record.catalog.broker).toEqual(emptyBrokerState());
    putAll(record.broker, everyRow());
    expect(await reopened(folder, record)).toEqual(everyRow());
  });

  it('change and go, each by its own key', async () => {
    const folder = recordFolder();
    const record = await openRecord(folder);
    const { broker } = record;
    putAll(broker, everyRow());
    await commits(record);
    broker.putSession(session(2, { leftMs: 9 }));
    broker.removeSubscription(1, '#');
    broker.putOutgoing(outgoing(11, 1, 0, { qos: 2, state: 3, packetId: 8 }));
    broker.removeOutgoing(10);
    broker.removeMessage(3);
    broker.removeMessage(6_000_000_000);
    broker.removeIncoming(1, 65_535);
    broker.putRetained(retained('a/b', { client: 'b' }));
    broker.removeRetained('/');
    await commits(record);
    const before = everyRow();
    expect(await reopened(folder, record)).toEqual({
      sessions: [before.sessions[0], session(2, { leftMs: 9 }), before.sessions[2]],
      subscriptions: before.subscriptions.slice(1),
      messages: [],
      outgoing: [outgoing(11, 1, 0, { qos: 2, state: 3, packetId: 8 }), before.outgoing[2]],
      incoming: [before.incoming[0], before.incoming[2]],
      retained: [retained('a/b', { client: 'b' })],
    });
  });

  it('go with their session, and a new session of its id begins with nothing', async () => {
    const folder = recordFolder();
    const record = await openRecord(folder);
    const { broker } = record;
    for (const id of [1, 2]) {
      broker.putSession(session(id));
      broker.putSubscription(subscription(id, 'a'));
      broker.addMessage(message(id));
      broker.putOutgoing(outgoing(id, id, id));
      broker.addIncoming(id, 3);
    }
    await commits(record);
    broker.removeSession(1);
    broker.putSession(session(1, { clientId: 'other' }));
    expect(await reopened(folder, record)).toEqual({
      sessions: [session(1, { clientId: 'other' }), session(2)],
      subscriptions: [subscription(2, 'a')],
      messages: [message(2)],
      outgoing: [outgoing(2, 2, 2)],
      incoming: [{ session: 2, packetId: 3 }],
      retained: [],
    });
  });

  it('that belong to nobody are deleted at a start', async () => {
    const folder = recordFolder();
    const record = await openRecord(folder);
    const { broker } = record;
    broker.putSession(session(1));
    broker.addMessage(message(1)); // for nobody
    broker.addMessage(message(2));
    broker.putOutgoing(outgoing(1, 1, 99)); // of a message that is not there
    broker.putOutgoing(outgoing(2, 1, 2));
    broker.putOutgoing(outgoing(3, 8, 2)); // of a session that is not there
    broker.putSubscription(subscription(8, 'a'));
    broker.addIncoming(8, 1);
    expect(await reopened(folder, record)).toEqual({
      ...emptyBrokerState(),
      sessions: [session(1)],
      messages: [message(2)],
      outgoing: [outgoing(2, 1, 2)],
    });
    const db = new Database(join(folder, 'record.db'), { readonly: true });
    later(() => db.close());
    expect(db.prepare('SELECT id FROM mqtt_message').pluck().all()).toEqual([2]);
    expect(db.prepare('SELECT order_no FROM mqtt_outgoing').pluck().all()).toEqual([2]);
  });

  it('that were loaded leave the disk when they go after a restart', async () => {
    const folder = recordFolder();
    const first = await openRecord(folder);
    first.broker.putSession(session(1));
    first.broker.addMessage(message(5));
    first.broker.putOutgoing(outgoing(5, 1, 5));
    await first.close();
    const second = await openRecord(folder);
    second.broker.putOutgoing(outgoing(5, 1, 5, { state: 1, packetId: 1 }));
    second.broker.removeOutgoing(5);
    second.broker.removeMessage(5);
    expect(await reopened(folder, second)).toEqual({ ...emptyBrokerState(), sessions: [session(1)] });
  });
});

describe('the mark of the broker', () => {
  it('is reached although all that was added has gone again, without a commit', async () => {
    const folder = recordFolder();
    const record = await openRecord(folder, { lingerMs: 3_600_000 });
    record.broker.addIncoming(1, 1);
    const mark = record.broker.mark(true);
    record.broker.removeIncoming(1, 1);
    await committed(record, mark);
    record.addReadings(columns([1, 1, 1]), 1, true);
    const next = record.mark();
    expect(next).toBe(mark + 1);
    await committed(record, next);
    expect(record.status().committedReadings).toBe(1);
  });

  it('shares one transaction with the readings of the same turn', async () => {
    const record = await openRecord(recordFolder(), { lingerMs: 3_600_000 });
    record.addReadings(columns([1, 1, 1]), 1, false);
    record.broker.putSession(session(1));
    expect(record.broker.mark(false)).toBe(record.mark());
    await commits(record);
    expect(record.status().committedReadings).toBe(1);
  });

  it('does not hurry what is added after it', async () => {
    const record = await openRecord(recordFolder(), { lingerMs: 3_600_000 });
    expect(record.broker.mark(true)).toBe(0);
    record.broker.putSession(session(1));
    await new Promise((resolve) => setImmediate(resolve));
    await record.messages('a', 1); // the threads had time to do anything
    expect(record.committedMark).toBe(0);
  });
});

describe('a full disk', () => {
  it('lets rows wait, tries again and loses nothing', async () => {
    const folder = recordFolder();
    const record = await openRecord(folder, { maxPages: 150 });
    const { broker } = record;
    record.addReadings(ramp(1, 15_000), 0, true);
    await committed(record);
    const rows = everyRow();
    rows.retained = Array.from({ length: 60 }, (_, i) =>
      retained(`r/${String(i).padStart(4, '0')}`, { payload: new Uint8Array(2_000).fill(i) }),
    );
    putAll(broker, rows);
    const mark = broker.mark(true);
    await until(record.statusChanged, () => record.status().state === 'fault');
    expect(record.status().fault!.code).toBe('disk_full');
    expect(record.committedMark).toBeLessThan(mark);
    expect(broker.accepting).toBe(true);
    broker.removeRetained('r/0000');
    broker.removeSession(2);

    // Room comes: another connection takes the readings away. Of the rows that wait it sees none, never half.
    const other = new Database(join(folder, 'record.db'), { timeout: 5_000 });
    expect(other.prepare('SELECT count(*) FROM mqtt_retained').pluck().get()).toBe(0);
    other.prepare('DELETE FROM reading_head').run();
    other.close();
    await commits(record);
    expect(record.status().state).toBe('ok');
    expect(await reopened(folder, record)).toEqual({
      ...rows,
      sessions: [rows.sessions[0], rows.sessions[2]],
      messages: [rows.messages[1]],
      outgoing: [rows.outgoing[1]],
      retained: rows.retained.slice(1),
    });
  });

  it('does not let what the broker keeps pile up beyond what there is to keep', async () => {
    const record = await openRecord(recordFolder(), {
      maxPages: 45,
      batchBytes: 50_000,
      backlogBytes: 500_000,
    });
    const { broker } = record;
    for (let i = 0; broker.accepting; i++) {
      broker.putRetained(retained(`r/${i % 50}`, { payload: new Uint8Array(10_000) }));
    }
    const mark = broker.mark(true);
    for (let i = 0; i < 5_000; i++) {
      broker.putRetained(retained(`r/${i % 50}`, { payload: new Uint8Array(10_000) }));
    }
    expect(broker.mark(true)).toBeLessThanOrEqual(mark + 1);
  });
});

it('a file that is replaced while the station runs gets the state of the broker anew', async () => {
  const folder = recordFolder();
  const record = await openRecord(folder, { brokerState: everyRow });
  record.broker.putRetained(retained('before'));
  await commits(record);
  for (const suffix of ['', '-wal', '-shm']) rmSync(join(folder, `record.db${suffix}`), { force: true });
  await until(record.statusChanged, () => record.status().state === 'fault');
  await until(record.statusChanged, () => record.status().state === 'ok');
  record.broker.removeRetained('/');
  await commits(record);
  expect(await reopened(folder, record)).toEqual({ ...everyRow(), retained: [everyRow().retained[1]] });
});
