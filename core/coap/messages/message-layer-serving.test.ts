/** The message layer of a whole endpoint as a client sees it: exact bytes, exact times. */
import { afterEach, beforeEach, expect, test } from 'vitest';
import { EndpointRig } from '../../../test/support/coap-endpoint.ts';
import { HandPeer, STATION, ipv4, option } from '../../../test/support/coap-net.ts';
import type { CoapMessage } from '../codec/codec.ts';
import { ACK, CON, CONTENT, NON } from '../codec/codes.ts';
import { ACCEPT, OBSERVE, URI_PATH, textOption } from '../codec/options.ts';

let rig: EndpointRig;

beforeEach(async () => {
  rig = await new EndpointRig().start();
});
afterEach(async () => {
  await rig.endpoint.stop();
  expect(rig.clock.pendingTimers).toBe(0);
});

const request = (path: string[], change: Partial<CoapMessage> = {}) => ({
  type: CON,
  code: 1,
  messageId: 77,
  token: Uint8Array.of(5),
  options: path.map((segment) => textOption(URI_PATH, segment)),
  ...change,
});
const core = ['.well-known', 'core'];

test.each<[string, Parameters<HandPeer['send']>[0], string]>([
  ['a ping', { type: CON, code: 0, messageId: 77 }, 'RST 0.00'],
  ['discovery', request(core), 'ACK 2.05'],
  ['discovery by NON', request(core, { type: NON }), 'NON 2.05'],
  [
    'discovery in JSON',
    request(core, { options: [...request(core).options, option(ACCEPT, 50)] }),
    'ACK 4.06',
  ],
  ['PUT to the list', request(core, { code: 3 }), 'ACK 4.05'],
  ['any other resource', request(['time']), 'ACK 4.04'],
  ['an unknown critical option', request(core, { options: [option(9, 1)] }), 'ACK 4.02'],
  ['the same by NON', request(core, { type: NON, options: [option(9, 1)] }), 'RST 0.00'],
  [
    'an unknown elective option',
    request(core, { options: [...request(core).options, option(2_048, 1)] }),
    'ACK 2.05',
  ],
  ['forwarding', request([], { options: [textOption(35, 'coap://[::1]/')] }), 'ACK 5.05'],
  ['a response nobody asked for', request([], { code: CONTENT }), 'RST 0.00'],
  [
    'a notification nobody wants',
    request([], { type: NON, code: CONTENT, options: [option(OBSERVE, 1)] }),
    'RST 0.00',
  ],
  ['an unwanted NON response', request([], { type: NON, code: CONTENT }), ''],
  ['an empty NON', { type: NON, code: 0, messageId: 77 }, ''],
  ['an ACK for nothing', { type: ACK, code: 0, messageId: 77 }, ''],
])('%s', async (_what, message, reply) => {
  rig.device.send(message, STATION);
  await rig.net.settle();
  expect(rig.seen()).toBe(reply);
});

test.each<[string, number[], string]>([
  ['a malformed CON', [0x40, 1, 0, 1, 0xff], 'RST 0.00'],
  ['a reserved class', [0x40, 0xe1, 0, 1], 'RST 0.00'],
  ['a malformed NON', [0x50, 1, 0, 1, 0xff], ''],
  ['another version', [0x80, 1, 0, 1], ''],
  ['two bytes', [0x40, 1], ''],
])('%s', async (_what, bytes, reply) => {
  rig.device.sendBytes(Uint8Array.from(bytes), STATION);
  await rig.net.settle();
  expect(rig.seen()).toBe(reply);
  expect(rig.endpoint.counters.malformed).toBe(1);
});

test('a repeated request gets the same bytes again and is served once; later the id is new', async () => {
  for (let copy = 0; copy < 3; copy++) rig.device.send(request(core), STATION);
  rig.device.send(request(core, { type: NON, messageId: 78 }), STATION);
  rig.device.send(request(core, { type: NON, messageId: 78 }), STATION);
  await rig.net.settle();
  expect(rig.seen()).toBe('ACK 2.05, ACK 2.05, ACK 2.05, NON 2.05');
  expect(rig.device.received[1]!.bytes).toEqual(rig.device.received[0]!.bytes);
  expect(rig.endpoint.counters).toMatchObject({ served: 2, duplicates: 3 });
  await rig.pass(247_100);
  rig.device.send(request(core), STATION);
  await rig.net.settle();
  expect(rig.endpoint.counters.served).toBe(3);
});

test('a device that was reset and counts its ids from the start is not taken for a repeat', async () => {
  rig.device.send(request(core), STATION);
  rig.device.send(request(['other']), STATION);
  await rig.net.settle();
  expect(rig.seen()).toBe('ACK 2.05, ACK 4.04');
});

test('peers are bounded: an idle one makes place', async () => {
  await rig.endpoint.stop();
  rig = await new EndpointRig({ limits: { peers: 2 } }).start();
  for (const last of [20, 21, 22]) {
    const peer = new HandPeer(rig.net, ipv4(last));
    peer.send(request(core), STATION);
    await rig.net.settle();
    expect(peer.received.length).toBe(1);
  }
  expect(rig.endpoint.counters.droppedByLimit).toBe(1);
  rig.ask('coap://10.0.0.7/');
  rig.ask('coap://10.0.0.8/');
  await rig.net.settle();
  const third = rig.ask('coap://10.0.0.9/');
  await rig.net.settle();
  expect(third.error).toBe('coap.busy');
});

test('nothing is kept for peers that have been silent for a lifetime', async () => {
  rig.device.send(request(core), STATION);
  await rig.pass(280_000);
  expect(rig.clock.pendingTimers).toBe(0);
});
