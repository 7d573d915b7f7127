/** CORE cases with our client and the server of node-coap, which has what libcoap's server has not. */
import { createServer } from 'coap';
import type { IncomingMessage, OutgoingMessage, Server } from 'coap';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
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
import { freePort } from '../support/peers.ts';

let endpoint: CoapEndpoint;
let server: Server;
let base: string;
/** /validate and /create1. */
let version: number;
let created: string | undefined;

beforeAll(async () => {
  endpoint = new CoapEndpoint({ clock: systemClock, log: silentLog, tickMs: 10 });
  await endpoint.start({ host: '127.0.0.1', port: 0 });
  server = createServer((request, response) => serve(request, response));
  const port = await freePort();
  await new Promise<void>((resolve) => server.listen(port, '127.0.0.1', () => resolve()));
  base = `coap://127.0.0.1:${port}`;
});
afterAll(async () => {
  await endpoint.stop();
  await new Promise<void>((resolve) => server.close(() => resolve()));
});
beforeEach(() => {
  version = 1;
  created = undefined;
});

/** As text: node-coap has made a string of some. */
function option(request: IncomingMessage, name: string): string | undefined {
  const found = request._packet.options?.find((one) => one.name === name);
  return found === undefined ? undefined : String(found.value);
}

function etag(): string {
  return `v${version}`;
}

function serve(request: IncomingMessage, response: OutgoingMessage): void {
  const end = (code: string, payload = ''): void => {
    response.code = code;
    response.end(payload);
  };
  const ifMatch = option(request, 'If-Match');
  switch (`${request.method} ${request.url}`) {
    case 'POST /test':
      response.setOption(
        'Location-Path',
        ['location1', 'location2', 'location3'].map((one) => Buffer.from(one)),
      );
      return end('2.01');
    case 'POST /location-query':
      response.setOption(
        'Location-Query',
        ['first=1', 'second=2'].map((one) => Buffer.from(one)),
      );
      return end('2.01');
    case 'GET /multi-format': {
      const format = String(request.headers['Accept']);
      response.setOption('Content-Format', format);
      return end('2.05', format === 'application/xml' ? '<xml/>' : 'text');
    }
    case 'GET /validate': {
      const asked = option(request, 'ETag');
      response.setOption('ETag', Buffer.from(etag()));
      if (asked === etag()) return end('2.03');
      return end('2.05', `version ${version}`);
    }
    case 'PUT /validate':
      if (ifMatch !== undefined && ifMatch !== etag()) return end('4.12');
      version++;
      return end('2.04');
    case 'PUT /create1':
      if (option(request, 'If-None-Match') !== undefined && created !== undefined) return end('4.12');
      created = request.payload.toString();
      return end('2.01');
    default:
      return end('4.04');
  }
}

const text = (response: CoapResponse): string => Buffer.from(response.payload).toString();
const values = (response: CoapResponse, number: number): string[] =>
  response.options.filter((one) => one.number === number).map(({ value }) => Buffer.from(value).toString());
const post = { method: 'POST', payload: Buffer.from('x'), contentFormat: 0 } as const;
const put = { method: 'PUT', payload: Buffer.from('x'), contentFormat: 0 } as const;

test('TD_COAP_CORE_18: Location-Path in segments', async () => {
  const response = await endpoint.request(`${base}/test`, post);
  expect([response.code, values(response, LOCATION_PATH)]).toEqual([
    '2.01',
    ['location1', 'location2', 'location3'],
  ]);
});

test('TD_COAP_CORE_19: Location-Query in arguments', async () => {
  const response = await endpoint.request(`${base}/location-query`, post);
  expect([response.code, values(response, LOCATION_QUERY)]).toEqual(['2.01', ['first=1', 'second=2']]);
});

test('TD_COAP_CORE_20: Accept chooses the format', async () => {
  for (const [accept, body] of [
    [0, 'text'],
    [41, '<xml/>'],
  ] as const) {
    const response = await endpoint.request(`${base}/multi-format`, { accept });
    expect([response.code, response.contentFormat, text(response)]).toEqual(['2.05', accept, body]);
  }
});

test('TD_COAP_CORE_21: ETag tells whether a representation is still good', async () => {
  const first = await endpoint.request(`${base}/validate`);
  const options = [{ number: ETAG, value: first.etag! }];
  const valid = await endpoint.request(`${base}/validate`, { options });
  expect([first.code, text(first), valid.code, text(valid)]).toEqual(['2.05', 'version 1', '2.03', '']);
  expect(valid.etag).toEqual(first.etag);
  version = 2;
  const changed = await endpoint.request(`${base}/validate`, { options });
  expect([changed.code, text(changed)]).toEqual(['2.05', 'version 2']);
  expect(changed.etag).not.toEqual(first.etag);
});

test('TD_COAP_CORE_22: If-Match changes only what is known', async () => {
  const first = await endpoint.request(`${base}/validate`);
  const options = [{ number: IF_MATCH, value: first.etag! }];
  expect((await endpoint.request(`${base}/validate`, { ...put, options })).code).toBe('2.04');
  expect(version).toBe(2);
  expect((await endpoint.request(`${base}/validate`, { ...put, options })).code).toBe('4.12');
  expect(version).toBe(2);
});

test('TD_COAP_CORE_23: If-None-Match makes, and does not overwrite', async () => {
  const options = [{ number: IF_NONE_MATCH, value: new Uint8Array(0) }];
  expect((await endpoint.request(`${base}/create1`, { ...put, options })).code).toBe('2.01');
  const again = { ...put, payload: Buffer.from('y'), options };
  expect((await endpoint.request(`${base}/create1`, again)).code).toBe('4.12');
  expect(created).toBe('x');
});
