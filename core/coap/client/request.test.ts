/** Requests as a device sees them: exact messages, exact times. */
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { codeOf } from '../../base/errors.ts';
import { HandConnector } from '../../../test/support/coap-carrier.ts';
import { EndpointRig, URI } from '../../../test/support/coap-endpoint.ts';
import type { Outcome } from '../../../test/support/coap-endpoint.ts';
import { STATION, HandPeer, ipv4, option, textBytes } from '../../../test/support/coap-net.ts';
import { encodeBlock } from '../codec/block.ts';
import type { CoapMessage } from '../codec/codec.ts';
import { ACK, CHANGED, CON, CONTENT, METHOD_CODES, NON, RST, UNAUTHORIZED, code } from '../codec/codes.ts';
import type { Method } from '../codec/codes.ts';
import { viewOptions } from '../codec/option-view.ts';
import {
  ACCEPT,
  BLOCK1,
  BLOCK2,
  CONTENT_FORMAT,
  ECHO,
  IF_MATCH,
  NO_RESPONSE,
  OBSERVE,
  PROXY_SCHEME,
  PROXY_URI,
  URI_HOST,
  URI_PATH,
  URI_PORT,
  URI_QUERY,
  findOption,
  uintOption,
} from '../codec/options.ts';
import type { CoapEndpointOptions } from '../endpoint.ts';
import type { RequestOptions } from './request-options.ts';

let rig: EndpointRig;
let device: HandPeer;
let other: HandPeer;
let connector: HandConnector;

async function begin(options: Partial<CoapEndpointOptions> = {}): Promise<void> {
  connector = new HandConnector(ipv4(7));
  rig = await new EndpointRig({ connector, ...options }).start();
  device = rig.device;
  other = new HandPeer(rig.net, ipv4(8));
}

beforeEach(() => begin());
afterEach(async () => {
  await rig.endpoint.stop();
  expect(rig.clock.pendingTimers).toBe(0);
  expect(rig.endpoint.counters.exchanges).toBe(0);
});

async function ask(options: RequestOptions = {}, uri = URI): Promise<Outcome> {
  const outcome = rig.ask(uri, options);
  await rig.net.settle();
  return outcome;
}

async function reply(peer: HandPeer, change: Partial<CoapMessage>): Promise<void> {
  const { messageId, token } = peer.last();
  peer.send({ type: ACK, code: CONTENT, messageId, token, ...change }, STATION);
  await rig.net.settle();
}

const optionsOf = (message: CoapMessage) =>
  viewOptions(message.options).map(({ name, value }) => `${name}=${value}`);

