/**
 * Debian's libcoap over coap+tcp and coaps+tcp, as server and as client. libcoap 4.3.1 has no WebSockets: those are
 * tested by hand-written frames in coap-reliable-transports.test.ts.
 */
import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { codeOf } from '../../core/base/errors.ts';
import type { Carrier, WireEvent } from '../../core/coap/carrier.ts';
import type { CoapMessage } from '../../core/coap/codec/codec.ts';
import { BLOCK2, OBSERVE, URI_PATH, findUint } from '../../core/coap/codec/options.ts';
import { decodeFramed } from '../../core/coap/reliable/codec.ts';
import { ReliableNet, ask, pathOptions, plant, until, uriOf } from '../support/coap-reliable-net.ts';
import type { Plant } from '../support/coap-reliable-net.ts';
import { findProgram, freePort, missingPeers, startPeer, stopChild } from '../support/peers.ts';

const BACK_ENDS = ['notls', 'openssl', 'gnutls'] as const;
const missing = new Set(
  missingPeers(...BACK_ENDS.flatMap((each) => [`coap-server-${each}`, `coap-client-${each}`])),
);
process.stderr.write('skipped: libcoap over WebSockets: the one of Debian (4.3.1) does not know coap+ws\n');

const text = (message: CoapMessage) => Buffer.from(message.payload).toString();

let folder: string;
let made: Plant;
let files: { ca: string; serverCert: string; serverKey: string; deviceCert: string; deviceKey: string };
let net: ReliableNet;
beforeAll(async () => {
  made = await plant();
  folder = mkdtempSync(join(tmpdir(), 'coap-reliable-'));
  const put = (name: string, content: string): string => {
    writeFileSync(join(folder, name), content, { mode: 0o600 });
    return join(folder, name);
  };
  files = {
    ca: put('ca.pem', made.authority.certificate),
    serverCert: put('server.pem', made.server.certificate),
    serverKey: put('server.key', made.server.key),
    deviceCert: put('device.pem', made.device.certificate),
    deviceKey: put('device.key', made.device.key),
  };
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));
beforeEach(() => {
  net = new ReliableNet();
});
afterEach(() => net.close());

async function startServer(
  backEnd: string,
  ...args: string[]
): Promise<{ server: ChildProcess; port: number }> {
  const port = await freePort();
  const server = startPeer(`coap-server-${backEnd}`, [
    ...['-A', '127.0.0.1', '-p', String(port), '-d', '10'],
    ...args,
  ]);
  server.stdout?.resume();
  server.stderr?.resume();
  return { server, port };
}

/** Until the server listens. */
async function reach(open: () => Promise<Carrier>): Promise<Carrier> {
  let carrier: Carrier | undefined;
  const endMs = performance.now() + 5_000;
  while (carrier === undefined) {
    carrier = await open().catch((error: unknown) => {
      if (codeOf(error) !== 'coap.unreachable' || performance.now() > endMs) throw error;
      return undefined;
    });
    if (carrier === undefined) await new Promise((resolve) => setTimeout(resolve, 20));
  }
  return carrier;
}

/** All that the client prints. Not `spawnSync`: the listener that has to answer lives in this process. */
function client(backEnd: string, ...args: string[]): Promise<string> {
  return new Promise((resolve, reject) => {
    const child = spawn(findProgram(`coap-client-${backEnd}`) ?? '', ['-B', '5', '-v', '7', ...args]);
    let printed = '';
    child.stdout.on('data', (part: Buffer) => (printed += part.toString()));
    child.stderr.on('data', (part: Buffer) => (printed += part.toString()));
    child.once('error', reject);
    child.once('close', () => resolve(printed));
  });
}

/** What a plain request, a body, an observation, a ping and an unknown path bring. */
async function converse(carrier: Carrier): Promise<void> {
  expect([carrier.reliable, carrier.largestSzx, carrier.maxMessageBytes]).toEqual([true, 7, 8_388_864]);
  const time = await ask(carrier, undefined, { options: pathOptions('time') });
  expect([time.code, text(time)]).toEqual([
    0x45,
    expect.stringMatching(/^[A-Z][a-z]{2} \d\d \d\d:\d\d:\d\d$/),
  ]);
  expect((await ask(carrier, undefined, { options: pathOptions('nothing') })).code).toBe(0x84);
  const body = Buffer.alloc(1_000, 'ab');
  const put = await ask(carrier, body, { code: 3, options: pathOptions('made') });
  expect([0x41, 0x44]).toContain(put.code);
  const got = await ask(carrier, undefined, { options: pathOptions('made') });
  expect([Buffer.compare(got.payload, body), findUint(got.options, BLOCK2)]).toEqual([0, undefined]);
  const many = await Promise.all(
    Array.from({ length: 50 }, () => ask(carrier, undefined, { options: pathOptions('time') })),
  );
  expect(many.every(({ code }) => code === 0x45)).toBe(true);
  expect((await carrier.ping()).rttMs).toBeLessThan(1_000);
}

