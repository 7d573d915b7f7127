/** The message layer as a peer sees it: exact bytes, exact times, through a whole endpoint. */
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { codeOf } from '../../base/errors.ts';
import { silentLog } from '../../base/log.ts';
import { ManualClock } from '../../base/manual-clock.ts';
import {
  HandPeer,
  MemoryDatagrams,
  MemoryNet,
  ipv4,
  option,
  textBytes,
} from '../../../test/support/coap-net.ts';
import { encodeMessage } from '../codec/codec.ts';
import type { CoapMessage } from '../codec/codec.ts';
import type { MessageType } from '../codec/codes.ts';
import { ACK, CON, CONTENT, NON, RST, TYPE_NAMES, codeText } from '../codec/codes.ts';
import { CoapEndpoint } from '../endpoint.ts';
import type { CoapEndpointOptions } from '../endpoint.ts';
import { ACCEPT, OBSERVE, URI_PATH, textOption } from '../codec/options.ts';
import type { CoapResponse } from '../client/response.ts';

const STATION = ipv4(1);
const DEVICE = ipv4(7);
const URI = 'coap://10.0.0.7/temp';

let clock: ManualClock;
let net: MemoryNet;
let device: HandPeer;
let endpoint: CoapEndpoint;
let datagrams: MemoryDatagrams;

async function begin(options: Partial<CoapEndpointOptions> = {}): Promise<void> {
  clock = new ManualClock();
  net = new MemoryNet();
  device = new HandPeer(net, DEVICE);
  datagrams = new MemoryDatagrams(net, STATION);
  // The random part of every wait is none: waits are exact.
  let counter = 0;
  const random = {
    bytes: (count: number) => {
      counter++;
      return Uint8Array.from({ length: count }, (_, i) => (counter >> (8 * i)) & 255);
    },
    fraction: () => 0,
  };
  endpoint = new CoapEndpoint({ clock, log: silentLog, datagrams, random, ...options });
  await endpoint.start({ host: STATION.address, port: STATION.port });
}

beforeEach(() => begin());
afterEach(async () => {
  await endpoint.stop();
  expect(clock.pendingTimers).toBe(0);
});

/** A request whose end can be looked at while it runs. */
function ask(uri = URI, options: Parameters<CoapEndpoint['request']>[1] = {}) {
  const outcome: { response?: CoapResponse; error?: string } = {};
  void endpoint.request(uri, options).then(
    (response) => (outcome.response = response),
    (error: unknown) => (outcome.error = codeOf(error)),
  );
  return outcome;
}

/** Moves time in steps small enough that what is sent on the way arrives on the way. */
async function pass(totalMs: number): Promise<void> {
  for (let passed = 0; passed < totalMs; passed += 100) {
    clock.advance(Math.min(100, totalMs - passed));
    await net.settle();
  }
}

const content = (request: CoapMessage, text: string) => ({
  code: CONTENT,
  token: request.token,
  payload: textBytes(text),
});
const seen = () =>
  device.received.map(({ message }) => `${TYPE_NAMES[message.type]} ${codeText(message.code)}`).join(', ');

