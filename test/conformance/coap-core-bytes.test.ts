/** CORE cases that no libcoap program can play, octet by octet: what it cannot send, and what its server does not have. */
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { systemClock } from '../../core/base/clock.ts';
import { silentLog } from '../../core/base/log.ts';
import type { CoapResponse } from '../../core/coap/client/response.ts';
import {
  ETAG,
  IF_MATCH,
  IF_NONE_MATCH,
  LOCATION_PATH,
  LOCATION_QUERY,
} from '../../core/coap/codec/options.ts';
import { CoapEndpoint } from '../../core/coap/endpoint.ts';
import { ByteClient, ByteServer, hexOf } from '../support/coap-plugtest-bytes.ts';
import type { Octets } from '../support/coap-plugtest-bytes.ts';
import { PlugtestServer } from '../support/coap-plugtest-server.ts';

const TRANSPORTS = ['udp', 'tcp'] as const;
const bare = (hex: string): string => hex.replaceAll(' ', '');
const text = (response: CoapResponse): string => Buffer.from(response.payload).toString();

/** Codes on the wire. */
const [GET, POST, PUT] = ['01', '02', '03'];
const [CREATED, VALID, CHANGED, CONTENT, PRECONDITION_FAILED] = ['41', '43', '44', '45', '8c'];

describe.each(TRANSPORTS)('our server and octets over %s', (transport) => {
  const isUdp = transport === 'udp';
  let server: PlugtestServer;
  let client: ByteClient;
  beforeAll(async () => {
    server = await PlugtestServer.start({ reliable: true });
    client = await ByteClient.connect(transport, server.port(transport));
  });
  afterAll(async () => {
    await client.close();
    await server.stop();
  });

  test('TD_COAP_CORE_12: an empty token', async () => {
    client.send({ type: 0, code: GET, messageId: 'a1b2', token: '', rest: `b4${hexOf('test')}` });
    const [answer] = await client.next();
    expect(answer).toEqual({
      ...(isUdp ? { type: 2, messageId: 'a1b2' } : { type: -1, messageId: '' }),
      ...{ code: CONTENT, token: '' },
      // ETag (4) of two bytes, Content-Format (12) 0, payload.
      rest: bare(`42 e001 80 ff ${hexOf('the test resource')}`),
    });
  });

  test('TD_COAP_CORE_31: Ping', async () => {
    if (isUdp) {
      client.send({ type: 0, code: '00', messageId: 'c3d4' });
      expect(await client.next()).toEqual([{ type: 3, code: '00', messageId: 'c3d4', token: '', rest: '' }]);
    } else {
      client.send({ code: 'e2', token: 'beef' });
      expect(await client.next()).toEqual([{ type: -1, code: 'e3', messageId: '', token: 'beef', rest: '' }]);
    }
  });
});

