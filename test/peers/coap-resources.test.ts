/** Our server's resources as Debian's libcoap client and our own client see them. */
import { randomBytes } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { systemClock } from '../../core/base/clock.ts';
import { silentLog } from '../../core/base/log.ts';
import { TimerWheel } from '../../core/base/timer-wheel.ts';
import { CHANGED, CONTENT } from '../../core/coap/codec/codes.ts';
import { CoapEndpoint } from '../../core/coap/endpoint.ts';
import type { CoapEndpointOptions } from '../../core/coap/endpoint.ts';
import { secureRandom } from '../../core/coap/random.ts';
import { CoapServer } from '../../core/coap/server/coap-server.ts';
import type { IncomingRequest } from '../../core/coap/server/types.ts';
import { missingPeers, startPeer, stopChild } from '../support/peers.ts';
import { UdpRelay } from '../support/udp-relay.ts';

const missing = missingPeers('coap-client-notls');

/** Waits of a device on the same table, so that lost datagrams cost little time. */
const QUICK: Partial<CoapEndpointOptions> = {
  tickMs: 10,
  parameters: { ackTimeoutMs: 30, maxRetransmit: 9 },
};

let server: CoapServer;
let endpoint: CoapEndpoint;
let wheel: TimerWheel;
let udp: string;
let tcp: string;
let folder: string;
let stored: Uint8Array;
let changes: number;
/** What the server is made to believe of a request. */
let seenFrom: (request: IncomingRequest) => IncomingRequest;

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'coap-'));
  stored = new Uint8Array(0);
  changes = 0;
  seenFrom = (request) => request;
  wheel = new TimerWheel(systemClock, { tickMs: 10 });
  server = new CoapServer({ clock: systemClock, wheel, log: silentLog, random: secureRandom() });
  server.add('file', {
    methods: ['GET', 'PUT'],
    handle({ method, payload }) {
      if (method === 'GET') return { code: CONTENT, payload: stored, contentFormat: 42 };
      stored = payload.slice();
      return { code: CHANGED };
    },
    links: () => [{ target: '/file', attributes: [['ct', '42']] }],
  });
  server.add('count', {
    methods: ['GET'],
    observable: true,
    handle: () => ({ code: CONTENT, contentFormat: 0, payload: Buffer.from(`<${changes}>`) }),
    links: () => [
      {
        target: '/count',
        attributes: [
          ['rt', 'counter'],
          ['obs', ''],
        ],
      },
    ],
  });
  endpoint = new CoapEndpoint({
    clock: systemClock,
    log: silentLog,
    ...QUICK,
    serve: (request) => server.sink(seenFrom(request)),
  });
  const at = await endpoint.start({ host: '127.0.0.1', port: 0 });
  udp = `coap://127.0.0.1:${at.port}`;
  const listener = await endpoint.listenReliable({ transport: 'tcp', host: '127.0.0.1', port: 0 });
  tcp = `coap+tcp://127.0.0.1:${listener.address.port}`;
});

afterEach(async () => {
  server.stop();
  wheel.stop();
  await endpoint.stop();
  rmSync(folder, { recursive: true });
});

/** What libcoap's client prints, and what it complains about. */
async function libcoap(...args: string[]): Promise<{ out: string; complaint: string }> {
  const child = startPeer('coap-client-notls', args);
  let out = '';
  let complaint = '';
  child.stdout!.on('data', (bytes: Buffer) => (out += bytes.toString('latin1')));
  child.stderr!.on('data', (bytes: Buffer) => (complaint += bytes.toString('latin1')));
  await new Promise((resolve) => child.once('close', resolve));
  return { out: out.trim(), complaint: complaint.trim() };
}

