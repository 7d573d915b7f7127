import { describe, expect, it } from 'vitest';
import { encodeBlock } from '../codec/block.ts';
import { CONTENT, code } from '../codec/codes.ts';
import { BLOCK2, ETAG, decodeUint } from '../codec/options.ts';
import {
  FakeCarrier,
  LOOPBACK,
  ServerBench,
  answerText,
  messageText,
  observeOf,
} from './incoming-for-tests.ts';
import type { Asking } from './incoming-for-tests.ts';
import type { ServerLimits } from './limits.ts';
import type { Resource, ServedAnswer } from './resource.ts';

const utf8 = (text: string): Uint8Array => new TextEncoder().encode(text);

class Bench extends ServerBench {
  value = 'a';
  made = 0;
  answer: ((value: string) => ServedAnswer | Promise<ServedAnswer>) | undefined;
  remove: () => void;

  constructor(limits: Partial<ServerLimits> = {}, resource: Partial<Resource> = {}) {
    super({ limits });
    this.remove = this.server.add('t', {
      methods: ['GET', 'PUT', 'FETCH'],
      observable: true,
      handle: ({ observe }) => {
        if (observe) this.made++;
        return this.answer?.(this.value) ?? { code: CONTENT, payload: utf8(this.value) };
      },
      ...resource,
    });
  }

  observe(asking: Asking = {}): FakeCarrier {
    return this.ask('GET', { path: 't', observe: 0, ...asking }).carrier;
  }

  async set(value: string): Promise<void> {
    this.value = value;
    this.server.changed('t');
    await this.settle();
  }
}

/** Messages without the number of their order: `CON 2.05 Observe "b"`. */
function told(carrier: FakeCarrier): string[] {
  return carrier.sent.map(
    ({ message }) =>
      `${message.confirmable ? 'CON' : 'NON'} ${messageText(message).replace(/Observe=\d+/, 'Observe')}`,
  );
}

const orderOf = (carrier: FakeCarrier) => carrier.sent.map(({ message }) => decodeUint(observeOf(message)!));

describe('a registration', () => {
  it('is answered with Observe and told of each new state, with its token', async () => {
    const bench = new Bench();
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
    const bench = new Bench();
    bench.server.add('p', { methods: ['GET'], handle: () => ({ code: CONTENT, payload: utf8('p') }) });
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
    const bench = new Bench();
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
    const bench = new Bench();
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
    const bench = new Bench();
    let answer = (): void => {};
    bench.answer = (value) =>
      new Promise((resolve) => (answer = () => resolve({ code: CONTENT, payload: utf8(value) })));
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
    const bench = new Bench({ observers: 3, observersPerPeer: 2 });
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
    const bench = new Bench();
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
      const bench = new Bench();
      const carrier = bench.observe();
      await bench.set('b');
      carrier.fail(why);
      expect(bench.server.observers).toBe(0);
      expect(bench.server.counters.observersLost).toBe(1);
      expect(bench.clock.pendingTimers).toBe(0);
    }
  });

  it('also when a NON is rejected, long after it was sent', async () => {
    const bench = new Bench();
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
    const bench = new Bench();
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
    const bench = new Bench();
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
    const bench = new Bench();
    const carrier = bench.observe();
    bench.server.stop();
    await bench.set('b');
    expect([carrier.sent.length, bench.server.observers, bench.clock.pendingTimers]).toEqual([0, 0, 0]);
  });
});

