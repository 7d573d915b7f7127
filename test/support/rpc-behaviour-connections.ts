import { describe, expect, it } from 'vitest';
import { failureOfCall } from './rpc-bench.ts';
import type { RpcBench } from './rpc-bench.ts';

export function describeConnections(bench: RpcBench): void {
  describe('hostile frames', () => {
    const hostile: [string, unknown][] = [
      ['nothing', null],
      ['text', 'call'],
      ['a list', [1, 2]],
      ['no kind', { id: 1 }],
      ['an unknown kind', { kind: 'shutdown', id: 1 }],
      ['a kind of every object', { kind: 'constructor' }],
      ['id zero', { kind: 'ping', id: 0 }],
      ['a negative id', { kind: 'cancel', id: -1 }],
      ['a broken id', { kind: 'call', id: 1.5, method: 'station.info', params: {} }],
      ['a text id', { kind: 'unsub', id: '1' }],
      ['a list as method', { kind: 'call', id: 1, method: ['station.info'], params: {} }],
      ['a very long name', { kind: 'call', id: 1, method: 'x'.repeat(129), params: {} }],
      ['a rate of zero', { kind: 'sub', id: 1, topic: 'devices', params: {}, maxHz: 0 }],
      ['more than there is', { kind: 'ping', id: 1, extra: true }],
      ['a late hello', { kind: 'hello', version: 1, token: 'x' }],
      ['the host itself', { kind: 'welcome', version: 1, role: 'admin', station: '', nowMs: 1 }],
    ];

    it.each(hostile)('drops a screen that sends %s', async (_what, frame) => {
      const raw = await bench.screen();
      raw.sendRaw(frame);
      expect(await raw.next('err', ({ id }) => id === 0)).toMatchObject({
        error: { code: 'rpc.bad_frame' },
      });
      await raw.closed();
      expect(bench.host.counters.badFrames).toBe(1);
      expect(bench.host.sessions).toBe(0);
      bench.test.on('station.status', () => 'unharmed');
      expect(await bench.client().call('station.status', {})).toBe('unharmed');
    });

    it('drops a screen that uses a number twice', async () => {
      bench.test.on('station.info', () => new Promise(() => undefined));
      const calling = await bench.screen();
      calling.send({ kind: 'call', id: 1, method: 'station.info', params: {} });
      calling.send({ kind: 'call', id: 1, method: 'station.info', params: {} });
      await calling.closed();
      const hearing = await bench.screen();
      hearing.send({ kind: 'sub', id: 1, topic: 'devices', params: {} });
      hearing.send({ kind: 'sub', id: 1, topic: 'devices', params: {} });
      await hearing.closed();
      expect(bench.host.counters.badFrames).toBe(2);
      expect(bench.test.feeds[0]!.closed).toBe(true);
    });

    it('shrugs at what may honestly cross on the way', async () => {
      const raw = await bench.screen();
      raw.send({ kind: 'cancel', id: 77 });
      raw.send({ kind: 'unsub', id: 77 });
      raw.send({ kind: 'ack', id: 77, seq: 3 });
      raw.send({ kind: 'sub', id: 1, topic: 'devices', params: {} });
      raw.send({ kind: 'ack', id: 1, seq: 900 });
      await raw.settled();
      expect(bench.host.counters.badFrames).toBe(0);
    });
  });

  describe('connections', () => {
    it('ends calls and feeds with the screen', async () => {
      const started = Promise.withResolvers<AbortSignal>();
      bench.test.on('station.info', (_params, { signal }) => {
        started.resolve(signal);
        return new Promise(() => undefined);
      });
      const raw = await bench.screen();
      raw.send({ kind: 'sub', id: 1, topic: 'devices', params: {} });
      raw.send({ kind: 'call', id: 2, method: 'station.info', params: {} });
      const signal = await started.promise;
      const aborted = new Promise((resolve) => signal.addEventListener('abort', resolve));
      raw.close();
      await aborted;
      expect(bench.test.feeds[0]!.closed).toBe(true);
      expect(bench.host.sessions).toBe(0);
    });

    it('comes back by itself, subscribes anew and fails what was under way', async () => {
      bench.test.on('station.info', () => new Promise(() => undefined));
      bench.test.on('station.status', () => 'back');
      const one = bench.client('operate', { timing: { firstRetryMs: 10 } });
      const states: string[] = [];
      one.onState((state) => states.push(state));
      const snapshots: unknown[] = [];
      let wake = (): void => undefined;
      let heard = new Promise<void>((resolve) => (wake = resolve));
      one.subscribe(
        'devices',
        {},
        {
          snapshot: (data) => {
            snapshots.push(data);
            wake();
          },
          delta: () => undefined,
        },
      );
      await heard;
      const cut = failureOfCall(one.call('station.info', {}));
      await one.call('station.status', {});
      heard = new Promise<void>((resolve) => (wake = resolve));
      const dropped = bench.host.sessions;
      bench.dropEveryScreen();
      expect((await cut).code).toBe('rpc.connection_lost');
      expect(one.state).toBe('lost');
      expect(await one.call('station.status', {})).toBe('back');
      await heard;
      expect(dropped).toBe(1);
      expect(states).toEqual(['open', 'lost', 'open']);
      expect(snapshots).toMatchObject([{ feed: 0 }, { feed: 1 }]);
      expect(bench.test.feeds.map(({ closed }) => closed)).toEqual([true, false]);
    });

    it('refuses everything once it is closed', async () => {
      const one = bench.client();
      bench.test.on('station.info', () => new Promise(() => undefined));
      const open = failureOfCall(one.call('station.info', {}));
      one.close();
      one.close();
      expect((await open).code).toBe('rpc.closed');
      expect((await failureOfCall(one.call('station.info', {}))).code).toBe('rpc.closed');
      expect(one.state).toBe('closed');
      const told = Promise.withResolvers<string>();
      const listener = { snapshot: () => undefined, delta: () => undefined };
      one.subscribe('devices', {}, { ...listener, error: ({ code }) => told.resolve(code) });
      expect(await told.promise).toBe('rpc.closed');
    });

    it('drops a screen that says nothing for long, and keeps one that pings', async () => {
      const quiet = await bench.screen();
      const lively = await bench.screen();
      for (let elapsedMs = 0; elapsedMs < 80_000; elapsedMs += 20_000) {
        await lively.settled();
        bench.clock.advance(20_000);
      }
      expect(await quiet.next('err')).toMatchObject({ id: 0, error: { code: 'rpc.silent' } });
      await quiet.closed();
      await lively.settled();
      expect(bench.host.counters.silentScreens).toBe(1);
    });

    it('says that it stops', async () => {
      const raw = await bench.screen();
      bench.host.stop();
      expect(await raw.next('err')).toMatchObject({ id: 0, error: { code: 'rpc.stopping' } });
      await raw.closed();
      expect(bench.clock.pendingTimers).toBe(0);
    });
  });
}