describe('methods and options', () => {
  test.each(Object.entries(METHOD_CODES) as [Method, number][])(
    '%s goes as 0.0%i',
    async (method, number) => {
      const payload = method === 'GET' || method === 'DELETE' ? undefined : textBytes('x');
      const outcome = await ask({ method, ...(payload === undefined ? {} : { payload, contentFormat: 0 }) });
      expect([device.last().code, device.last().payload.length]).toEqual([number, payload?.length ?? 0]);
      await reply(device, { code: CHANGED });
      expect(outcome.response).toMatchObject({ code: '2.04', transport: 'udp', peer: ipv4(7) });
    },
  );

  test('the fields and any other option, in order of number', async () => {
    const value = Uint8Array.of(1, 2);
    await ask({
      accept: 60,
      options: [
        { number: 65_001, value },
        { number: IF_MATCH, value },
      ],
    });
    expect(optionsOf(device.last())).toEqual([
      'If-Match=0102',
      'Uri-Path=temp',
      'Accept=60 (application/cbor)',
      'Option 65001=0102',
    ]);
  });

  test.each([
    ...[URI_HOST, URI_PORT, URI_PATH, URI_QUERY, PROXY_URI, PROXY_SCHEME],
    ...[BLOCK1, BLOCK2, OBSERVE, CONTENT_FORMAT, ACCEPT, 65_536, -1, 1.5],
  ])('option %d is refused', async (number) => {
    const outcome = await ask({ options: [{ number, value: new Uint8Array(0) }] });
    expect([outcome.error, device.received.length]).toEqual(['coap.bad_request', 0]);
  });

  test.each<[string, string, RequestOptions]>([
    ['coap.scheme', 'coaps://10.0.0.7/', {}],
    ['coap.bad_uri', 'http://10.0.0.7/', {}],
    ['coap.bad_uri', 'coap://224.0.1.187/', {}],
    ['coap.bad_uri', 'coap+tcp://0.0.0.0/', {}],
    ['coap.bad_request', URI, { payload: textBytes('x') }],
    ['coap.bad_request', URI, { blockBytes: 100 }],
    ['coap.cancelled', URI, { signal: AbortSignal.abort() }],
  ])('%s', async (error, uri, options) => {
    expect((await ask(options, uri)).error).toBe(error);
    expect(device.received.length).toBe(0);
  });

  test('4.29 with its Max-Age is an answer (RFC 8516)', async () => {
    const outcome = await ask();
    await reply(device, { code: code(4, 29), options: [option(14, 30)] });
    expect(outcome.response).toMatchObject({ codeName: 'Too Many Requests', maxAgeSeconds: 30 });
  });

  test('given up while it runs', async () => {
    const abort = new AbortController();
    const outcome = await ask({ signal: abort.signal });
    abort.abort();
    await rig.net.settle();
    expect(outcome.error).toBe('coap.cancelled');
  });
});

describe('No-Response (RFC 7967)', () => {
  const nothing = { options: [option(NO_RESPONSE, 26)] };
  const noSuccess = { options: [option(NO_RESPONSE, 2)] };
  const notAsked = { code: '0.00', codeName: 'Not asked for', payload: new Uint8Array(0) };

  test('a NON that wants no answer at all is done when it is sent', async () => {
    const outcome = await ask({ ...nothing, confirmable: false });
    expect(device.last().type).toBe(NON);
    expect(outcome.response).toMatchObject(notAsked);
  });
  test('a CON when it is acknowledged', async () => {
    const outcome = await ask(nothing);
    expect(outcome.response).toBeUndefined();
    await reply(device, { code: 0, token: new Uint8Array(0) });
    expect(outcome.response).toMatchObject(notAsked);
  });
  test('where errors are wanted they are waited for, three seconds', async () => {
    const outcome = await ask({ ...noSuccess, confirmable: false });
    await rig.pass(2_900);
    expect(outcome.response).toBeUndefined();
    await rig.pass(200);
    expect(outcome.response).toMatchObject(notAsked);
    const refused = await ask({ ...noSuccess, confirmable: false });
    await reply(device, { type: NON, code: code(4, 4) });
    expect(refused.response?.code).toBe('4.04');
  });
  test('each block of a body but the last is answered', async () => {
    const outcome = await ask({ ...nothing, method: 'PUT', payload: new Uint8Array(1_500) });
    expect(findOption(device.last().options, NO_RESPONSE)).toBeUndefined();
    await reply(device, { code: code(2, 31), options: [{ number: BLOCK1, value: encodeBlock(0, true, 6) }] });
    expect(findOption(device.last().options, NO_RESPONSE)?.[0]).toBe(26);
    await reply(device, { code: 0, token: new Uint8Array(0) });
    expect(outcome.response).toMatchObject(notAsked);
  });
});

