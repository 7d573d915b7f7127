import { describe, expect, it } from 'vitest';
import { CONTENT } from '../codec/codes.ts';
import { ServerBench, answerText, textResource } from './incoming-for-tests.ts';

describe('a resource that fails', () => {
  it('is 5.00 without details', async () => {
    const bench = new ServerBench();
    bench.server.add(
      'throws',
      textResource('', {
        handle: () => {
          throw new Error('secret');
        },
      }),
    );
    bench.server.add('rejects', textResource('', { handle: () => Promise.reject(new Error('secret')) }));
    bench.server.add('nonsense', textResource('', { handle: () => ({ code: 1 }) }));
    expect(bench.say('GET', { path: 'throws' })).toBe('5.00');
    const rejected = bench.ask('GET', { path: 'rejects' });
    await bench.settle();
    expect(answerText(rejected)).toBe('5.00');
    expect(bench.say('GET', { path: 'nonsense' })).toBe('5.00');
    bench.server.add('nothing', textResource('', { handle: () => undefined as never }));
    bench.server.add('later', textResource('', { handle: () => Promise.resolve(null as never) }));
    expect(bench.say('GET', { path: 'nothing' })).toBe('5.00');
    const later = bench.ask('GET', { path: 'later' });
    await bench.settle();
    expect(answerText(later)).toBe('5.00');
    expect(bench.server.counters.handlerErrors).toBe(5);
    expect(bench.logged).toHaveLength(5);
  });

  it('is 5.03 when it takes too long, and hears that nobody waits', async () => {
    const bench = new ServerBench({ limits: { handlerMs: 1_000 } });
    let signal: AbortSignal | undefined;
    let settle = (): void => {};
    bench.server.add(
      'slow',
      textResource('', {
        handle: (request) => {
          signal = request.signal;
          return new Promise((resolve) => (settle = () => resolve({ code: CONTENT })));
        },
      }),
    );
    const slow = bench.ask('GET', { path: 'slow' });
    bench.clock.advance(999);
    expect([slow.answers.length, signal!.aborted]).toEqual([0, false]);
    bench.clock.advance(200);
    expect([answerText(slow), signal!.aborted]).toEqual(['5.03 Max-Age=5', true]);
    settle();
    await bench.settle();
    expect(slow.answers).toHaveLength(1);
    expect(bench.server.holdings.underWay).toBe(0);
    expect(bench.server.counters.handlerTimeouts).toBe(1);
  });

  it('keeps only so many requests waiting, per peer and in all', () => {
    const bench = new ServerBench({ limits: { underWay: 3, underWayPerPeer: 2 } });
    bench.server.add('slow', textResource('', { handle: () => new Promise(() => {}) }));
    bench.server.add('quick', textResource('quick'));
    const from = (port: number) => ({
      path: 'slow',
      from: { address: '127.0.0.1', port, family: 4 as const },
    });
    expect([1, 1, 1, 2, 3].map((port) => bench.say('GET', from(port)))).toEqual([
      '0 answers',
      '0 answers',
      '5.03 Max-Age=5',
      '0 answers',
      '5.03 Max-Age=5',
    ]);
    expect(bench.server.counters.overloaded).toBe(2);
    bench.server.stop();
    expect(bench.clock.pendingTimers).toBe(0);
  });
});
