import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { GatewayBench } from '../../test/support/gateway-bench.ts';
import { createGateway } from './gateway.ts';
import type { ListeningGateway } from './gateway.ts';

const METRICS = '# HELP up Ä\n# TYPE up gauge\nup 1\n';
let bench: GatewayBench;
let plain: ListeningGateway;

beforeEach(async () => {
  bench = new GatewayBench();
  await bench.start();
  const { host: rpcHost, access, log, clock, consoleFolder } = bench;
  const gateway = createGateway({ rpcHost, access, log, clock, consoleFolder, metrics: () => METRICS });
  plain = bench.gateway;
  bench.gateway = await gateway.listen({ host: '127.0.0.1', port: 0 });
});

afterEach(async () => {
  await plain.close();
  await bench.stop();
});

const ask = (authorization?: string, method = 'GET') =>
  bench.ask('/metrics', authorization === undefined ? {} : { authorization }, method);

describe('/metrics', () => {
  it.each(['view', 'operate', 'admin'] as const)('is there for a bearer of the token of %s', async (role) => {
    const { status, headers, body } = await ask(`Bearer ${bench.access.tokenOf(role)}`);
    expect([status, body]).toEqual([200, METRICS]);
    expect(headers).toMatchObject({
      'content-type': 'text/plain; version=0.0.4; charset=utf-8',
      'content-length': String(Buffer.byteLength(METRICS)),
      'cache-control': 'no-store',
      'x-content-type-options': 'nosniff',
    });
  });

  it('is there for a console that is signed in', async () => {
    const cookie = `fieldstation_${bench.gateway.port}=${bench.access.tokenOf('view')}`;
    expect((await bench.ask('/metrics', { cookie })).body).toBe(METRICS);
    const other = `fieldstation_${bench.gateway.port}=${'x'.repeat(43)}`;
    expect((await bench.ask('/metrics', { cookie: other })).status).toBe(401);
  });

  it('answers HEAD without the body', async () => {
    const { status, body, headers } = await ask(`Bearer ${bench.access.tokenOf('view')}`, 'HEAD');
    expect([status, body, headers['content-length']]).toEqual([200, '', String(Buffer.byteLength(METRICS))]);
    expect((await ask(undefined, 'POST')).status).toBe(405);
  });

  it('asks for a token, and says which kind', async () => {
    const { status, headers, body } = await ask();
    expect([status, headers['www-authenticate']]).toEqual([401, 'Bearer realm="Fieldstation"']);
    expect(body).not.toContain('up 1');
    expect(bench.gateway.counters.wrongTokens).toBe(0);
  });

  it.each(['Bearer', 'Bearer  ', 'Basic dXNlcjpwYXNz', `Bearer ${'x'.repeat(300)}`, 'Bearer a b', ''])(
    'takes no %j',
    async (authorization) => {
      const { status, headers } = await ask(authorization);
      expect(status).toBe(401);
      expect(headers['www-authenticate']).toBe('Bearer realm="Fieldstation", error="invalid_token"');
    },
  );

  it('takes no token in the address', async () => {
    const token = bench.access.tokenOf('admin');
    expect((await bench.ask(`/metrics?token=${token}`)).status).toBe(401);
  });

  it('slows down who guesses, as the sign-in does, and together with it', async () => {
    const wrong = `Bearer ${'x'.repeat(43)}`;
    for (let attempt = 0; attempt < 3; attempt++) expect((await ask(wrong)).status).toBe(401);
    for (let attempt = 0; attempt < 2; attempt++) await bench.ask(`/?token=${'x'.repeat(43)}`);
    const right = `Bearer ${bench.access.tokenOf('view')}`;
    const slowed = await ask(right);
    expect([slowed.status, slowed.headers['retry-after']]).toEqual([429, '1']);
    expect(bench.gateway.counters).toMatchObject({ wrongTokens: 5, throttled: 1 });
    bench.clock.advance(1_000);
    expect((await ask(right)).status).toBe(200);
    expect(bench.lines.join('\n')).not.toContain('xxxx');
  });

  it('is not found where the station gives none', async () => {
    bench.gateway = plain;
    expect((await ask(`Bearer ${bench.access.tokenOf('admin')}`)).status).toBe(404);
    const { host: rpcHost, access, log, clock, consoleFolder } = bench;
    plain = await createGateway({ rpcHost, access, log, clock, consoleFolder }).listen({
      host: '127.0.0.1',
      port: 0,
    });
  });

  it('is refused under a foreign name', async () => {
    const authorization = `Bearer ${bench.access.tokenOf('view')}`;
    expect((await bench.ask('/metrics', { host: 'evil.example', authorization })).status).toBe(421);
  });
});