describe('as a client', () => {
  test('a piggybacked response', async () => {
    const outcome = ask();
    await net.settle();
    const request = device.last();
    expect([request.type, request.code, request.token.length]).toEqual([CON, 1, 8]);
    await pass(100);
    device.send({ type: ACK, messageId: request.messageId, ...content(request, '21.5') }, STATION);
    await net.settle();
    expect(outcome.response).toMatchObject({
      code: '2.05',
      codeName: 'Content',
      rttMs: 100,
      retransmissions: 0,
    });
    expect(Buffer.from(outcome.response!.payload).toString()).toBe('21.5');
    expect(endpoint.counters.exchanges).toBe(0);
  });

  test('no answer: sent at 0, 2, 6, 14 and 30 s, given up at 62 s (§4.2)', async () => {
    const outcome = ask();
    await net.settle();
    const sentAtS: number[] = [];
    for (let second = 0; second <= 62; second++) {
      while (device.received.length > sentAtS.length) sentAtS.push(second);
      if (second < 62) expect(outcome.error).toBeUndefined();
      await pass(1_000);
    }
    // One tick of the timer wheel may lie between the time and the event.
    expect(sentAtS).toEqual([0, 2, 6, 14, 30]);
    expect(outcome.error).toBe('coap.timeout');
    const first = device.received[0]!.bytes;
    for (const { bytes } of device.received) expect(bytes).toEqual(first);
    expect(endpoint.counters).toMatchObject({ retransmissions: 4, timeouts: 1, exchanges: 0 });
  });

  test('the first wait is up to 1.5 times 2 s', async () => {
    await endpoint.stop();
    await begin({ random: { bytes: (count) => new Uint8Array(count), fraction: () => 0.999 } });
    ask();
    await pass(2_900);
    expect(device.received.length).toBe(1);
    await pass(200);
    expect(device.received.length).toBe(2);
  });

  test('a separate response is acknowledged, and again when it comes again (§5.2.2)', async () => {
    const outcome = ask();
    await net.settle();
    const request = device.last();
    device.send({ type: ACK, code: 0, messageId: request.messageId }, STATION);
    await pass(20_000);
    expect(device.received.length).toBe(1);
    for (let copy = 0; copy < 3; copy++) {
      device.send({ type: CON, messageId: 500, ...content(request, 'late') }, STATION);
      await net.settle();
    }
    expect(seen()).toBe('CON 0.01, ACK 0.00, ACK 0.00, ACK 0.00');
    expect(outcome.response).toMatchObject({ code: '2.05', rttMs: 20_000 });
    expect(endpoint.counters).toMatchObject({ duplicates: 2, unmatched: 0 });
  });

  test('a separate response that outruns its ACK ends the retransmission', async () => {
    const outcome = ask();
    await net.settle();
    device.send({ type: NON, messageId: 500, ...content(device.last(), 'x') }, STATION);
    await pass(60_000);
    expect(outcome.response?.code).toBe('2.05');
    expect(device.received.length).toBe(1);
  });

  test('acknowledged but never answered is a timeout too', async () => {
    const outcome = ask();
    await net.settle();
    device.send({ type: ACK, code: 0, messageId: device.last().messageId }, STATION);
    await pass(92_900);
    expect(outcome.error).toBeUndefined();
    await pass(300);
    expect(outcome.error).toBe('coap.timeout');
  });

  test('RST is an error and not an answer', async () => {
    const outcome = ask();
    await net.settle();
    device.send({ type: RST, code: 0, messageId: device.last().messageId }, STATION);
    await net.settle();
    expect(outcome.error).toBe('coap.reset');
  });

  test('the right token from another address, a wrong token, and a wrong id are not the answer', async () => {
    const stranger = new HandPeer(net, ipv4(66));
    const otherPort = new HandPeer(net, ipv4(7, 1_024));
    const outcome = ask();
    await net.settle();
    const request = device.last();
    const { messageId } = request;
    stranger.send({ type: ACK, messageId, ...content(request, 'lie') }, STATION);
    otherPort.send({ type: CON, messageId, ...content(request, 'lie') }, STATION);
    device.send({ type: ACK, messageId, ...content(request, 'lie'), token: Uint8Array.of(1) }, STATION);
    device.send({ type: ACK, ...content(request, 'lie'), messageId: messageId ^ 1 }, STATION);
    device.send({ type: CON, messageId: 9, ...content(request, 'lie'), token: Uint8Array.of(1) }, STATION);
    await net.settle();
    expect(outcome).toEqual({});
    expect(endpoint.counters.unmatched).toBe(5);
    expect(otherPort.received.map(({ message }) => message.type)).toEqual([RST]);
    expect(stranger.received).toEqual([]);
    device.send({ type: ACK, messageId, ...content(request, 'truth') }, STATION);
    await net.settle();
    expect(Buffer.from(outcome.response!.payload).toString()).toBe('truth');
  });

  test('a malformed answer is an error with its own name, and a CON one is rejected', async () => {
    const outcome = ask();
    await net.settle();
    const { messageId, token } = device.last();
    const bytes = [0x60 | token.length, CONTENT, messageId >> 8, messageId & 255, ...token, 0xff];
    device.sendBytes(Uint8Array.from(bytes), STATION);
    await net.settle();
    expect(outcome.error).toBe('coap.malformed');
    device.sendBytes(Uint8Array.of(0x49, CONTENT, 0, 9), STATION);
    await net.settle();
    expect(seen()).toBe('CON 0.01, RST 0.00');
    expect(endpoint.counters.malformed).toBe(2);
  });

  test('an answer with an unknown critical option is refused (§5.4.1)', async () => {
    const outcome = ask();
    await net.settle();
    const request = device.last();
    device.send({ type: CON, messageId: 9, ...content(request, 'x'), options: [option(9, 1)] }, STATION);
    await net.settle();
    expect(outcome.error).toBe('coap.bad_option');
    expect(seen()).toBe('CON 0.01, RST 0.00');
  });

  test('one exchange at a time per peer (NSTART), other peers at once, in order', async () => {
    const other = new HandPeer(net, ipv4(8));
    const outcomes = ['a', 'b', 'c'].map((path) => ask(`coap://10.0.0.7/${path}`));
    ask('coap://10.0.0.8/d');
    await net.settle();
    expect([device.received.length, other.received.length]).toEqual([1, 1]);
    for (let index = 0; index < 3; index++) {
      const request = device.last();
      device.send({ type: ACK, messageId: request.messageId, ...content(request, `${index}`) }, STATION);
      await net.settle();
    }
    expect(outcomes.map(({ response }) => Buffer.from(response!.payload).toString())).toEqual([
      '0',
      '1',
      '2',
    ]);
    const ids = device.received.map(({ message }) => message.messageId);
    expect(ids).toEqual([ids[0], (ids[0]! + 1) & 0xffff, (ids[0]! + 2) & 0xffff]);
  });

  test('an empty ACK lets the next one go', async () => {
    ask();
    ask();
    await net.settle();
    device.send({ type: ACK, code: 0, messageId: device.last().messageId }, STATION);
    await net.settle();
    expect(device.received.length).toBe(2);
  });

  test('the waiting line is bounded', async () => {
    await endpoint.stop();
    await begin({ limits: { queuedPerPeer: 3 } });
    const outcomes = Array.from({ length: 6 }, () => ask());
    await net.settle();
    expect(outcomes.map(({ error }) => error)).toEqual([
      ...Array.from({ length: 4 }, () => undefined),
      'coap.busy',
      'coap.busy',
    ]);
    expect(endpoint.counters.droppedByLimit).toBe(2);
  });

  test('a NON request is sent once and holds its turn for as long as PROBING_RATE says', async () => {
    const outcome = ask(URI, { confirmable: false });
    ask();
    await net.settle();
    const bytes = device.received[0]!.bytes.length;
    expect(device.last().type).toBe(NON);
    await pass(bytes * 1_000 - 100);
    expect(device.received.length).toBe(1);
    await pass(300);
    expect(device.received.length).toBe(2);
    device.send({ type: NON, messageId: 3, ...content(device.received[0]!.message, 'x') }, STATION);
    await net.settle();
    expect(outcome.response?.code).toBe('2.05');
  });

  test('cancelling stops the retransmission and frees the turn', async () => {
    const abort = new AbortController();
    const outcome = ask(URI, { signal: abort.signal });
    const next = ask();
    await net.settle();
    abort.abort();
    await net.settle();
    expect([outcome.error, next.error, device.received.length]).toEqual(['coap.cancelled', undefined, 2]);
    expect(ask(URI, { signal: abort.signal })).toEqual({});
    await net.settle();
    expect(device.received.length).toBe(2);
  });

  test('a system that cannot send is told at once; one that is short of buffers is not', async () => {
    datagrams.sendError = Object.assign(new Error('network is unreachable'), { code: 'ENETUNREACH' });
    const outcome = ask();
    await net.settle();
    expect(outcome.error).toBe('coap.unreachable');
    datagrams.sendError = Object.assign(new Error('no buffer'), { code: 'ENOBUFS' });
    const patient = ask();
    await net.settle();
    datagrams.sendError = undefined;
    await pass(2_100);
    device.send({ type: ACK, messageId: device.last().messageId, ...content(device.last(), 'x') }, STATION);
    await net.settle();
    expect(patient.response).toMatchObject({ code: '2.05', retransmissions: 1 });
  });

  test('stopping fails what is under way', async () => {
    const outcomes = [ask(), ask()];
    await net.settle();
    await endpoint.stop();
    await net.settle();
    expect(outcomes.map(({ error }) => error)).toEqual(['coap.cancelled', 'coap.cancelled']);
    expect(await endpoint.request(URI).catch(codeOf)).toBe('coap.not_running');
    await endpoint.stop();
  });

  test('ping is answered by RST', async () => {
    const pinged = endpoint.ping(URI);
    await net.settle();
    expect(device.received[0]!.bytes.length).toBe(4);
    await pass(100);
    device.send({ type: RST, code: 0, messageId: device.last().messageId }, STATION);
    expect(await pinged).toMatchObject({ rttMs: 100, transport: 'udp' });
  });

  test('addresses that are not one device, and names that are none', async () => {
    const asked = ['coap://224.0.1.187/', 'coap://[ff02::fd]/', 'coap://0.0.0.0/', 'coap://255.255.255.255/'];
    for (const uri of asked) expect(await endpoint.request(uri).catch(codeOf)).toBe('coap.bad_uri');
    await endpoint.stop();
    await begin({
      resolver: (host) => (host === 'sensor' ? Promise.resolve(['10.0.0.7']) : Promise.reject(new Error())),
    });
    expect(await endpoint.request('coap://nobody/').catch(codeOf)).toBe('coap.host_not_found');
    ask('coap://sensor/temp');
    await net.settle();
    expect(device.last().options.map(({ number }) => number)).toEqual([3, 11]);
  });
});

