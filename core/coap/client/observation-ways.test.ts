/** Observations whose server moves, restarts, doubts us, or is behind a connection. */
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { HandConnector } from '../../../test/support/coap-carrier.ts';
import type { HandConnection } from '../../../test/support/coap-carrier.ts';
import { EndpointRig } from '../../../test/support/coap-endpoint.ts';
import { STATION, HandPeer, ipv4, option, textBytes } from '../../../test/support/coap-net.ts';
import type { CoapMessage } from '../codec/codec.ts';
import { ACK, CONTENT, NON, RST, UNAUTHORIZED, code } from '../codec/codes.ts';
import { ECHO, MAX_AGE, OBSERVE, findOption, findUint, uintOption } from '../codec/options.ts';
import { coapError } from '../errors.ts';

const NAME = 'coap://sensor.local/temp';

let rig: EndpointRig;
let device: HandPeer;
let moved: HandPeer;
let connector: HandConnector;
let addresses: string[];

beforeEach(async () => {
  connector = new HandConnector(ipv4(7));
  addresses = ['10.0.0.7'];
  rig = await new EndpointRig({ resolver: () => Promise.resolve(addresses), connector }).start();
  device = rig.device;
  moved = new HandPeer(rig.net, ipv4(8));
});
afterEach(async () => {
  await rig.stop();
  expect(rig.clock.pendingTimers).toBe(0);
  expect(rig.endpoint.counters).toMatchObject({ observations: 0, exchanges: 0 });
});

async function watch(uri: string) {
  const texts: string[] = [];
  const states: string[] = [];
  const observation = rig.endpoint.observe(
    uri,
    {},
    {
      notification: ({ payload, peer }) =>
        void texts.push(`${Buffer.from(payload).toString()} ${peer.address}`),
      state: ({ state, problemCode }) =>
        void states.push(problemCode === null ? state : `${state} ${problemCode}`),
    },
  );
  await rig.net.settle();
  return { observation, texts, states };
}

async function reply(peer: HandPeer, text: string, observe: number, change: Partial<CoapMessage> = {}) {
  const { messageId, token } = peer.last();
  const options = [uintOption(OBSERVE, observe), ...(change.options ?? [])];
  const answer = { type: ACK, code: CONTENT, messageId, token, payload: textBytes(text) };
  peer.send({ ...answer, ...change, options }, STATION);
  await rig.net.settle();
}

describe('a server that moves', () => {
  test('a notification from its new address is not taken, but is reason to register anew', async () => {
    const { texts, states } = await watch(NAME);
    await reply(device, 'a', 1);
    const { token } = device.last();
    addresses = ['10.0.0.8'];
    const stray = { type: NON, code: CONTENT, token, options: [uintOption(OBSERVE, 2)] };
    moved.send({ ...stray, messageId: 500, payload: textBytes('b') }, STATION);
    await rig.net.settle();
    expect(moved.received.map(({ message }) => message.type)[0]).toBe(RST);
    expect(texts).toEqual(['a 10.0.0.7']);
    expect(findUint(moved.last().options, OBSERVE)).toBe(0);
    expect(Buffer.compare(moved.last().token, token)).not.toBe(0);
    await reply(moved, 'b', 3);
    expect(texts).toEqual(['a 10.0.0.7', 'b 10.0.0.8']);
    expect(states).toEqual(['active', 'stale coap.unreachable', 'active']);
  });

  test('somebody else who knows the token only makes us ask the server again', async () => {
    const { texts, states } = await watch('coap://10.0.0.7/temp');
    await reply(device, 'a', 1);
    const { token } = device.last();
    for (let id = 0; id < 5; id++) {
      moved.send({ type: NON, code: CONTENT, token, messageId: id, payload: textBytes('lie') }, STATION);
    }
    await rig.net.settle();
    expect(device.received.length).toBe(2);
    await reply(device, 'b', 2);
    expect(texts).toEqual(['a 10.0.0.7', 'b 10.0.0.7']);
    expect(states.at(-1)).toBe('active');
  });

  test('without a word from it: past Max-Age the name is asked again', async () => {
    const { texts } = await watch(NAME);
    await reply(device, 'a', 1, { options: [uintOption(MAX_AGE, 10)] });
    addresses = ['10.0.0.8'];
    await rig.pass(15_200);
    await reply(moved, 'b', 1);
    expect(texts).toEqual(['a 10.0.0.7', 'b 10.0.0.8']);
  });

  test('of several addresses the silent one comes last at the next registration', async () => {
    addresses = ['10.0.0.8', '10.0.0.7'];
    const { texts } = await watch(NAME);
    await rig.pass(14_200);
    expect([moved.received.length, device.received.length]).toEqual([3, 0]);
    await rig.pass(2_100);
    await reply(device, 'a', 1);
    expect(texts).toEqual(['a 10.0.0.7']);
  });
});