it('what cannot be said ends one observation, and nothing else', async () => {
  const bench = new Bench();
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

describe('notifications', () => {
  it('follow one another: while a CON is under way the newest state waits (RFC 7641 §4.5.2)', async () => {
    const bench = new Bench();
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
    const bench = new Bench();
    const carrier = bench.observe();
    let answer = (): void => {};
    bench.answer = (value) =>
      new Promise((resolve) => (answer = () => resolve({ code: CONTENT, payload: utf8(value) })));
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
    const bench = new Bench();
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

    const silent = new Bench();
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
    const bench = new Bench({ confirmEvery: 3 });
    bench.answer = (value) => ({ code: CONTENT, payload: utf8(value), maxAgeSeconds: 0 });
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
    const bench = new Bench({}, { confirmable: true });
    const carrier = bench.observe();
    for (const value of ['b', 'c', 'd']) {
      await bench.set(value);
      carrier.acknowledge();
      bench.clock.advance(1_000);
    }
    expect(told(carrier).map((one) => one.slice(0, 3))).toEqual(['CON', 'CON', 'CON']);
  });

  it('come again before Max-Age ends, so that nobody need ask (§4.3.1)', async () => {
    const bench = new Bench();
    bench.answer = (value) => ({ code: CONTENT, payload: utf8(value), maxAgeSeconds: 100 });
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
    const bench = new Bench();
    const carrier = bench.observe();
    for (let i = 0; i < 10; i++) bench.server.changed('t');
    await bench.settle();
    expect([carrier.sent.length, bench.made]).toEqual([1, 2]);
  });

  it('wait for their turn in the queue of the transport, the newest state after the first', async () => {
    const bench = new Bench();
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
    const bench = new Bench();
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
    const bench = new Bench();
    const carrier = bench.observe();
    await bench.set('x'.repeat(1_500));
    expect(told(carrier)[0]).toMatch(/^CON 2\.05 ETag=\w+ Observe Block2=0\/1\/1024 Size2=1500 1024 bytes$/);
    bench.value = 'y'.repeat(1_500);
    const more = [{ number: BLOCK2, value: encodeBlock(1, false, 6) }];
    const rest = bench.ask('GET', { path: 't', token: Uint8Array.of(2), more }).answers[0]!;
    expect(new TextDecoder().decode(rest.payload)).toBe('x'.repeat(476));
  });

  it('are 2.03 for a state that the client said it has (§3.3)', async () => {
    const bench = new Bench();
    bench.answer = (value) => ({ code: CONTENT, etag: utf8(value), payload: utf8(value) });
    const carrier = bench.observe({ more: [{ number: ETAG, value: utf8('b') }] });
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
    const bench = new Bench();
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
    const bench = new Bench({ underWay: 1 });
    bench.server.add('slow', { methods: ['GET'], handle: () => new Promise(() => {}) });
    const carrier = bench.observe();
    bench.ask('GET', { path: 'slow', from: { ...LOOPBACK, port: 9 } });
    await bench.set('b');
    expect([carrier.sent.length, bench.server.observers]).toEqual([0, 1]);
    bench.clock.advance(31_000);
    expect(told(carrier)).toEqual(['CON 2.05 Observe "b"']);
  });
});

describe('over a connection', () => {
  it('notifications have an empty Observe, no pace and no acknowledgement (RFC 8323 §7)', async () => {
    const bench = new Bench();
    const exchange = bench.ask('GET', { path: 't', observe: 0, transport: 'tcp' });
    expect(observeOf(exchange.answers[0]!)).toEqual(new Uint8Array(0));
    for (const value of ['b', 'c', 'd']) await bench.set(value);
    expect(told(exchange.carrier).map((one) => one.slice(-3))).toEqual(['"b"', '"c"', '"d"']);
    expect(exchange.carrier.sent.every(({ message }) => !message.confirmable)).toBe(true);
    expect(observeOf(exchange.carrier.last.message)).toEqual(new Uint8Array(0));
    expect(exchange.carrier.sent.map(({ sending }) => sending.released)).toEqual([true, true, false]);
  });

  it('an observation ends with it', () => {
    const bench = new Bench();
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
  const body = utf8('which');
  const { carrier } = bench.ask('FETCH', { path: 't', observe: 0, body });
  body.fill(0);
  bench.server.changed('t');
  await bench.settle();
  expect(told(carrier)).toEqual(['CON 2.05 Observe "which"']);
});