describe.skipIf(missing.length > 0)('libcoap', () => {
  test('finds the resources, all or by attribute', async () => {
    const all = await libcoap('-m', 'get', `${udp}/.well-known/core`);
    expect(all.out).toBe('</file>;ct=42,</count>;rt="counter";obs');
    const some = await libcoap('-m', 'get', `${udp}/.well-known/core?rt=count*`);
    expect(some.out).toBe('</count>;rt="counter";obs');
  });

  test.each(['udp', 'tcp'])('writes and reads 300 KB by blocks over %s', async (transport) => {
    const uri = `${transport === 'udp' ? udp : tcp}/file`;
    const there = join(folder, 'there');
    const back = join(folder, 'back');
    writeFileSync(there, randomBytes(300_000));
    const put = await libcoap('-m', 'put', '-f', there, uri);
    expect(put.complaint).toBe('');
    expect(Buffer.compare(stored, readFileSync(there))).toBe(0);
    expect((await libcoap('-m', 'get', '-o', back, uri)).complaint).toBe('');
    expect(Buffer.compare(readFileSync(back), readFileSync(there))).toBe(0);
    expect(server.counters).toMatchObject({ tooManyRequests: 0, blocksRefused: 0, assembliesDropped: 0 });
  });

  test('writes and reads by small blocks', async () => {
    const there = join(folder, 'there');
    const back = join(folder, 'back');
    writeFileSync(there, randomBytes(5_000));
    expect((await libcoap('-m', 'put', '-b', '64', '-f', there, `${udp}/file`)).complaint).toBe('');
    expect((await libcoap('-m', 'get', '-b', '32', '-o', back, `${udp}/file`)).complaint).toBe('');
    expect(Buffer.compare(readFileSync(back), readFileSync(there))).toBe(0);
  });

  test.each(['udp', 'tcp'])('observes over %s, and says when it had enough', async (transport) => {
    const uri = `${transport === 'udp' ? udp : tcp}/count`;
    const child = startPeer('coap-client-notls', ['-m', 'get', '-s', '2', uri]);
    let out = '';
    child.stdout!.on('data', (bytes: Buffer) => {
      out += bytes.toString();
      // The next change when this one was heard.
      if (changes < 5 && out.includes(`<${changes}>`)) {
        changes++;
        server.changed('count');
      }
    });
    await new Promise((resolve) => child.once('close', resolve));
    await stopChild(child);
    expect(out).toMatch(/^<0><1><2><3><4><5>/);
    expect(server.observers).toBe(0);
    expect(server.counters).toMatchObject({ notifications: 5, observersLost: 0 });
  });

  test('errors are told', async () => {
    expect((await libcoap('-m', 'get', `${udp}/nowhere`)).complaint).toBe('4.04');
    expect((await libcoap('-m', 'delete', `${udp}/count`)).complaint).toBe('4.05');
    expect((await libcoap('-m', 'get', '-O', '9,x', `${udp}/count`)).complaint).toMatch(/^4\.02/);
  });

  test('proves its address when it is a stranger (RFC 9175)', async () => {
    const from = { address: '198.51.100.7', port: 5683, family: 4 as const };
    seenFrom = (request) => {
      const { code, token, options, payload, confirmable, multicast, bytes, transport } = request;
      return {
        ...{ code, token, options, payload, confirmable, multicast, bytes, transport, from },
        peerKey: 'udp stranger',
        identity: null,
        answer: (answer) => request.answer(answer),
        carrier: () => request.carrier(),
      };
    };
    stored = randomBytes(3_000);
    const back = join(folder, 'back');
    const got = await libcoap('-m', 'get', '-o', back, `${udp}/file`);
    expect(got.complaint).toBe('');
    expect(Buffer.compare(readFileSync(back), stored)).toBe(0);
    expect(server.counters).toMatchObject({ echoChallenges: 1, addressesVerified: 1 });
  });
});

describe('our own client', () => {
  test('writes and reads 30 KB through a network that loses 30 % and doubles and mixes up the rest', async () => {
    const relay = new UdpRelay(
      { host: '127.0.0.1', port: Number(udp.split(':')[2]) },
      { loss: 0.3, duplicate: 0.1, reorder: 0.1, seed: 7 },
    );
    await relay.start();
    const asking = new CoapEndpoint({ clock: systemClock, log: silentLog, ...QUICK });
    await asking.start({ host: '127.0.0.1', port: 0 });
    try {
      const body = randomBytes(30_000);
      const uri = `coap://127.0.0.1:${relay.port}/file`;
      expect((await asking.request(uri, { method: 'PUT', payload: body })).code).toBe('2.04');
      expect(Buffer.compare(stored, body)).toBe(0);
      expect(Buffer.compare((await asking.request(uri)).payload, body)).toBe(0);
      expect(relay.counts.lost).toBeGreaterThan(20);
    } finally {
      await asking.stop();
      await relay.stop();
    }
  }, 60_000);

  test('writes and reads 1 MB over TCP, several blocks in a message', async () => {
    const asking = new CoapEndpoint({ clock: systemClock, log: silentLog, ...QUICK });
    await asking.start({ host: '127.0.0.1', port: 0 });
    try {
      const body = randomBytes(1_000_000);
      expect((await asking.request(`${tcp}/file`, { method: 'PUT', payload: body })).code).toBe('2.04');
      expect(Buffer.compare(stored, body)).toBe(0);
      expect(Buffer.compare((await asking.request(`${tcp}/file`)).payload, body)).toBe(0);
      expect(server.counters.requests).toBeLessThan(1_000);
    } finally {
      await asking.stop();
    }
  });
});
