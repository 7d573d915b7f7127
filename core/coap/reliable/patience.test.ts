import { describe, expect, test } from 'vitest';
import { codeOf } from '../../base/errors.ts';
import { option } from '../../../test/support/coap-net.ts';
import {
  CONTENT,
  CSM,
  GET,
  PING,
  PONG,
  RELEASE,
  abortOf,
  answer,
  get,
  message,
  nobody,
  opened,
  owner,
  settle,
} from '../../../test/support/coap-reliable.ts';
import { encodeFramed } from './codec.ts';

describe('patience', () => {
  test('quiet for long: Ping, and without a sign of life the end', async () => {
    const one = await opened({ limits: { idleCloseMs: Infinity } });
    one.clock.advance(120_100);
    expect(one.heard()).toEqual([]); // microtasks have not run
    await settle();
    const [ping] = one.heard();
    expect(ping!.code).toBe(PING);
    one.say(message(PONG, { token: ping!.token }));
    one.clock.advance(119_000);
    await settle();
    expect(one.heard()).toEqual([]);
    one.clock.advance(1_100);
    await settle();
    expect(one.heard()).toHaveLength(1);
    one.clock.advance(20_100);
    expect([one.pipe.destroyCount, codeOf(one.closed())]).toEqual([1, 'coap.closed']);
    expect(one.closed()!.message).toContain('sign of life');
  });
  test('idle: Release, but not while somebody observes', async () => {
    const quiet = { keepAliveMs: Infinity };
    const idle = await opened({ limits: quiet });
    const observed = await opened({ limits: quiet });
    observed.say(message(GET, { options: [option(6)] }));
    observed.requests[0]!.answer({ ...answer('1'), options: [option(6, 1)] });
    const observing = await opened({ limits: quiet });
    observing.connection.own(Uint8Array.of(1), owner());
    for (const { clock } of [idle, observed, observing]) clock.advance(15 * 60_000 + 100);
    await settle();
    expect(idle.heard().map(({ code }) => code)).toEqual([RELEASE]);
    expect(idle.pipe.endCount).toBe(1);
    expect([observed.connection.closed, observing.connection.closed]).toEqual([false, false]);
  });
  test('a message that is never finished (slow loris)', async () => {
    const one = await opened();
    const large = encodeFramed(message(2, { payload: new Uint8Array(50_000) }), 'stream', Infinity);
    for (let at = 0; at < 40; at++) {
      one.connection.receive(new Uint8Array(large.subarray(at, at + 1)));
      one.clock.advance(700);
    }
    expect(one.closed()).toBeUndefined();
    one.clock.advance(2_200);
    expect((await abortOf(one)).diagnostic).toContain('too long');
    expect([one.context.held.bytes, one.context.counters.droppedByLimit]).toEqual([0, 1]);
  });
  test('a slow one that goes on is waited for', async () => {
    const one = await opened();
    const large = encodeFramed(message(2, { payload: new Uint8Array(100_000) }), 'stream', Infinity);
    for (let at = 0; at < large.length; at += 2_000) {
      one.connection.receive(new Uint8Array(large.subarray(at, at + 2_000)));
      one.clock.advance(1_500);
    }
    expect([one.requests.length, one.closed()]).toEqual([1, undefined]);
    expect(one.context.held.bytes).toBe(0);
  });
  test('one message after the other, each of them split, is no message that takes too long', async () => {
    const one = await opened();
    const request = encodeFramed(message(GET, { token: Uint8Array.of(1) }), 'stream', Infinity);
    one.connection.receive(new Uint8Array(request.subarray(0, 1)));
    for (let i = 0; i < 60; i++) {
      one.connection.receive(Uint8Array.of(...request.subarray(1), request[0]!));
      one.clock.advance(1_000);
    }
    expect([one.requests.length, one.connection.closed]).toEqual([60, false]);
  });
  test.each([
    ['CSMs', CSM],
    ['Pings', PING],
    ['empty messages', 0],
  ])('a flood of %s', async (_what, code) => {
    const one = await opened();
    for (let i = 0; i < 50; i++) one.say(...Array.from({ length: 10 }, () => message(code)));
    expect((await abortOf(one)).diagnostic).toContain('too many');
    expect(one.context.counters.droppedByLimit).toBe(1);
  });
  test('the same number over a longer time is no flood', async () => {
    const one = await opened();
    for (let i = 0; i < 500; i++) {
      one.say(message(PING));
      one.clock.advance(60);
    }
    expect(one.connection.closed).toBe(false);
  });
});