describe('Echo (RFC 9175 §2.3)', () => {
  const challenge = { code: UNAUTHORIZED, options: [option(ECHO, 7, 7)] };

  test('the request is repeated once with the value', async () => {
    const outcome = await ask({ method: 'PUT', payload: textBytes('on') });
    await reply(device, challenge);
    expect(optionsOf(device.last())).toEqual(['Uri-Path=temp', 'Echo=0707']);
    expect(Buffer.from(device.last().payload).toString()).toBe('on');
    await reply(device, { code: CHANGED });
    expect([outcome.response?.code, device.received.length]).toEqual(['2.04', 2]);
  });
  test('a server that is not content with it has answered', async () => {
    const outcome = await ask();
    await reply(device, challenge);
    await reply(device, { code: UNAUTHORIZED, options: [option(ECHO, 8)] });
    expect([outcome.response?.code, device.received.length]).toEqual(['4.01', 2]);
  });
  test('4.01 without a value is an answer', async () => {
    const outcome = await ask();
    await reply(device, { code: UNAUTHORIZED });
    expect([outcome.response?.code, device.received.length]).toEqual(['4.01', 1]);
  });
});

describe('one block alone', () => {
  const asked = { number: 5, blockBytes: 64 };
  const part = (number: number, more: boolean, szx: number, bytes: number) => ({
    options: [{ number: BLOCK2, value: encodeBlock(number, more, szx) }],
    payload: new Uint8Array(bytes),
  });

  async function askBlock() {
    const outcome: { block?: unknown; bytes?: number; error?: string } = {};
    void rig.endpoint.requestBlock(URI, asked).then(
      ({ block, payload }) => Object.assign(outcome, { block, bytes: payload.length }),
      (error: unknown) => (outcome.error = codeOf(error)),
    );
    await rig.net.settle();
    return outcome;
  }

  test('from the middle, and nothing else is asked', async () => {
    const outcome = await askBlock();
    expect(optionsOf(device.last())).toEqual(['Uri-Path=temp', 'Block2=5/0/64']);
    await reply(device, part(5, true, 2, 64));
    expect(outcome).toEqual({ block: { number: 5, more: true, szx: 2, bytes: 64 }, bytes: 64 });
    expect(device.received.length).toBe(1);
  });
  test('a smaller one at the same place will do', async () => {
    const outcome = await askBlock();
    await reply(device, part(10, true, 1, 32));
    expect(outcome.bytes).toBe(32);
  });
  test('past the end it is refused, which is an answer', async () => {
    const outcome = await askBlock();
    await reply(device, { code: code(4, 0) });
    expect(outcome.block).toBeNull();
  });
  test.each([
    ['another place', part(4, true, 2, 64)],
    ['a larger block', part(2, true, 3, 128)],
    ['less than it says', part(5, true, 2, 63)],
  ])('%s is an error', async (_what, answer) => {
    const outcome = await askBlock();
    await reply(device, answer);
    expect(outcome.error).toBe('coap.blocks_broken');
  });
});

describe('names', () => {
  const NAME = 'coap://sensor.local/temp';
  const resolver = () => Promise.resolve(['10.0.0.8', '10.0.0.7']);

  test('when the first address is silent the next is asked, and remembered', async () => {
    await begin({ resolver });
    const outcome = await ask({}, NAME);
    await rig.pass(14_200);
    expect([other.received.length, device.received.length]).toEqual([3, 1]);
    expect(optionsOf(device.last())).toEqual(['Uri-Host=sensor.local', 'Uri-Path=temp']);
    await reply(device, {});
    expect(outcome.response?.peer).toEqual(ipv4(7));
    const again = await ask({}, NAME);
    expect(device.received.length).toBe(2);
    await reply(device, {});
    expect(again.response?.code).toBe('2.05');
    // Ten minutes later the first is given another chance.
    await rig.pass(11 * 60_000);
    other.received.length = 0;
    await ask({}, NAME);
    expect(other.received.length).toBe(1);
  });

  test('what may not be done twice is asked only where somebody is', async () => {
    await begin({ resolver });
    const outcome = await ask({ method: 'POST', payload: textBytes('go') }, NAME);
    await rig.pass(62_200);
    expect(other.received.map(({ message }) => message.code)).toEqual([0, 0, 0, 0, 0]);
    await reply(device, {});
    expect(outcome.response?.code).toBe('2.05');
    expect(device.received.map(({ message }) => message.code)).toEqual([METHOD_CODES.POST]);
  });

  test('all silent: the last one says so; one that answers ends the search', async () => {
    await begin({ resolver });
    const outcome = await ask({}, NAME);
    await rig.pass(14_200 + 62_200);
    expect(outcome.error).toBe('coap.timeout');
    const refused = await ask({}, NAME);
    const { messageId } = other.last();
    other.send({ type: RST, code: 0, messageId }, STATION);
    await rig.net.settle();
    expect(refused.error).toBe('coap.reset');
  });

  test('a resolver for one request alone, with its own refusals', async () => {
    const outcome = await ask({ resolver: () => Promise.resolve(['10.0.0.8']) }, NAME);
    await reply(other, {});
    expect(outcome.response?.peer).toEqual(ipv4(8));
    const none = await ask({ resolver: () => Promise.resolve([]) }, NAME);
    const broken = await ask({ resolver: () => Promise.reject(new Error('dns')) }, NAME);
    expect([none.error, broken.error]).toEqual(['coap.host_not_found', 'coap.host_not_found']);
  });
});

