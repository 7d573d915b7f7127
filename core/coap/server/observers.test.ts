/** Who observes, from the registration to the end. */
import { describe, expect, it } from 'vitest';
import { textBytes } from '../../../test/support/coap-net.ts';
import { encodeBlock } from '../codec/block.ts';
import { CONTENT, code } from '../codec/codes.ts';
import { BLOCK2, decodeUint } from '../codec/options.ts';
import { FakeCarrier, LOOPBACK, ServerBench, answerText, observeOf } from './incoming-for-tests.ts';
import { ObservedBench, orderOf, told } from './observed-for-tests.ts';

describe('a registration', () => {
  it('is answered with Observe and told of each new state, with its token', async () => {
    const bench = new ObservedBench();
    const exchange = bench.ask('GET', { path: 't', observe: 0, token: Uint8Array.of(1, 2, 3) });
    expect(answerText(exchange).replace(/Observe=\d+/, 'Observe')).toBe('2.05 Observe "a"');
    expect(bench.server.observers).toBe(1);
    const { carrier } = exchange;
    await bench.set('b');
    carrier.acknowledge();
    bench.clock.advance(5_000);
    await bench.set('c');
    expect(told(carrier)).toEqual(['CON 2.05 Observe "b"', 'NON 2.05 Observe "c"']);
    expect(carrier.last.message.token).toEqual(Uint8Array.of(1, 2, 3));
    const first = decodeUint(observeOf(exchange.answers[0]!)!);
    expect(orderOf(carrier)).toEqual([first + 1, first + 2]);
    expect(bench.server.counters.notifications).toBe(2);
  });

  it('is a plain GET where nothing can be observed, for a group, or for a later block', () => {
    const bench = new ObservedBench();
    bench.server.add('p', { methods: ['GET'], handle: () => ({ code: CONTENT, payload: textBytes('p') }) });
    expect(bench.say('GET', { path: 'p', observe: 0 })).toBe('2.05 "p"');
    expect(bench.say('GET', { path: 't', observe: 0, multicast: true, confirmable: false })).toBe('2.05 "a"');
    expect(bench.say('GET', { path: 't', observe: 2 })).toBe('2.05 "a"');
    expect(bench.say('PUT', { path: 't', observe: 0 })).toBe('2.05 "a"');
    const more = [{ number: BLOCK2, value: encodeBlock(1, false, 0) }];
    bench.value = 'x'.repeat(20);
    expect(bench.say('GET', { path: 't', observe: 0, more })).not.toMatch(/Observe/);
    expect(bench.server.observers).toBe(0);
  });

  it('with the token of another replaces it, in order', async () => {
    const bench = new ObservedBench();
    const first = bench.observe();
    const again = bench.ask('GET', { path: 't', observe: 0, carrier: first });
    expect(bench.server.observers).toBe(1);
    await bench.set('b');
    expect(told(first)).toEqual(['CON 2.05 Observe "b"']);
    expect(orderOf(first)[0]).toBe(decodeUint(observeOf(again.answers[0]!)!) + 1);
    bench.observe({ token: Uint8Array.of(2) });
    bench.observe({ from: { ...LOOPBACK, port: 9 } });
    expect(bench.server.observers).toBe(3);
  });

  it('that fails is no registration', async () => {
    const bench = new ObservedBench();
    bench.answer = () => ({ code: code(4, 3) });
    const exchange = bench.ask('GET', { path: 't', observe: 0 });
    expect(answerText(exchange)).toBe('4.03');
    bench.answer = () => Promise.reject(new Error('no'));
    const later = bench.ask('GET', { path: 't', observe: 0 });
    await bench.settle();
    expect(answerText(later)).toBe('5.00');
    expect(bench.server.observers).toBe(0);
    expect(bench.clock.pendingTimers).toBe(0);
  });

  it('hears of what changes while it is answered', async () => {
    const bench = new ObservedBench();
    let answer = (): void => {};
    bench.answer = (value) =>
      new Promise((resolve) => (answer = () => resolve({ code: CONTENT, payload: textBytes(value) })));
    const exchange = bench.ask('GET', { path: 't', observe: 0 });
    bench.value = 'b';
    bench.server.changed('t');
    await bench.settle();
    expect(exchange.carrier.sent).toEqual([]);
    const first = answer;
    bench.answer = undefined;
    first();
    await bench.settle();
    expect(answerText(exchange)).toMatch(/Observe=\d+ "a"/);
    expect(told(exchange.carrier)).toEqual(['CON 2.05 Observe "b"']);
  });

  it('past a bound is answered like a plain GET, and counted', () => {
    const bench = new ObservedBench({ observers: 3, observersPerPeer: 2 });
    const observe = (port: number, token: number) =>
      bench.say('GET', {
        path: 't',
        observe: 0,
        token: Uint8Array.of(token),
        from: { ...LOOPBACK, port },
      });
    expect(observe(1, 1)).toMatch(/Observe/);
    expect(observe(1, 2)).toMatch(/Observe/);
    expect(observe(1, 3)).toBe('2.05 "a"');
    expect(observe(1, 2)).toMatch(/Observe/);
    expect(observe(2, 1)).toMatch(/Observe/);
    expect(observe(3, 1)).toBe('2.05 "a"');
    expect(bench.server.counters.observersRefused).toBe(2);
    const carrier = new FakeCarrier(bench.clock, 'udp', LOOPBACK);
    carrier.throws = 'coap.busy';
    bench.say('GET', { path: 't', observe: 1, token: Uint8Array.of(1), from: { ...LOOPBACK, port: 1 } });
    expect(bench.say('GET', { path: 't', observe: 0, carrier, from: { ...LOOPBACK, port: 4 } })).toBe(
      '2.05 "a"',
    );
    expect(bench.server.observers).toBe(2);
  });
});

