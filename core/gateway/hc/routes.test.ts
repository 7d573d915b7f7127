import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { CodedError } from '../../base/errors.ts';
import { HcBench, asText, coapAnswer } from '../../../test/support/hc-bench.ts';
import { coapError } from '../../coap/errors.ts';
import { LOCATION_PATH, textOption, uintOption, CONTENT_FORMAT } from '../../coap/codec/options.ts';

let bench: HcBench;
const URL = '/hc/coap://10.0.0.7/light';

beforeEach(async () => {
  bench = new HcBench();
  await bench.start();
});
afterEach(() => bench.stop());

const ask = (path: string, headers: Record<string, string> = {}, method = 'GET', body?: string) =>
  bench.ask(path, { ...bench.bearer('operate'), ...headers }, method, body);

describe('who may ask', () => {
  it('nobody without a token', async () => {
    const { status, headers, body } = await bench.ask(URL);
    expect([status, headers['www-authenticate'], headers['cache-control']]).toEqual([
      401,
      'Bearer realm="Fieldstation"',
      'no-store',
    ]);
    expect(body).toContain('Authorization: Bearer');
    expect(bench.proxy.asked).toEqual([]);
    expect(bench.proxy.counts).toEqual({ requests: 1, unauthorized: 1, refused: 0, failed: 0 });
  });

  it.each(['Bearer x', 'Basic dXNlcjpwYXNz', 'Bearer', ''])('nobody with %j', async (authorization) => {
    const { status, headers } = await bench.ask(URL, { authorization });
    expect([status, headers['www-authenticate']]).toEqual([
      401,
      'Bearer realm="Fieldstation", error="invalid_token"',
    ]);
  });

  it('nobody with a token in the address', async () => {
    const { status } = await bench.ask(`${URL}?token=${bench.access.tokenOf('admin')}`);
    expect([status, bench.proxy.asked.length]).toEqual([401, 0]);
  });

  it('not who guesses: slowed down together with every other way in', async () => {
    for (let i = 0; i < 5; i++) await bench.ask(URL, { authorization: `Bearer ${'x'.repeat(43)}` });
    const slowed = await ask(URL);
    expect([slowed.status, slowed.headers['retry-after']]).toEqual([429, '1']);
    expect((await bench.ask('/metrics', bench.bearer('view'))).status).toBe(404);
    bench.clock.advance(1_000);
    expect((await ask(URL)).status).toBe(200);
  });

  it('view reads, operate and admin write', async () => {
    const status = async (role: 'view' | 'operate' | 'admin', method: string) =>
      (await bench.ask(URL, bench.bearer(role), method)).status;
    expect(await status('view', 'GET')).toBe(200);
    expect(await status('view', 'HEAD')).toBe(200);
    for (const method of ['PUT', 'POST', 'DELETE', 'PATCH']) {
      expect([method, await status('view', method)]).toEqual([method, 403]);
      expect([method, await status('operate', method)]).toEqual([method, 200]);
    }
    expect(await status('admin', 'PUT')).toBe(200);
    expect(bench.proxy.counts.refused).toBe(4);
    expect(bench.proxy.asked).toHaveLength(7);
  });

  describe("the console's cookie", () => {
    const cookie = () => ({ cookie: `fieldstation_${bench.gateway.port}=${bench.access.tokenOf('admin')}` });
    const page = { 'sec-fetch-site': 'same-origin', 'sec-fetch-dest': 'empty' };

    it('reads for its own page', async () => {
      expect((await bench.ask(URL, { ...cookie(), ...page })).status).toBe(200);
    });
    it.each([
      ['without a word of the browser', {}],
      ['from elsewhere', { ...page, 'sec-fetch-site': 'cross-site' }],
      ['from another port', { ...page, 'sec-fetch-site': 'same-site' }],
      ['as a script', { ...page, 'sec-fetch-dest': 'script' }],
      ['as a style', { ...page, 'sec-fetch-dest': 'style' }],
      ['in a frame', { ...page, 'sec-fetch-dest': 'iframe' }],
      ['as a worker', { ...page, 'sec-fetch-dest': 'worker' }],
    ])('does not %s', async (_how, headers) => {
      expect((await bench.ask(URL, { ...cookie(), ...headers })).status).toBe(401);
    });
    it.each(['PUT', 'POST', 'DELETE', 'PATCH'])('does not write by %s', async (method) => {
      expect((await bench.ask(URL, { ...cookie(), ...page }, method)).status).toBe(401);
      expect(bench.proxy.asked).toEqual([]);
    });
  });

  it('nobody under a foreign name', async () => {
    expect((await ask(URL, { host: 'evil.example' })).status).toBe(421);
  });

  it('no other origin: there is no CORS', async () => {
    const preflight = await bench.ask(
      URL,
      { origin: 'http://evil.example', 'access-control-request-method': 'PUT' },
      'OPTIONS',
    );
    expect(preflight.status).toBe(401);
    const { headers } = await ask(URL, { origin: 'http://evil.example' });
    expect(Object.keys(headers).filter((name) => name.startsWith('access-control'))).toEqual([]);
  });

  it('nobody while it is switched off', async () => {
    bench.proxy.enabled = false;
    const { status, body } = await ask(URL);
    expect([status, bench.proxy.asked.length, bench.proxy.counts.refused]).toEqual([403, 0, 1]);
    expect(body).toContain('switched off');
  });

  it('no token and no query is in the log', async () => {
    bench.proxy.respond = () => {
      throw coapError('coap.forbidden', 'not on the list');
    };
    await ask(`${URL}?key=secret-key`);
    const lines = bench.lines.join('\n');
    expect(lines).toContain('coap://10.0.0.7:5683');
    expect(lines).not.toMatch(/secret-key|light/);
    expect(lines).not.toContain(bench.access.tokenOf('operate'));
  });
});

