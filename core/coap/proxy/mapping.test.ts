import { describe, expect, it } from 'vitest';
import { ETAG, HOP_LIMIT, IF_MATCH, IF_NONE_MATCH, MAX_AGE, OBSERVE } from '../codec/options.ts';
import { CONTENT_FORMAT, LOCATION_PATH, textOption, uintOption } from '../codec/options.ts';
import type { CoapOption } from '../codec/options.ts';
import { parseCoapUri } from '../uri.ts';
import { notificationEvent, retryField, stateEvent } from './event-stream.ts';
import { isRefused, mapContentType, mapRequest } from './request.ts';
import type { MappedRequest } from './request.ts';
import { mapResponse } from './response.ts';
import type { ProxiedAnswer } from './types.ts';

const target = parseCoapUri('coap://10.0.0.7/light');
const peer = { address: '10.0.0.7' };
const bytes = (...values: number[]) => Uint8Array.of(...values);
const utf8 = (text: string) => new TextEncoder().encode(text);

function mapped(method: string, headers: Record<string, string> = {}): MappedRequest {
  const result = mapRequest(method, headers);
  if (isRefused(result)) throw new Error(`${result.status} ${result.message}`);
  return result;
}

function refusal(method: string, headers: Record<string, string> = {}): number {
  const result = mapRequest(method, headers);
  return isRefused(result) ? result.status : 0;
}

const values = ({ options }: { options: readonly CoapOption[] }, number: number) =>
  options.filter((one) => one.number === number).map(({ value }) => Buffer.from(value).toString('hex'));

describe('a request', () => {
  it('asks whether tags are still good (ETag, RFC 7252 §5.10.6.2)', () => {
    const request = mapped('GET', {
      'if-none-match': '"01ff", W/"aabb" ,"nothex", "", "001122334455667788"',
    });
    expect(values(request, ETAG)).toEqual(['01ff', 'aabb']);
    expect(request.validating).toEqual([bytes(1, 255), bytes(0xaa, 0xbb)]);
    expect(values(mapped('HEAD', { 'if-none-match': '"01"' }), ETAG)).toEqual(['01']);
    expect(values(mapped('GET', { 'if-none-match': '*' }), ETAG)).toEqual([]);
    const many = Array.from({ length: 50 }, (_, i) => `"${(i + 16).toString(16)}"`).join(',');
    expect(values(mapped('GET', { 'if-none-match': many }), ETAG)).toHaveLength(16);
  });

  it('is conditional by If-Match, on strong tags only', () => {
    expect(values(mapped('PUT', { 'if-match': '"01ff","02"' }), IF_MATCH)).toEqual(['01ff', '02']);
    expect(values(mapped('PUT', { 'if-match': '*' }), IF_MATCH)).toEqual(['']);
    expect(values(mapped('PUT', { 'if-match': 'W/"01", "02"' }), IF_MATCH)).toEqual(['02']);
    expect(refusal('PUT', { 'if-match': 'W/"01"' })).toBe(412);
    expect(refusal('DELETE', { 'if-match': '"other server"' })).toBe(412);
  });

  it('is conditional by If-None-Match: *, and by no tags', () => {
    expect(values(mapped('PUT', { 'if-none-match': '*' }), IF_NONE_MATCH)).toEqual(['']);
    expect(refusal('PUT', { 'if-none-match': '"01"' })).toBe(501);
  });

  it('tells how many hops are left (RFC 8768)', () => {
    expect(values(mapped('GET'), HOP_LIMIT)).toEqual(['10']);
    expect(values(mapped('GET', { via: '1.1 a, 1.1 b (x)' }), HOP_LIMIT)).toEqual(['0e']);
    expect(refusal('GET', { via: Array(16).fill('1.1 a').join(', ') })).toBe(508);
  });

  it('asks again with another format only where that changes nothing', () => {
    const accept = 'application/cbor, application/json;q=0.5';
    expect(mapped('GET', { accept }).attempts).toEqual([60, 50]);
    expect(mapped('POST', { accept }).attempts).toEqual([undefined]);
    expect(mapped('POST', { accept: 'application/cbor' }).attempts).toEqual([60]);
  });

  it('observes with GET alone', () => {
    const accept = 'text/event-stream';
    expect(mapped('GET', { accept }).eventStream).toBe(true);
    expect(mapped('HEAD', { accept }).eventStream).toBe(false);
    expect(mapped('POST', { accept }).eventStream).toBe(false);
  });

  it.each(['OPTIONS', 'TRACE', 'PROPFIND'])('with %s is not implemented (RFC 7252 §10.2.1)', (method) => {
    expect(refusal(method)).toBe(501);
  });

  it('has a Content-Format, or is refused', () => {
    expect(mapContentType({ 'content-type': 'application/json' })).toBe(50);
    expect(mapContentType({})).toBeUndefined();
    expect(mapContentType({ 'content-type': 'application/json', 'content-encoding': 'gzip' })).toMatchObject({
      status: 415,
    });
    expect(mapContentType({ 'content-type': 'video/mp4' })).toMatchObject({ status: 415 });
    expect(mapContentType({ 'content-encoding': 'deflate' })).toMatchObject({ status: 415 });
  });
});

