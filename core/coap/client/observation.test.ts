/** The life of an observation as a device sees it: exact messages, exact times. */
import { afterEach, beforeEach, expect, test } from 'vitest';
import { URI } from '../../../test/support/coap-endpoint.ts';
import { ObservedRig } from '../../../test/support/coap-observed.ts';
import { ACK, CON, NON, RST, VALID, code } from '../codec/codes.ts';
import { ACCEPT, OBSERVE, findUint } from '../codec/options.ts';

let rig: ObservedRig;

beforeEach(async () => {
  rig = await new ObservedRig().start();
});
afterEach(async () => {
  await rig.stop();
  expect(rig.clock.pendingTimers).toBe(0);
  expect(rig.endpoint.counters).toMatchObject({ observations: 0, exchanges: 0 });
});

test('registers, hears, acknowledges, is cancelled with the same token and options', async () => {
  const { observation, texts, states } = await rig.watch({ accept: 50 });
  expect([observation.state, findUint(rig.device.last().options, OBSERVE)]).toEqual(['starting', 0]);
  await rig.reply('one', 10);
  await rig.notify('two', 11, { type: CON });
  await rig.notify('three', 12);
  expect(rig.device.last().type).toBe(ACK);
  expect(texts).toEqual(['one', 'two', 'three']);
  const { state, notifications, problem, uri } = observation;
  expect([state, notifications, problem, uri]).toEqual(['active', 3, null, 'coap://10.0.0.7:5683/temp']);

  const cancelling = observation.cancel();
  await rig.net.settle();
  const first = rig.device.received[0]!.message;
  const last = rig.device.last();
  expect([last.code, findUint(last.options, OBSERVE), findUint(last.options, ACCEPT)]).toEqual([1, 1, 50]);
  expect(Buffer.compare(last.token, first.token)).toBe(0);
  await rig.reply('four', undefined);
  await cancelling;
  await observation.cancel();
  expect(texts.length).toBe(3);
  expect(states).toEqual(['active', 'ended coap.cancelled']);
  await rig.notify('five', 13, { type: CON });
  expect(rig.device.last().type).toBe(RST);
  expect(rig.problems).toEqual([]);
});

test('an older notification that comes late is left out, and so is a repeat', async () => {
  const { texts } = await rig.watch();
  await rig.reply('a', 10);
  await rig.notify('c', 12);
  await rig.notify('b', 11);
  await rig.notify('c', 12, { messageId: 1_000 });
  await rig.notify('d', 13);
  expect(texts).toEqual(['a', 'c', 'd']);
  expect(rig.endpoint.counters).toMatchObject({ reordered: 1, duplicates: 1, notifications: 3 });
  await rig.notify('ancient', 0xff_ffff); // half the circle away: older
  await rig.pass(60_000);
  await rig.notify('e', 14);
  await rig.pass(60_000);
  await rig.notify('f', 15);
  expect(texts).toEqual(['a', 'c', 'd', 'e', 'f']);
});

test('a handler that throws is logged and hurts nobody', async () => {
  rig.endpoint.observe(
    URI,
    {},
    {
      notification: () => {
        throw new Error('station');
      },
    },
  );
  await rig.net.settle();
  await rig.reply('a', 1);
  await rig.notify('b', 2);
  expect(rig.problems.length).toBe(2);
});

test('a first answer of 4.04 ends it, and so does a later 4.03', async () => {
  const refused = await rig.watch();
  await rig.reply('no such thing', undefined, { code: code(4, 4) });
  expect(refused.states).toEqual(['ended coap.refused']);
  expect(refused.observation.problem).toBe(
    'The server ended the observation: 4.04 Not Found (no such thing).',
  );
  rig.device.received.length = 0;
  const later = await rig.watch();
  await rig.reply('a', 1);
  await rig.notify('', undefined, { code: code(4, 3) });
  expect(later.states).toEqual(['active', 'ended coap.refused']);
  await rig.pass(200_000);
  expect(rig.device.received.length).toBe(1);
});

test.each([
  ['4.04', code(4, 4)],
  ['4.06', code(4, 6)],
  ['5.03', code(5, 3)],
])('after a later %s it asks again with back-off until it is taken', async (text, refusal) => {
  const { states, texts, observation } = await rig.watch();
  await rig.reply('a', 1);
  await rig.notify('', undefined, { code: refusal });
  expect(observation.problem).toContain(`The server ended the observation: ${text}`);
  rig.device.received.length = 0;
  await rig.pass(2_100);
  expect(rig.device.received.length).toBe(1);
  await rig.reply('', undefined, { code: refusal });
  rig.device.received.length = 0;
  await rig.pass(2_800);
  expect(rig.device.received.length).toBe(0);
  await rig.pass(1_400);
  expect(rig.device.received.length).toBe(1);
  await rig.reply('b', 1);
  expect(states).toEqual(['active', 'retrying coap.refused', 'active']);
  expect(texts).toEqual(['a', 'b']);
});

test('a server that answers without Observe gives one representation and no more', async () => {
  const { texts, states } = await rig.watch();
  await rig.reply('only this', undefined);
  expect([texts, states]).toEqual([['only this'], ['ended coap.not_observable']]);
});

test('2.03 keeps it fresh without a representation', async () => {
  const { observation, texts } = await rig.watch();
  await rig.reply('a', 1);
  await rig.pass(50_000);
  await rig.notify('', 2, { code: VALID });
  await rig.pass(50_000);
  expect([texts, observation.state]).toEqual([['a'], 'active']);
});

test('cancelling before the first answer, and stopping, tell the server without waiting', async () => {
  const { observation, states } = await rig.watch();
  await observation.cancel();
  await rig.net.settle();
  expect(states).toEqual(['ended coap.cancelled']);
  expect([rig.device.last().type, findUint(rig.device.last().options, OBSERVE)]).toEqual([NON, 1]);
  rig.device.received.length = 0;
  await rig.watch();
  await rig.reply('a', 1);
  await rig.endpoint.stop();
  await rig.net.settle();
  expect([rig.device.last().type, findUint(rig.device.last().options, OBSERVE)]).toEqual([NON, 1]);
});

test('a cancellation that nobody confirms ends by itself', async () => {
  const { observation } = await rig.watch();
  await rig.reply('a', 1);
  let done = false;
  void observation.cancel().then(() => (done = true));
  await rig.pass(6_200);
  expect(done).toBe(true);
});

test('observations are bounded', async () => {
  await rig.endpoint.stop();
  rig = await new ObservedRig({ limits: { observations: 2 } }).start();
  await rig.watch();
  const { observation } = await rig.watch();
  const third = () => rig.endpoint.observe(URI, {}, { notification: () => undefined });
  expect(third).toThrow(/observes 2 resources/);
  observation.stop();
  expect(third).not.toThrow();
  expect(() => rig.endpoint.observe('coap:x', {}, { notification: () => undefined })).toThrow(/Not a usable/);
});
