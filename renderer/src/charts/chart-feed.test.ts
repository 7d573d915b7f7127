import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { QueryResult, ReadingsDelta, ReadingsSnapshot } from '../../../core/contract/readings.ts';
import type { RpcClient } from '../../../core/rpc/types.ts';
import { ChartFeed } from './chart-feed.ts';

const NOW = 1_750_000_000_000;
const MINUTE = 60_000;

interface Question {
  params: { series: number[]; from: number; to: number; maxPoints: number };
  signal: AbortSignal | undefined;
  answer: (result: QueryResult) => Promise<void>;
  fail: (error: unknown) => Promise<void>;
}

/** A host that answers when the test says so. */
class FakeHost {
  questions: Question[] = [];
  listener: { snapshot(d: ReadingsSnapshot): void; delta(d: ReadingsDelta): void } | null = null;
  open = 0;

  readonly client = {
    call: (_name: string, params: Question['params'], options?: { signal?: AbortSignal }) =>
      new Promise<QueryResult>((resolve, reject) => {
        this.questions.push({
          params,
          signal: options?.signal,
          answer: async (result) => {
            resolve(result);
            await vi.advanceTimersByTimeAsync(0);
          },
          fail: async (error) => {
            reject(error instanceof Error ? error : new Error(String(error)));
            await vi.advanceTimersByTimeAsync(0);
          },
        });
      }),
    subscribe: (_name: string, _params: unknown, listener: FakeHost['listener']) => {
      this.listener = listener;
      this.open++;
      return () => this.open--;
    },
  } as unknown as Pick<RpcClient, 'call' | 'subscribe'>;

  delta(series: number, rows: [number, number][], skipped = 0): void {
    this.listener!.delta({
      series: Int32Array.from(rows, () => series),
      t: Float64Array.from(rows, ([t]) => t),
      v: Float64Array.from(rows, ([, v]) => v),
      skipped,
    });
  }

  snapshot(series: number, t: number, v: number): void {
    const columns = { series: Int32Array.of(series), t: Float64Array.of(t), v: Float64Array.of(v) };
    this.listener!.snapshot(columns);
  }
}

function raw(id: number, rows: [number, number][]): QueryResult {
  const t = Float64Array.from(rows, ([time]) => time);
  const v = Float64Array.from(rows, ([, value]) => value);
  const series = [{ id, mode: 'raw' as const, bucketMs: 0, t, v, min: null, max: null, total: rows.length }];
  return { from: 0, to: 0, series };
}

function buckets(id: number, bucketMs: number, times: number[]): QueryResult {
  const t = Float64Array.from(times);
  const series = [{ id, mode: 'bucket' as const, bucketMs, t, v: t, min: t, max: t, total: 9_999 }];
  return { from: 0, to: 0, series };
}

