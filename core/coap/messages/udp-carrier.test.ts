import { afterEach, beforeEach, expect, test } from 'vitest';
import { codeOf } from '../../base/errors.ts';
import { LayerRig } from '../../../test/support/coap-layer.ts';
import { STATION, HandPeer, ipv4, textBytes } from '../../../test/support/coap-net.ts';
import type { Carrier, WireEvent } from '../carrier.ts';
import { ACK, CON, CONTENT, METHOD_CODES, NON, RST } from '../codec/codes.ts';

let rig: LayerRig;
let device: HandPeer;
let carrier: Carrier;
beforeEach(async () => {
  rig = await LayerRig.start({
    serve: (request) => request.answer({ code: CONTENT, options: [], payload: textBytes('x') }),
  });
  device = new HandPeer(rig.net, ipv4(7));
  carrier = rig.layer.carrier(device.at);
});
afterEach(async () => {
  await rig.stop();
  expect(rig.clock.pendingTimers).toBe(0);
});

const get = (token: Uint8Array, confirmable = true) => ({
  confirmable,
  code: METHOD_CODES.GET,
  token,
  options: [],
  payload: textBytes(''),
});

test('what a path over UDP can do', () => {
  expect(carrier).toMatchObject({
    transport: 'udp',
    address: device.at,
    reliable: false,
    maxMessageBytes: 1_152,
    largestSzx: 6,
    closed: false,
  });
  expect(rig.layer.carrier({ ...device.at })).toBe(carrier);
});

test('tokens have owners, and only the owner gives one up', async () => {
  const token = carrier.freshToken();
  const heard: string[] = [];
  const owner = (name: string) => ({
    onResponse: () => void heard.push(name),
    onBrokenResponse: () => undefined,
  });
  const [first, second] = [owner('first'), owner('second')];
  const say = async (messageId: number) => {
    device.send({ type: NON, code: CONTENT, messageId, token }, STATION);
    await rig.net.settle();
  };
  carrier.own(token, first);
  carrier.own(token, second);
  carrier.disown(token, first);
  await say(1);
  carrier.disown(token, second);
  await say(2);
  expect([heard, rig.counters.unmatched]).toEqual([['second'], 1]);
});

test('a watcher hears nothing before `send` has returned', async () => {
  const order: string[] = [];
  const watcher = {
    sent: () => void order.push('sent'),
    acknowledged: () => void order.push('acknowledged'),
    failed: (error: Error) => void order.push(codeOf(error)),
  };
  rig.datagrams.sendError = Object.assign(new Error('no'), { code: 'EACCES' });
  carrier.send(get(carrier.freshToken()), watcher);
  order.push('returned');
  await rig.net.settle();
  expect(order).toEqual(['returned', 'coap.unreachable']);
  order.length = 0;
  rig.datagrams.sendError = undefined;
  const sending = carrier.send(get(carrier.freshToken()), watcher);
  order.push('returned');
  await rig.net.settle();
  device.send({ type: ACK, code: 0, messageId: device.last().messageId }, STATION);
  await rig.net.settle();
  expect([order, sending.state]).toEqual([['returned', 'sent', 'acknowledged'], 'acknowledged']);
  sending.release();
  sending.release();
  expect([sending.state, rig.counters.exchanges]).toEqual(['done', 0]);
});

test('what nobody waits for goes at once, out of turn', async () => {
  const quiet = { acknowledged: () => undefined, failed: () => undefined };
  carrier.send(get(Uint8Array.of(1)), quiet);
  carrier.send(get(Uint8Array.of(2)), quiet);
  carrier.sendUnawaited(get(Uint8Array.of(3), false));
  await rig.net.settle();
  expect(device.received.map(({ message }) => [message.type, message.token[0]])).toEqual([
    [CON, 1],
    [NON, 3],
  ]);
});

test('ping: answered by RST, aborted, unanswered', async () => {
  const pinged = carrier.ping();
  await rig.net.settle();
  expect([...device.received[0]!.bytes.subarray(0, 2)]).toEqual([0x40, 0]);
  device.send({ type: RST, code: 0, messageId: device.last().messageId }, STATION);
  expect(await pinged).toEqual({ rttMs: 0 });
  const abort = new AbortController();
  const aborted = carrier.ping(abort.signal).catch(codeOf);
  const silent = carrier.ping().catch(codeOf);
  abort.abort();
  expect(await aborted).toBe('coap.cancelled');
  expect(await carrier.ping(abort.signal).catch(codeOf)).toBe('coap.cancelled');
  await rig.pass(62_200);
  expect(await silent).toBe('coap.timeout');
});

test('whoever looks at the wire sees each message with what became of it', async () => {
  const seen: string[] = [];
  rig.layer.tap = (event: WireEvent) => {
    const { direction, bytes, verdict, repeat, peer, transport } = event;
    expect([peer, transport]).toEqual([device.at, 'udp']);
    seen.push(`${direction} ${bytes[0]! >> 4}.${bytes[1]} ${verdict} ${repeat}`);
  };
  const say = async (bytes: number[]) => {
    device.sendBytes(Uint8Array.from(bytes), STATION);
    await rig.net.settle();
  };
  await say([0x40, 1, 0, 1]);
  await say([0x40, 1, 0, 1]);
  await say([0x40, 1, 0, 1]);
  await say([0x40, 1, 0, 2, 0xff]);
  await say([0x40, CONTENT, 0, 3]);
  await say([0x40, 0, 0, 4]);
  const sending = carrier.send(get(carrier.freshToken()), {
    acknowledged: () => undefined,
    failed: () => undefined,
  });
  await rig.pass(2_200);
  rig.layer.tap = undefined;
  sending.release();
  await say([0x40, 1, 0, 5]);
  expect(seen).toEqual([
    ...['in 4.1 ok 0', 'out 6.69 ok 0'],
    ...['in 4.1 duplicate 0', 'out 6.69 ok 1'],
    ...['in 4.1 duplicate 0', 'out 6.69 ok 2'],
    ...['in 4.1 malformed 0', 'out 7.0 ok 0'],
    ...['in 4.69 unmatched 0', 'out 7.0 ok 0'],
    ...['in 4.0 ok 0', 'out 7.0 ok 0'],
    ...['out 4.1 ok 0', 'out 4.1 ok 1'],
  ]);
});
