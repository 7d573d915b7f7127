/** Our client against Debian's libcoap server. */
import type { ChildProcess } from 'node:child_process';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { systemClock } from '../../core/base/clock.ts';
import { codeOf } from '../../core/base/errors.ts';
import { silentLog } from '../../core/base/log.ts';
import { CoapEndpoint } from '../../core/coap/endpoint.ts';
import type { CoapEndpointOptions } from '../../core/coap/endpoint.ts';
import type { CoapResponse } from '../../core/coap/client/response.ts';
import { freePort, missingPeers, startPeer, stopChild } from '../support/peers.ts';
import { UdpRelay } from '../support/udp-relay.ts';

const missing = missingPeers('coap-server-notls');

/** Waits of a device on the same table, so that lost datagrams cost little time. */
const QUICK: Partial<CoapEndpointOptions> = {
  tickMs: 10,
  parameters: { ackTimeoutMs: 60, maxRetransmit: 8 },
  observe: { staleGraceMinMs: 300, staleGraceMaxMs: 600, retryMinMs: 100, retryMaxMs: 400 },
};

const text = (response: CoapResponse) => Buffer.from(response.payload).toString();
const bytes = (length: number) => Uint8Array.from({ length }, (_, i) => 33 + (i % 89));

async function openEndpoint(host: string, options: Partial<CoapEndpointOptions> = {}): Promise<CoapEndpoint> {
  const endpoint = new CoapEndpoint({ clock: systemClock, log: silentLog, ...options });
  await endpoint.start({ host, port: 0 });
  return endpoint;
}

/** A server that answers; its stderr is drained so that it never blocks. */
async function startServer(address: string, port: number, ...args: string[]): Promise<ChildProcess> {
  const server = startPeer('coap-server-notls', ['-A', address, '-p', String(port), ...args]);
  server.stdout?.resume();
  server.stderr?.resume();
  const endpoint = await openEndpoint(address, QUICK);
  try {
    const host = address.includes(':') ? `[${address}]` : address;
    await endpoint.ping(`coap://${host}:${port}`);
  } finally {
    await endpoint.stop();
  }
  return server;
}

describe.skipIf(missing.length > 0).each(['127.0.0.1', '::1'])('libcoap on %s', (address) => {
  let server: ChildProcess;
  let endpoint: CoapEndpoint;
  let base: string;

  beforeAll(async () => {
    const port = await freePort();
    base = `coap://${address.includes(':') ? `[${address}]` : address}:${port}`;
    server = await startServer(address, port, '-d', '10');
    // Bound to IPv4: IPv6 is asked from a socket of its own.
    endpoint = await openEndpoint('127.0.0.1');
  });
  afterAll(async () => {
    await endpoint?.stop();
    if (server !== undefined) await stopChild(server);
  });

  test('GET, and a separate response', async () => {
    const time = await endpoint.request(`${base}/time`);
    expect(time).toMatchObject({ code: '2.05', maxAgeSeconds: 1, blocks: 1, retransmissions: 0 });
    expect(text(time)).toMatch(/^[A-Z][a-z]{2} \d\d \d\d:\d\d:\d\d$/);
    expect(time.rttMs).toBeGreaterThan(0);
    const ticks = await endpoint.request(`${base}/time?ticks`, { confirmable: false });
    expect(text(ticks)).toMatch(/^\d+$/);
    expect(text(await endpoint.request(`${base}/async?1`))).toBe('done');
    expect((await endpoint.request(`${base}/nothing`)).code).toBe('4.04');
  });

  test('discovery', async () => {
    const links = await endpoint.discover(base);
    expect(links.map((link) => link.uri)).toEqual(
      expect.arrayContaining([`${base}/`, `${base}/time`, `${base}/async`, `${base}/example_data`]),
    );
    expect(links.find((link) => link.path === '/time')).toMatchObject({
      observable: true,
      attributes: { if: 'clock', rt: 'ticks', ct: '0', title: 'Internal Clock' },
    });
    const clocks = await endpoint.discover(`${base}/.well-known/core?rt=ticks`);
    expect(clocks.map((link) => link.path)).toEqual(['/time']);
    expect(await endpoint.discover(`${base}/time`).catch(codeOf)).toBe('coap.links_malformed');
  });

  // libcoap splits what does not fit into 1152 bytes.
  test.each([0, 1, 1_024, 1_200, 20_000])('PUT and GET of %i bytes', async (length) => {
    const payload = bytes(length);
    const put = await endpoint.request(`${base}/made`, { method: 'PUT', payload, contentFormat: 42 });
    expect(put.code).toMatch(/^2\.0[14]$/);
    const got = await endpoint.request(`${base}/made`);
    expect(Buffer.compare(got.payload, payload)).toBe(0);
    expect(got.blocks).toBe(Math.max(1, Math.ceil(length / 1_024)));
    const small = await endpoint.request(`${base}/made`, { blockBytes: 256 });
    expect(Buffer.compare(small.payload, payload)).toBe(0);
    expect(small.blocks).toBe(Math.max(1, Math.ceil(length / 256)));
    expect((await endpoint.request(`${base}/made`, { method: 'DELETE' })).code).toBe('2.02');
  });

  test('a list of resources that needs several blocks', async () => {
    const names = Array.from({ length: 8 }, (_, i) => `${String(i)}${'long'.repeat(50)}`);
    for (const name of names) {
      await endpoint.request(`${base}/${name}`, { method: 'PUT', payload: bytes(3) });
    }
    const paths = (await endpoint.discover(base)).map((link) => link.path);
    expect(paths).toEqual(expect.arrayContaining(names.map((name) => `/${name}`)));
    for (const name of names) await endpoint.request(`${base}/${name}`, { method: 'DELETE' });
    expect(endpoint.counters).toMatchObject({ malformed: 0, unmatched: 0, exchanges: 0 });
  });

  test('/time is observed and the cancellation is understood', async () => {
    const texts: string[] = [];
    let third: () => void = () => undefined;
    const three = new Promise<void>((resolve) => (third = resolve));
    const observation = endpoint.observe(
      `${base}/time`,
      {},
      {
        notification: (response) => {
          if (texts.push(text(response)) === 3) third();
        },
      },
    );
    await three;
    expect(observation.state).toBe('active');
    expect(new Set(texts).size).toBe(3);
    await observation.cancel();
    expect([observation.state, observation.problemCode]).toEqual(['ended', 'coap.cancelled']);
    // Answered once more and then forgotten: nothing comes that nobody waits for.
    const { unmatched } = endpoint.counters;
    await endpoint.request(`${base}/async?2`);
    expect(endpoint.counters.unmatched).toBe(unmatched);
  });
});