describe('an observation ends', () => {
  it('with Observe 1 and the same token', async () => {
    const bench = new ObservedBench();
    const carrier = bench.observe();
    expect(bench.say('GET', { path: 't', observe: 1, token: Uint8Array.of(9) })).toBe('2.05 "a"');
    expect(bench.server.observers).toBe(1);
    expect(bench.say('GET', { path: 't', observe: 1 })).toBe('2.05 "a"');
    expect(bench.server.observers).toBe(0);
    await bench.set('b');
    expect(carrier.sent).toEqual([]);
    expect(bench.clock.pendingTimers).toBe(0);
  });

  it('when a notification is rejected or nobody acknowledges it', async () => {
    for (const why of ['coap.reset', 'coap.timeout', 'coap.closed', 'coap.cancelled'] as const) {
      const bench = new ObservedBench();
      const carrier = bench.observe();
      await bench.set('b');
      carrier.fail(why);
      expect(bench.server.observers).toBe(0);
      expect(bench.server.counters.observersLost).toBe(1);
      expect(bench.clock.pendingTimers).toBe(0);
    }
  });

  it('also when a NON is rejected, long after it was sent', async () => {
    const bench = new ObservedBench();
    const carrier = bench.observe();
    await bench.set('b');
    carrier.acknowledge();
    bench.clock.advance(5_000);
    await bench.set('c');
    bench.clock.advance(1_000);
    expect(carrier.last.sending.released).toBe(false);
    carrier.fail('coap.reset');
    expect(bench.server.observers).toBe(0);
  });

  it('with an error of the resource, which is the last that is told', async () => {
    const bench = new ObservedBench();
    const carrier = bench.observe();
    bench.answer = () => ({ code: code(4, 4), diagnostic: 'gone' });
    await bench.set('b');
    expect(told(carrier)).toEqual(['CON 4.04 "gone"']);
    expect(bench.server.observers).toBe(0);
    carrier.acknowledge();
    expect(carrier.last.sending.released).toBe(true);
    bench.answer = undefined;
    await bench.set('c');
    expect(carrier.sent).toHaveLength(1);
  });

  it('when the resource is taken away or may not be read any more', async () => {
    const bench = new ObservedBench();
    const carrier = bench.observe();
    bench.remove();
    await bench.settle();
    expect(told(carrier)).toEqual(['CON 4.04']);

    let allowed = true;
    const guarded = new ServerBench({ allow: () => (allowed ? undefined : { code: code(4, 1) }) });
    guarded.server.add('t', { methods: ['GET'], observable: true, handle: () => ({ code: CONTENT }) });
    const observed = guarded.ask('GET', { path: 't', observe: 0 }).carrier;
    allowed = false;
    guarded.server.changed('t');
    await guarded.settle();
    expect(told(observed)).toEqual(['CON 4.01']);
    expect(guarded.server.observers).toBe(0);
  });

  it('with the server, silently', async () => {
    const bench = new ObservedBench();
    const carrier = bench.observe();
    bench.server.stop();
    await bench.set('b');
    expect([carrier.sent.length, bench.server.observers, bench.clock.pendingTimers]).toEqual([0, 0, 0]);
  });
});

it('what cannot be said ends one observation, and nothing else', async () => {
  const bench = new ObservedBench();
  const { carrier } = bench.ask('GET', { path: 't', observe: 0 });
  bench.answer = () =>
    Promise.resolve({
      code: CONTENT,
      get payload(): Uint8Array {
        throw new Error('no');
      },
    });
  await bench.set('b');
  expect([bench.server.observers, carrier.sent.length, bench.logged.length]).toEqual([0, 0, 1]);
  bench.answer = undefined;
  expect(bench.say('GET', { path: 't' })).toBe('2.05 "b"');
});

describe('over a connection', () => {
  it('notifications have an empty Observe, no pace and no acknowledgement (RFC 8323 §7)', async () => {
    const bench = new ObservedBench();
    const exchange = bench.ask('GET', { path: 't', observe: 0, transport: 'tcp' });
    expect(observeOf(exchange.answers[0]!)).toEqual(new Uint8Array(0));
    for (const value of ['b', 'c', 'd']) await bench.set(value);
    expect(told(exchange.carrier).map((one) => one.slice(-3))).toEqual(['"b"', '"c"', '"d"']);
    expect(exchange.carrier.sent.every(({ message }) => !message.confirmable)).toBe(true);
    expect(observeOf(exchange.carrier.last.message)).toEqual(new Uint8Array(0));
    expect(exchange.carrier.sent.map(({ sending }) => sending.released)).toEqual([true, true, false]);
  });

  it('an observation ends with it', () => {
    const bench = new ObservedBench();
    const carrier = bench.observe({ transport: 'tls' });
    expect(carrier.owners.size).toBe(1);
    carrier.close();
    expect([bench.server.observers, bench.server.counters.observersLost]).toEqual([0, 1]);
    const other = bench.observe({ transport: 'tls' });
    bench.say('GET', { path: 't', observe: 1, transport: 'tls' });
    expect([other.owners.size, bench.server.observers]).toEqual([0, 0]);
  });
});

it('FETCH is observed with its body (RFC 8132 §2.4)', async () => {
  const bench = new ServerBench();
  bench.server.add('t', {
    methods: ['FETCH'],
    observable: true,
    handle: ({ payload }) => ({ code: CONTENT, payload }),
  });
  const body = textBytes('which');
  const { carrier } = bench.ask('FETCH', { path: 't', observe: 0, body });
  body.fill(0);
  bench.server.changed('t');
  await bench.settle();
  expect(told(carrier)).toEqual(['CON 2.05 Observe "which"']);
});
