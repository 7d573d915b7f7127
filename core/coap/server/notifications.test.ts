/** What observers are told, how often, and how surely (RFC 7641 §4). */
import { describe, expect, it } from 'vitest';
import { textBytes } from '../../../test/support/coap-net.ts';
import { encodeBlock } from '../codec/block.ts';
import { CONTENT } from '../codec/codes.ts';
import { BLOCK2, ETAG } from '../codec/options.ts';
import { LOOPBACK, ServerBench } from './incoming-for-tests.ts';
import { ObservedBench, told } from './observed-for-tests.ts';

describe('notifications', () => {
  it('follow one another: while a CON is under way the newest state waits (RFC 7641 §4.5.2)', async () => {
    const bench = new ObservedBench();
    const carrier = bench.observe();
    for (const value of ['b', 'c', 'd', 'e']) await bench.set(value);
    expect(told(carrier)).toEqual(['CON 2.05 Observe "b"']);
    bench.clock.advance(40);
    carrier.acknowledge();
    bench.clock.advance(200);
    expect(told(carrier)).toEqual(['CON 2.05 Observe "b"', 'NON 2.05 Observe "e"']);
    expect(bench.server.counters.notificationsCoalesced).toBe(2);
  });

  it('that were made while the resource changed again wait for the acknowledgement too', async () => {
    const bench = new ObservedBench();
    const carrier = bench.observe();
    let answer = (): void => {};
    bench.answer = (value) =>
      new Promise((resolve) => (answer = () => resolve({ code: CONTENT, payload: textBytes(value) })));
    await bench.set('b');
    const first = answer;
    await bench.set('c');
    bench.answer = undefined;
    first();
    await bench.settle();
    bench.clock.advance(1_000);
    expect(told(carrier)).toEqual(['CON 2.05 Observe "b"']);
    expect(carrier.last.sending.released).toBe(false);
    carrier.acknowledge();
    bench.clock.advance(1_100);
    expect(told(carrier).at(-1)).toBe('NON 2.05 Observe "c"');
  });

  it('are no faster than the round trip, or one in 3 s where it is not known (§4.5.1)', async () => {
    const bench = new ObservedBench();
    const carrier = bench.observe();
    await bench.set('b');
    bench.clock.advance(500);
    carrier.acknowledge();
    await bench.set('c');
    expect(carrier.sent).toHaveLength(2);
    bench.clock.advance(300);
    await bench.set('d');
    expect(carrier.sent).toHaveLength(2);
    bench.clock.advance(400);
    expect(told(carrier).at(-1)).toBe('NON 2.05 Observe "d"');
    await bench.set('d');

    const silent = new ObservedBench();
    const repeated = silent.observe();
    await silent.set('b');
    repeated.last.sending.retransmissions = 1;
    repeated.acknowledge();
    await silent.set('c');
    silent.clock.advance(2_900);
    expect(repeated.sent).toHaveLength(1);
    silent.clock.advance(200);
    expect(told(repeated).at(-1)).toBe('NON 2.05 Observe "c"');
  });

  it('are confirmed now and then, and after a day at the latest (§4.5)', async () => {
    const bench = new ObservedBench({ confirmEvery: 3 });
    bench.answer = (value) => ({ code: CONTENT, payload: textBytes(value), maxAgeSeconds: 0 });
    const carrier = bench.observe();
    for (const value of ['b', 'c', 'd', 'e', 'f']) {
      await bench.set(value);
      if (carrier.last.message.confirmable) carrier.acknowledge();
      bench.clock.advance(1_000);
    }
    expect(told(carrier).map((one) => one.slice(0, 3))).toEqual(['CON', 'NON', 'NON', 'CON', 'NON']);
    bench.clock.advance(24 * 3_600_000);
    await bench.set('g');
    expect(told(carrier).at(-1)).toMatch(/^CON/);
  });

  it('are all confirmed where the resource wants it', async () => {
    const bench = new ObservedBench({}, { confirmable: true });
    const carrier = bench.observe();
    for (const value of ['b', 'c', 'd']) {
      await bench.set(value);
      carrier.acknowledge();
      bench.clock.advance(1_000);
    }
    expect(told(carrier).map((one) => one.slice(0, 3))).toEqual(['CON', 'CON', 'CON']);
  });

  it('come again before Max-Age ends, so that nobody need ask (§4.3.1)', async () => {
    const bench = new ObservedBench();
    bench.answer = (value) => ({ code: CONTENT, payload: textBytes(value), maxAgeSeconds: 100 });
    const carrier = bench.observe();
    bench.clock.advance(89_000);
    expect(carrier.sent).toEqual([]);
    bench.clock.advance(1_200);
    expect(told(carrier)).toEqual(['CON 2.05 Observe Max-Age=100 "a"']);
    carrier.acknowledge();
    bench.clock.advance(95_000);
    expect(carrier.sent).toHaveLength(2);
  });

  it('of one turn are one', async () => {
    const bench = new ObservedBench();
    const carrier = bench.observe();
    for (let i = 0; i < 10; i++) bench.server.changed('t');
    await bench.settle();
    expect([carrier.sent.length, bench.made]).toEqual([1, 2]);
  });

  it('wait for their turn in the queue of the transport, the newest state after the first', async () => {
    const bench = new ObservedBench();
    const carrier = bench.observe({ transport: 'tcp' });
    carrier.waits = true;
    for (const value of ['b', 'c', 'd']) await bench.set(value);
    expect(carrier.sent).toHaveLength(1);
    carrier.waits = false;
    carrier.last.sending.state = 'sent';
    carrier.last.watcher.sent!();
    expect(told(carrier).map((one) => one.slice(-3))).toEqual(['"b"', '"d"']);
  });

  it('are tried again when the transport has no room, or the network is away for a while', async () => {
    const bench = new ObservedBench();
    const carrier = bench.observe();
    carrier.throws = 'coap.busy';
    await bench.set('b');
    carrier.throws = undefined;
    bench.clock.advance(1_100);
    expect(told(carrier)).toEqual(['CON 2.05 Observe "b"']);
    carrier.fail('coap.unreachable');
    expect(bench.server.observers).toBe(1);
    bench.clock.advance(3_100);
    carrier.fail('coap.unreachable');
    bench.clock.advance(3_100);
    carrier.fail('coap.unreachable');
    expect(bench.server.observers).toBe(0);
  });

  it('carry the first block of a large state, and the rest is of the same version', async () => {
    const bench = new ObservedBench();
    const carrier = bench.observe();
    await bench.set('x'.repeat(1_500));
    expect(told(carrier)[0]).toMatch(/^CON 2\.05 ETag=\w+ Observe Block2=0\/1\/1024 Size2=1500 1024 bytes$/);
    bench.value = 'y'.repeat(1_500);
    const more = [{ number: BLOCK2, value: encodeBlock(1, false, 6) }];
    const rest = bench.ask('GET', { path: 't', token: Uint8Array.of(2), more }).answers[0]!;
    expect(new TextDecoder().decode(rest.payload)).toBe('x'.repeat(476));
  });

  it('are 2.03 for a state that the client said it has (§3.3)', async () => {
    const bench = new ObservedBench();
    bench.answer = (value) => ({ code: CONTENT, etag: textBytes(value), payload: textBytes(value) });
    const carrier = bench.observe({ more: [{ number: ETAG, value: textBytes('b') }] });
    await bench.set('b');
    carrier.acknowledge();
    expect(told(carrier)).toEqual(['CON 2.03 ETag=62 Observe']);
  });

  it('reach those below a prefix, whatever their query', async () => {
    const bench = new ServerBench();
    const handle = () => ({ code: CONTENT });
    bench.server.add('r', { methods: ['GET'], observable: true, handle }, { subtree: true });
    const of = (path: string, port: number, query: string[] = []) =>
      bench.ask('GET', { path, observe: 0, query, from: { ...LOOPBACK, port } }).carrier;
    const carriers = [of('r', 1), of('r/a', 2, ['q']), of('r/a/b', 3), of('r/ab', 4)];
    bench.server.changedBelow('r/a');
    await bench.settle();
    expect(carriers.map(({ sent }) => sent.length)).toEqual([0, 1, 1, 0]);
    bench.server.changedBelow('');
    await bench.settle();
    expect(carriers.map(({ sent }) => sent.length)).toEqual([1, 1, 1, 1]);
    bench.server.changed('r/nowhere');
  });

  it('to very many go out in slices', async () => {
    const bench = new ObservedBench();
    const carriers = Array.from({ length: 1_000 }, (_, port) =>
      bench.observe({ from: { ...LOOPBACK, port } }),
    );
    bench.server.changed('t');
    await bench.settle();
    const sent = () => carriers.reduce((sum, carrier) => sum + carrier.sent.length, 0);
    expect(sent()).toBe(256);
    bench.clock.advance(0);
    expect(sent()).toBe(1_000);
  });

  it('wait while too much is asked of the resources already', async () => {
    const bench = new ObservedBench({ underWay: 1 });
    bench.server.add('slow', { methods: ['GET'], handle: () => new Promise(() => {}) });
    const carrier = bench.observe();
    bench.ask('GET', { path: 'slow', from: { ...LOOPBACK, port: 9 } });
    await bench.set('b');
    expect([carrier.sent.length, bench.server.observers]).toEqual([0, 1]);
    bench.clock.advance(31_000);
    expect(told(carrier)).toEqual(['CON 2.05 Observe "b"']);
  });
});