describe('requests', () => {
  it('reach the target with method, body and format', async () => {
    await ask('/hc/coap://10.0.0.7:61616/a/b?x=1', { 'content-type': 'application/json' }, 'PUT', '{"on":1}');
    const { target, request } = bench.proxy.asked[0]!;
    expect(target.uri).toBe('coap://10.0.0.7:61616/a/b?x=1');
    expect(request).toMatchObject({ method: 'PUT', contentFormat: 50 });
    expect(new TextDecoder().decode(request.payload)).toBe('{"on":1}');
    await ask('/hc/coap:/10.0.0.7/light', {}, 'DELETE');
    await ask('/hc/?target_uri=coap://10.0.0.7/light', {}, 'PATCH', 'x');
    expect(bench.proxy.asked.slice(1).map(({ request: { method } }) => method)).toEqual(['DELETE', 'PATCH']);
  });

  it('by HEAD get all but the body', async () => {
    const { status, headers, body } = await ask(URL, {}, 'HEAD');
    expect([status, headers['content-length'], headers['content-type'], body]).toEqual([
      200,
      '2',
      'text/plain;charset=utf-8',
      '',
    ]);
    expect(bench.proxy.asked[0]!.request.method).toBe('GET');
  });

  it('try the formats of Accept one after the other', async () => {
    bench.proxy.respond = ({ request }) =>
      request.accept === 0 ? coapAnswer('2.05', '21.5', asText) : coapAnswer('4.06');
    const answer = await ask(URL, { accept: 'application/cbor, application/json;q=0.9, text/plain;q=0.1' });
    expect([answer.status, answer.body]).toEqual([200, '21.5']);
    expect(bench.proxy.asked.map(({ request }) => request.accept)).toEqual([60, 50, 0]);
    expect((await ask(URL, { accept: 'application/cbor' })).status).toBe(406);
  });

  it('come back with what was made where', async () => {
    bench.proxy.respond = () => coapAnswer('2.01', '', textOption(LOCATION_PATH, 'new'));
    const { status, headers } = await ask(URL, {}, 'POST');
    expect([status, headers.location]).toEqual([201, '/hc/coap://10.0.0.7:5683/new']);
  });

  it('come back as 304 without a body', async () => {
    bench.proxy.respond = () => coapAnswer('2.03', '', { number: 4, value: Uint8Array.of(1) });
    const { status, headers, body } = await ask(URL, { 'if-none-match': '"01"' });
    expect([status, headers.etag, body]).toEqual([304, '"01"', '']);
  });

  it('say in the reason what a 4.05 was', async () => {
    bench.proxy.respond = () => coapAnswer('4.05');
    const client = bench.raw(
      `GET ${URL} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nAuthorization: ${bench.bearer('view').authorization}\r\n\r\n`,
    );
    await client.closed;
    expect(client.text).toMatch(/^HTTP\/1\.1 400 CoAP server returned 4\.05 Method Not Allowed\r\n/);
  });

  it('are refused with a reason', async () => {
    const status = async (path: string, method = 'GET', body?: string, headers = {}) =>
      (await ask(path, headers, method, body)).status;
    expect(await status('/hc/')).toBe(400);
    expect(await status('/hc/10.0.0.7/light')).toBe(400);
    expect(await status('/hc/http://10.0.0.7/')).toBe(400);
    expect(await status('/hc/coaps://10.0.0.7/')).toBe(501);
    expect(await status(URL, 'TRACE')).toBe(501);
    expect(await status(URL, 'OPTIONS')).toBe(501);
    expect(await status(URL, 'PROPFIND')).toBe(501);
    expect(await status(URL, 'GET', 'body', { 'content-length': '4' })).toBe(400);
    expect(await status(URL, 'DELETE', 'body', { 'transfer-encoding': 'chunked' })).toBe(400);
    expect(await status(URL, 'PUT', 'x', { 'content-type': 'video/mp4' })).toBe(415);
    expect(
      await status(URL, 'PUT', 'x', { 'content-encoding': 'gzip', 'content-type': 'application/json' }),
    ).toBe(415);
    expect(await status(URL, 'PUT', 'x', { 'if-match': '"not ours"' })).toBe(412);
    expect(await status('/hc')).toBe(404);
    expect(bench.proxy.asked).toEqual([]);
  });

  it('by OPTIONS are answered for the proxy itself', async () => {
    const { status, headers } = await ask('/hc/', {}, 'OPTIONS');
    expect([status, headers.allow]).toEqual([204, 'GET, HEAD, POST, PUT, DELETE, PATCH, OPTIONS']);
    expect((await ask(URL, {}, 'OPTIONS')).headers.allow).toBe('GET, HEAD, POST, PUT, DELETE, PATCH');
  });

  it('by CONNECT are not implemented', async () => {
    const client = bench.raw('CONNECT 10.0.0.7:5683 HTTP/1.1\r\nHost: localhost\r\n\r\n');
    await client.closed;
    expect(client.text).toMatch(/^HTTP\/1\.1 501 /);
  });

  it.each([
    ['coap.timeout', 504, 'failed'],
    ['coap.reset', 502, 'failed'],
    ['coap.host_not_found', 502, 'failed'],
    ['coap.forbidden', 403, 'refused'],
    ['coap.busy', 503, 'failed'],
    ['coap.bad_request', 400, null],
    ['coap.scheme', 501, null],
  ] as const)('that end in %s become %i', async (code, status, counted) => {
    bench.proxy.respond = () => {
      throw coapError(code, 'What happened, why, and what to do.');
    };
    const answer = await ask(URL);
    expect([answer.status, answer.body]).toEqual([status, 'What happened, why, and what to do.\n']);
    expect(answer.headers['retry-after']).toBe(status === 503 ? '1' : undefined);
    expect(bench.proxy.counts).toMatchObject({
      failed: counted === 'failed' ? 1 : 0,
      refused: counted === 'refused' ? 1 : 0,
    });
  });

  it('that the station fails are a 500 that tells nothing', async () => {
    bench.proxy.respond = () => {
      throw new CodedError('internal', 'a path of ours');
    };
    const answer = await ask(URL);
    expect([answer.status, answer.body.includes('a path of ours')]).toEqual([500, false]);
  });
});