test('a server that wants an Echo gets it with the next registration, once (RFC 9175 §2.3)', async () => {
  const { texts, states } = await watch(NAME);
  await reply(device, '', 0, { code: UNAUTHORIZED, options: [option(ECHO, 5)] });
  expect(findOption(device.last().options, ECHO)?.[0]).toBe(5);
  await reply(device, 'a', 1);
  expect(texts).toEqual(['a 10.0.0.7']);
  await rig.pass(65_200);
  expect(findOption(device.last().options, ECHO)?.[0]).toBe(5);
  await reply(device, '', 0, { code: UNAUTHORIZED, options: [option(ECHO, 6)] });
  await reply(device, '', 0, { code: UNAUTHORIZED, options: [option(ECHO, 7)] });
  expect(states).toEqual(['active', 'stale coap.timeout', 'ended coap.refused']);
});

test('a server that is too busy is asked again when it says (RFC 8516)', async () => {
  const { texts, states } = await watch(NAME);
  const busy = { code: code(4, 29), options: [uintOption(MAX_AGE, 30)] };
  await reply(device, '', 0, busy);
  await rig.pass(29_900);
  expect(device.received.length).toBe(1);
  await rig.pass(200);
  expect(device.received.length).toBe(2);
  await reply(device, 'a', 1);
  expect(texts).toEqual(['a 10.0.0.7']);
  await reply(device, '', 0, { ...busy, type: NON, messageId: 700, code: code(5, 3) });
  await rig.pass(29_900);
  expect(device.received.length).toBe(2);
  await rig.pass(200);
  expect(device.received.length).toBe(3);
  expect(states).toEqual(['retrying coap.refused', 'active', 'retrying coap.refused']);
});

describe('over a connection', () => {
  const TCP = 'coap+tcp://10.0.0.7/temp';
  const notify = (
    connection: HandConnection,
    text: string,
    observe: number,
    change: Partial<CoapMessage> = {},
  ) => {
    const { token } = connection.sent[0]!;
    const options = [uintOption(OBSERVE, observe), ...(change.options ?? [])];
    connection.deliver(token, { code: CONTENT, payload: textBytes(text), ...change, options });
  };

  test('the order is that of the connection, whatever the numbers; cancelled with the same token', async () => {
    const { observation, texts } = await watch(TCP);
    const connection = connector.last;
    notify(connection, 'a', 9);
    notify(connection, 'b', 3);
    notify(connection, 'c', 3);
    expect(texts).toEqual(['a 10.0.0.7', 'b 10.0.0.7', 'c 10.0.0.7']);
    connection.answer = ({ token }) => connection.deliver(token, { code: CONTENT });
    await observation.cancel();
    const [register, cancel] = connection.sent;
    expect([findUint(register!.options, OBSERVE), findUint(cancel!.options, OBSERVE)]).toEqual([0, 1]);
    expect(cancel!.token).toEqual(register!.token);
    expect(connection.owned).toBe(0);
  });

  test('when it closes another is opened, after a wait that grows while there is none', async () => {
    const { texts, states } = await watch(TCP);
    notify(connector.last, 'a', 1);
    connector.refuse = coapError('coap.unreachable', 'refused');
    connector.last.close();
    await rig.pass(2_100);
    expect(connector.reached.length).toBe(2);
    await rig.pass(3_800);
    expect(connector.reached.length).toBe(2);
    connector.refuse = undefined;
    await rig.pass(400);
    expect(connector.connections.length).toBe(2);
    notify(connector.last, 'b', 1);
    expect(texts).toEqual(['a 10.0.0.7', 'b 10.0.0.7']);
    expect(states).toEqual(['active', 'retrying coap.closed', 'retrying coap.unreachable', 'active']);
  });

  test('a registration that is never answered is tried again', async () => {
    const { states } = await watch(TCP);
    await rig.pass(93_200);
    expect(states).toEqual(['retrying coap.timeout']);
    await rig.pass(2_100);
    expect(connector.last.sent.length).toBe(2);
    expect(connector.last.sent[1]!.token).toEqual(connector.last.sent[0]!.token);
  });

  test('a later 4.04 is retried, a first one is final', async () => {
    const first = await watch(TCP);
    connector.last.deliver(connector.last.sent[0]!.token, { code: code(4, 4) });
    expect(first.states).toEqual(['ended coap.refused']);
  });

  test('the endpoint stops: the server is told, and nothing is left', async () => {
    const { states } = await watch(TCP);
    notify(connector.last, 'a', 1);
    await rig.endpoint.stop();
    expect(findUint(connector.last.sent[1]!.options, OBSERVE)).toBe(1);
    expect(states).toEqual(['active', 'ended coap.cancelled']);
    expect(connector.last.owned).toBe(0);
  });
});
