/** Many requests and observations towards one server that is gone, was restarted, or is left: exact messages and times. */
import { afterEach, beforeEach, expect, test } from 'vitest';
import { codeOf } from '../../base/errors.ts';
import { EndpointRig } from '../../../test/support/coap-endpoint.ts';
import { STATION, textBytes } from '../../../test/support/coap-net.ts';
import type { HandPeer } from '../../../test/support/coap-net.ts';
import type { CoapMessage } from '../codec/codec.ts';
import { ACK, CON, CONTENT, NON } from '../codec/codes.ts';
import type { CoapEndpoint } from '../endpoint.ts';
import { MAX_AGE, OBSERVE, URI_PATH, findOption, findUint, uintOption } from '../codec/options.ts';

const AUTHORITY = 'coap://10.0.0.7:5683';

let rig: EndpointRig;
let device: HandPeer;
let endpoint: CoapEndpoint;

beforeEach(async () => {
  rig = await new EndpointRig().start();
  ({ device, endpoint } = rig);
});
afterEach(async () => {
  await rig.stop();
  expect(rig.clock.pendingTimers).toBe(0);
  expect(endpoint.counters).toMatchObject({ observations: 0, exchanges: 0 });
});

const pathOf = ({ options }: CoapMessage) => Buffer.from(findOption(options, URI_PATH) ?? []).toString();
const observeOf = ({ options }: CoapMessage) => findUint(options, OBSERVE);

function observeMany(count: number) {
  return Array.from({ length: count }, (_, index) =>
    endpoint.observe(`${AUTHORITY}/r${index}`, {}, { notification: () => undefined }),
  );
}

/** Accepts every registration and answers every request, piggybacked. */
function serve(options: CoapMessage['options'] = []): void {
  device.answer = ({ type, messageId, token, options: asked }, from) => {
    if (type !== CON) return;
    const observe = findUint(asked, OBSERVE) === 0 ? [uintOption(OBSERVE, 5)] : [];
    const answer = { type: ACK, code: CONTENT, messageId, token, payload: textBytes('1') };
    device.send({ ...answer, options: [...observe, ...options] }, from);
  };
}

test('200 observations of a server that is gone do not keep a request waiting for its turn for an hour', async () => {
  const observations = observeMany(200);
  await rig.net.settle();
  let failure = 'none yet';
  const message = endpoint.request(`${AUTHORITY}/asked`).catch((error: unknown) => (failure = codeOf(error)));
  await rig.net.settle();
  expect(endpoint.counters.exchanges).toBe(201);
  // 14 s are the patience of the registration under way, then it is the turn of the request with its own 62 s.
  await rig.pass(14_200);
  expect(observations.filter(({ state }) => state === 'retrying').length).toBe(200);
  expect(observations[199]!.problem).toMatch(/did not answer \(to the request before this one/);
  expect(pathOf(device.last())).toBe('asked');
  await rig.pass(62_200);
  await message;
  expect(failure).toBe('coap.timeout');

  // It comes back: everything is observed again within one longest back-off.
  serve();
  await rig.pass(75_000);
  expect(observations.filter(({ state }) => state === 'active').length).toBe(200);
});

test('a server that answers slowly is no silent one: the line is kept', async () => {
  const answers: string[] = [];
  const asked = ['a', 'b', 'c'].map((path) =>
    endpoint.request(`${AUTHORITY}/${path}`).then(() => answers.push(path)),
  );
  for (let turn = 0; turn < 3; turn++) {
    await rig.pass(40_000); // four of its five transmissions were lost
    const { messageId, token } = device.last();
    device.send({ type: ACK, code: CONTENT, messageId, token }, STATION);
    await rig.net.settle();
  }
  await Promise.all(asked);
  expect(answers).toEqual(['a', 'b', 'c']);
});

test('stopping tells the server of every observation, although another exchange holds its turn', async () => {
  serve();
  const observations = observeMany(3);
  await rig.net.settle();
  device.answer = undefined;
  void endpoint.request(`${AUTHORITY}/slow`).catch(() => undefined);
  await rig.net.settle();
  device.received.length = 0;
  await endpoint.stop();
  await rig.net.settle();
  expect(observations.map(({ state }) => state)).toEqual(['ended', 'ended', 'ended']);
  expect(device.received.map(({ message }) => [message.type, pathOf(message), observeOf(message)])).toEqual([
    [NON, 'r0', 1],
    [NON, 'r1', 1],
    [NON, 'r2', 1],
  ]);
});

test('however long the Max-Age, it is registered anew after a day, and stays active meanwhile', async () => {
  serve([uintOption(MAX_AGE, 0xffff_ffff)]);
  const states: string[] = [];
  endpoint.observe(
    `${AUTHORITY}/meter`,
    {},
    { notification: () => undefined, state: ({ state }) => void states.push(state) },
  );
  await rig.net.settle();
  device.received.length = 0;
  await rig.pass(24 * 3_600_000 - 60_000, 60_000);
  expect(device.received.length).toBe(0);
  await rig.pass(120_000, 60_000);
  expect(device.received.map(({ message }) => observeOf(message))).toEqual([0]);
  expect(states).toEqual(['active']);
});
