/** Observations as a device sees them: exact messages, exact times. */
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { ManualClock } from '../../base/manual-clock.ts';
import type { Log } from '../../base/log.ts';
import {
  HandPeer,
  MemoryDatagrams,
  MemoryNet,
  ipv4,
  option,
  textBytes,
} from '../../../test/support/coap-net.ts';
import { decodeBlock, encodeBlock } from '../codec/block.ts';
import type { CoapMessage } from '../codec/codec.ts';
import { ACK, CON, CONTENT, NON, RST, VALID, code } from '../codec/codes.ts';
import { CoapEndpoint } from '../endpoint.ts';
import type { CoapEndpointOptions } from '../endpoint.ts';
import type { Observation } from './observation.ts';
import {
  ACCEPT,
  BLOCK2,
  ETAG,
  MAX_AGE,
  OBSERVE,
  findOption,
  findUint,
  uintOption,
} from '../codec/options.ts';
import type { CoapResponse } from './response.ts';

const STATION = ipv4(1);
const URI = 'coap://10.0.0.7/temp';

let clock: ManualClock;
let net: MemoryNet;
let device: HandPeer;
let endpoint: CoapEndpoint;
let problems: string[];
let nextId: number;

async function begin(options: Partial<CoapEndpointOptions> = {}): Promise<void> {
  clock = new ManualClock();
  net = new MemoryNet();
  device = new HandPeer(net, ipv4(7));
  problems = [];
  nextId = 1_000;
  const keep = (message: string) => void problems.push(message);
  const log: Log = { debug: () => undefined, info: keep, warn: keep, error: keep };
  let counter = 0;
  const bytes = (count: number) => {
    counter++;
    return Uint8Array.from({ length: count }, (_, i) => (counter >> (8 * i)) & 255);
  };
  const datagrams = new MemoryDatagrams(net, STATION);
  endpoint = new CoapEndpoint({ clock, log, datagrams, random: { bytes, fraction: () => 0 }, ...options });
  await endpoint.start({ host: STATION.address, port: STATION.port });
}

beforeEach(() => begin());
afterEach(async () => {
  await endpoint.stop();
  await net.settle();
  expect(clock.pendingTimers).toBe(0);
  expect(endpoint.counters).toMatchObject({ observations: 0, exchanges: 0 });
});

interface Watched {
  observation: Observation;
  texts: string[];
  responses: CoapResponse[];
  states: string[];
}

async function watch(options: { accept?: number } = {}): Promise<Watched> {
  const texts: string[] = [];
  const responses: CoapResponse[] = [];
  const states: string[] = [];
  const observation = endpoint.observe(URI, options, {
    notification: (response) => {
      responses.push(response);
      texts.push(Buffer.from(response.payload).toString());
    },
    state: ({ state, problemCode }) =>
      void states.push(problemCode === null ? state : `${state} ${problemCode}`),
  });
  await net.settle();
  return { observation, texts, responses, states };
}

async function pass(totalMs: number): Promise<void> {
  for (let passed = 0; passed < totalMs; passed += 100) {
    clock.advance(Math.min(100, totalMs - passed));
    await net.settle();
  }
}

/** Answers the last request, piggybacked. */
async function reply(
  text: string,
  observe: number | undefined,
  change: Partial<CoapMessage> = {},
): Promise<void> {
  const request = device.last();
  const options = [
    ...(observe === undefined ? [] : [uintOption(OBSERVE, observe)]),
    ...(change.options ?? []),
  ];
  const { messageId, token } = request;
  device.send(
    { type: ACK, code: CONTENT, messageId, token, payload: textBytes(text), ...change, options },
    STATION,
  );
  await net.settle();
}