function answered(code: string, payload = '', ...options: CoapOption[]): ProxiedAnswer {
  const codeNumber = (Number(code[0]) << 5) | Number(code.slice(2));
  return { codeNumber, options, payload: utf8(payload), peer };
}

const get = mapped('GET');
const text = (body: Uint8Array | null) => (body === null ? null : new TextDecoder().decode(body));

describe('a response', () => {
  it('carries type, tag and freshness', () => {
    const answer = answered(
      '2.05',
      '{"t":21}',
      { number: ETAG, value: bytes(1, 0xab) },
      uintOption(CONTENT_FORMAT, 50),
      uintOption(MAX_AGE, 5),
    );
    const { status, headers, body } = mapResponse(target, get, undefined, answer);
    expect([status, text(body)]).toEqual([200, '{"t":21}']);
    expect(headers).toEqual({
      ETag: '"01ab"',
      'Cache-Control': 'private, max-age=5',
      Vary: 'Accept, Accept-Encoding, Authorization, Cookie',
      'Content-Type': 'application/json',
    });
  });

  it.each([
    [[], 'private, max-age=60'],
    [[uintOption(MAX_AGE, 0)], 'private, no-cache'],
    [[uintOption(MAX_AGE, 4_294_967_295)], 'private, max-age=4294967295'],
  ])('with %o may be kept: %s', (options, expected) => {
    expect(
      mapResponse(target, get, undefined, answered('2.05', 'x', ...options)).headers['Cache-Control'],
    ).toBe(expected);
  });

  it('is not modified when the server says Valid, or sends the same tag again', () => {
    const request = mapped('GET', { 'if-none-match': '"01"' });
    const tag = { number: ETAG, value: bytes(1) };
    const valid = mapResponse(target, request, undefined, answered('2.03', '', tag, uintOption(MAX_AGE, 9)));
    expect(valid).toMatchObject({
      status: 304,
      headers: { ETag: '"01"', 'Cache-Control': 'private, max-age=9' },
      body: null,
    });
    expect(mapResponse(target, request, undefined, answered('2.05', 'whole', tag))).toMatchObject({
      status: 304,
      body: null,
    });
    const other = { number: ETAG, value: bytes(2) };
    expect(mapResponse(target, request, undefined, answered('2.05', 'new', other)).status).toBe(200);
    expect(mapResponse(target, get, undefined, answered('2.03', '', tag)).status).toBe(502);
  });

  it('tells where something was made, through the proxy', () => {
    const created = answered('2.01', '', textOption(LOCATION_PATH, 'rd'), textOption(LOCATION_PATH, '4 2'));
    expect(mapResponse(target, mapped('POST'), undefined, created)).toMatchObject({
      status: 201,
      headers: { Location: '/hc/coap://10.0.0.7:5683/rd/4%202', 'Cache-Control': 'no-store' },
    });
    expect(mapResponse(target, mapped('PUT'), undefined, answered('2.01')).headers).not.toHaveProperty(
      'Location',
    );
  });

  it('has a body where CoAP has one (notes 1 and 2)', () => {
    const option = uintOption(CONTENT_FORMAT, 0);
    const to = (code: string, payload: string) => {
      const { status, body } = mapResponse(
        target,
        mapped('POST'),
        undefined,
        answered(code, payload, option),
      );
      return [status, text(body)];
    };
    expect(to('2.01', 'made')).toEqual([201, 'made']);
    expect(to('2.02', 'gone')).toEqual([200, 'gone']);
    expect(to('2.02', '')).toEqual([204, null]);
    expect(to('2.04', 'done')).toEqual([200, 'done']);
    expect(to('2.04', '')).toEqual([204, null]);
    expect(to('2.05', '')).toEqual([200, '']);
  });

  it('copies a diagnostic message as text, and speaks for a server that says nothing (§6.5.3)', () => {
    const told = mapResponse(target, get, undefined, answered('4.04', 'no\r\nsuch <b>thing'));
    expect([told.status, text(told.body), told.headers['Content-Type']]).toEqual([
      404,
      'no\r\nsuch <b>thing',
      'text/plain; charset=utf-8',
    ]);
    expect(told.reason).toBeUndefined();
    const silent = mapResponse(target, get, undefined, answered('5.00'));
    expect([silent.status, text(silent.body)]).toEqual([
      500,
      'The CoAP server answered 5.00 Internal Server Error.\n',
    ]);
    const problem = mapResponse(
      target,
      get,
      undefined,
      answered('4.00', 'x', uintOption(CONTENT_FORMAT, 257)),
    );
    expect(problem.headers['Content-Type']).toBe('application/concise-problem-details+cbor');
  });

  it('blames the client for a Bad Option only where a header of it became one (note 6)', () => {
    const bad = answered('4.02');
    expect(mapResponse(target, get, undefined, bad).status).toBe(500);
    expect(mapResponse(target, get, 60, bad).status).toBe(400);
    expect(mapResponse(target, mapped('PUT', { 'if-match': '*' }), undefined, bad).status).toBe(400);
  });

  it('says when to come again (note 8, RFC 8516)', () => {
    const busy = (code: string, ...options: CoapOption[]) =>
      mapResponse(target, get, undefined, answered(code, '', ...options)).headers['Retry-After'];
    expect(busy('5.03', uintOption(MAX_AGE, 17))).toBe('17');
    expect(busy('4.29', uintOption(MAX_AGE, 3))).toBe('3');
    expect(busy('5.03')).toBeUndefined();
    expect(busy('4.04', uintOption(MAX_AGE, 3))).toBeUndefined();
  });

  it.each([
    [0, 'text/plain;charset=utf-8', undefined],
    [50, 'application/json', undefined],
    [110, 'application/senml+json', undefined],
    [23, 'image/png', undefined],
    [11_050, 'application/json', undefined],
    [10_002, 'application/javascript', 'attachment'],
    [20_000, 'text/css', 'attachment'],
    [30_000, 'image/svg+xml', 'attachment'],
    [41, 'application/xml', 'attachment'],
    [65_000, 'application/coap-payload;cf=65000', 'attachment'],
    [null, 'text/plain; charset=utf-8', undefined],
  ])('of format %s is %s, %s', (format, type, disposition) => {
    const options = format === null ? [] : [uintOption(CONTENT_FORMAT, format)];
    const { headers } = mapResponse(target, get, undefined, answered('2.05', 'x', ...options));
    expect([headers['Content-Type'], headers['Content-Disposition']]).toEqual([type, disposition]);
    expect(headers['Content-Encoding']).toBe(format === 11_050 ? 'deflate' : undefined);
  });
});