describe.skipIf(missing.length > 0)('a server that dies', () => {
  let server: ChildProcess | undefined;
  let endpoint: CoapEndpoint;
  beforeEach(async () => {
    endpoint = await openEndpoint('127.0.0.1', QUICK);
  });
  afterEach(async () => {
    await endpoint.stop();
    if (server !== undefined) await stopChild(server);
  });

  test('killed and restarted on the same port: the observation resumes', async () => {
    const port = await freePort();
    server = await startServer('127.0.0.1', port);
    const told = new Map<string, () => void>();
    const next = (what: string) => new Promise<void>((resolve) => told.set(what, resolve));
    const first = next('notification');
    const states: string[] = [];
    const observation = endpoint.observe(
      `coap://127.0.0.1:${port}/time`,
      {},
      {
        notification: () => told.get('notification')?.(),
        state: ({ state }) => {
          states.push(state);
          told.get(state)?.();
        },
      },
    );
    await first;
    const stale = next('stale');
    await stopChild(server, 'SIGKILL');
    await stale;
    const before = observation.notifications;
    const active = next('active');
    server = await startServer('127.0.0.1', port);
    await active;
    const more = next('notification');
    await more;
    expect(observation.notifications).toBeGreaterThanOrEqual(before + 1);
    expect(observation.problem).toBeNull();
    expect(states.slice(0, 2)).toEqual(['active', 'stale']);
    expect(states.at(-1)).toBe('active');
  });

  test('a port where nobody listens is a timeout', async () => {
    const port = await freePort();
    const quick = await openEndpoint('127.0.0.1', {
      tickMs: 10,
      parameters: { ackTimeoutMs: 20, maxRetransmit: 2 },
    });
    const outcome = await quick.request(`coap://127.0.0.1:${port}/`).catch(codeOf);
    await quick.stop();
    expect(['coap.timeout', 'coap.unreachable']).toContain(outcome);
  });
});

describe.skipIf(missing.length > 0)('a bad network', () => {
  let server: ChildProcess | undefined;
  let relay: UdpRelay | undefined;
  let endpoint: CoapEndpoint;
  beforeEach(async () => {
    endpoint = await openEndpoint('127.0.0.1', QUICK);
  });
  afterEach(async () => {
    await endpoint.stop();
    await relay?.stop();
    if (server !== undefined) await stopChild(server);
  });

  test('bodies in blocks arrive whole through loss, doubling and reordering', async () => {
    const port = await freePort();
    server = await startServer('127.0.0.1', port, '-d', '10');
    relay = new UdpRelay(
      { host: '127.0.0.1', port },
      { loss: 0.15, duplicate: 0.2, reorder: 0.3, holdMs: 30, seed: 7 },
    );
    await relay.start();
    const base = `coap://127.0.0.1:${relay.port}`;
    const payload = bytes(8_000);
    const put = await endpoint.request(`${base}/made`, { method: 'PUT', payload });
    expect(put.code).toMatch(/^2\.0[14]$/);
    const got = await endpoint.request(`${base}/made`);
    expect(Buffer.compare(got.payload, payload)).toBe(0);
    expect((await endpoint.discover(base)).length).toBeGreaterThanOrEqual(5);
    expect(relay.counts.lost).toBeGreaterThan(0);
    expect(endpoint.counters.retransmissions).toBeGreaterThan(0);
  });

  test('a server that loses a third of what it sends is observed all the same', async () => {
    const port = await freePort();
    server = startPeer('coap-server-notls', ['-A', '127.0.0.1', '-p', String(port), '-l', '30%']);
    server.stdout?.resume();
    server.stderr?.resume();
    const observe: number[] = [];
    let enough: () => void = () => undefined;
    const heard = new Promise<void>((resolve) => (enough = resolve));
    const observation = endpoint.observe(
      `coap://127.0.0.1:${port}/time`,
      {},
      {
        notification: (response) => {
          if (observe.push(response.observe ?? -1) === 4) enough();
        },
      },
    );
    await heard;
    expect(observe).not.toContain(-1);
    expect(['active', 'stale']).toContain(observation.state);
  });
});