/** A notification by itself, to the token of the first registration. */
async function notify(
  text: string,
  observe: number | undefined,
  change: Partial<CoapMessage> = {},
): Promise<void> {
  const { token } = device.received[0]!.message;
  const options = [
    ...(observe === undefined ? [] : [uintOption(OBSERVE, observe)]),
    ...(change.options ?? []),
  ];
  const notification = { type: NON, code: CONTENT, messageId: nextId++, token, payload: textBytes(text) };
  device.send({ ...notification, ...change, options }, STATION);
  await net.settle();
}

describe('the life of an observation', () => {
  test('registers, hears, acknowledges, is cancelled with the same token and options', async () => {
    const { observation, texts, states } = await watch({ accept: 50 });
    expect([observation.state, findUint(device.last().options, OBSERVE)]).toEqual(['starting', 0]);
    await reply('one', 10);
    await notify('two', 11, { type: CON });
    await notify('three', 12);
    expect(device.last().type).toBe(ACK);
    expect(texts).toEqual(['one', 'two', 'three']);
    const { state, notifications, problem, uri } = observation;
    expect([state, notifications, problem, uri]).toEqual(['active', 3, null, 'coap://10.0.0.7:5683/temp']);

    const cancelling = observation.cancel();
    await net.settle();
    const first = device.received[0]!.message;
    const last = device.last();
    expect([last.code, findUint(last.options, OBSERVE), findUint(last.options, ACCEPT)]).toEqual([1, 1, 50]);
    expect(Buffer.compare(last.token, first.token)).toBe(0);
    await reply('four', undefined);
    await cancelling;
    await observation.cancel();
    expect(texts.length).toBe(3);
    expect(states).toEqual(['active', 'ended coap.cancelled']);
    await notify('five', 13, { type: CON });
    expect(device.last().type).toBe(RST);
    expect(problems).toEqual([]);
  });

  test('an older notification that comes late is left out, and so is a repeat', async () => {
    const { texts } = await watch();
    await reply('a', 10);
    await notify('c', 12);
    await notify('b', 11);
    await notify('c', 12, { messageId: 1_000 });
    await notify('d', 13);
    expect(texts).toEqual(['a', 'c', 'd']);
    expect(endpoint.counters).toMatchObject({ reordered: 1, duplicates: 1, notifications: 3 });
    await notify('ancient', 0xff_ffff); // half the circle away: older
    await pass(60_000);
    await notify('e', 14);
    await pass(60_000);
    await notify('f', 15);
    expect(texts).toEqual(['a', 'c', 'd', 'e', 'f']);
  });

  test('a handler that throws is logged and hurts nobody', async () => {
    endpoint.observe(
      URI,
      {},
      {
        notification: () => {
          throw new Error('station');
        },
      },
    );
    await net.settle();
    await reply('a', 1);
    await notify('b', 2);
    expect(problems.length).toBe(2);
  });

  test('a first answer of 4.04 ends it, and so does a later 4.03', async () => {
    const refused = await watch();
    await reply('no such thing', undefined, { code: code(4, 4) });
    expect(refused.states).toEqual(['ended coap.refused']);
    expect(refused.observation.problem).toBe(
      'The server ended the observation: 4.04 Not Found (no such thing).',
    );
    device.received.length = 0;
    const later = await watch();
    await reply('a', 1);
    await notify('', undefined, { code: code(4, 3) });
    expect(later.states).toEqual(['active', 'ended coap.refused']);
    await pass(200_000);
    expect(device.received.length).toBe(1);
  });

  test.each([
    ['4.04', code(4, 4)],
    ['5.03', code(5, 3)],
  ])('after a later %s it asks again with back-off until it is taken', async (text, refusal) => {
    const { states, texts, observation } = await watch();
    await reply('a', 1);
    await notify('', undefined, { code: refusal });
    expect(observation.problem).toContain(`The server ended the observation: ${text}`);
    device.received.length = 0;
    await pass(2_100);
    expect(device.received.length).toBe(1);
    await reply('', undefined, { code: refusal });
    device.received.length = 0;
    await pass(2_800);
    expect(device.received.length).toBe(0);
    await pass(1_400);
    expect(device.received.length).toBe(1);
    await reply('b', 1);
    expect(states).toEqual(['active', 'retrying coap.refused', 'active']);
    expect(texts).toEqual(['a', 'b']);
  });

  test('a server that answers without Observe gives one representation and no more', async () => {
    const { texts, states } = await watch();
    await reply('only this', undefined);
    expect([texts, states]).toEqual([['only this'], ['ended coap.not_observable']]);
  });

  test('2.03 keeps it fresh without a representation', async () => {
    const { observation, texts } = await watch();
    await reply('a', 1);
    await pass(50_000);
    await notify('', 2, { code: VALID });
    await pass(50_000);
    expect([texts, observation.state]).toEqual([['a'], 'active']);
  });

  test('cancelling before the first answer, and stopping, tell the server without waiting', async () => {
    const { observation, states } = await watch();
    await observation.cancel();
    await net.settle();
    expect(states).toEqual(['ended coap.cancelled']);
    expect([device.last().type, findUint(device.last().options, OBSERVE)]).toEqual([NON, 1]);
    device.received.length = 0;
    await watch();
    await reply('a', 1);
    await endpoint.stop();
    await net.settle();
    expect([device.last().type, findUint(device.last().options, OBSERVE)]).toEqual([NON, 1]);
  });

  test('a cancellation that nobody confirms ends by itself', async () => {
    const { observation } = await watch();
    await reply('a', 1);
    let done = false;
    void observation.cancel().then(() => (done = true));
    await pass(6_200);
    expect(done).toBe(true);
  });

  test('observations are bounded', async () => {
    await endpoint.stop();
    await begin({ limits: { observations: 2 } });
    await watch();
    const { observation } = await watch();
    const third = () => endpoint.observe(URI, {}, { notification: () => undefined });
    expect(third).toThrow(/observes 2 resources/);
    observation.stop();
    expect(third).not.toThrow();
    expect(() => endpoint.observe('coap:x', {}, { notification: () => undefined })).toThrow(/Not a usable/);
  });
});

