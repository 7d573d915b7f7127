import { once } from 'node:events';
import { connect } from 'node:net';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { silentLog } from '../base/log.ts';
import { GatewayBench } from '../../test/support/gateway-bench.ts';
import { createGateway } from './gateway.ts';

let bench: GatewayBench;

beforeEach(async () => {
  bench = new GatewayBench();
  await bench.start(['plant-pc']);
});

afterEach(() => bench.stop());

const JSON_TYPE = { 'content-type': 'application/json' };

describe('the console', () => {
  it('is served with headers that let it load from its station only', async () => {
    const { status, headers, body } = await bench.ask('/');
    expect(status).toBe(200);
    expect(body).toContain('<title>console</title>');
    expect(headers).toMatchObject({
      'content-security-policy':
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; " +
        "font-src 'self'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'",
      'content-type': 'text/html; charset=utf-8',
      'x-content-type-options': 'nosniff',
      'referrer-policy': 'no-referrer',
      'cross-origin-opener-policy': 'same-origin',
      'cross-origin-resource-policy': 'same-origin',
      'cache-control': 'no-cache',
    });
    expect(headers['set-cookie']).toBeUndefined();
  });

  it('keeps files with a hash in their name for ever, and the page never unasked', async () => {
    const script = await bench.ask('/assets/index-BqD3x_9a.js?x=1');
    expect(script.headers).toMatchObject({
      'content-type': 'text/javascript; charset=utf-8',
      'cache-control': 'public, max-age=31536000, immutable',
    });
    const page = await bench.ask('/index.html');
    const again = await bench.ask('/index.html', { 'if-none-match': page.headers.etag ?? '' });
    expect([again.status, again.body]).toEqual([304, '']);
  });

  it('answers HEAD as GET, without the body', async () => {
    const { status, headers, body } = await bench.ask('/', {}, 'HEAD');
    expect([status, headers['content-length'], body]).toEqual([200, '37', '']);
  });

  it.each([
    '/nope',
    '/assets/',
    '/assets/index-BqD3x_9a.js.map',
    '/.hidden.txt',
    '/link.json',
    '/tokens.json',
    '/../tokens.json',
    '/assets/../../tokens.json',
    '/%2e%2e/tokens.json',
    '/assets/..%2f..%2ftokens.json',
    '/a+b.svg',
    '//etc/passwd',
    '/%00',
    '/%',
    '/healthz/',
    '/__proto__',
  ])('has nothing at %s', async (path) => {
    const { status, headers } = await bench.ask(path);
    expect(status).toBe(404);
    expect(headers['content-security-policy']).toBeDefined();
  });

  it('serves names with spaces as URLs write them', async () => {
    expect((await bench.ask('/a%20b.svg')).headers['content-type']).toBe('image/svg+xml');
  });

  it.each(['POST', 'PUT', 'DELETE', 'OPTIONS', 'PATCH', 'TRACE'])('does not take %s', async (method) => {
    const { status, headers } = await bench.ask('/', {}, method);
    expect([status, headers.allow]).toEqual([405, 'GET, HEAD']);
  });

  it('tells that it lives, and nothing else', async () => {
    expect(await bench.ask('/healthz')).toMatchObject({ status: 200, body: 'ok\n' });
  });

  it('ignores an upgrade that it does not know', async () => {
    const headers = { connection: 'Upgrade, HTTP2-Settings', upgrade: 'h2c' };
    expect((await bench.ask('/healthz', headers)).body).toBe('ok\n');
  });

  it('says so when it was not built', async () => {
    const { host: rpcHost, access, clock } = bench;
    const gateway = await createGateway({
      rpcHost,
      access,
      clock,
      log: silentLog,
      consoleFolder: `${bench.folder}/nowhere`,
    }).listen({ host: '127.0.0.1', port: 0 });
    const response = await fetch(gateway.url);
    expect([response.status, await response.text()]).toEqual([503, expect.stringContaining('npm run build')]);
    await gateway.close();
  });
});

describe('requests under a foreign name', () => {
  it.each(['evil.example', 'evil.example:80', '10.9.8.7', 'evil.example@localhost'])(
    'are refused: %s',
    async (host) => {
      const { status, body } = await bench.ask('/', { host });
      expect(status).toBe(421);
      expect(body).not.toContain('console</title>');
      expect(bench.gateway.counters.refusedHosts).toBe(1);
    },
  );

  it.each(['localhost', 'localhost:9999', '127.0.0.1', 'plant-pc:8080', 'PLANT-PC'])(
    'are taken: %s',
    async (host) => {
      expect((await bench.ask('/', { host })).status).toBe(200);
    },
  );
});

