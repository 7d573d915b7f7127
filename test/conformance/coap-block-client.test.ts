/** ETSI's BLOCK cases with our client and Debian's libcoap server, over UDP, TCP and TLS. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { systemClock } from '../../core/base/clock.ts';
import { silentLog } from '../../core/base/log.ts';
import type { RequestOptions } from '../../core/coap/client/request-options.ts';
import type { CoapResponse } from '../../core/coap/client/response.ts';
import { LOCATION_PATH } from '../../core/coap/codec/options.ts';
import { CoapEndpoint } from '../../core/coap/endpoint.ts';
import { blocksOf, expectEachAnswered, pairsOf } from '../support/coap-plugtest-blocks.ts';
import { LibcoapServer, WAYS, missingLibcoap, valuesOf } from '../support/coap-plugtest-libcoap.ts';
import type { Pdu, Way } from '../support/coap-plugtest-libcoap.ts';
import { largeBody } from '../support/coap-plugtest-resources.ts';
import { makePlugtestCertificates, serverTlsArgs } from '../support/coap-plugtest-tls.ts';
import type { PlugtestCertificates } from '../support/coap-plugtest-tls.ts';

const missing = missingLibcoap(...WAYS);
const LARGE = 2_500;

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

async function startLibcoap(way: Way, ...args: string[]): Promise<LibcoapServer> {
  const libcoap = await LibcoapServer.start(way, '-d', '20', ...serverTlsArgs(way, certificates), ...args);
  // What comes in one piece with the CSM of a new connection is not told by libcoap.
  if (way !== 'udp') await endpoint.ping(libcoap.base);
  return libcoap;
}

/** What the request is answered with, and libcoap's view of every message of it. */
async function watched(
  libcoap: LibcoapServer,
  uri: string,
  options: RequestOptions,
): Promise<{ got: CoapResponse; pdus: Pdu[] }> {
  const before = endpoint.counters.requests;
  const got = await endpoint.request(uri, options);
  return { got, pdus: await libcoap.take(2 * (endpoint.counters.requests - before)) };
}