describe('staying alive', () => {
  test('past Max-Age and 5 s it is stale and registers again with the same token (§3.3.1)', async () => {
    const { observation, states, texts } = await watch();
    await reply('a', 500, { options: [uintOption(MAX_AGE, 10)] });
    await pass(14_900);
    expect([observation.state, device.received.length]).toEqual(['active', 1]);
    await pass(200);
    expect([observation.state, device.received.length]).toEqual(['stale', 2]);
    const [first, again] = device.received.map(({ message }) => message);
    expect(again).toMatchObject({ token: first!.token, options: first!.options });
    await reply('b', 3); // the server was restarted and counts anew
    await notify('c', 4);
    expect(texts).toEqual(['a', 'b', 'c']);
    expect(states).toEqual(['active', 'stale coap.timeout', 'active']);
  });

  test('without Max-Age it is 60 s', async () => {
    const { observation } = await watch();
    await reply('a', 1);
    await pass(64_900);
    expect(observation.state).toBe('active');
    await pass(200);
    expect(observation.state).toBe('stale');
  });

  test('a server that is gone is asked with back-off, for ever, and found again', async () => {
    const { observation, states, texts } = await watch();
    await reply('a', 500, { options: [uintOption(MAX_AGE, 1)] });
    const askedAtS: number[] = [];
    device.answer = () => askedAtS.push(clock.monotonic() / 1_000);
    await pass(370_000);
    // Stale at 6 s; each attempt is three transmissions over 14 s; then 2, 4, 8, 16, 32, 60, 60 s of waiting.
    const attemptsS = [6, 22, 40, 62, 92, 138, 212, 286, 360];
    const expectedS = attemptsS.flatMap((start) => [start, start + 2, start + 6]);
    expect(askedAtS.length).toBe(expectedS.length);
    // Each wait may be a tick of 100 ms longer.
    askedAtS.forEach((at, index) => expect(Math.abs(at - expectedS[index]! - 1)).toBeLessThanOrEqual(1));
    expect(states).toEqual(['active', 'stale coap.timeout', 'retrying coap.timeout']);
    expect(observation.problem).toMatch(/10\.0\.0\.7:5683 did not answer/);
    await reply('b', 2);
    expect([observation.state, observation.problem]).toEqual(['active', null]);
    expect(texts).toEqual(['a', 'b']);
  });

  test('RST to a registration is retried, and back-off begins anew after a success', async () => {
    const { states } = await watch();
    for (let attempt = 0; attempt < 2; attempt++) {
      device.send({ type: RST, code: 0, messageId: device.last().messageId }, STATION);
      await net.settle();
      await pass(attempt === 0 ? 2_100 : 4_100);
    }
    await reply('a', 1, { options: [uintOption(MAX_AGE, 0)] });
    await pass(5_100);
    device.send({ type: RST, code: 0, messageId: device.last().messageId }, STATION);
    await net.settle();
    const before = device.received.length;
    await pass(2_100);
    expect(device.received.length).toBe(before + 1);
    expect(states).toEqual(['retrying coap.reset', 'active', 'stale coap.timeout', 'retrying coap.reset']);
  });

  test('a separate answer to the registration counts, also one that outruns its ACK', async () => {
    const { observation, texts } = await watch();
    const { messageId } = device.last();
    await notify('a', 7, { type: CON });
    device.send({ type: ACK, code: 0, messageId }, STATION);
    await pass(20_000);
    expect([texts, observation.state, device.received.length]).toEqual([['a'], 'active', 2]);
  });

  test('acknowledged but never answered is retried', async () => {
    const { states } = await watch();
    device.send({ type: ACK, code: 0, messageId: device.last().messageId }, STATION);
    await pass(93_200);
    expect(states).toEqual(['retrying coap.timeout']);
  });

  test('a server that forgot us but answers is tried again', async () => {
    const { states, texts } = await watch();
    await reply('a', 1, { options: [uintOption(MAX_AGE, 0)] });
    await pass(5_100);
    await reply('b', undefined);
    await pass(2_100);
    await reply('c', 1);
    expect(texts).toEqual(['a', 'b', 'c']);
    expect(states).toEqual(['active', 'stale coap.timeout', 'retrying coap.not_observable', 'active']);
  });

  test('a malformed notification was rejected, so the server has dropped us: register again', async () => {
    const { states } = await watch();
    await reply('a', 1);
    const { token } = device.received[0]!.message;
    device.sendBytes(Uint8Array.of(0x40 | token.length, CONTENT, 9, 9, ...token, 0xff), STATION);
    await pass(2_100);
    expect(states).toEqual(['active', 'retrying coap.malformed']);
    expect(findUint(device.last().options, OBSERVE)).toBe(0);
  });

  test('a name is looked up for each registration: a device that moved is found', async () => {
    await endpoint.stop();
    let address = '';
    const resolver = () =>
      address === '' ? Promise.reject(new Error('unknown')) : Promise.resolve([address]);
    await begin({ resolver });
    const moved = new HandPeer(net, ipv4(8));
    const states: string[] = [];
    endpoint.observe(
      'coap://sensor/temp',
      {},
      {
        notification: () => undefined,
        state: ({ state, problemCode }) => void states.push(`${state} ${problemCode}`),
      },
    );
    await net.settle();
    expect(states).toEqual(['retrying coap.host_not_found']);
    address = '10.0.0.7';
    await pass(2_100);
    await reply('a', 1, { options: [uintOption(MAX_AGE, 0)] });
    address = '10.0.0.8';
    await pass(5_100);
    expect(findUint(moved.last().options, OBSERVE)).toBe(0);
    expect(Buffer.compare(moved.last().token, device.received[0]!.message.token)).not.toBe(0);
  });
});