describe('a chart feed', () => {
  let host: FakeHost;
  let feed: ChartFeed;
  let changes = 0;
  const live = (span = 5 * MINUTE) => ({
    range: { from: Date.now() - span, to: Date.now() },
    maxPoints: 500,
    live: true,
  });
  const times = (id = 7) => Array.from(feed.buffers.get(id)!.t.subarray(0, feed.buffers.get(id)!.length));
  const asked = async (index: number): Promise<Question> => {
    await vi.advanceTimersByTimeAsync(200);
    return host.questions[index]!;
  };

  beforeEach(() => {
    vi.useFakeTimers({ now: NOW });
    host = new FakeHost();
    changes = 0;
    feed = new ChartFeed(host.client, () => changes++);
  });
  afterEach(() => {
    feed.stop();
    vi.useRealTimers();
  });

  it('asks for the range with a margin, then appends what comes', async () => {
    feed.setSeries([7]);
    feed.show(live());
    const question = await asked(0);
    expect(question.params.series).toEqual([7]);
    expect(question.params.to - question.params.from).toBe(5 * MINUTE * 1.05);
    expect(feed.loading).toBe(true);
    await question.answer(raw(7, [[NOW - 1_000, 20]]));
    expect(feed.loading).toBe(false);
    host.delta(7, [[NOW + 500, 21]]);
    expect(times()).toEqual([NOW - 1_000, NOW + 500]);
    expect(feed.last.get(7)).toMatchObject({ t: NOW + 500, v: 21 });
    expect(changes).toBeGreaterThan(2);
  });

  it('loses and doubles nothing that arrives while the history is under way', async () => {
    feed.setSeries([7]);
    feed.show(live());
    const question = await asked(0);
    host.delta(7, [
      [NOW + 100, 1],
      [NOW + 200, 2],
    ]);
    await question.answer(
      raw(7, [
        [NOW, 0],
        [NOW + 100, 1],
      ]),
    );
    expect(times()).toEqual([NOW, NOW + 100, NOW + 200]);
  });

  it('asks one question for a window that slides', async () => {
    feed.setSeries([7]);
    feed.show(live());
    await (await asked(0)).answer(raw(7, []));
    for (let i = 0; i < 100; i++) {
      await vi.advanceTimersByTimeAsync(100);
      feed.show(live());
    }
    expect(host.questions).toHaveLength(1);
  });

  it('asks again for a wider range and for finer buckets, once per burst', async () => {
    feed.setSeries([7]);
    feed.show(live());
    await (await asked(0)).answer(raw(7, []));
    feed.show(live(60 * MINUTE));
    await (await asked(1)).answer(buckets(7, 7_200, [NOW]));
    for (const minutes of [30, 20, 10]) {
      const range = { from: NOW - minutes * MINUTE, to: NOW };
      feed.show({ range, maxPoints: 500, live: false });
    }
    const finer = await asked(2);
    expect(finer.params.from).toBe(NOW - 10.5 * MINUTE);
    expect(host.questions).toHaveLength(3);
  });

  it('gives up the question that is no longer wanted', async () => {
    feed.setSeries([7]);
    feed.show(live());
    const first = await asked(0);
    feed.show(live(60 * MINUTE));
    const second = await asked(1);
    expect(first.signal!.aborted).toBe(true);
    await first.answer(raw(7, [[1, 1]]));
    expect(times()).toEqual([]);
    await second.answer(raw(7, [[NOW, 1]]));
    expect(times()).toEqual([NOW]);
  });

  it('reads the hole of a lost connection from the record', async () => {
    feed.setSeries([7]);
    feed.show(live());
    await (await asked(0)).answer(raw(7, [[NOW, 1]]));
    host.snapshot(7, NOW + 9_000, 5);
    const again = await asked(1);
    expect(times()).toEqual([NOW]);
    await again.answer(
      raw(7, [
        [NOW, 1],
        [NOW + 9_000, 5],
      ]),
    );
    expect(times()).toEqual([NOW, NOW + 9_000]);
  });

  it('keeps what is shown when a question fails, and waits before it asks again', async () => {
    feed.setSeries([7]);
    feed.show(live());
    await (await asked(0)).answer(raw(7, [[NOW, 1]]));
    feed.show(live(60 * MINUTE));
    await (await asked(1)).fail(Object.assign(new Error('the record is busy'), { code: 'store.busy' }));
    expect(feed.problem).toEqual({ code: 'store.busy', message: 'the record is busy' });
    expect(times()).toEqual([NOW]);
    feed.show(live(60 * MINUTE));
    await asked(2);
    expect(host.questions).toHaveLength(2);
    feed.retry();
    await asked(2);
    expect(host.questions).toHaveLength(3);
  });

  it('folds fast readings instead of growing', async () => {
    feed.setSeries([7]);
    feed.show(live());
    await (await asked(0)).answer(raw(7, []));
    for (let i = 0; i < 300; i++)
      host.delta(
        7,
        [...Array(10).keys()].map((k) => [NOW + i * 1_000 + k * 100, k]),
      );
    const buffer = feed.buffers.get(7)!;
    expect(buffer.length).toBeLessThanOrEqual(1_000);
    expect(buffer.bucketMs).toBe((5 * MINUTE) / 500);
    expect(buffer.max[10]).toBeGreaterThan(buffer.min[10]!);
  });

  it('does not grow behind a window that stands still', async () => {
    feed.setSeries([7]);
    feed.show(live());
    await (await asked(0)).answer(raw(7, []));
    feed.show({ ...live(MINUTE), live: false });
    for (let i = 0; i < 5_000; i++) host.delta(7, [[NOW + i * 100, i]]);
    expect(feed.buffers.get(7)!.length).toBeLessThan(1_100);
  });

  it('catches up from the record when the station left readings out', async () => {
    feed.setSeries([7]);
    feed.show(live());
    await (await asked(0)).answer(raw(7, []));
    await vi.advanceTimersByTimeAsync(11_000);
    host.delta(7, [[NOW + 11_000, 1]], 500);
    feed.show(live());
    await asked(1);
    expect(host.questions).toHaveLength(2);
  });

  it('adds no live reading to a range that has ended', async () => {
    feed.setSeries([7]);
    feed.show({ range: { from: NOW - 20 * MINUTE, to: NOW - 10 * MINUTE }, maxPoints: 500, live: false });
    await (await asked(0)).answer(raw(7, [[NOW - 15 * MINUTE, 1]]));
    host.delta(7, [[NOW, 2]]);
    expect(times()).toEqual([NOW - 15 * MINUTE]);
    expect(feed.last.get(7)).toMatchObject({ t: NOW, v: 2 });
  });

  it('knows when a reading of a slow clock came here', () => {
    feed.setSeries([7]);
    host.delta(7, [[NOW - 3_600_000, 5]]);
    expect(feed.last.get(7)).toEqual({ t: NOW - 3_600_000, v: 5, heardMs: NOW });
    host.snapshot(7, NOW - 1_000, 6);
    expect(feed.last.get(7)).toEqual({ t: NOW - 1_000, v: 6, heardMs: NOW - 1_000 });
  });

  it('ends its subscription and its question when it stops', async () => {
    feed.setSeries([7]);
    feed.show(live());
    const question = await asked(0);
    feed.stop();
    feed.stop();
    expect(host.open).toBe(0);
    expect(question.signal!.aborted).toBe(true);
    expect(vi.getTimerCount()).toBe(0);
  });

  it('changes series: the old ones go, their subscription too', async () => {
    feed.setSeries([7, 8]);
    feed.setSeries([8, 9]);
    expect(host.open).toBe(1);
    expect([...feed.buffers.keys()].sort()).toEqual([8, 9]);
  });
});