describe.skipIf(missing.size > 0)('libcoap as server', () => {
  let server: ChildProcess | undefined;
  afterEach(async () => {
    if (server !== undefined) await stopChild(server);
    server = undefined;
  });

  test('over TCP: requests, a body, pings; a separate response, an observation, and its end', async () => {
    const started = await startServer('notls');
    server = started.server;
    const source = net.connector();
    const carrier = await reach(() => source.reach(uriOf('tcp', started.port)));
    await converse(carrier);
    expect(text(await ask(carrier, undefined, { options: pathOptions('async') }))).toBe('done');

    const notifications: string[] = [];
    let broken = '';
    const token = carrier.freshToken();
    const owner = {
      onResponse: (message: CoapMessage) => void notifications.push(text(message)),
      onBrokenResponse: (error: Error) => void (broken = codeOf(error)),
    };
    carrier.own(token, owner);
    carrier.sendUnawaited({
      confirmable: true,
      code: 1,
      token,
      options: [{ number: OBSERVE, value: new Uint8Array(0) }, ...pathOptions('time')],
      payload: new Uint8Array(0),
    });
    await until(() => notifications.length >= 3, 'three notifications came');
    await stopChild(server, 'SIGKILL');
    await until(() => broken !== '', 'the end is heard');
    expect([broken, carrier.closed]).toEqual(['coap.closed', true]);
    expect(net.connectorCounters).toMatchObject({ malformed: 0, unmatched: 0, droppedByLimit: 0 });
  });

  test.each(['openssl', 'gnutls'])('over TLS (%s) with certificates', async (backEnd) => {
    const { serverCert, serverKey, ca } = files;
    const started = await startServer(backEnd, '-n', '-c', serverCert, '-j', serverKey, '-C', ca);
    server = started.server;
    const source = net.connector({ tlsFor: () => ({ ca: [made.authority.certificate] }) });
    await converse(await reach(() => source.reach(uriOf('tls', started.port + 1))));
    const strangers = net.connector();
    expect(await strangers.reach(uriOf('tls', started.port + 1)).catch(codeOf)).toBe('coap.tls');
  });

  test.each(['openssl', 'gnutls'])('over TLS (%s) with our client certificate', async (backEnd) => {
    const { serverCert, serverKey, ca } = files;
    const started = await startServer(backEnd, '-c', serverCert, '-j', serverKey, '-C', ca);
    server = started.server;
    const { certificate: cert, key } = made.device;
    const source = net.connector({ tlsFor: () => ({ ca: [made.authority.certificate], cert, key }) });
    await converse(await reach(() => source.reach(uriOf('tls', started.port + 1))));
  });

  test.each(['openssl', 'gnutls'])('over TLS (%s) with a pre-shared key', async (backEnd) => {
    const started = await startServer(backEnd, '-k', 'secretPSK');
    server = started.server;
    const psk = (key: string) => ({ psk: { identity: 'station', key: Buffer.from(key) } });
    const source = net.connector({ tlsFor: () => psk('secretPSK') });
    await converse(await reach(() => source.reach(uriOf('tls', started.port + 1))));
    const wrong = net.connector({ tlsFor: () => psk('another') });
    expect(await wrong.reach(uriOf('tls', started.port + 1)).catch(codeOf)).toBe('coap.tls');
  });
});

describe.skipIf(missing.size > 0)('libcoap as client', () => {
  const serve = (): void => {
    net.serve = (request) => {
      const path = request.options
        .filter(({ number }) => number === URI_PATH)
        .map(({ value }) => Buffer.from(value));
      const payload = Buffer.from(`${path.join('/')}:${Buffer.from(request.payload).toString()}`);
      request.answer({ code: request.code === 1 ? 0x45 : 0x44, options: [], payload });
    };
  };

  test('over TCP: every method; its signals are understood', async () => {
    serve();
    const events: WireEvent[] = [];
    const { address } = await net.listen('tcp', {
      tap: () => (event) => void events.push({ ...event, bytes: event.bytes.slice() }),
    });
    for (const method of ['get', 'put', 'post', 'delete', 'fetch', 'patch', 'ipatch']) {
      const printed = await client(
        'notls',
        '-m',
        method,
        '-e',
        'x',
        `coap+tcp://127.0.0.1:${address.port}/a/b`,
      );
      expect(printed).toContain('a/b:x');
    }
    expect(net.listenerCounters).toMatchObject({ served: 7, malformed: 0, droppedByLimit: 0 });
    const codes = events.map(({ bytes }) => {
      const decoded = decodeFramed(bytes, 0, bytes.length, 'stream');
      return typeof decoded === 'string' ? decoded : decoded.code;
    });
    expect(codes.filter((code) => code === 0xe1)).toHaveLength(14);
    expect(events.every(({ verdict }) => verdict === 'ok')).toBe(true);
  });

  test('over TCP: its keep-alive pings are answered', async () => {
    net.serve = (request) =>
      void setTimeout(() => request.answer({ code: 0x45, options: [], payload: Buffer.from('late') }), 2_500);
    const events: number[] = [];
    const { address } = await net.listen('tcp', {
      tap: () => (event) => void (event.direction === 'out' && events.push(event.bytes.at(1) ?? 0)),
    });
    const printed = await client('notls', '-K', '1', `coap+tcp://127.0.0.1:${address.port}/slow`);
    expect(printed).toContain('late');
    expect(events).toContain(0xe3);
    expect(net.listenerCounters.malformed).toBe(0);
  });

  test.each(['openssl', 'gnutls'])('over TLS (%s), with and without its certificate', async (backEnd) => {
    serve();
    const tls = { cert: made.server.certificate, key: made.server.key };
    const open = await net.listen('tls', { tls });
    const closed = await net.listen('tls', {
      tls: { ...tls, ca: [made.authority.certificate], requestCert: true },
    });
    const uri = (port: number): string => `coaps+tcp://127.0.0.1:${port}/secure`;
    const own = ['-c', files.deviceCert, '-j', files.deviceKey];
    expect(await client(backEnd, '-R', files.ca, ...own, uri(open.address.port))).toContain('secure:');
    expect(await client(backEnd, '-R', files.ca, ...own, uri(closed.address.port))).toContain('secure:');
    expect(net.requests.map(({ identity, transport }) => [identity, transport])).toEqual([
      [null, 'tls'],
      ['pump-1', 'tls'],
    ]);
    expect(await client(backEnd, '-R', files.ca, uri(closed.address.port))).not.toContain('secure:');
  });
});
