import { describe, expect, test } from 'vitest';
import { columnsOf } from './memory-sink-for-tests.ts';
import { ReadingsHub } from './readings-hub.ts';

function setUp(feedRows?: number) {
  const values = new Map<number, { t: number; v: number; receivedMs: number }>();
  const hub = new ReadingsHub({
    values: { lastValue: (id) => values.get(id) ?? null },
    ...(feedRows === undefined ? {} : { feedRows }),
  });
  return { hub, values };
}

function rowsOf(columns: { series: Int32Array; t: Float64Array; v: Float64Array } | null) {
  if (columns === null) return null;
  return Array.from(columns.series, (series, row) => [series, columns.t[row], columns.v[row]]);
}

describe('live readings', () => {
  test('reach those who asked for the series, in order of arrival', () => {
    const { hub } = setUp();
    let calls = 0;
    const feed = hub.openFeed([1, 2, 2], () => calls++);
    const other = hub.openFeed([2], () => undefined);
    hub.push(columnsOf([1, 10, 1], [3, 10, 3], [2, 10, 2]));
    hub.push(columnsOf([1, 11, 4]));
    expect(calls).toBe(1);
    expect(rowsOf(feed.drain())).toEqual([
      [1, 10, 1],
      [2, 10, 2],
      [1, 11, 4],
    ]);
    expect(rowsOf(other.drain())).toEqual([[2, 10, 2]]);
    expect(feed.drain()).toBeNull();
    hub.push(columnsOf([2, 12, 5]));
    expect(calls).toBe(2);
  });

  test('a snapshot is the last value of each series that has one, and forgets what waited', () => {
    const { hub, values } = setUp();
    values.set(2, { t: 5, v: 7, receivedMs: 6 });
    const feed = hub.openFeed([1, 2], () => undefined);
    hub.push(columnsOf([2, 5, 7]));
    expect(rowsOf(feed.snapshot())).toEqual([[2, 5, 7]]);
    expect(feed.drain()).toBeNull();
  });

  test('a delta given away does not change when more comes', () => {
    const { hub } = setUp();
    const feed = hub.openFeed([1], () => undefined);
    hub.push(columnsOf([1, 1, 1]));
    const delta = feed.drain();
    hub.push(columnsOf([1, 2, 2]));
    expect(rowsOf(delta)).toEqual([[1, 1, 1]]);
  });

  test('past the limit older readings are thinned, the newest of each series stays, and skipped tells how many', () => {
    const { hub } = setUp(100);
    const feed = hub.openFeed([1, 2], () => undefined);
    hub.push(columnsOf([2, 0, 42]));
    for (let index = 0; index < 10_000; index++) hub.push(columnsOf([1, index, index]));
    const delta = feed.drain()!;
    expect(delta.series.length).toBeLessThanOrEqual(100);
    expect(delta.series.length + delta.skipped).toBe(10_001);
    const rows = rowsOf(delta)!;
    expect(rows[0]).toEqual([2, 0, 42]);
    expect(rows.at(-1)).toEqual([1, 9_999, 9_999]);
    const times = rows.slice(1).map((row) => row[1]!);
    expect(times).toEqual([...times].sort((a, b) => a - b));
    hub.push(columnsOf([1, 1, 1]));
    expect(feed.drain()?.skipped).toBe(0);
  });

  test('many series in a small buffer keep their newest', () => {
    const { hub } = setUp(1);
    const ids = Array.from({ length: 256 }, (_, index) => index);
    const feed = hub.openFeed(ids, () => undefined);
    for (let round = 0; round < 10; round++) for (const id of ids) hub.push(columnsOf([id, round, id]));
    const delta = feed.drain()!;
    expect(delta.series.length + delta.skipped).toBe(2_560);
    const newest = new Map(rowsOf(delta)!.map(([series, t]) => [series, t]));
    expect([...newest.values()].every((t) => t === 9)).toBe(true);
    expect(newest.size).toBe(256);
  });

  test('a closed feed leaves nothing behind', () => {
    const { hub } = setUp();
    let calls = 0;
    const feed = hub.openFeed([1, 2], () => calls++);
    const other = hub.openFeed([2], () => undefined);
    feed.close();
    feed.close();
    hub.push(columnsOf([1, 1, 1], [2, 1, 1]));
    expect(calls).toBe(0);
    expect(feed.drain()).toBeNull();
    expect(rowsOf(other.drain())).toEqual([[2, 1, 1]]);
    other.close();
    expect(hub.listenedSeries).toBe(0);
  });
});
