import { setImmediate } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import type { RpcBench } from './rpc-bench.ts';

export function describeSubscriptions(bench: RpcBench): void {
  describe('subscriptions', () => {
    it('begins with a snapshot, then one delta for all changes of a tenth of a second', async () => {
      const raw = await bench.screen();
      raw.send({ kind: 'sub', id: 1, topic: 'readings', params: { series: [4] } });
      const snap = await raw.next('snap');
      expect(snap).toEqual({
        kind: 'snap',
        id: 1,
        seq: 1,
        data: { snapshot: 1, feed: 0, t: new Float64Array([1.5, NaN]) },
      });
      raw.send({ kind: 'ack', id: 1, seq: 1 });
      await raw.settled();
      const feed = bench.test.feeds[0]!;
      expect(feed.params).toEqual({ series: [4] });
      for (let count = 0; count < 1000; count++) feed.change();
      bench.clock.advance(99);
      expect(feed.drains).toBe(0);
      bench.clock.advance(1);
      expect(feed.drains).toBe(1);
      const delta = await raw.next('delta');
      expect(delta).toMatchObject({ id: 1, seq: 2, data: { changes: 1000 } });
    });

    it('obeys the rate a screen asks for, up to 60 a second', async () => {
      const raw = await bench.screen();
      raw.send({ kind: 'sub', id: 1, topic: 'devices', params: {}, maxHz: 1 });
      raw.send({ kind: 'sub', id: 2, topic: 'devices', params: {}, maxHz: 1e6 });
      await raw.next('snap', ({ id }) => id === 2);
      const [wall, fast] = bench.test.feeds;
      wall!.change();
      fast!.change();
      bench.clock.advance(16);
      expect([wall!.drains, fast!.drains]).toEqual([0, 0]);
      bench.clock.advance(1);
      expect([wall!.drains, fast!.drains]).toEqual([0, 1]);
      bench.clock.advance(983);
      expect([wall!.drains, fast!.drains]).toEqual([1, 1]);
    });

    it('holds for a screen that never acknowledges: two frames, one feed, no queue', async () => {
      const raw = await bench.screen();
      raw.send({ kind: 'sub', id: 1, topic: 'devices', params: {}, maxHz: 60 });
      await raw.next('snap');
      const feed = bench.test.feeds[0]!;
      for (let round = 0; round < 500; round++) {
        feed.change();
        bench.clock.advance(20);
      }
      await raw.settled();
      expect(raw.frames.filter(({ kind }) => kind === 'delta')).toHaveLength(1);
      expect(feed.drains).toBe(1);
      expect(feed.changes).toBe(499);
      expect(bench.clock.pendingTimers).toBeLessThan(5);
    });

    it('sends a fresh snapshot after a long congestion, and a delta after a short one', async () => {
      const raw = await bench.screen();
      raw.send({ kind: 'sub', id: 1, topic: 'devices', params: {} });
      await raw.next('snap');
      const feed = bench.test.feeds[0]!;
      feed.change();
      bench.clock.advance(100);
      await raw.next('delta', ({ seq }) => seq === 2);
      feed.change();
      bench.clock.advance(4_900);
      raw.send({ kind: 'ack', id: 1, seq: 1 });
      await raw.settled();
      bench.clock.advance(0);
      expect(await raw.next('delta', ({ seq }) => seq === 3)).toMatchObject({ data: { changes: 1 } });
      feed.change();
      bench.clock.advance(5_000);
      raw.send({ kind: 'ack', id: 1, seq: 3 });
      await raw.settled();
      bench.clock.advance(0);
      expect(await raw.next('snap', ({ seq }) => seq === 4)).toMatchObject({ data: { snapshot: 2 } });
      expect(bench.host.counters.freshSnapshots).toBe(1);
    });

    it('streams to a client that acknowledges by itself', async () => {
      const one = bench.client();
      const seen: unknown[] = [];
      let wake = (): void => undefined;
      const next = (): Promise<void> => new Promise((resolve) => (wake = resolve));
      let heard = next();
      one.subscribe(
        'devices',
        {},
        {
          snapshot: () => wake(),
          delta: (data) => {
            seen.push(data);
            wake();
          },
        },
      );
      await heard;
      for (let round = 1; round <= 20; round++) {
        heard = next();
        bench.test.feeds[0]!.change();
        // The acknowledgement travels: time stands still until the host has it, so the delta comes at its tick.
        for (let turn = 0; turn < 50 && seen.length < round; turn++) {
          await setImmediate();
          bench.clock.advance(100);
        }
        await heard;
      }
      expect(seen).toHaveLength(20);
      expect(seen[19]).toEqual({ changes: 1, v: new Float64Array([1]) });
    });

    it('closes the feed when the screen has enough of it', async () => {
      const one = bench.client();
      const got = Promise.withResolvers<void>();
      const stop = one.subscribe('devices', {}, { snapshot: () => got.resolve(), delta: () => undefined });
      await got.promise;
      bench.test.on('station.status', () => null);
      stop();
      stop();
      await one.call('station.status', {});
      expect(bench.test.feeds[0]!.closed).toBe(true);
      bench.test.feeds[0]!.change();
      bench.clock.advance(1000);
      expect(bench.test.feeds[0]!.drains).toBe(0);
    });

    it('ends what it refuses, with the reason', async () => {
      const raw = await bench.screen('view');
      const subscribe = (id: number, topic: string, params: unknown): void =>
        raw.send({ kind: 'sub', id, topic, params });
      subscribe(1, 'coap', {});
      subscribe(2, 'topics', {});
      subscribe(3, 'nope', {});
      subscribe(4, 'readings', { series: [] });
      const end = async (id: number) => (await raw.next('end', (frame) => frame.id === id)).error;
      expect(await end(1)).toEqual({
        code: 'test.refused',
        message: 'Not today.',
        detail: { until: 'tomorrow' },
      });
      expect(await end(2)).toMatchObject({ code: 'internal' });
      expect(JSON.stringify(await end(2))).not.toContain('secret');
      expect(await end(3)).toMatchObject({ code: 'rpc.unknown_topic' });
      expect(await end(4)).toMatchObject({
        code: 'rpc.bad_input',
        message: expect.stringMatching(/^readings: series: /),
      });
      const told = Promise.withResolvers<string>();
      const listener = {
        snapshot: () => undefined,
        delta: () => undefined,
        error: (error: { code: string }) => told.resolve(error.code),
      };
      bench.client().subscribe('coap', {}, listener);
      expect(await told.promise).toBe('test.refused');
    });

    it('allows 256 of them', async () => {
      const raw = await bench.screen();
      for (let id = 1; id <= 257; id++) raw.send({ kind: 'sub', id, topic: 'devices', params: {} });
      expect(await raw.next('end')).toMatchObject({
        id: 257,
        error: { code: 'rpc.too_many_subscriptions' },
      });
      expect(bench.test.feeds).toHaveLength(256);
      raw.send({ kind: 'unsub', id: 5 });
      raw.send({ kind: 'sub', id: 258, topic: 'devices', params: {} });
      await raw.next('snap', ({ id }) => id === 258);
      raw.close();
      while (bench.host.sessions > 0) await setImmediate();
      expect(bench.test.feeds.every(({ closed }) => closed)).toBe(true);
      expect(bench.host.counters.tooManySubscriptions).toBe(1);
    });
  });
}
