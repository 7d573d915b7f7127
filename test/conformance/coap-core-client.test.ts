/** ETSI's CORE cases with our client and Debian's libcoap server, over UDP, TCP and TLS. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { systemClock } from '../../core/base/clock.ts';
import { silentLog } from '../../core/base/log.ts';
import type { CoapResponse } from '../../core/coap/client/response.ts';
import { LOCATION_PATH } from '../../core/coap/codec/options.ts';
import { CoapEndpoint } from '../../core/coap/endpoint.ts';
import {
  expectAnswerOf,
  expectRequest,
  expectSeparate,
  onePair,
  pduAt,
} from '../support/coap-plugtest-checks.ts';
import { LibcoapServer, WAYS, isSignal, missingLibcoap, valuesOf } from '../support/coap-plugtest-libcoap.ts';
import { makePlugtestCertificates, serverTlsArgs } from '../support/coap-plugtest-tls.ts';
import type { PlugtestCertificates } from '../support/coap-plugtest-tls.ts';

const missing = missingLibcoap(...WAYS);
const TEXT = 0;
const XML = 41;
const TOKEN = /^([0-9a-f]{2}){1,8}$/;

const text = (response: CoapResponse): string => Buffer.from(response.payload).toString();

let certificates: PlugtestCertificates;
let endpoint: CoapEndpoint;
beforeAll(async () => {
  if (missing.length > 0) return;
  certificates = makePlugtestCertificates();
  endpoint = new CoapEndpoint({
    clock: systemClock,
    log: silentLog,
    tickMs: 10,
    tlsFor: () => ({ ca: [certificates.ca] }),
  });
  await endpoint.start({ host: '127.0.0.1', port: 0 });
});
afterAll(async () => {
  await endpoint?.stop();
  certificates?.remove();
});

describe.skipIf(missing.length > 0).each(WAYS)('our client and libcoap over %s', (way) => {
  const isUdp = way === 'udp';
  let libcoap: LibcoapServer;
  beforeAll(async () => {
    libcoap = await LibcoapServer.start(way, '-d', '20', ...serverTlsArgs(way, certificates));
  });
  afterAll(() => libcoap?.stop());

  /** As libcoap remembers it afterwards. */
  async function have(path: string, body: string, contentFormat: number): Promise<void> {
    await endpoint.request(`${libcoap.base}${path}`, {
      method: 'PUT',
      payload: Buffer.from(body),
      contentFormat,
    });
    await libcoap.take(2);
  }

  test.each([
    ['TD_COAP_CORE_01: GET as CON', 'CON'],
    ['TD_COAP_CORE_05: GET as NON', 'NON'],
  ] as const)('%s', async (_, type) => {
    await have('/test', '<test/>', XML);
    const response = await endpoint.request(`${libcoap.base}/test`, { confirmable: type === 'CON' });
    const [request, answer] = onePair(await libcoap.take(2));
    expectRequest(request, type, 'GET', 'test');
    expectAnswerOf(request, answer);
    expect([answer.code, answer.payload]).toEqual(['2.05', '<test/>']);
    expect([response.code, response.contentFormat, text(response)]).toEqual(['2.05', XML, '<test/>']);
  });

  test.each([
    ['TD_COAP_CORE_02: DELETE as CON', 'CON'],
    ['TD_COAP_CORE_06: DELETE as NON', 'NON'],
  ] as const)('%s', async (_, type) => {
    await have('/test', 'x', TEXT);
    const response = await endpoint.request(`${libcoap.base}/test`, {
      method: 'DELETE',
      confirmable: type === 'CON',
    });
    const [request, answer] = onePair(await libcoap.take(2));
    expectRequest(request, type, 'DELETE', 'test');
    expectAnswerOf(request, answer);
    expect([answer.code, response.code, text(response)]).toEqual(['2.02', '2.02', '']);
  });

  test.each([
    ['TD_COAP_CORE_03: PUT as CON', 'CON'],
    ['TD_COAP_CORE_07: PUT as NON', 'NON'],
  ] as const)('%s', async (_, type) => {
    for (const code of ['2.01', '2.04']) {
      const response = await endpoint.request(`${libcoap.base}/put-${type}`, {
        ...{ method: 'PUT', payload: Buffer.from(`put ${code}`), contentFormat: TEXT },
        confirmable: type === 'CON',
      });
      const [request, answer] = onePair(await libcoap.take(2));
      expectRequest(request, type, 'PUT', `put-${type}`);
      expect([valuesOf(request, 'Content-Format'), request.payload]).toEqual([['text/plain'], `put ${code}`]);
      expectAnswerOf(request, answer);
      expect([answer.code, response.code]).toEqual([code, code]);
    }
    expect(text(await endpoint.request(`${libcoap.base}/put-${type}`))).toBe('put 2.04');
    await libcoap.take(2);
  });

  test.each([
    ['TD_COAP_CORE_04: POST as CON', 'CON'],
    ['TD_COAP_CORE_08: POST as NON', 'NON'],
  ] as const)('%s', async (_, type) => {
    for (const code of ['2.01', '2.04']) {
      const response = await endpoint.request(`${libcoap.base}/post-${type}`, {
        ...{ method: 'POST', payload: Buffer.from(`post ${code}`), contentFormat: TEXT },
        confirmable: type === 'CON',
      });
      const [request, answer] = onePair(await libcoap.take(2));
      expectRequest(request, type, 'POST', `post-${type}`);
      expect([valuesOf(request, 'Content-Format'), request.payload]).toEqual([
        ['text/plain'],
        `post ${code}`,
      ]);
      expectAnswerOf(request, answer);
      expect([answer.code, response.code]).toEqual([code, code]);
    }
  });

  test('TD_COAP_CORE_09, TD_COAP_CORE_11: a separate answer, by its token', async () => {
    const response = await endpoint.request(`${libcoap.base}/async?1`);
    const pdus = await libcoap.take(isUdp ? 4 : 2);
    expectRequest(pduAt(pdus, 0), 'CON', 'GET', 'async');
    expect(pduAt(pdus, 0).token).toMatch(TOKEN);
    expect(expectSeparate(pdus).code).toBe('2.05');
    expect([response.code, text(response), response.retransmissions]).toEqual(['2.05', 'done', 0]);
  });

  test('TD_COAP_CORE_10: a token of one to eight bytes, another one each time', async () => {
    const tokens = new Set<string>();
    for (let i = 0; i < 5; i++) {
      await endpoint.request(`${libcoap.base}/time`);
      const [request, answer] = onePair(await libcoap.take(2));
      expect(request.token).toMatch(TOKEN);
      expectAnswerOf(request, answer);
      tokens.add(request.token);
    }
    expect(tokens.size).toBe(5);
  });

  test('TD_COAP_CORE_13: a path of three segments', async () => {
    await have('/seg1/seg2/seg3', 'three', TEXT);
    const response = await endpoint.request(`${libcoap.base}/seg1/seg2/seg3`);
    const [request, answer] = onePair(await libcoap.take(2));
    expect(valuesOf(request, 'Uri-Path')).toEqual(['seg1', 'seg2', 'seg3']);
    expectAnswerOf(request, answer);
    expect([response.code, text(response)]).toEqual(['2.05', 'three']);
  });

  test('TD_COAP_CORE_14: three arguments', async () => {
    const response = await endpoint.request(`${libcoap.base}/time?first=1&second=2&third=3`);
    const [request, answer] = onePair(await libcoap.take(2));
    expect(valuesOf(request, 'Uri-Query')).toEqual(['first=1', 'second=2', 'third=3']);
    expectAnswerOf(request, answer);
    expect(response.code).toBe('2.05');
  });

  test('TD_COAP_CORE_17: a late answer to a NON', async () => {
    const response = await endpoint.request(`${libcoap.base}/async?1`, { confirmable: false });
    const [request, answer] = onePair(await libcoap.take(2));
    expectRequest(request, 'NON', 'GET', 'async');
    expectAnswerOf(request, answer);
    expect([response.code, text(response)]).toEqual(['2.05', 'done']);
  });

  test('TD_COAP_CORE_18: Location-Path in segments', async () => {
    const path = ['location1', 'location2', 'location3'];
    const response = await endpoint.request(`${libcoap.base}/${path.join('/')}`, {
      ...{ method: 'POST', payload: Buffer.from('here'), contentFormat: TEXT },
    });
    const [request, answer] = onePair(await libcoap.take(2));
    expectRequest(request, 'CON', 'POST', path.join('/'));
    expectAnswerOf(request, answer);
    expect([answer.code, valuesOf(answer, 'Location-Path')]).toEqual(['2.01', path]);
    const location = response.options.filter(({ number }) => number === LOCATION_PATH);
    expect([response.code, location.map(({ value }) => Buffer.from(value).toString())]).toEqual([
      '2.01',
      path,
    ]);
  });

  test('TD_COAP_CORE_31: Ping', async () => {
    const { rttMs } = await endpoint.ping(libcoap.base);
    expect(rttMs).toBeGreaterThan(0);
    if (isUdp) {
      const [ping, reset] = onePair(await libcoap.take(2));
      expect(ping).toMatchObject({ way: 'received', type: 'CON', code: '0.00', token: '', bytes: 4 });
      expect(reset).toMatchObject({ way: 'sent', type: 'RST', code: '0.00', token: '', bytes: 4 });
      expect(reset.messageId).toBe(ping.messageId);
    } else {
      const said = (): string[] =>
        libcoap.pdus.filter(isSignal).map(({ way: moved, code }) => `${moved} ${code}`);
      await libcoap.until(() => said().includes('sent Pong'), 'it answered');
      expect(said().slice(-2)).toEqual(['received Ping', 'sent Pong']);
    }
  });
});
