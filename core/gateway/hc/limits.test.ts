/** Large and broken bodies, clients that go away or do not read, and more of everything than there may be. */
import { Agent, request } from 'node:http';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { HcBench, asText, coapAnswer } from '../../../test/support/hc-bench.ts';
import { cancelled } from '../../coap/errors.ts';
import type { ProxiedAnswer } from '../../coap/proxy/types.ts';
import { MAX_BODY_BYTES } from './body.ts';
import { MAX_UNDER_WAY } from './routes.ts';

let bench: HcBench;
const URL = '/hc/coap://10.0.0.7/light';

beforeEach(async () => {
  bench = new HcBench();
  await bench.start();
});
afterEach(() => bench.stop());

const head = (method: string, ...headers: string[]) =>
  `${method} ${URL} HTTP/1.1\r\nHost: localhost\r\nAuthorization: ${bench.bearer('operate').authorization}\r\n` +
  `${headers.map((one) => `${one}\r\n`).join('')}\r\n`;

/** Never answers, until the request is given up. */
const silent = ({ signal }: { signal: AbortSignal }) =>
  new Promise<ProxiedAnswer>((_resolve, reject) =>
    signal.addEventListener('abort', () => reject(cancelled()), { once: true }),
  );

describe('bodies', () => {
  it('of 1 MiB pass, and nothing of them is kept', async () => {
    bench.proxy.respond = ({ request: { payload } }) => coapAnswer('2.04', String(payload?.length), asText);
    const { status, body } = await bench.ask(URL, bench.bearer('operate'), 'PUT', 'x'.repeat(MAX_BODY_BYTES));
    expect([status, body]).toEqual([200, String(MAX_BODY_BYTES)]);
  });

  it('of one byte more are refused, and the connection ends with that', async () => {
    const answer = await bench.ask(URL, bench.bearer('operate'), 'PUT', 'x'.repeat(MAX_BODY_BYTES + 1));
    expect([answer.status, answer.body]).toEqual([413, 'A body may have at most 1 MiB here.\n']);
    expect(bench.proxy.asked).toEqual([]);
    expect(bench.gateway.counters.proxyTooLarge).toBe(1);
  });

  it('that announce more than is read are refused unread', async () => {
    const client = bench.raw(head('PUT', 'Content-Length: 100000000'));
    expect(await client.until(/1 MiB here/)).toMatch(/^HTTP\/1\.1 413 [^]*Connection: close/);
    client.socket.write('x'.repeat(100_000));
    bench.clock.advance(2_000);
    await client.closed;
  });

  it('in chunks without end are cut', async () => {
    const client = bench.raw(head('POST', 'Transfer-Encoding: chunked'));
    const chunk = `10000\r\n${'x'.repeat(0x10000)}\r\n`;
    let ended = false;
    void client.closed.then(() => (ended = true));
    const answered = client.until(/1 MiB here/).then(() => bench.clock.advance(2_000));
    for (let sent = 0; !ended && sent < 2_000; sent++) {
      if (!client.socket.write(chunk)) {
        await Promise.race([new Promise((resolve) => client.socket.once('drain', resolve)), client.closed]);
      }
    }
    await client.closed;
    await answered;
    expect(bench.gateway.counters.proxyTooLarge).toBe(1);
    expect(bench.proxy.asked).toEqual([]);
  });

  it('that nobody wanted do not take the answer along', async () => {
    for (let round = 0; round < 20; round++) {
      const client = bench.raw(`PUT ${URL} HTTP/1.1\r\nHost: localhost\r\nContent-Length: 300000\r\n\r\n`);
      for (let sent = 0; sent < 3; sent++) client.socket.write('x'.repeat(100_000));
      expect(await client.until(/TOKEN/)).toMatch(/^HTTP\/1\.1 401 /);
      await client.closed;
    }
    expect(bench.clock.pendingTimers).toBe(0);
  });

  it('in broken chunks are refused', async () => {
    const client = bench.raw(head('POST', 'Transfer-Encoding: chunked') + 'zz\r\nx\r\n');
    await client.closed;
    expect(client.text).toMatch(/^HTTP\/1\.1 400 /);
    expect(bench.proxy.asked).toEqual([]);
  });

  it('that stop half way ask nothing', async () => {
    const client = bench.raw(`${head('PUT', 'Content-Length: 100')}half`);
    while (bench.proxy.counts.requests === 0) await new Promise((resolve) => setImmediate(resolve));
    expect(bench.clock.pendingTimers).toBe(1);
    client.socket.destroy();
    await client.closed;
    while (bench.clock.pendingTimers > 0) await new Promise((resolve) => setImmediate(resolve));
    // Another one is served as ever.
    expect((await bench.ask(URL, bench.bearer('operate'), 'PUT', 'x')).status).toBe(200);
    expect(bench.proxy.asked).toHaveLength(1);
  });

  it('that come too slowly are refused', async () => {
    const client = bench.raw(`${head('PUT', 'Content-Length: 100')}half`);
    // Once the head is read the clock is set.
    while (bench.proxy.counts.requests === 0) await new Promise((resolve) => setImmediate(resolve));
    await new Promise((resolve) => setImmediate(resolve));
    bench.clock.advance(15_000);
    expect(await client.until(/too slowly/)).toMatch(/^HTTP\/1\.1 408 /);
    bench.clock.advance(2_000);
    await client.closed;
    expect(bench.gateway.counters.proxySlow).toBe(1);
  });

  it('of other routes are timed as before', async () => {
    const client = bench.raw(
      'POST /session HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 50\r\n\r\n{',
    );
    while (bench.gateway.counters.requests === 0) await new Promise((resolve) => setImmediate(resolve));
    bench.clock.advance(15_000);
    await client.closed;
    expect(client.text).toMatch(/^HTTP\/1\.1 408 /);
    expect(bench.gateway.counters.badRequests).toBe(1);
  });

  it('with giant headers are refused', async () => {
    const client = bench.raw(head('PUT', `X-Much: ${'x'.repeat(20_000)}`));
    await client.closed;
    expect(client.text).toMatch(/^HTTP\/1\.1 431 /);
  });
});