describe('sign-in by link', () => {
  it('sets the cookie and leads to the page without the token', async () => {
    const token = bench.access.tokenOf('operate');
    const { status, headers } = await bench.ask(`/?token=${token}`);
    expect([status, headers.location]).toEqual([303, '/']);
    expect(headers['set-cookie']).toEqual([
      `fieldstation_${bench.gateway.port}=${token}; Path=/; HttpOnly; SameSite=Strict; Max-Age=34560000`,
    ]);
    expect(headers['cache-control']).toBe('no-store');
    expect(bench.lines.join('\n')).not.toContain(token);
  });

  it('refuses a wrong token, and slows down who goes on', async () => {
    const wrong = 'x'.repeat(43);
    for (let attempt = 0; attempt < 5; attempt++) {
      const { status, headers } = await bench.ask(`/?token=${wrong}`);
      expect([status, headers['set-cookie']]).toEqual([403, undefined]);
    }
    const right = `/?token=${bench.access.tokenOf('admin')}`;
    const slowed = await bench.ask(right);
    expect([slowed.status, slowed.headers['retry-after']]).toEqual([429, '1']);
    bench.clock.advance(1_000);
    expect((await bench.ask(right)).status).toBe(303);
    expect(bench.gateway.counters).toMatchObject({ wrongTokens: 5, throttled: 1 });
    expect(bench.lines.join('\n')).not.toContain(wrong);
  });

  it('lets no page elsewhere use up the attempts of this machine with an image or a frame', async () => {
    for (const destination of ['image', 'script', 'iframe', 'empty']) {
      for (let attempt = 0; attempt < 3; attempt++) {
        const embedded = await bench.ask(`/?token=${'x'.repeat(43)}`, { 'sec-fetch-dest': destination });
        expect(embedded.status).toBe(403);
      }
    }
    const right = `/?token=${bench.access.tokenOf('view')}`;
    expect((await bench.ask(right, { 'sec-fetch-dest': 'document' })).status).toBe(303);
    expect(bench.gateway.counters).toMatchObject({ wrongTokens: 0, throttled: 0 });
  });
});

describe('sign-in by form', () => {
  const send = (body: string, headers = {}) =>
    bench.ask('/session', { ...JSON_TYPE, ...headers }, 'POST', body);

  it('sets the cookie', async () => {
    const token = bench.access.tokenOf('view');
    const own = { origin: `http://127.0.0.1:${bench.gateway.port}` };
    const { status, headers, body } = await send(JSON.stringify({ token }), own);
    expect([status, body]).toEqual([204, '']);
    expect(headers['set-cookie']?.[0]).toContain(`=${token}; Path=/; HttpOnly; SameSite=Strict`);
  });

  it('refuses a wrong token', async () => {
    const { status, headers, body } = await send('{"token":"wrong"}');
    expect([status, headers['set-cookie']]).toEqual([403, undefined]);
    expect(JSON.parse(body)).toMatchObject({ code: 'rpc.bad_token' });
  });

  it.each(['http://evil.example', 'null', 'http://127.0.0.1:1'])('refuses the origin %s', async (origin) => {
    const body = JSON.stringify({ token: bench.access.tokenOf('view') });
    const { status, headers } = await send(body, { origin });
    expect([status, headers['set-cookie']]).toEqual([403, undefined]);
    expect(bench.gateway.counters.refusedOrigins).toBe(1);
  });

  it.each(['', '{', 'null', '[]', '{}', '{"token":1}', '{"token":"x","more":1}'])(
    'refuses the body %s',
    async (body) => {
      expect((await send(body)).status).toBe(400);
    },
  );

  it('refuses what a form of another site could send', async () => {
    const body = JSON.stringify({ token: bench.access.tokenOf('view') });
    expect((await send(body, { 'content-type': 'text/plain' })).status).toBe(415);
  });

  it('refuses a long body without keeping it', async () => {
    expect((await send('x'.repeat(100_000))).status).toBe(413);
  });

  it('is by POST alone', async () => {
    const { status, headers } = await bench.ask('/session', {}, 'DELETE');
    expect([status, headers.allow]).toEqual([405, 'POST']);
  });
});

describe('hostile HTTP', () => {
  /** Everything that comes back until the connection ends. */
  const raw = async (text: string): Promise<string> => {
    const socket = connect(bench.gateway.port, '127.0.0.1');
    let answer = '';
    socket.setEncoding('latin1').on('data', (chunk: string) => (answer += chunk));
    socket.on('error', () => undefined);
    socket.write(text);
    await once(socket, 'close');
    return answer.split('\r\n')[0] ?? '';
  };

  it.each([
    ['noise', '\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n', '400'],
    ['no Host', 'GET / HTTP/1.1\r\n\r\n', '400'],
    [
      'two lengths',
      'POST /session HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n',
      '400',
    ],
    ['endless headers', `GET / HTTP/1.1\r\nHost: localhost\r\nX: ${'x'.repeat(20_000)}\r\n\r\n`, '431'],
  ])('%s gets a short answer and the door', async (_what, text, status) => {
    expect(await raw(text)).toContain(`HTTP/1.1 ${status}`);
    expect((await bench.ask('/healthz')).status).toBe(200);
  });
});

describe('listening', () => {
  it('tells that a port is taken', async () => {
    const { host: rpcHost, access, clock, log } = bench;
    const other = createGateway({ rpcHost, access, clock, log, consoleFolder: bench.folder });
    const { port } = bench.gateway;
    await expect(other.listen({ host: '127.0.0.1', port })).rejects.toMatchObject({
      code: 'listen.port_taken',
      message: expect.stringContaining(String(port)),
    });
    await expect(other.listen({ host: '203.0.113.1', port: 0 })).rejects.toMatchObject({
      code: 'listen.bad_address',
    });
  });

  it('gives its address as people write it, and frees the port when it closes', async () => {
    const { gateway } = bench;
    expect(gateway.address).toBe(`127.0.0.1:${gateway.port}`);
    expect(gateway.url).toBe(`http://127.0.0.1:${gateway.port}`);
    await gateway.close();
    await gateway.close();
    const { host: rpcHost, access, clock, log } = bench;
    const next = await createGateway({ rpcHost, access, clock, log, consoleFolder: bench.folder }).listen({
      host: '127.0.0.1',
      port: gateway.port,
    });
    await next.close();
  });
});
