/** ETSI's CORE cases with our server and Debian's libcoap client, over UDP, TCP and TLS. */
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import {
  expectAnswerOf,
  expectRequest,
  expectSeparate,
  onePair,
  pduAt,
} from '../support/coap-plugtest-checks.ts';
import { WAYS, missingLibcoap, runCoapClient, valuesOf } from '../support/coap-plugtest-libcoap.ts';
import type { ClientRun } from '../support/coap-plugtest-libcoap.ts';
import { PlugtestServer } from '../support/coap-plugtest-server.ts';
import { clientTlsArgs, makePlugtestCertificates } from '../support/coap-plugtest-tls.ts';
import type { PlugtestCertificates } from '../support/coap-plugtest-tls.ts';

const missing = missingLibcoap(...WAYS);

let server: PlugtestServer;
let certificates: PlugtestCertificates;
beforeAll(async () => {
  if (missing.length > 0) return;
  certificates = makePlugtestCertificates();
  server = await PlugtestServer.start({ reliable: true, certificates });
});
afterAll(async () => {
  await server?.stop();
  certificates?.remove();
});
beforeEach(() => server?.resources.reset());

describe.skipIf(missing.length > 0).each(WAYS)('our server and libcoap over %s', (way) => {
  const isUdp = way === 'udp';
  /** libcoap asks for `path` with those arguments. */
  function ask(path: string, ...args: string[]): Promise<ClientRun> {
    const tls = clientTlsArgs(way, certificates);
    return runCoapClient(way, [...tls, ...args, `${server.base(way)}${path}`]);
  }

  test.each([
    ['TD_COAP_CORE_01: GET as CON', 'CON'],
    ['TD_COAP_CORE_05: GET as NON', 'NON'],
  ] as const)('%s', async (_, type) => {
    const { pdus, shown } = await ask('/test', ...(type === 'NON' ? ['-N'] : []));
    const [request, answer] = onePair(pdus);
    expectRequest(request, type, 'GET', 'test');
    expectAnswerOf(request, answer);
    expect([answer.code, valuesOf(answer, 'Content-Format')]).toEqual(['2.05', ['text/plain']]);
    expect([answer.payload, shown]).toEqual(['the test resource', 'the test resource']);
  });

  test.each([
    ['TD_COAP_CORE_02: DELETE as CON', 'CON'],
    ['TD_COAP_CORE_06: DELETE as NON', 'NON'],
  ] as const)('%s', async (_, type) => {
    const { pdus } = await ask('/test', '-m', 'delete', ...(type === 'NON' ? ['-N'] : []));
    const [request, answer] = onePair(pdus);
    expectRequest(request, type, 'DELETE', 'test');
    expectAnswerOf(request, answer);
    expect([answer.code, answer.payload, answer.options]).toEqual(['2.02', '', []]);
    expect(server.resources.stored.has('test')).toBe(false);
  });

  test.each([
    ['TD_COAP_CORE_03: PUT as CON', 'CON'],
    ['TD_COAP_CORE_07: PUT as NON', 'NON'],
  ] as const)('%s', async (_, type) => {
    const { pdus } = await ask(
      '/test',
      '-m',
      'put',
      '-t',
      '0',
      '-e',
      'put',
      ...(type === 'NON' ? ['-N'] : []),
    );
    const [request, answer] = onePair(pdus);
    expectRequest(request, type, 'PUT', 'test');
    expect([valuesOf(request, 'Content-Format'), request.payload]).toEqual([['text/plain'], 'put']);
    expectAnswerOf(request, answer);
    expect([answer.code, answer.payload, answer.options]).toEqual(['2.04', '', []]);
    expect(server.resources.stored.get('test')).toEqual({ payload: Buffer.from('put'), contentFormat: 0 });
  });

  test.each([
    ['TD_COAP_CORE_04: POST as CON', 'CON'],
    ['TD_COAP_CORE_08: POST as NON', 'NON'],
  ] as const)('%s', async (_, type) => {
    const { pdus } = await ask(
      '/test',
      '-m',
      'post',
      '-t',
      '0',
      '-e',
      'post',
      ...(type === 'NON' ? ['-N'] : []),
    );
    const [request, answer] = onePair(pdus);
    expectRequest(request, type, 'POST', 'test');
    expectAnswerOf(request, answer);
    expect([answer.code, answer.payload, valuesOf(answer, 'Content-Format')]).toEqual(['2.01', '', []]);
    expect(server.resources.asked).toEqual([{ method: 'POST', path: 'test', payload: 'post' }]);
  });

  test('TD_COAP_CORE_09: a separate answer', async () => {
    const { pdus, shown } = await ask('/separate');
    expectRequest(pduAt(pdus, 0), 'CON', 'GET', 'separate');
    const answer = expectSeparate(pdus);
    expect([answer.code, valuesOf(answer, 'Content-Format')]).toEqual(['2.05', ['text/plain']]);
    expect(shown).toBe('it took a while');
  });

  // libcoap counts up from the token that it is given.
  test.each([
    ['TD_COAP_CORE_10: a token of one byte', 'a', '62'],
    ['TD_COAP_CORE_10: a token of eight bytes', 'eightlng', '65696768746c6e68'],
  ])('%s', async (_, before, token) => {
    const [request, answer] = onePair((await ask('/test', '-T', before)).pdus);
    expect(request.token).toBe(token);
    expectAnswerOf(request, answer);
    expect([answer.code, answer.payload]).toEqual(['2.05', 'the test resource']);
  });

  test('TD_COAP_CORE_11: a token with a separate answer', async () => {
    const { pdus, shown } = await ask('/separate', '-T', 'cafe');
    expect(pduAt(pdus, 0).token).toBe('63616666');
    expect([expectSeparate(pdus).code, shown]).toEqual(['2.05', 'it took a while']);
  });

  test('TD_COAP_CORE_13: a path of three segments', async () => {
    const { pdus, shown } = await ask('/seg1/seg2/seg3');
    const [request, answer] = onePair(pdus);
    expect(valuesOf(request, 'Uri-Path')).toEqual(['seg1', 'seg2', 'seg3']);
    expectAnswerOf(request, answer);
    expect([answer.code, shown]).toEqual(['2.05', 'three segments']);
  });

  test('TD_COAP_CORE_14: three arguments', async () => {
    const { pdus, shown } = await ask('/query?first=1&second=2&third=3');
    const [request, answer] = onePair(pdus);
    expect(valuesOf(request, 'Uri-Query')).toEqual(['first=1', 'second=2', 'third=3']);
    expectAnswerOf(request, answer);
    expect([answer.code, shown]).toEqual(['2.05', 'first=1 second=2 third=3']);
  });

  test('TD_COAP_CORE_17: a late answer to a NON', async () => {
    const { pdus, shown } = await ask('/separate', '-N');
    const [request, answer] = onePair(pdus);
    expectRequest(request, 'NON', 'GET', 'separate');
    expectAnswerOf(request, answer);
    expect([answer.code, valuesOf(answer, 'Content-Format'), shown]).toEqual([
      '2.05',
      ['text/plain'],
      'it took a while',
    ]);
  });

  test('TD_COAP_CORE_18: Location-Path in segments', async () => {
    const created = await ask('/test', '-m', 'post', '-t', '0', '-e', 'here');
    const [request, answer] = onePair(created.pdus);
    expectAnswerOf(request, answer);
    expect([answer.code, answer.options]).toEqual([
      '2.01',
      [['Location-Path', 'location1'], ['Location-Path', 'location2'], ['Location-Path', 'location3']],
    ]); // prettier-ignore
    expect((await ask('/location1/location2/location3')).shown).toBe('here');
  });

  test('TD_COAP_CORE_19: Location-Query in arguments', async () => {
    const { pdus } = await ask('/location-query', '-m', 'post', '-t', '0', '-e', 'x');
    const [request, answer] = onePair(pdus);
    expectAnswerOf(request, answer);
    expect([answer.code, valuesOf(answer, 'Location-Query')]).toEqual(['2.01', ['first=1', 'second=2']]);
  });

  test('TD_COAP_CORE_20: Accept chooses the format', async () => {
    for (const [number, name, body] of [
      ['0', 'text/plain', 'format text'],
      ['41', 'application/xml', '<format>xml</format>'],
    ] as const) {
      const { pdus, shown } = await ask('/multi-format', '-A', number);
      const [request, answer] = onePair(pdus);
      expect(valuesOf(request, 'Accept')).toEqual([name]);
      expectAnswerOf(request, answer);
      expect([answer.code, valuesOf(answer, 'Content-Format'), shown]).toEqual(['2.05', [name], body]);
    }
    expect((await ask('/multi-format', '-A', '50')).complaint).toMatch(/^4\.06/);
  });

  test('TD_COAP_CORE_21: ETag tells whether a representation is still good', async () => {
    const first = pduAt((await ask('/validate')).pdus, 1);
    const [etag] = valuesOf(first, 'ETag');
    expect([first.code, first.payload]).toEqual(['2.05', 'version 1']);
    expect(etag).toMatch(/^0x([0-9a-f]{2}){1,8}$/);

    const [request, valid] = onePair((await ask('/validate', '-O', `4,${etag}`)).pdus);
    expect(valuesOf(request, 'ETag')).toEqual([etag]);
    expectAnswerOf(request, valid);
    expect([valid.code, valuesOf(valid, 'ETag'), valid.payload]).toEqual(['2.03', [etag], '']);

    await ask('/validate', '-m', 'put', '-t', '0', '-e', 'version 2');
    const changed = pduAt((await ask('/validate', '-O', `4,${etag}`)).pdus, 1);
    expect([changed.code, changed.payload]).toEqual(['2.05', 'version 2']);
    expect(valuesOf(changed, 'ETag')).toHaveLength(1);
    expect(valuesOf(changed, 'ETag')).not.toEqual([etag]);
  });

  test('TD_COAP_CORE_22: If-Match changes only what is known', async () => {
    const put = (body: string, ...args: string[]) =>
      ask('/validate', '-m', 'put', '-t', '0', '-e', body, ...args);
    const [etag1] = valuesOf(pduAt((await ask('/validate')).pdus, 1), 'ETag');
    const [request, changed] = onePair((await put('version 2', '-O', `1,${etag1}`)).pdus);
    expect(valuesOf(request, 'If-Match')).toEqual([etag1]);
    expectAnswerOf(request, changed);
    expect(changed.code).toBe('2.04');

    const second = pduAt((await ask('/validate')).pdus, 1);
    const [etag2] = valuesOf(second, 'ETag');
    expect([second.payload, etag2 === etag1]).toEqual(['version 2', false]);
    expect(pduAt((await put('version 3')).pdus, 1).code).toBe('2.04');
    const refused = await put('version 4', '-O', `1,${etag2}`);
    expect(pduAt(refused.pdus, 1).code).toBe('4.12');
    expect((await ask('/validate')).shown).toBe('version 3');
  });

  test('TD_COAP_CORE_23: If-None-Match makes, and does not overwrite', async () => {
    const put = (body: string) => ask('/create1', '-m', 'put', '-t', '0', '-e', body, '-O', '5,');
    const [request, created] = onePair((await put('first')).pdus);
    expect(valuesOf(request, 'If-None-Match')).toEqual(['']);
    expectAnswerOf(request, created);
    expect(created.code).toBe('2.01');
    const [again, refused] = onePair((await put('second')).pdus);
    expectAnswerOf(again, refused);
    expect(refused.code).toBe('4.12');
    expect((await ask('/create1')).shown).toBe('first');
  });

  test('TD_COAP_CORE_31: Ping', async () => {
    // libcoap asks after a second of silence whether anybody is there.
    server.resources.separateMs = 1_600;
    const { signals, pdus, shown } = await ask('/separate', '-K', '1');
    expect(shown).toBe('it took a while');
    if (isUdp) {
      const ping = pdus.find(
        ({ way: moved, type, code }) => moved === 'sent' && type === 'CON' && code === '0.00',
      );
      expect(ping).toMatchObject({ token: '', options: [], payload: '', bytes: 4 });
      const { messageId } = ping!;
      const reset = {
        way: 'received',
        type: 'RST',
        code: '0.00',
        messageId,
        token: '',
        payload: '',
        bytes: 4,
      };
      expect(pdus).toContainEqual(expect.objectContaining(reset));
    } else {
      const said = signals.map(({ way: moved, code, token }) => [moved, code, token]);
      expect(said.slice(-2)).toEqual([
        ['sent', 'Ping', ''],
        ['received', 'Pong', ''],
      ]);
    }
  });
});