describe('notifications in blocks', () => {
  const large = (seed: string) => textBytes(seed.repeat(2_500));

  /** Serves blocks of what `current` is now. */
  function serveBlocks(current: () => { content: Uint8Array; etag: number }): void {
    device.answer = (request) => {
      const value = findOption(request.options, BLOCK2);
      if (request.code !== 1 || (value === undefined && findOption(request.options, OBSERVE) !== undefined))
        return;
      const { messageId, token } = request;
      const { content, etag } = current();
      const number = value === undefined ? 0 : decodeBlock(value)!.number;
      const { payload, options } = blockOf(content, etag, number);
      device.send({ type: ACK, code: CONTENT, messageId, token, payload, options }, STATION);
    };
  }

  function blockOf(content: Uint8Array, etag: number, number: number) {
    const end = (number + 1) * 1_024;
    const block = { number: BLOCK2, value: encodeBlock(number, end < content.length, 6) };
    return { payload: content.subarray(number * 1_024, end), options: [option(ETAG, etag), block] };
  }

  test('are fetched whole with a token of their own', async () => {
    const current = { content: large('x'), etag: 1 };
    serveBlocks(() => current);
    const { texts, responses } = await watch();
    await reply('', 1, blockOf(current.content, 1, 0));
    expect(texts).toEqual(['x'.repeat(2_500)]);
    expect(responses[0]).toMatchObject({ blocks: 3, observe: 1, code: '2.05' });
    current.content = large('y');
    current.etag = 2;
    await notify('', 2, blockOf(current.content, 2, 0));
    expect(texts.at(-1)).toBe('y'.repeat(2_500));
    const fetched = device.received.filter(
      ({ message }) => findOption(message.options, BLOCK2) !== undefined,
    );
    expect(fetched.length).toBe(4);
    for (const { message } of fetched) {
      expect(findOption(message.options, OBSERVE)).toBeUndefined();
      expect(Buffer.compare(message.token, device.received[0]!.message.token)).not.toBe(0);
    }
  });

  test('of those that come while one is read, the newest is read next', async () => {
    const { texts } = await watch();
    await reply('', 1, blockOf(large('a'), 1, 0));
    await notify('', 2, blockOf(large('b'), 2, 0));
    await notify('', 3, blockOf(large('c'), 3, 0));
    // The reading of the first one goes on: its last two blocks are still there, then the server has the third.
    let served = 0;
    serveBlocks(() => (served++ === 0 ? { content: large('a'), etag: 1 } : { content: large('c'), etag: 3 }));
    const { messageId, token } = device.last();
    const second = blockOf(large('a'), 1, 1);
    device.send({ type: ACK, code: CONTENT, messageId, token, ...second }, STATION);
    await net.settle();
    expect(texts).toEqual(['a'.repeat(2_500), 'c'.repeat(2_500)]);
  });

  test('a small one that comes while a large one is read is handed over at once, and the large one dropped', async () => {
    const { texts } = await watch();
    await reply('', 1, blockOf(large('a'), 1, 0));
    await notify('small', 2);
    serveBlocks(() => ({ content: large('a'), etag: 1 }));
    await pass(10_000);
    expect(texts).toEqual(['small']);
  });

  test('one that cannot be read whole is no notification: registered again', async () => {
    const { states, texts } = await watch();
    await reply('', 1, blockOf(large('a'), 1, 0));
    await pass(62_200);
    expect([texts, states.slice(0, 2)]).toEqual([[], ['active', 'retrying coap.timeout']]);
  });

  test('cancelling while one is read hands nothing over', async () => {
    const { observation, texts } = await watch();
    await reply('', 1, blockOf(large('a'), 1, 0));
    const cancelling = observation.cancel();
    await pass(10_000);
    await cancelling;
    expect(texts).toEqual([]);
  });
});
