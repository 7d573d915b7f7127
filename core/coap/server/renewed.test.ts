/** Notifications that are repeated while their resource changes, and those that an observer cannot take. */
import { expect, it } from 'vitest';
import { textBytes } from '../../../test/support/coap-net.ts';
import { CONTENT, code } from '../codec/codes.ts';
import { decodeUint } from '../codec/options.ts';
import { messageText, observeOf } from './incoming-for-tests.ts';
import { ObservedBench, told } from './observed-for-tests.ts';
import type { ServedAnswer } from './resource.ts';

it('a repeat says what is true then, with a higher number (RFC 7641 §4.5.2)', async () => {
  const bench = new ObservedBench();
  const carrier = bench.observe();
  await bench.set('b');
  const { message, watcher } = carrier.last;
  expect(watcher.renew?.()).toBeUndefined();
  await bench.set('c');
  await bench.set('d');
  const renewed = watcher.renew!()!;
  expect(messageText(renewed)).toMatch(/^2\.05 Observe=\d+ "d"$/);
  expect([renewed.confirmable, renewed.token]).toEqual([true, message.token]);
  expect(decodeUint(observeOf(renewed)!)).toBeGreaterThan(decodeUint(observeOf(message)!));
  expect(watcher.renew!()).toBeUndefined();
  // Nothing is left to be told once it is acknowledged.
  bench.clock.advance(100);
  carrier.acknowledge();
  bench.clock.advance(5_000);
  expect(carrier.sent).toHaveLength(1);
  expect(bench.server.counters.notifications).toBe(2);
});

it('a resource that takes its time is repeated as it was, and told when it was acknowledged', async () => {
  const bench = new ObservedBench();
  const carrier = bench.observe();
  await bench.set('b');
  let answer = (): void => {};
  bench.answer = (value) =>
    new Promise<ServedAnswer>((resolve) => {
      answer = () => resolve({ code: CONTENT, payload: textBytes(value) });
    });
  await bench.set('c');
  const { watcher } = carrier.last;
  expect([watcher.renew!(), watcher.renew!()]).toEqual([undefined, undefined]);
  carrier.acknowledge();
  bench.answer = undefined;
  answer();
  await bench.settle();
  bench.clock.advance(3_100);
  expect(told(carrier)).toEqual(['CON 2.05 Observe "b"', 'NON 2.05 Observe "c"']);
});

it('a resource that is gone by then is told as the last state, after the acknowledgement', async () => {
  const bench = new ObservedBench();
  const carrier = bench.observe();
  await bench.set('b');
  bench.remove();
  await bench.settle();
  expect(carrier.last.watcher.renew!()).toBeUndefined();
  carrier.acknowledge();
  await bench.settle();
  bench.clock.advance(100);
  expect(told(carrier)).toEqual(['CON 2.05 Observe "b"', 'CON 4.04']);
  expect(bench.server.observers).toBe(0);
});

it('another Content-Format than the first is told as 4.06, and nothing after it (§4.2)', async () => {
  const bench = new ObservedBench();
  let contentFormat: number | undefined = 0;
  bench.answer = (value) => ({
    ...{ code: CONTENT, payload: textBytes(value) },
    ...(contentFormat === undefined ? {} : { contentFormat }),
  });
  for (const next of [50, undefined]) {
    contentFormat = 0;
    const carrier = bench.observe();
    contentFormat = next;
    await bench.set('b');
    expect(told(carrier)).toEqual(['CON 4.06']);
    expect(observeOf(carrier.last.message)).toBeUndefined();
    expect(bench.server.observers).toBe(0);
  }
  // An error has no format to be compared.
  contentFormat = 0;
  const carrier = bench.observe();
  bench.answer = () => ({ code: code(5, 3) });
  await bench.set('c');
  expect(told(carrier)).toEqual(['CON 5.03']);
});