describe('clients', () => {
  it('that go away take their request along', async () => {
    bench.proxy.respond = silent;
    const client = bench.raw(head('GET'));
    await bench.proxy.until(() => bench.proxy.asked.length === 1);
    const { signal } = bench.proxy.asked[0]!;
    expect(signal.aborted).toBe(false);
    const aborted = new Promise((resolve) => signal.addEventListener('abort', resolve));
    client.socket.destroy();
    await aborted;
    expect(bench.proxy.counts.failed).toBe(0);
    expect(bench.lines.join('\n')).not.toContain('a request failed');
  });

  it('that do not read are cut', async () => {
    bench.proxy.respond = () => coapAnswer('2.05', new Uint8Array(16 * 1024 * 1024), asText);
    const client = bench.raw(head('GET'));
    client.socket.pause();
    await bench.proxy.until(() => bench.proxy.asked.length === 1);
    // Until the answer waits for the client.
    while (bench.clock.pendingTimers === 0) await new Promise((resolve) => setImmediate(resolve));
    await new Promise((resolve) => setTimeout(resolve, 50));
    bench.clock.advance(30_000);
    client.socket.resume();
    await client.closed;
    expect(bench.gateway.counters.proxySlow).toBe(1);
    expect(client.text.length).toBeLessThan(16 * 1024 * 1024);
  });

  it('get a body of 16 MiB whole', async () => {
    const payload = new Uint8Array(16 * 1024 * 1024).fill(65);
    bench.proxy.respond = () => coapAnswer('2.05', payload, asText);
    const { body } = await bench.ask(URL, bench.bearer('view'));
    expect(body.length).toBe(payload.length);
  });
});

it('of 1,000 requests at once some are told to come again, and all are answered', async () => {
  const waiting: ((answer: ProxiedAnswer) => void)[] = [];
  bench.proxy.respond = () => new Promise((resolve) => waiting.push(resolve));
  const agent = new Agent({ keepAlive: true, maxSockets: 400 });
  const statuses: number[] = [];
  let most = 0;
  const { port } = bench.gateway;
  const headers = bench.bearer('view');
  const one = () =>
    new Promise<void>((resolve, reject) => {
      const asked = request({ host: '127.0.0.1', port, path: URL, headers, agent }, (response) => {
        statuses.push(response.statusCode ?? 0);
        response.resume().once('end', resolve);
      });
      asked.once('error', reject).end();
    });
  const all = Promise.all(Array.from({ length: 1_000 }, one));
  let done = false;
  void all.then(() => (done = true));
  while (!done) {
    await new Promise((resolve) => setTimeout(resolve, 5));
    most = Math.max(most, waiting.length);
    if (waiting.length === MAX_UNDER_WAY || statuses.length > 600) {
      for (const answer of waiting.splice(0)) answer(coapAnswer('2.05', 'ok', asText));
    }
  }
  await all;
  agent.destroy();
  const busy = statuses.filter((status) => status === 503).length;
  expect(statuses.filter((status) => status === 200).length + busy).toBe(1_000);
  expect(most).toBe(MAX_UNDER_WAY);
  expect(busy).toBe(bench.gateway.counters.proxyBusy);
  expect(busy).toBeGreaterThan(0);
}, 30_000);
