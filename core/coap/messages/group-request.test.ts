/** One question to everybody on an interface (RFC 7252 §8), and what comes back from anywhere. */
import { afterEach, beforeEach, expect, test } from 'vitest';
import { codeOf } from '../../base/errors.ts';
import { LayerRig } from '../../../test/support/coap-layer.ts';
import { STATION, HandPeer, ipv4, option, textBytes } from '../../../test/support/coap-net.ts';
import type { PeerAddress } from '../address.ts';
import type { CoapMessage } from '../codec/codec.ts';
import { ACK, CON, CONTENT, NON, RST, TYPE_NAMES } from '../codec/codes.ts';
import { URI_PATH, textOption } from '../codec/options.ts';

const GROUP = '224.0.1.187';
const QUESTION = {
  group: GROUP,
  port: 5_683,
  interfaceName: 'eth0',
  interfaceAddress: STATION.address,
  options: [textOption(URI_PATH, 'a')],
  listenMs: 5_000,
};

let rig: LayerRig;
let devices: HandPeer[];
/** What came to the group, once per member. */
let heard: { bytes: Uint8Array; from: PeerAddress }[];

beforeEach(async () => {
  rig = await LayerRig.start({ limits: { groupRequests: 2 } });
  devices = [7, 8, 9].map((last) => new HandPeer(rig.net, ipv4(last)));
  heard = [];
  rig.net.join(GROUP, 5_683, (bytes, from) => void heard.push({ bytes, from }));
});
afterEach(async () => {
  await rig.stop();
  expect(rig.clock.pendingTimers).toBe(0);
});

function ask(change: Partial<typeof QUESTION> = {}, signal?: AbortSignal) {
  const answers: string[] = [];
  const outcome = { answers, end: 'none yet' };
  void rig.layer
    .askGroup(
      { ...QUESTION, ...change },
      ({ message, from }) => void answers.push(`${from.address} ${Buffer.from(message.payload).toString()}`),
      signal,
    )
    .then(
      () => (outcome.end = 'over'),
      (error: unknown) => (outcome.end = codeOf(error)),
    );
  return outcome;
}
const answer = (messageId: number, change: Partial<CoapMessage> = {}) => ({
  type: NON,
  code: CONTENT,
  messageId,
  token: heard[0]!.bytes.subarray(4, 12),
  payload: textBytes(String(messageId)),
  ...change,
});

test('one NON goes out; answers from anywhere count once each until the time is over', async () => {
  const outcome = ask();
  await rig.net.settle();
  expect(heard.length).toBe(1);
  const { bytes, from } = heard[0]!;
  expect([bytes[0], bytes[1], from.port === STATION.port]).toEqual([0x58, 1, false]);
  const [a, b, c] = devices as [HandPeer, HandPeer, HandPeer];
  a.send(answer(1), from);
  a.send(answer(1), from);
  b.send(answer(1), from);
  await rig.pass(4_000);
  c.send(answer(2, { type: CON }), from);
  c.send(answer(2, { type: CON }), from);
  await rig.net.settle();
  expect(c.received.map(({ message }) => TYPE_NAMES[message.type])).toEqual(['ACK', 'ACK']);
  expect(c.received[0]!.from).toEqual(from);
  expect(outcome.end).toBe('none yet');
  await rig.pass(1_200);
  expect(outcome).toEqual({ answers: ['10.0.0.7 1', '10.0.0.8 1', '10.0.0.9 2'], end: 'over' });
  a.send(answer(3), from);
  await rig.net.settle();
  expect(outcome.answers.length).toBe(3);
  expect(rig.counters).toMatchObject({ duplicates: 2, requests: 1 });
});

test('other tokens, requests, ACKs, critical options and rubbish are no answers', async () => {
  const outcome = ask();
  await rig.net.settle();
  const { from } = heard[0]!;
  const device = devices[0]!;
  device.send(answer(1, { token: Uint8Array.of(1) }), from);
  device.send(answer(2, { type: CON, token: Uint8Array.of(1) }), from);
  device.send(answer(3, { code: 1 }), from);
  device.send(answer(4, { type: ACK }), from);
  device.send(answer(5, { type: CON, options: [option(9, 1)] }), from);
  device.send({ type: CON, code: 0, messageId: 6 }, from);
  device.sendBytes(Uint8Array.of(0x40, 1, 0, 7, 0xff), from);
  // The right token, but not where it was asked from.
  device.send(answer(8), STATION);
  await rig.pass(5_200);
  expect(outcome).toEqual({ answers: [], end: 'over' });
  expect(device.received.map(({ message }) => [message.type, message.messageId])).toEqual([
    [RST, 2],
    [RST, 5],
    [RST, 6],
    [RST, 7],
  ]);
  expect(rig.counters).toMatchObject({ unmatched: 6, malformed: 1 });
});

test('answers are bounded', async () => {
  const outcome = ask();
  await rig.net.settle();
  for (let id = 0; id < 2_010; id++) devices[0]!.send(answer(id), heard[0]!.from);
  await rig.net.settle();
  expect([outcome.answers.length, rig.counters.droppedByLimit]).toEqual([2_000, 10]);
});

test('an abort and a stop end it, a system that cannot send fails it, and questions are bounded', async () => {
  const abort = new AbortController();
  const aborted = ask({}, abort.signal);
  const stopped = ask();
  const third = ask();
  await rig.net.settle();
  expect(third.end).toBe('coap.busy');
  abort.abort();
  await rig.net.settle();
  expect([aborted.end, stopped.end]).toEqual(['over', 'none yet']);
  rig.datagrams.sendError = new Error('no route');
  const refused = ask();
  await rig.net.settle();
  expect(refused.end).toBe('coap.unreachable');
  rig.layer.stop();
  await rig.net.settle();
  expect(stopped.end).toBe('over');
  const late = ask();
  await rig.net.settle();
  expect(late.end).toBe('coap.not_running');
});

test.each([
  ['no group', { group: '10.0.0.7' }],
  ['a name', { group: 'everybody' }],
  ['an interface of the other family', { group: 'ff02::fd' }],
])('%s cannot be asked', async (_what, change) => {
  const outcome = ask(change);
  await rig.net.settle();
  expect(outcome.end).toBe('coap.bad_request');
});