describe('what comes from a device', () => {
  it('is never a page of the console', async () => {
    bench.proxy.respond = () => coapAnswer('2.05', '<svg onload="x()"/>', uintOption(CONTENT_FORMAT, 30_000));
    const { headers } = await ask(URL);
    expect(headers).toMatchObject({
      'content-type': 'image/svg+xml',
      'content-security-policy': "sandbox; default-src 'none'; frame-ancestors 'none'",
      'x-content-type-options': 'nosniff',
      'content-disposition': 'attachment',
      'cross-origin-resource-policy': 'same-origin',
      'referrer-policy': 'no-referrer',
    });
  });

  it('is sandboxed also where it is refused', async () => {
    expect((await bench.ask(URL)).headers['content-security-policy']).toMatch(/^sandbox;/);
  });

  it('leaves the other pages as they were', async () => {
    const { headers } = await bench.ask('/');
    expect(headers['content-security-policy']).toMatch(/script-src 'self'/);
    expect((await bench.ask('/', {}, 'PUT')).status).toBe(405);
  });
});

describe('discovery (§5.5)', () => {
  it('links to the proxy, for anybody', async () => {
    const { status, headers, body } = await bench.ask('/.well-known/core');
    expect([status, headers['content-type']]).toEqual([200, 'application/link-format']);
    expect(body).toBe(
      '</hc/>;rt="core.hc",</hc/>;rt="core.hc";hct="?target_uri={+tu}",' +
        '</hc/>;rt="core.hc";hct="{+s}/{+hp}{+p}{+qq}",</hc/>;rt="core.hc";hct="?s={+s}&hp={+hp}&p={+p}&q={+q}"',
    );
  });

  it.each([
    ['?rt=core.hc', 4],
    ['?rt=core.*', 4],
    ['?rt=core.rd', 0],
    ['?href=/hc/', 4],
    ['?hct=%3Ftarget_uri*', 1],
    ['?rt=%zz', 0],
    ['?', 4],
  ])('filters by %s', async (query, count) => {
    const { body } = await bench.ask(`/.well-known/core${query}`);
    expect(body === '' ? 0 : body.split(',').filter((link) => link.startsWith('</hc/>')).length).toBe(count);
  });

  it('is empty while the proxy is off, and not there without one', async () => {
    bench.proxy.enabled = false;
    expect((await bench.ask('/.well-known/core')).body).toBe('');
  });
});