test('no datagram makes the endpoint throw, fall silent or leak', async () => {
  const outcome = ask();
  await net.settle();
  const { token, messageId } = device.last();
  const observed = endpoint.observe(URI, {}, { notification: () => undefined });
  const valid = fc.record({
    type: fc.constantFrom<MessageType>(CON, NON, ACK),
    code: fc.constantFrom(1, 3, CONTENT, 132),
    messageId: fc.oneof(fc.constant(messageId), fc.integer({ min: 0, max: 0xffff })),
    token: fc.oneof(fc.constant(token), fc.uint8Array({ maxLength: 8 })),
    options: fc.array(
      fc.record({
        number: fc.constantFrom(OBSERVE, URI_PATH, 14, 23, 27, 28, 9, 2_048),
        value: fc.uint8Array({ maxLength: 5 }),
      }),
      { maxLength: 4 },
    ),
    payload: fc.uint8Array({ maxLength: 40 }),
  });
  const mutated = fc.tuple(valid, fc.nat(), fc.nat(255)).map(([message, at, byte]) => {
    const bytes = encodeMessage(message);
    bytes[at % bytes.length] = byte;
    return bytes;
  });
  const anything = fc.oneof(fc.uint8Array({ maxLength: 40 }), valid.map(encodeMessage), mutated);
  await fc.assert(
    fc.asyncProperty(fc.array(anything, { maxLength: 10 }), async (datagrams) => {
      for (const bytes of datagrams) device.sendBytes(bytes, STATION);
      await net.settle();
      device.received.length = 0;
    }),
    { numRuns: 300 },
  );
  observed.stop();
  const pinged = new HandPeer(net, ipv4(99));
  pinged.send({ type: CON, code: 0, messageId: 1 }, STATION);
  await pass(100_000);
  expect(pinged.last().type).toBe(RST);
  expect(outcome.response ?? outcome.error).toBeDefined();
  expect(endpoint.counters).toMatchObject({ exchanges: 0, observations: 0 });
});