it.each([
  ['Nov 22 17:13:40\n', 'text/plain; charset=utf-8'],
  ['21 °C', 'text/plain; charset=utf-8'],
  ['<script>', 'text/plain; charset=utf-8'],
  ['', 'text/plain; charset=utf-8'],
  ['\x00', 'application/octet-stream'],
  ['\x1b[2J', 'application/octet-stream'],
])('%j without a format is %s', (payload, type) => {
  expect(mapResponse(target, get, undefined, answered('2.05', payload)).headers['Content-Type']).toBe(type);
});

it('bytes without a format that are no UTF-8 are a download', () => {
  const answer = { codeNumber: 69, options: [], payload: bytes(0xff, 0xfe, 0x41), peer };
  expect(mapResponse(target, get, undefined, answer).headers).toMatchObject({
    'Content-Type': 'application/octet-stream',
    'Content-Disposition': 'attachment',
  });
});

describe('events', () => {
  it('tell a notification in one line', () => {
    const answer = answered(
      '2.05',
      'a\r\n"b"\n\u2028',
      uintOption(OBSERVE, 12),
      uintOption(CONTENT_FORMAT, 0),
      uintOption(MAX_AGE, 5),
      { number: ETAG, value: bytes(1) },
    );
    const event = notificationEvent(answer);
    const [name, id, data, ...rest] = event.split('\n');
    expect([name, id, rest]).toEqual(['event: notification', 'id: 12', ['', '']]);
    expect(JSON.parse(data!.slice('data: '.length))).toEqual({
      code: '2.05',
      contentFormat: 0,
      contentType: 'text/plain;charset=utf-8',
      maxAge: 5,
      etag: '"01"',
      text: 'a\r\n"b"\n\u2028',
    });
  });

  it('carry what is no text as base64, and no id without Observe', () => {
    const event = notificationEvent({ codeNumber: 69, options: [], payload: bytes(0xff, 0), peer });
    expect(event).toBe(
      'event: notification\ndata: {"code":"2.05","contentFormat":null,"contentType":null,"maxAge":60,"base64":"/wA="}\n\n',
    );
  });

  it('tell a state with its reason', () => {
    expect(stateEvent({ state: 'retrying', problem: 'no\nanswer', problemCode: 'coap.timeout' })).toBe(
      'event: state\ndata: {"state":"retrying","code":"coap.timeout","problem":"no\\nanswer"}\n\n',
    );
    expect(retryField(60_000)).toBe('retry: 60000\n\n');
  });
});
