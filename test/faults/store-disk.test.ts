/** Disks that are full, cannot be written to, or fail. Nothing that was acknowledged may be lost with them. */
import { existsSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import Database from 'better-sqlite3';
import { afterEach, describe, expect, it } from 'vitest';
import type { Record } from '../../core/store/record.ts';
import { fillDisk, makeImmutable, smallDisk } from '../support/mounts.ts';
import type { SmallDisk } from '../support/mounts.ts';
import {
  cleanUp,
  columns,
  committed,
  device,
  later,
  openRecord,
  ramp,
  recordFolder,
  series,
  until,
} from '../support/records.ts';

afterEach(cleanUp);

const EVERYTHING = { from: -Infinity, to: Infinity, maxPoints: 1e6 };

function faulty(record: Record): Promise<void> {
  return until(record.statusChanged, () => record.status().state === 'fault');
}

function sound(record: Record): Promise<void> {
  return until(record.statusChanged, () => record.status().state === 'ok');
}

async function total(record: Record): Promise<number> {
  return (await record.query({ series: [1], ...EVERYTHING }))[0]!.total;
}

/** Adds acknowledged readings, 1,000 at a time, until the disk takes no more. Answers with how many were added. */
async function fill(record: Record, start = 0): Promise<number> {
  let added = start;
  for (;;) {
    record.addReadings(ramp(1, 1000, added * 1000), 0, true);
    added += 1000;
    const mark = record.mark();
    await Promise.race([committed(record, mark), faulty(record)]);
    if (record.status().state === 'fault') return added;
  }
}

describe('a record that is full', () => {
  it('tells it, keeps what came, and goes on by itself once there is room', async () => {
    const folder = recordFolder();
    const record = await openRecord(folder, { maxPages: 60 });
    const added = await fill(record);
    const status = record.status();
    expect(status.fault).toMatchObject({ code: 'disk_full' });
    expect(status.fault!.message).toContain(folder);
    expect(record.committedMark).toBeLessThan(record.mark());
    const kept = await total(record);
    expect(status.pendingReadings).toBe(added - kept);
    expect(record.accepting).toBe(true);

    // Room comes: another connection takes the oldest half away.
    const db = new Database(join(folder, 'record.db'), { timeout: 5000 });
    db.prepare('DELETE FROM reading_head WHERE t < ?').run((kept / 2) * 1000);
    db.close();
    await committed(record);
    expect(record.status()).toMatchObject({ state: 'ok', fault: null, pendingReadings: 0 });
    const [found] = await record.query({ series: [1], ...EVERYTHING, from: (kept / 2) * 1000 });
    expect(found!.total).toBe(added - kept / 2);
  });

  it('gives up what nobody waits for once too much waits, counts it, and asks to refuse the rest', async () => {
    const record = await openRecord(recordFolder(), { maxPages: 60, backlogReadings: 3000 });
    const waiting = (): number => record.status().pendingReadings;
    await fill(record);
    while (record.accepting) record.addReadings(columns([1, Date.now(), 1]), 0, false);
    expect(waiting()).toBe(3000);
    record.addReadings(ramp(1, 7), 0, false);
    expect(record.status()).toMatchObject({ droppedReadings: 7, pendingReadings: 3000 });
    expect(record.status().fault!.code).toBe('disk_full');
    record.addReadings(columns([1, 1, 1]), 0, true); // the caller did not look: an acknowledgement is never a lie
    expect(waiting()).toBe(3001);
  });

  it('does not hold up the stop of the station', async () => {
    const folder = recordFolder();
    const record = await openRecord(folder, { maxPages: 60 });
    await fill(record);
    const before = await total(record);
    await record.close();
    const again = await openRecord(folder);
    expect(await total(again)).toBe(before);
  });
});

const probe = smallDisk(64);
probe?.unmount();

describe.skipIf(probe === null)('a disk of its own', () => {
  function disk(kib: number): SmallDisk {
    const made = smallDisk(kib)!;
    later(() => made.unmount());
    return made;
  }

  it('that fills up: the record waits, and recovers when something is deleted', async () => {
    const { path } = disk(3000);
    const ballast = join(path, 'ballast');
    writeFileSync(ballast, Buffer.alloc(1_500_000));
    const record = await openRecord(path);
    const added = await fill(record);
    expect(record.status().fault!.code).toBe('disk_full');
    await until(record.statusChanged, () => record.status().freeBytes! < 100_000);
    const before = await total(record); // reading goes on
    expect(before).toBeLessThan(added);
    rmSync(ballast);
    await committed(record);
    expect(await total(record)).toBe(added);
    expect(record.status().state).toBe('ok');
    await record.close();
    expect(await total(await openRecord(path))).toBe(added);
  });

  it('that is full at the start: the station starts, shows what it knows and records later', async () => {
    const { path } = disk(3000);
    const first = await openRecord(path);
    first.putDevice(device(1));
    first.putSeries(series(1));
    first.addReadings(ramp(1, 10), 0, true);
    await first.close();
    const ballast = join(path, 'ballast');
    fillDisk(ballast);
    const record = await openRecord(path);
    expect(record.catalog.devices).toHaveLength(1);
    expect([...record.catalog.lastValues.v]).toEqual([9]);
    record.addReadings(ramp(1, 1000, 1e6), 0, true);
    await faulty(record);
    expect(record.status().fault!.code).toBe('disk_full');
    rmSync(ballast);
    await committed(record);
    expect(await total(record)).toBe(1010);
  });

  it('that is full before there is a record: a new one is made once there is room', async () => {
    const { path } = disk(400);
    const ballast = join(path, 'ballast');
    fillDisk(ballast);
    const record = await openRecord(path);
    expect(record.status().fault!.code).toBe('disk_full');
    record.putDevice(device(1));
    record.addReadings(columns([1, 1, 1]), 0, true);
    rmSync(ballast);
    await committed(record);
    expect(record.status().state).toBe('ok');
    expect(await total(record)).toBe(1);
  });

  it('that is read-only at the start: shows what it knows, and records once it is writable', async () => {
    const made = disk(3000);
    const first = await openRecord(made.path);
    first.putDevice(device(1));
    first.addReadings(ramp(1, 10), 0, true);
    await first.close();
    made.remount('ro');
    const record = await openRecord(made.path);
    expect(record.status().fault).toMatchObject({ code: 'read_only' });
    expect(record.status().fault!.message).toContain(made.path);
    expect(record.catalog.devices).toHaveLength(1);
    expect(await total(record)).toBe(10);
    record.addReadings(columns([1, 1e6, 1]), 0, true);
    made.remount('rw');
    await committed(record);
    expect(record.status().state).toBe('ok');
    expect(await total(record)).toBe(11);
    expect(existsSync(join(made.path, 'running.json'))).toBe(true);
  });

  it('that is read-only and holds no record yet', async () => {
    const made = disk(3000);
    made.remount('ro');
    const record = await openRecord(made.path);
    expect(record.status().fault!.code).toBe('read_only');
    made.remount('rw');
    await sound(record);
    record.addReadings(columns([1, 1, 1]), 0, true);
    await committed(record);
  });
});

it('waits out a disk that fails every write', async (context) => {
  const folder = recordFolder();
  const record = await openRecord(folder);
  record.addReadings(columns([1, 1, 1]), 0, true);
  await committed(record);
  const undo = makeImmutable(join(folder, 'record.db-wal'));
  if (undo === null) return context.skip();
  later(undo);
  record.addReadings(columns([1, 2, 2]), 0, true);
  await faulty(record);
  expect(['io', 'read_only']).toContain(record.status().fault!.code);
  expect(record.status().fault!.message).toContain('tried again by itself');
  undo();
  await committed(record);
  expect(await total(record)).toBe(2);
  expect(record.status().state).toBe('ok');
});

it('starts the record anew when someone takes the file away, with its devices', async () => {
  const folder = recordFolder();
  const record = await openRecord(folder);
  record.putDevice(device(1));
  record.addReadings(columns([1, 1, 1]), 0, true);
  await committed(record);
  for (const suffix of ['', '-wal', '-shm']) rmSync(join(folder, `record.db${suffix}`), { force: true });
  await faulty(record);
  await sound(record);
  record.addReadings(columns([1, 2, 2]), 0, true);
  await record.close();
  const again = await openRecord(folder);
  expect(again.catalog.devices).toEqual([device(1)]);
  expect(await total(again)).toBe(1);
});
