import { join } from 'node:path';
import fc from 'fast-check';
import { afterEach, describe, expect, it } from 'vitest';
import { cleanUp, columns, later, ramp, recordFolder } from '../../test/support/records.ts';
import { openForReading } from './database.ts';
import type { RangeRequest } from './protocol.ts';
import { queryRange } from './range-query.ts';
import type { ReadingsIn } from './record.ts';
import { Writer } from './writer.ts';

afterEach(cleanUp);

const noTurn = (): Promise<void> => Promise.resolve();

/** A record with these readings, and a way to ask it. */
function recordOf(...parts: ReadingsIn[]): (request: RangeRequest) => ReturnType<typeof queryRange> {
  const file = join(recordFolder(), 'record.db');
  const settings = { file, run: 'r', messageLogBytes: 1e9, messageLogAgeMs: 1e12, maxPages: null };
  const writer = new Writer(settings, null);
  for (const [i, part] of parts.entries()) {
    writer.commit({
      sequence: i + 1,
      seriesOf: part.series,
      t: part.t,
      v: part.v,
      received: part.t,
      devices: [],
      series: [],
      resources: [],
      registrations: [],
      topics: [],
      messages: [],
      mqtt: null,
    });
  }
  writer.close();
  const db = openForReading(file);
  later(() => db.close());
  return (request) => queryRange(db, request, noTurn);
}

describe('a range that fits', () => {
  it('comes raw, both ends included', async () => {
    const ask = recordOf(ramp(1, 10));
    const [found] = await ask({ series: [1], from: 2000, to: 5000, maxPoints: 4 });
    expect(found).toMatchObject({ id: 1, mode: 'raw', bucketMs: 0, min: null, max: null, total: 4 });
    expect([...found!.t]).toEqual([2000, 3000, 4000, 5000]);
    expect([...found!.v]).toEqual([2, 3, 4, 5]);
  });

  it('is empty for a series without readings and for a range turned round', async () => {
    const ask = recordOf(ramp(1, 10));
    const [none, back] = [
      await ask({ series: [7], from: 0, to: 1e15, maxPoints: 10 }),
      await ask({ series: [1], from: 5000, to: 2000, maxPoints: 10 }),
    ];
    expect([none[0]!.total, back[0]!.total]).toEqual([0, 0]);
  });

  it('answers each series in the order asked for', async () => {
    const ask = recordOf(ramp(1, 3), ramp(2, 300));
    const found = await ask({ series: [2, 1, 2], from: 0, to: 1e9, maxPoints: 10 });
    expect(found.map((columnsOf) => [columnsOf.id, columnsOf.mode])).toEqual([
      [2, 'bucket'],
      [1, 'raw'],
      [2, 'bucket'],
    ]);
  });
});

describe('a range that does not fit', () => {
  it('keeps a single spike in min and max', async () => {
    const rows = ramp(1, 10_000);
    rows.v.fill(20);
    rows.v[4321] = 999;
    rows.v[4322] = -999;
    const [found] = await recordOf(rows)({ series: [1], from: 0, to: 1e9, maxPoints: 100 });
    expect(found!.mode).toBe('bucket');
    expect(Math.max(...found!.max!)).toBe(999);
    expect(Math.min(...found!.min!)).toBe(-999);
    expect(Math.min(...found!.v)).toBeGreaterThan(-999);
  });

  it('leaves a gap a gap', async () => {
    const ask = recordOf(ramp(1, 1000, 0), ramp(1, 1000, 9_000_000));
    const [found] = await ask({ series: [1], from: 0, to: 1e7, maxPoints: 100 });
    const inGap = [...found!.t].filter((t) => t >= 1_000_000 && t + found!.bucketMs <= 9_000_000);
    expect(inGap).toEqual([]);
    expect(found!.total).toBe(2000);
    expect(found!.t.length).toBeLessThan(30);
  });

  it('cuts "everything" by what is there, not by the centuries asked for', async () => {
    const [found] = await recordOf(ramp(1, 5000, 1.7e12))({
      series: [1],
      from: -8.64e15,
      to: 8.64e15,
      maxPoints: 500,
    });
    expect(found!.t.length).toBeGreaterThan(400);
  });

  it('puts several series on one grid', async () => {
    const ask = recordOf(ramp(1, 3000, 17), ramp(2, 2000, 123_456));
    const [one, two] = await ask({ series: [1, 2], from: 0, to: 1e9, maxPoints: 50 });
    expect(one!.bucketMs).toBe(two!.bucketMs);
    for (const t of [...one!.t, ...two!.t]) expect(t % one!.bucketMs).toBe(0);
  });

  it('counts the bucket that a fraction too small for a difference begins', async () => {
    const ask = recordOf(columns([1, 1, 0], [1, -5e-324, 0], [1, 0, 0]));
    const [found] = await ask({ series: [1], from: -1e6, to: 1e6, maxPoints: 2 });
    expect(found!.t.length).toBeLessThanOrEqual(2);
    expect(found!.total).toBe(3);
  });

  it('never gives more rows than asked for, loses no reading and keeps the band around the mean', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(
          fc.tuple(fc.double({ min: -1e6, max: 1e6, noNaN: true }), fc.integer({ min: -50, max: 50 })),
          {
            minLength: 1,
            maxLength: 60,
          },
        ),
        fc.integer({ min: 2, max: 20 }),
        async (rows, maxPoints) => {
          const ask = recordOf(columns(...rows.map(([t, v]) => [1, t, v] as [number, number, number])));
          const [found] = await ask({ series: [1], from: -1e6, to: 1e6, maxPoints });
          expect(found!.t.length).toBeLessThanOrEqual(maxPoints);
          expect(found!.total).toBe(rows.length);
          if (found!.mode === 'raw') return;
          for (let i = 0; i < found!.t.length; i++) {
            if (i > 0) expect(found!.t[i]).toBeGreaterThan(found!.t[i - 1]!);
            expect(found!.min![i]).toBeLessThanOrEqual(found!.v[i]! + 1e-9);
            expect(found!.max![i]).toBeGreaterThanOrEqual(found!.v[i]! - 1e-9);
          }
          const values = rows.map(([, v]) => v);
          expect(Math.max(...found!.max!)).toBe(Math.max(...values));
          expect(Math.min(...found!.min!)).toBe(Math.min(...values));
        },
      ),
      { numRuns: 25, interruptAfterTimeLimit: 10_000 },
    );
  });
});
