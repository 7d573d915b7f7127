/** How an observation stays alive: stale, asked anew, with back-off, at another address. */
import { afterEach, beforeEach, expect, test } from 'vitest';
import { STATION, HandPeer, ipv4 } from '../../../test/support/coap-net.ts';
import { ObservedRig } from '../../../test/support/coap-observed.ts';
import { ACK, CON, CONTENT, RST } from '../codec/codes.ts';
import { MAX_AGE, OBSERVE, findUint, uintOption } from '../codec/options.ts';

let rig: ObservedRig;

beforeEach(async () => {
  rig = await new ObservedRig().start();
});
afterEach(async () => {
  await rig.stop();
  expect(rig.clock.pendingTimers).toBe(0);
  expect(rig.endpoint.counters).toMatchObject({ observations: 0, exchanges: 0 });
});

test('past Max-Age and 5 s it is stale and registers again with the same token (§3.3.1)', async () => {
  const { observation, states, texts } = await rig.watch();
  await rig.reply('a', 500, { options: [uintOption(MAX_AGE, 10)] });
  await rig.pass(14_900);
  expect([observation.state, rig.device.received.length]).toEqual(['active', 1]);
  await rig.pass(200);
  expect([observation.state, rig.device.received.length]).toEqual(['stale', 2]);
  const [first, again] = rig.device.received.map(({ message }) => message);
  expect(again).toMatchObject({ token: first!.token, options: first!.options });
  await rig.reply('b', 3); // the server was restarted and counts anew
  await rig.notify('c', 4);
  expect(texts).toEqual(['a', 'b', 'c']);
  expect(states).toEqual(['active', 'stale coap.timeout', 'active']);
});

test('without Max-Age it is 60 s', async () => {
  const { observation } = await rig.watch();
  await rig.reply('a', 1);
  await rig.pass(64_900);
  expect(observation.state).toBe('active');
  await rig.pass(200);
  expect(observation.state).toBe('stale');
});

test('a server that is gone is asked with back-off, for ever, and found again', async () => {
  const { observation, states, texts } = await rig.watch();
  await rig.reply('a', 500, { options: [uintOption(MAX_AGE, 1)] });
  const askedAtS: number[] = [];
  rig.device.answer = () => askedAtS.push(rig.clock.monotonic() / 1_000);
  await rig.pass(370_000);
  // Stale at 6 s; each attempt is three transmissions over 14 s; then 2, 4, 8, 16, 32, 60, 60 s of waiting.
  const attemptsS = [6, 22, 40, 62, 92, 138, 212, 286, 360];
  const expectedS = attemptsS.flatMap((start) => [start, start + 2, start + 6]);
  expect(askedAtS.length).toBe(expectedS.length);
  // Each wait may be a tick of 100 ms longer.
  askedAtS.forEach((at, index) => expect(Math.abs(at - expectedS[index]! - 1)).toBeLessThanOrEqual(1));
  expect(states).toEqual(['active', 'stale coap.timeout', 'retrying coap.timeout']);
  expect(observation.problem).toMatch(/10\.0\.0\.7:5683 did not answer/);
  await rig.reply('b', 2);
  expect([observation.state, observation.problem]).toEqual(['active', null]);
  expect(texts).toEqual(['a', 'b']);
});

test('RST to a registration is retried, and back-off begins anew after a success', async () => {
  const { states } = await rig.watch();
  for (let attempt = 0; attempt < 2; attempt++) {
    rig.device.send({ type: RST, code: 0, messageId: rig.device.last().messageId }, STATION);
    await rig.net.settle();
    await rig.pass(attempt === 0 ? 2_100 : 4_100);
  }
  await rig.reply('a', 1, { options: [uintOption(MAX_AGE, 0)] });
  await rig.pass(5_100);
  rig.device.send({ type: RST, code: 0, messageId: rig.device.last().messageId }, STATION);
  await rig.net.settle();
  const before = rig.device.received.length;
  await rig.pass(2_100);
  expect(rig.device.received.length).toBe(before + 1);
  expect(states).toEqual(['retrying coap.reset', 'active', 'stale coap.timeout', 'retrying coap.reset']);
});

test('a separate answer to the registration counts, also one that outruns its ACK', async () => {
  const { observation, texts } = await rig.watch();
  const { messageId } = rig.device.last();
  await rig.notify('a', 7, { type: CON });
  rig.device.send({ type: ACK, code: 0, messageId }, STATION);
  await rig.pass(20_000);
  expect([texts, observation.state, rig.device.received.length]).toEqual([['a'], 'active', 2]);
});

test('acknowledged but never answered is retried', async () => {
  const { states } = await rig.watch();
  rig.device.send({ type: ACK, code: 0, messageId: rig.device.last().messageId }, STATION);
  await rig.pass(93_200);
  expect(states).toEqual(['retrying coap.timeout']);
});

test('a server that forgot us but answers is tried again', async () => {
  const { states, texts } = await rig.watch();
  await rig.reply('a', 1, { options: [uintOption(MAX_AGE, 0)] });
  await rig.pass(5_100);
  await rig.reply('b', undefined);
  await rig.pass(2_100);
  await rig.reply('c', 1);
  expect(texts).toEqual(['a', 'b', 'c']);
  expect(states).toEqual(['active', 'stale coap.timeout', 'retrying coap.not_observable', 'active']);
});

test('a malformed notification was rejected, so the server has dropped us: register again', async () => {
  const { states } = await rig.watch();
  await rig.reply('a', 1);
  const { token } = rig.device.received[0]!.message;
  rig.device.sendBytes(Uint8Array.of(0x40 | token.length, CONTENT, 9, 9, ...token, 0xff), STATION);
  await rig.pass(2_100);
  expect(states).toEqual(['active', 'retrying coap.malformed']);
  expect(findUint(rig.device.last().options, OBSERVE)).toBe(0);
});

test('a name is looked up for each registration: a device that moved is found', async () => {
  await rig.endpoint.stop();
  let address = '';
  const resolver = () => (address === '' ? Promise.reject(new Error('unknown')) : Promise.resolve([address]));
  rig = await new ObservedRig({ resolver }).start();
  const moved = new HandPeer(rig.net, ipv4(8));
  const states: string[] = [];
  rig.endpoint.observe(
    'coap://sensor/temp',
    {},
    {
      notification: () => undefined,
      state: ({ state, problemCode }) => void states.push(`${state} ${problemCode}`),
    },
  );
  await rig.net.settle();
  expect(states).toEqual(['retrying coap.host_not_found']);
  address = '10.0.0.7';
  await rig.pass(2_100);
  await rig.reply('a', 1, { options: [uintOption(MAX_AGE, 0)] });
  address = '10.0.0.8';
  await rig.pass(5_100);
  expect(findUint(moved.last().options, OBSERVE)).toBe(0);
  expect(Buffer.compare(moved.last().token, rig.device.received[0]!.message.token)).not.toBe(0);
});