describe('over connections', () => {
  const TCP = 'coap+tcp://10.0.0.7/temp';
  const answering = (connection: HandConnector['last']) => {
    connection.answer = ({ token }) => connection.deliver(token, { code: CONTENT, payload: textBytes('21') });
  };

  test('a request and its response', async () => {
    connector.opened = answering;
    const outcome = await ask({}, TCP);
    expect(outcome.response).toMatchObject({ code: '2.05', transport: 'tcp', peer: ipv4(7) });
    expect(connector.reached).toEqual(['coap+tcp://10.0.0.7:5683/temp']);
    expect(connector.last.owned).toBe(0);
  });
  test('a body that the other end takes at once is not split', async () => {
    connector.opened = (connection) => {
      connection.maxMessageBytes = 100_000;
      answering(connection);
    };
    await ask({ method: 'PUT', payload: new Uint8Array(90_000) }, TCP);
    expect(connector.last.sent.map(({ payload }) => payload.length)).toEqual([90_000]);
  });
  test('one that closes while it is asked is opened once more, unless it may have done something', async () => {
    connector.opened = (connection) => {
      if (connector.connections.length > 1) answering(connection);
      else connection.answer = () => connection.close();
    };
    expect((await ask({}, TCP)).response?.code).toBe('2.05');
    connector.connections.length = 0;
    const post = await ask({ method: 'POST', payload: textBytes('x') }, TCP);
    expect([post.error, connector.connections.length]).toEqual(['coap.closed', 1]);
  });
  test('silence is a timeout', async () => {
    const outcome = await ask({}, TCP);
    await rig.pass(93_200);
    expect([outcome.error, connector.last.owned]).toEqual(['coap.timeout', 0]);
  });
});

describe('a wrong answer hurts only its request', () => {
  test('the token of another, from another, and one that was never asked', async () => {
    const outcome = await ask();
    const { messageId, token } = device.last();
    other.send({ type: ACK, code: CONTENT, messageId, token }, STATION);
    device.send({ type: ACK, code: CONTENT, messageId, token: Uint8Array.of(9) }, STATION);
    device.send({ type: CON, code: CONTENT, messageId: 77, token: Uint8Array.of(9) }, STATION);
    await rig.net.settle();
    expect(outcome.response).toBeUndefined();
    expect(device.last()).toMatchObject({ type: RST, messageId: 77 });
    expect(rig.endpoint.counters.unmatched).toBe(3);
    device.send({ type: ACK, code: CONTENT, messageId, token, options: [uintOption(12, 0)] }, STATION);
    await rig.net.settle();
    expect(outcome.response?.contentFormat).toBe(0);
  });
});
