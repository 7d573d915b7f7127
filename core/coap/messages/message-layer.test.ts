/** The message layer of a whole endpoint as a server sees it: exact bytes, exact times. */
import { afterEach, beforeEach, expect, test } from 'vitest';
import { codeOf } from '../../base/errors.ts';
import { EndpointRig, URI } from '../../../test/support/coap-endpoint.ts';
import { HandPeer, STATION, ipv4, option, textBytes } from '../../../test/support/coap-net.ts';
import type { CoapMessage } from '../codec/codec.ts';
import { ACK, CON, CONTENT, NON, RST } from '../codec/codes.ts';

let rig: EndpointRig;

beforeEach(async () => {
  rig = await new EndpointRig().start();
});
afterEach(async () => {
  await rig.endpoint.stop();
  expect(rig.clock.pendingTimers).toBe(0);
});

const content = (request: CoapMessage, text: string) => ({
  code: CONTENT,
  token: request.token,
  payload: textBytes(text),
});
test('a piggybacked response', async () => {
  const outcome = rig.ask();
  await rig.net.settle();
  const request = rig.device.last();
  expect([request.type, request.code, request.token.length]).toEqual([CON, 1, 8]);
  await rig.pass(100);
  rig.device.send({ type: ACK, messageId: request.messageId, ...content(request, '21.5') }, STATION);
  await rig.net.settle();
  expect(outcome.response).toMatchObject({
    code: '2.05',
    codeName: 'Content',
    rttMs: 100,
    retransmissions: 0,
  });
  expect(Buffer.from(outcome.response!.payload).toString()).toBe('21.5');
  expect(rig.endpoint.counters.exchanges).toBe(0);
});

test('no answer: sent at 0, 2, 6, 14 and 30 s, given up at 62 s (§4.2)', async () => {
  const outcome = rig.ask();
  await rig.net.settle();
  const sentAtS: number[] = [];
  for (let second = 0; second <= 62; second++) {
    while (rig.device.received.length > sentAtS.length) sentAtS.push(second);
    if (second < 62) expect(outcome.error).toBeUndefined();
    await rig.pass(1_000);
  }
  // One tick of the timer wheel may lie between the time and the event.
  expect(sentAtS).toEqual([0, 2, 6, 14, 30]);
  expect(outcome.error).toBe('coap.timeout');
  const first = rig.device.received[0]!.bytes;
  for (const { bytes } of rig.device.received) expect(bytes).toEqual(first);
  expect(rig.endpoint.counters).toMatchObject({ retransmissions: 4, timeouts: 1, exchanges: 0 });
});

test('the first wait is up to 1.5 times 2 s', async () => {
  await rig.endpoint.stop();
  rig = await new EndpointRig({
    random: { bytes: (count) => new Uint8Array(count), fraction: () => 0.999 },
  }).start();
  rig.ask();
  await rig.pass(2_900);
  expect(rig.device.received.length).toBe(1);
  await rig.pass(200);
  expect(rig.device.received.length).toBe(2);
});

test('a separate response is acknowledged, and again when it comes again (§5.2.2)', async () => {
  const outcome = rig.ask();
  await rig.net.settle();
  const request = rig.device.last();
  rig.device.send({ type: ACK, code: 0, messageId: request.messageId }, STATION);
  await rig.pass(20_000);
  expect(rig.device.received.length).toBe(1);
  for (let copy = 0; copy < 3; copy++) {
    rig.device.send({ type: CON, messageId: 500, ...content(request, 'late') }, STATION);
    await rig.net.settle();
  }
  expect(rig.seen()).toBe('CON 0.01, ACK 0.00, ACK 0.00, ACK 0.00');
  expect(outcome.response).toMatchObject({ code: '2.05', rttMs: 20_000 });
  expect(rig.endpoint.counters).toMatchObject({ duplicates: 2, unmatched: 0 });
});

test('a separate response that outruns its ACK ends the retransmission', async () => {
  const outcome = rig.ask();
  await rig.net.settle();
  rig.device.send({ type: NON, messageId: 500, ...content(rig.device.last(), 'x') }, STATION);
  await rig.pass(60_000);
  expect(outcome.response?.code).toBe('2.05');
  expect(rig.device.received.length).toBe(1);
});

test('acknowledged but never answered is a timeout too', async () => {
  const outcome = rig.ask();
  await rig.net.settle();
  rig.device.send({ type: ACK, code: 0, messageId: rig.device.last().messageId }, STATION);
  await rig.pass(92_900);
  expect(outcome.error).toBeUndefined();
  await rig.pass(300);
  expect(outcome.error).toBe('coap.timeout');
});