describe('as a server', () => {
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
    device.send(message, STATION);
    await net.settle();
    expect(seen()).toBe(reply);
  });

  test.each<[string, number[], string]>([
    ['a malformed CON', [0x40, 1, 0, 1, 0xff], 'RST 0.00'],
    ['a reserved class', [0x40, 0xe1, 0, 1], 'RST 0.00'],
    ['a malformed NON', [0x50, 1, 0, 1, 0xff], ''],
    ['another version', [0x80, 1, 0, 1], ''],
    ['two bytes', [0x40, 1], ''],
  ])('%s', async (_what, bytes, reply) => {
    device.sendBytes(Uint8Array.from(bytes), STATION);
    await net.settle();
    expect(seen()).toBe(reply);
    expect(endpoint.counters.malformed).toBe(1);
  });

  test('a repeated request gets the same bytes again and is served once; later the id is new', async () => {
    for (let copy = 0; copy < 3; copy++) device.send(request(core), STATION);
    device.send(request(core, { type: NON, messageId: 78 }), STATION);
    device.send(request(core, { type: NON, messageId: 78 }), STATION);
    await net.settle();
    expect(seen()).toBe('ACK 2.05, ACK 2.05, ACK 2.05, NON 2.05');
    expect(device.received[1]!.bytes).toEqual(device.received[0]!.bytes);
    expect(endpoint.counters).toMatchObject({ served: 2, duplicates: 3 });
    await pass(247_100);
    device.send(request(core), STATION);
    await net.settle();
    expect(endpoint.counters.served).toBe(3);
  });

  test('a device that was reset and counts its ids from the start is not taken for a repeat', async () => {
    device.send(request(core), STATION);
    device.send(request(['other']), STATION);
    await net.settle();
    expect(seen()).toBe('ACK 2.05, ACK 4.04');
  });

  test('peers are bounded: an idle one makes place', async () => {
    await endpoint.stop();
    await begin({ limits: { peers: 2 } });
    for (const last of [20, 21, 22]) {
      const peer = new HandPeer(net, ipv4(last));
      peer.send(request(core), STATION);
      await net.settle();
      expect(peer.received.length).toBe(1);
    }
    expect(endpoint.counters.droppedByLimit).toBe(1);
    ask('coap://10.0.0.7/');
    ask('coap://10.0.0.8/');
    await net.settle();
    const third = ask('coap://10.0.0.9/');
    await net.settle();
    expect(third.error).toBe('coap.busy');
  });

  test('nothing is kept for peers that have been silent for a lifetime', async () => {
    device.send(request(core), STATION);
    await pass(280_000);
    expect(clock.pendingTimers).toBe(0);
  });
});