describe.each(TRANSPORTS)('our client and octets over %s', (transport) => {
  const isUdp = transport === 'udp';
  let endpoint: CoapEndpoint;
  let server: ByteServer | undefined;
  beforeEach(async () => {
    endpoint = new CoapEndpoint({ clock: systemClock, log: silentLog, tickMs: 10 });
    await endpoint.start({ host: '127.0.0.1', port: 0 });
  });
  afterEach(async () => {
    await endpoint.stop();
    await server?.stop();
    server = undefined;
  });

  /** A server that gives these answers in turn. */
  async function answering(...answers: { code: string; rest?: string }[]): Promise<ByteServer> {
    server = await ByteServer.start(transport, (_, nth) => {
      const { code, rest = '' } = answers[nth]!;
      return { code, rest: bare(rest) };
    });
    return server;
  }

  function expectOctets(request: Octets | undefined, code: string | undefined, rest: string): void {
    expect([request?.type, request?.code, request?.rest]).toEqual([isUdp ? 0 : -1, code, bare(rest)]);
    expect(request?.token).toMatch(/^([0-9a-f]{2}){1,8}$/);
  }

  const values = (response: CoapResponse, number: number): string[] =>
    response.options.filter((one) => one.number === number).map(({ value }) => Buffer.from(value).toString());

  test('TD_COAP_CORE_18: Location-Path in segments', async () => {
    const location = ['location1', 'location2', 'location3'];
    // Location-Path is option 8.
    const rest = `89 ${hexOf('location1')} 09 ${hexOf('location2')} 09 ${hexOf('location3')}`;
    const { base, requests } = await answering({ code: CREATED!, rest });
    const payload = Buffer.from('x');
    const response = await endpoint.request(`${base}/test`, { method: 'POST', payload, contentFormat: 0 });
    expectOctets(requests[0], POST, `b4 ${hexOf('test')} 10 ff ${hexOf('x')}`);
    expect([response.code, values(response, LOCATION_PATH)]).toEqual(['2.01', location]);
  });

  test('TD_COAP_CORE_19: Location-Query in arguments', async () => {
    // Location-Query is option 20: 13 and 7 more.
    const rest = `d7 07 ${hexOf('first=1')} 08 ${hexOf('second=2')}`;
    const { base, requests } = await answering({ code: CREATED!, rest });
    const payload = Buffer.from('x');
    const response = await endpoint.request(`${base}/location-query`, {
      ...{ method: 'POST', payload, contentFormat: 0 },
    });
    expectOctets(requests[0], POST, `bd 01 ${hexOf('location-query')} 10 ff ${hexOf('x')}`);
    expect([response.code, values(response, LOCATION_QUERY)]).toEqual(['2.01', ['first=1', 'second=2']]);
  });

  test('TD_COAP_CORE_20: Accept chooses the format', async () => {
    const { base, requests } = await answering(
      { code: CONTENT!, rest: `c0 ff ${hexOf('text')}` },
      { code: CONTENT!, rest: `c1 29 ff ${hexOf('<xml/>')}` },
    );
    const plain = await endpoint.request(`${base}/multi-format`, { accept: 0 });
    expectOctets(requests[0], GET, `bc ${hexOf('multi-format')} 60`);
    expect([plain.code, plain.contentFormat, text(plain)]).toEqual(['2.05', 0, 'text']);
    const xml = await endpoint.request(`${base}/multi-format`, { accept: 41 });
    expectOctets(requests[1], GET, `bc ${hexOf('multi-format')} 61 29`);
    expect([xml.code, xml.contentFormat, text(xml)]).toEqual(['2.05', 41, '<xml/>']);
  });

  test('TD_COAP_CORE_21: ETag tells whether a representation is still good', async () => {
    const { base, requests } = await answering(
      { code: CONTENT!, rest: `42 e001 ff ${hexOf('one')}` },
      { code: VALID!, rest: '42 e001' },
      { code: CONTENT!, rest: `42 e002 ff ${hexOf('two')}` },
    );
    const first = await endpoint.request(`${base}/validate`);
    expectOctets(requests[0], GET, `b8 ${hexOf('validate')}`);
    expect([text(first), Buffer.from(first.etag!).toString('hex')]).toEqual(['one', 'e001']);
    const options = [{ number: ETAG, value: first.etag! }];
    const valid = await endpoint.request(`${base}/validate`, { options });
    expectOctets(requests[1], GET, `42 e001 78 ${hexOf('validate')}`);
    expect([valid.code, valid.etag, valid.payload.length]).toEqual(['2.03', first.etag, 0]);
    const changed = await endpoint.request(`${base}/validate`, { options });
    expectOctets(requests[2], GET, `42 e001 78 ${hexOf('validate')}`);
    expect([changed.code, text(changed), Buffer.from(changed.etag!).toString('hex')]).toEqual([
      '2.05',
      'two',
      'e002',
    ]);
  });

  test('TD_COAP_CORE_22: If-Match changes only what is known', async () => {
    const { base, requests } = await answering(
      { code: CONTENT!, rest: `42 e001 ff ${hexOf('one')}` },
      { code: CHANGED! },
      { code: PRECONDITION_FAILED! },
    );
    const { etag } = await endpoint.request(`${base}/validate`);
    const put = (body: string): Promise<CoapResponse> =>
      endpoint.request(`${base}/validate`, {
        ...{ method: 'PUT', payload: Buffer.from(body), contentFormat: 0 },
        options: [{ number: IF_MATCH, value: etag! }],
      });
    expect((await put('two')).code).toBe('2.04');
    expectOctets(requests[1], PUT, `12 e001 a8 ${hexOf('validate')} 10 ff ${hexOf('two')}`);
    expect((await put('three')).code).toBe('4.12');
    expectOctets(requests[2], PUT, `12 e001 a8 ${hexOf('validate')} 10 ff ${hexOf('three')}`);
  });

  test('TD_COAP_CORE_23: If-None-Match makes, and does not overwrite', async () => {
    const { base, requests } = await answering({ code: CREATED! }, { code: PRECONDITION_FAILED! });
    const put = (): Promise<CoapResponse> =>
      endpoint.request(`${base}/create1`, {
        ...{ method: 'PUT', payload: Buffer.from('x'), contentFormat: 0 },
        options: [{ number: IF_NONE_MATCH, value: new Uint8Array(0) }],
      });
    expect((await put()).code).toBe('2.01');
    expectOctets(requests[0], PUT, `50 67 ${hexOf('create1')} 10 ff ${hexOf('x')}`);
    expect((await put()).code).toBe('4.12');
    expectOctets(requests[1], PUT, `50 67 ${hexOf('create1')} 10 ff ${hexOf('x')}`);
  });
});