test('RST is an error and not an answer', async () => {
  const outcome = rig.ask();
  await rig.net.settle();
  rig.device.send({ type: RST, code: 0, messageId: rig.device.last().messageId }, STATION);
  await rig.net.settle();
  expect(outcome.error).toBe('coap.reset');
});

test('the right token from another address, a wrong token, and a wrong id are not the answer', async () => {
  const stranger = new HandPeer(rig.net, ipv4(66));
  const otherPort = new HandPeer(rig.net, ipv4(7, 1_024));
  const outcome = rig.ask();
  await rig.net.settle();
  const request = rig.device.last();
  const { messageId } = request;
  stranger.send({ type: ACK, messageId, ...content(request, 'lie') }, STATION);
  otherPort.send({ type: CON, messageId, ...content(request, 'lie') }, STATION);
  rig.device.send({ type: ACK, messageId, ...content(request, 'lie'), token: Uint8Array.of(1) }, STATION);
  rig.device.send({ type: ACK, ...content(request, 'lie'), messageId: messageId ^ 1 }, STATION);
  rig.device.send({ type: CON, messageId: 9, ...content(request, 'lie'), token: Uint8Array.of(1) }, STATION);
  await rig.net.settle();
  expect(outcome).toEqual({});
  expect(rig.endpoint.counters.unmatched).toBe(5);
  expect(otherPort.received.map(({ message }) => message.type)).toEqual([RST]);
  expect(stranger.received).toEqual([]);
  rig.device.send({ type: ACK, messageId, ...content(request, 'truth') }, STATION);
  await rig.net.settle();
  expect(Buffer.from(outcome.response!.payload).toString()).toBe('truth');
});

test('a malformed answer is an error with its own name, and a CON one is rejected', async () => {
  const outcome = rig.ask();
  await rig.net.settle();
  const { messageId, token } = rig.device.last();
  const bytes = [0x60 | token.length, CONTENT, messageId >> 8, messageId & 255, ...token, 0xff];
  rig.device.sendBytes(Uint8Array.from(bytes), STATION);
  await rig.net.settle();
  expect(outcome.error).toBe('coap.malformed');
  rig.device.sendBytes(Uint8Array.of(0x49, CONTENT, 0, 9), STATION);
  await rig.net.settle();
  expect(rig.seen()).toBe('CON 0.01, RST 0.00');
  expect(rig.endpoint.counters.malformed).toBe(2);
});

test('an answer with an unknown critical option is refused (§5.4.1)', async () => {
  const outcome = rig.ask();
  await rig.net.settle();
  const request = rig.device.last();
  rig.device.send({ type: CON, messageId: 9, ...content(request, 'x'), options: [option(9, 1)] }, STATION);
  await rig.net.settle();
  expect(outcome.error).toBe('coap.bad_option');
  expect(rig.seen()).toBe('CON 0.01, RST 0.00');
});

test('one exchange at a time per peer (NSTART), other peers at once, in order', async () => {
  const other = new HandPeer(rig.net, ipv4(8));
  const outcomes = ['a', 'b', 'c'].map((path) => rig.ask(`coap://10.0.0.7/${path}`));
  rig.ask('coap://10.0.0.8/d');
  await rig.net.settle();
  expect([rig.device.received.length, other.received.length]).toEqual([1, 1]);
  for (let index = 0; index < 3; index++) {
    const request = rig.device.last();
    rig.device.send({ type: ACK, messageId: request.messageId, ...content(request, `${index}`) }, STATION);
    await rig.net.settle();
  }
  expect(outcomes.map(({ response }) => Buffer.from(response!.payload).toString())).toEqual(['0', '1', '2']);
  const ids = rig.device.received.map(({ message }) => message.messageId);
  expect(ids).toEqual([ids[0], (ids[0]! + 1) & 0xffff, (ids[0]! + 2) & 0xffff]);
});

test('an empty ACK lets the next one go', async () => {
  rig.ask();
  rig.ask();
  await rig.net.settle();
  rig.device.send({ type: ACK, code: 0, messageId: rig.device.last().messageId }, STATION);
  await rig.net.settle();
  expect(rig.device.received.length).toBe(2);
});

test('the waiting line is bounded', async () => {
  await rig.endpoint.stop();
  rig = await new EndpointRig({ limits: { queuedPerPeer: 3 } }).start();
  const outcomes = Array.from({ length: 6 }, () => rig.ask());
  await rig.net.settle();
  expect(outcomes.map(({ error }) => error)).toEqual([
    ...Array.from({ length: 4 }, () => undefined),
    'coap.busy',
    'coap.busy',
  ]);
  expect(rig.endpoint.counters.droppedByLimit).toBe(2);
});