describe.skipIf(missing.length > 0).each(WAYS)('our client and libcoap over %s', (way) => {
  const isUdp = way === 'udp';
  const body = largeBody(LARGE);
  let libcoap: LibcoapServer;
  let uri: string;
  beforeAll(async () => {
    libcoap = await startLibcoap(way);
    uri = `${libcoap.base}/large`;
    await watched(libcoap, uri, { method: 'PUT', payload: body, contentFormat: 0 });
  });
  afterAll(() => libcoap?.stop());

  test.each([
    ['TD_COAP_BLOCK_01: GET by blocks, asked for from the start', 256],
    ['TD_COAP_BLOCK_06: GET by blocks of 16 bytes, asked for from the start', 16],
  ])('%s', async (_, size) => {
    const { got, pdus } = await watched(libcoap, uri, { blockBytes: size });
    const count = Math.ceil(LARGE / size);
    expect([got.code, got.blocks, Buffer.compare(got.payload, body)]).toEqual(['2.05', count, 0]);
    expectEachAnswered(pdus, 'GET', '2.05');
    expect(blocksOf(pdus, 'Block2')).toEqual(
      Array.from({ length: count }, (__, nth) => [
        `${nth}/_/${size}`,
        `${nth}/${nth < count - 1 ? 'M' : '_'}/${size}`,
      ]),
    );
    const etags = pdus.filter((pdu) => pdu.way === 'sent').flatMap((pdu) => valuesOf(pdu, 'ETag'));
    expect([etags.length, new Set(etags).size]).toEqual([count, 1]);
  });

  test('TD_COAP_BLOCK_02: GET by blocks, as the server wants it', async () => {
    const { got, pdus } = await watched(libcoap, uri, {});
    expect([got.code, Buffer.compare(got.payload, body)]).toEqual(['2.05', 0]);
    expectEachAnswered(pdus, 'GET', '2.05');
    const blocks = [
      ['', '0/M/1024'],
      ['1/_/1024', '1/M/1024'],
      ['2/_/1024', '2/_/1024'],
    ];
    // Over TCP and TLS nothing has to be split (RFC 8323 §6).
    expect(blocksOf(pdus, 'Block2')).toEqual(isUdp ? blocks : [['', '']]);
  });

  // Over TCP and TLS a body of this size is no reason for blocks: they are asked for.
  const wish = isUdp ? {} : { blockBytes: 256 };
  const size = isUdp ? 1_024 : 256;
  const count = Math.ceil(LARGE / size);
  const up = Array.from({ length: count }, (_, nth) => {
    const block = `${nth}/${nth < count - 1 ? 'M' : '_'}/${size}`;
    // libcoap's last answer leaves it out.
    return [block, nth < count - 1 ? block : ''];
  });
  const goOn = Array<string>(count - 1).fill('2.31');

  test('TD_COAP_BLOCK_03: PUT by blocks', async () => {
    const changed = Buffer.from(body).reverse();
    const put = { method: 'PUT', payload: changed, contentFormat: 0, ...wish } as const;
    const { got, pdus } = await watched(libcoap, uri, put);
    expect(got.code).toBe('2.04');
    expect(blocksOf(pdus, 'Block1')).toEqual(up);
    expect(pairsOf(pdus).map(([, answer]) => answer.code)).toEqual([...goOn, '2.04']);
    // One body, marked as one (RFC 9175 §3), and its size said at its beginning.
    const requests = pdus.filter(({ code }) => code === 'PUT');
    expect(new Set(requests.flatMap((pdu) => valuesOf(pdu, 'Request-Tag'))).size).toBe(1);
    expect(valuesOf(requests[0]!, 'Size1')).toEqual([String(LARGE)]);
    const back = await watched(libcoap, uri, {});
    expect(Buffer.compare(back.got.payload, changed)).toBe(0);
  });

  test('TD_COAP_BLOCK_04: POST by blocks makes a resource', async () => {
    const post = { method: 'POST', payload: body, contentFormat: 0, ...wish } as const;
    const { got, pdus } = await watched(libcoap, `${libcoap.base}/large-create`, post);
    expect(got.code).toBe('2.01');
    expect(blocksOf(pdus, 'Block1')).toEqual(up);
    expect(pairsOf(pdus).map(([, answer]) => answer.code)).toEqual([...goOn, '2.01']);
    const [place] = got.options.filter(({ number }) => number === LOCATION_PATH);
    expect(Buffer.from(place!.value).toString()).toBe('large-create');
    const back = await watched(libcoap, `${libcoap.base}/large-create`, {});
    expect(Buffer.compare(back.got.payload, body)).toBe(0);
  });
});

describe.skipIf(missing.length > 0).each(WAYS)('our client and libcoap that echoes over %s', (way) => {
  let libcoap: LibcoapServer;
  beforeAll(async () => {
    libcoap = await startLibcoap(way, '-e');
  });
  afterAll(() => libcoap?.stop());

  test('TD_COAP_BLOCK_05: POST by blocks, answered by blocks', async () => {
    const payload = largeBody(LARGE);
    const post = { method: 'POST', payload, contentFormat: 0, blockBytes: 512 } as const;
    const { got, pdus } = await watched(libcoap, `${libcoap.base}/large-post`, post);
    expect([got.code, Buffer.compare(got.payload, payload)]).toEqual(['2.01', 0]);
    // The last block asks for the answer by blocks; from then on the body is not sent again.
    expect(blocksOf(pdus, 'Block1').map(([asked]) => asked)).toEqual([
      ...['0/M/512', '1/M/512', '2/M/512', '3/M/512', '4/_/512'],
      ...['', '', '', ''],
    ]);
    expect(blocksOf(pdus, 'Block2')).toEqual([
      ...Array<string[]>(4).fill(['', '']),
      ['0/_/512', '0/M/512'],
      ...[1, 2, 3].map((nth) => [`${nth}/_/512`, `${nth}/M/512`]),
      ['4/_/512', '4/_/512'],
    ]);
    expect(pairsOf(pdus).map(([request, answer]) => [request.code, answer.code])).toEqual([
      ...Array<string[]>(4).fill(['POST', '2.31']),
      ...Array<string[]>(5).fill(['POST', '2.01']),
    ]);
    const later = pdus.filter(({ way: direction }) => direction === 'received').slice(5);
    expect(later.map((pdu) => pdu.payload)).toEqual(['', '', '', '']);
  });
});