describe('a slow reader', () => {
  const big = answer('x'.repeat(20_000));

  test('is not read while its answers wait, and read again when they have gone', async () => {
    const one = await opened({ serve: (request) => request.answer(big) }, option(2, 1, 0, 0));
    one.pipe.stuck = true;
    for (let i = 0; i < 6; i++) one.say(message(GET));
    expect(one.pipe.paused).toBe(false);
    one.say(message(GET));
    expect(one.pipe.paused).toBe(true);
    one.pipe.bufferedBytes = 0;
    one.pipe.stuck = false;
    one.connection.drained();
    expect([one.pipe.paused, one.heard().length]).toEqual([false, 7]);
  });
  test('is given up when it takes nothing for long, but not while it takes a little', async () => {
    const one = await opened({ serve: (request) => request.answer(big) }, option(2, 1, 0, 0));
    one.pipe.stuck = true;
    for (let i = 0; i < 6; i++) one.say(message(GET));
    for (let i = 0; i < 4; i++) {
      one.clock.advance(20_000);
      one.pipe.bufferedBytes -= 10_000;
    }
    expect(one.closed()).toBeUndefined();
    one.clock.advance(45_000);
    expect([one.pipe.destroyCount, one.closed()?.message.includes('does not read')]).toEqual([1, true]);
    expect(one.context.counters.droppedByLimit).toBe(1);
  });
  test('while many answers wait for it, its requests are refused with 4.29', async () => {
    const limits = { outBytes: 100_000 };
    const one = await opened({ limits, serve: (request) => request.answer(big) }, option(2, 1, 0, 0));
    one.pipe.stuck = true;
    one.say(...Array.from({ length: 6 }, () => message(GET)));
    expect(one.heard().map(({ code }) => code)).toEqual([...Array(3).fill(CONTENT), ...Array(3).fill(0x9d)]);
    expect(one.context.counters.droppedByLimit).toBe(3);
  });
  test('its answers are bounded: then it is cut off', async () => {
    const one = await opened({ limits: { outBytes: 100_000 } }, option(2, 1, 0, 0));
    one.pipe.stuck = true;
    one.say(...Array.from({ length: 6 }, () => message(GET)));
    for (const request of one.requests) request.answer(big);
    expect([one.pipe.destroyCount, codeOf(one.closed())]).toEqual([1, 'coap.closed']);
  });
  test('notifications to it fail with coap.busy, and nothing else happens', async () => {
    const one = await opened({ limits: { outBytes: 100_000 } }, option(2, 1, 0, 0));
    one.pipe.stuck = true;
    const notification = { ...get(Uint8Array.of(1)), code: CONTENT, payload: big.payload };
    for (let i = 0; i < 4; i++) one.connection.sendUnawaited(notification);
    expect(() => one.connection.sendUnawaited(notification)).toThrow('waits');
    await settle();
    expect([one.connection.closed, one.context.counters.droppedByLimit]).toEqual([false, 1]);
  });
  test('who opened the connection goes on reading: two full queues must not wait for each other', async () => {
    const one = await opened({ role: 'initiator' }, option(2, 1, 0, 0));
    one.pipe.stuck = true;
    for (let i = 0; i < 20; i++) one.connection.send(get(Uint8Array.of(i), 20_000), nobody);
    await settle();
    expect([one.pipe.paused, one.pipe.bufferedBytes < 150_000]).toEqual([false, true]);
  });
});