test('a NON request is sent once and holds its turn for as long as PROBING_RATE says', async () => {
  const outcome = rig.ask(URI, { confirmable: false });
  rig.ask();
  await rig.net.settle();
  const bytes = rig.device.received[0]!.bytes.length;
  expect(rig.device.last().type).toBe(NON);
  await rig.pass(bytes * 1_000 - 100);
  expect(rig.device.received.length).toBe(1);
  await rig.pass(300);
  expect(rig.device.received.length).toBe(2);
  rig.device.send({ type: NON, messageId: 3, ...content(rig.device.received[0]!.message, 'x') }, STATION);
  await rig.net.settle();
  expect(outcome.response?.code).toBe('2.05');
});

test('cancelling stops the retransmission and frees the turn', async () => {
  const abort = new AbortController();
  const outcome = rig.ask(URI, { signal: abort.signal });
  const next = rig.ask();
  await rig.net.settle();
  abort.abort();
  await rig.net.settle();
  expect([outcome.error, next.error, rig.device.received.length]).toEqual(['coap.cancelled', undefined, 2]);
  expect(rig.ask(URI, { signal: abort.signal })).toEqual({});
  await rig.net.settle();
  expect(rig.device.received.length).toBe(2);
});

test('a system that cannot send is told at once; one that is short of buffers is not', async () => {
  rig.datagrams.sendError = Object.assign(new Error('network is unreachable'), { code: 'ENETUNREACH' });
  const outcome = rig.ask();
  await rig.net.settle();
  expect(outcome.error).toBe('coap.unreachable');
  rig.datagrams.sendError = Object.assign(new Error('no buffer'), { code: 'ENOBUFS' });
  const patient = rig.ask();
  await rig.net.settle();
  rig.datagrams.sendError = undefined;
  await rig.pass(2_100);
  rig.device.send(
    { type: ACK, messageId: rig.device.last().messageId, ...content(rig.device.last(), 'x') },
    STATION,
  );
  await rig.net.settle();
  expect(patient.response).toMatchObject({ code: '2.05', retransmissions: 1 });
});

test('a network that goes away is told by the first repeat to a peer that had answered', async () => {
  rig.device.answer = (message) =>
    rig.device.send({ type: ACK, messageId: message.messageId, ...content(message, 'x') }, STATION);
  const before = rig.ask();
  await rig.net.settle();
  expect(before.response?.code).toBe('2.05');
  rig.datagrams.sendError = Object.assign(new Error('network is unreachable'), { code: 'ENETUNREACH' });
  const outcome = rig.ask();
  await rig.net.settle();
  expect(outcome).toEqual({});
  await rig.pass(3_100);
  expect(outcome.error).toBe('coap.unreachable');
  const next = rig.ask();
  await rig.net.settle();
  expect(next.error).toBe('coap.unreachable');
});

test('stopping fails what is under way', async () => {
  const outcomes = [rig.ask(), rig.ask()];
  await rig.net.settle();
  await rig.endpoint.stop();
  await rig.net.settle();
  expect(outcomes.map(({ error }) => error)).toEqual(['coap.cancelled', 'coap.cancelled']);
  expect(await rig.endpoint.request(URI).catch(codeOf)).toBe('coap.not_running');
  await rig.endpoint.stop();
});

test('ping is answered by RST', async () => {
  const pinged = rig.endpoint.ping(URI);
  await rig.net.settle();
  expect(rig.device.received[0]!.bytes.length).toBe(4);
  await rig.pass(100);
  rig.device.send({ type: RST, code: 0, messageId: rig.device.last().messageId }, STATION);
  expect(await pinged).toMatchObject({ rttMs: 100, transport: 'udp' });
});

test('addresses that are not one device, and names that are none', async () => {
  const asked = ['coap://224.0.1.187/', 'coap://[ff02::fd]/', 'coap://0.0.0.0/', 'coap://255.255.255.255/'];
  for (const uri of asked) expect(await rig.endpoint.request(uri).catch(codeOf)).toBe('coap.bad_uri');
  await rig.endpoint.stop();
  rig = await new EndpointRig({
    resolver: (host) => (host === 'sensor' ? Promise.resolve(['10.0.0.7']) : Promise.reject(new Error())),
  }).start();
  expect(await rig.endpoint.request('coap://nobody/').catch(codeOf)).toBe('coap.host_not_found');
  rig.ask('coap://sensor/temp');
  await rig.net.settle();
  expect(rig.device.last().options.map(({ number }) => number)).toEqual([3, 11]);
});
