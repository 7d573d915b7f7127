import { mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connect as connectTls } from 'node:tls';
import * as v from 'valibot';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { CertificateStore } from '../access/certificates/certificate-store.ts';
import { CodedError } from '../base/errors.ts';
import { createLog, silentLog } from '../base/log.ts';
import { ManualClock } from '../base/manual-clock.ts';
import { newListener } from '../contract/listeners.ts';
import { Broker } from '../mqtt/broker.ts';
import { MqttListeners } from './mqtt-listeners.ts';
import type { FixedListener } from './mqtt-listeners-fixed.ts';

const DAY_MS = 86_400_000;

let folder: string;
let clock: ManualClock;
let broker: Broker;
let certificates: CertificateStore;
let listeners: MqttListeners;
let users: number;
let lines: string[];
const log = createLog('mqtt', (line) => lines.push(line));

function build(fixed: Partial<FixedListener> = {}): MqttListeners {
  return new MqttListeners({
    broker,
    certificates,
    folder,
    log,
    clock,
    hasUsers: () => users > 0,
    fixed: { host: '127.0.0.1', port: 0, anonymous: false, ...fixed },
  });
}

const input = (more: object) =>
  v.parse(newListener, { name: 'Field', transport: 'tcp', host: '127.0.0.1', port: 0, ...more });
const open = { host: '0.0.0.0' };
const states = () => listeners.list().map(({ config, state }) => `${config.id} ${state}`);

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'fieldstation-listeners-'));
  lines = [];
  users = 0;
  clock = new ManualClock(Date.now());
  broker = new Broker({ clock, log: silentLog });
  broker.start();
  certificates = CertificateStore.open({ folder, clock, log });
  listeners = build();
  await listeners.start();
});

afterEach(async () => {
  broker.stop();
  await listeners.stop();
  rmSync(folder, { recursive: true, force: true });
});

async function codeOf(run: () => unknown): Promise<string> {
  try {
    await run();
  } catch (error) {
    if (error instanceof CodedError) return error.code;
    throw error;
  }
  return 'none';
}

async function restart(fixed: Partial<FixedListener> = {}): Promise<void> {
  await listeners.stop();
  listeners = build(fixed);
  await listeners.start();
}

/** SHA-256 of the certificate that a TLS listener shows, or the code of the failure. */
function shownBy(address: string | null): Promise<string> {
  const port = Number(address?.split(':').at(-1));
  return new Promise((resolve) => {
    const socket = connectTls({ host: '127.0.0.1', port, rejectUnauthorized: false }, () => {
      resolve(socket.getPeerCertificate().fingerprint256);
      socket.destroy();
    });
    socket.on('error', (error: Error & { code?: string }) => resolve(error.code ?? 'unknown'));
  });
}

async function issueServer(name: string, days = 30) {
  await certificates.makeAuthority('Plant CA');
  return certificates.issueServer({ kind: 'server', name, hosts: ['127.0.0.1'], days });
}

describe('the listener of the command line', () => {
  it('is open to this machine, anonymous, and cannot be moved or removed', async () => {
    const [fixed] = listeners.list();
    expect(fixed).toMatchObject({ state: 'listening', fixed: true, error: null, connections: 0 });
    expect(fixed!.config).toMatchObject({ id: 'mqtt', transport: 'tcp', anonymous: true });
    expect(fixed!.address).toMatch(/^127\.0\.0\.1:\d+$/);
    expect(await codeOf(() => listeners.remove('mqtt'))).toBe('listeners.fixed');
    expect(await codeOf(() => listeners.change({ ...fixed!.config, port: 1 }))).toBe('listeners.fixed');
    expect(await codeOf(() => listeners.change({ ...fixed!.config, transport: 'ws' }))).toBe(
      'listeners.fixed',
    );
    const changed = await listeners.change({ ...fixed!.config, name: 'Bench', maxConnections: 5 });
    expect(changed).toMatchObject({ state: 'listening', address: fixed!.address });
    expect(changed.config).toMatchObject({ name: 'Bench', maxConnections: 5 });
  });

  it('stays closed for others without users, unless they were let in in so many words', async () => {
    await restart(open);
    expect(listeners.fixed()).toMatchObject({ state: 'failed', address: null });
    expect(listeners.fixed()!.error).toMatch(/no users.*--mqtt-anonymous/);
    users = 1;
    await listeners.usersChanged();
    expect(listeners.fixed()).toMatchObject({ state: 'listening', config: { anonymous: false } });
    users = 0;
    await restart({ ...open, anonymous: true });
    expect(listeners.fixed()).toMatchObject({ state: 'listening', config: { anonymous: true } });
  });

  it('does not take "anonymous" on loopback for a word about the network', async () => {
    await listeners.change({ ...listeners.fixed()!.config, name: 'Saved' });
    await restart(open);
    expect(listeners.fixed()).toMatchObject({ state: 'failed', config: { name: 'Saved', anonymous: false } });
    await restart();
    expect(listeners.fixed()).toMatchObject({ state: 'listening', config: { anonymous: true } });
  });

  it('is anonymous by the flag for that run only, whatever is saved meanwhile', async () => {
    await restart({ ...open, anonymous: true });
    await listeners.add(input({ name: 'Another' }));
    await listeners.change({ ...listeners.fixed()!.config, maxConnections: 7 });
    await restart(open);
    expect(listeners.fixed()).toMatchObject({
      state: 'failed',
      config: { maxConnections: 7, anonymous: false },
    });
    users = 1;
    await listeners.usersChanged();
    await listeners.change({ ...listeners.fixed()!.config, anonymous: true });
    users = 0;
    await restart(open);
    expect(listeners.fixed()).toMatchObject({ state: 'listening', config: { anonymous: true } });
  });

  it('says who has its port', async () => {
    const other = createServer().listen(0, '127.0.0.1');
    await new Promise((resolve) => other.once('listening', resolve));
    const { port } = other.address() as AddressInfo;
    await restart({ port });
    expect(listeners.fixed()!.error).toBe(
      `MQTT cannot listen on 127.0.0.1:${port}: this station itself uses port ${port} for something else. ` +
        'Choose another port with --mqtt HOST:PORT.',
    );
    await new Promise((resolve) => other.close(resolve));
    expect((await listeners.startOne('mqtt')).state).toBe('listening');
  });

  it('stops and starts', async () => {
    expect(await listeners.stopOne('mqtt')).toMatchObject({ state: 'stopped', address: null });
    await listeners.change({ ...listeners.fixed()!.config, name: 'Quiet' });
    expect(states()).toEqual(['mqtt stopped']);
    expect(await listeners.startOne('mqtt')).toMatchObject({ state: 'listening' });
  });
});

describe('further listeners', () => {
  it('are added, kept over restarts, stopped, and removed', async () => {
    const heard: number[] = [];
    listeners.changed.on(() => heard.push(listeners.list().length));
    const added = await listeners.add(input({ transport: 'ws', name: 'Brücke 2' }));
    expect(added).toMatchObject({
      state: 'listening',
      fixed: false,
      config: { id: 'brucke-2', path: '/mqtt' },
    });
    await listeners.add(input({ name: 'Brücke 2', enabled: false }));
    expect(states()).toEqual(['mqtt listening', 'brucke-2 listening', 'brucke-2-2 stopped']);
    await restart();
    expect(states()).toEqual(['mqtt listening', 'brucke-2 listening', 'brucke-2-2 stopped']);
    await listeners.stopOne('brucke-2');
    await listeners.startOne('brucke-2-2');
    await restart();
    expect(states()).toEqual(['mqtt listening', 'brucke-2 stopped', 'brucke-2-2 listening']);
    await listeners.remove('brucke-2');
    expect(await codeOf(() => listeners.startOne('brucke-2'))).toBe('listeners.unknown');
    await restart();
    expect(states()).toEqual(['mqtt listening', 'brucke-2-2 listening']);
    expect(heard.length).toBeGreaterThan(2);
  });

  it('that others reach need users or the word "anonymous"', async () => {
    expect(await codeOf(() => listeners.add(input(open)))).toBe('listeners.needs_users');
    expect(await codeOf(() => listeners.add(input({ host: '::' })))).toBe('listeners.needs_users');
    expect(await codeOf(() => listeners.add(input({ host: 'plant.example' })))).toBe('listeners.needs_users');
    expect((await listeners.add(input({ ...open, anonymous: true }))).state).toBe('listening');
    users = 1;
    const added = await listeners.add(input(open));
    expect(added.state).toBe('listening');
    users = 0;
    expect(await codeOf(() => listeners.change({ ...added.config, name: 'x' }))).toBe(
      'listeners.needs_users',
    );
    expect((await listeners.change({ ...added.config, enabled: false })).state).toBe('stopped');
  });

  it.each(['', 'a b', '10.0.0.300', 'http://x', '-x'])('refuse the address "%s"', async (host) => {
    expect(await codeOf(() => listeners.add({ ...input({}), host, anonymous: true }))).toBe(
      'listeners.bad_address',
    );
  });

  it('refuse the port of another one, and tell when the machine has no such address', async () => {
    const added = await listeners.add(input({}));
    const port = Number(added.address!.split(':')[1]);
    await listeners.change({ ...added.config, port });
    expect(await codeOf(() => listeners.add(input({ port })))).toBe('listeners.bad_address');
    const foreign = await listeners.add(input({ host: '192.0.2.1', anonymous: true }));
    expect(foreign).toMatchObject({ state: 'failed', error: expect.stringContaining('no such address') });
  });

  it('are forgotten with a damaged file, which is set aside', async () => {
    await listeners.add(input({}));
    writeFileSync(join(folder, 'listeners.json'), '{"listeners":[{"id":"x"}]}');
    await restart();
    expect(states()).toEqual(['mqtt listening']);
    expect(readdirSync(folder).some((name) => name.startsWith('listeners.json.damaged'))).toBe(true);
    expect(lines.join()).toContain('only the one of the command line is opened');
  });

  it('change nothing when they cannot be saved', async () => {
    rmSync(folder, { recursive: true });
    expect(await codeOf(() => listeners.add(input({})))).toBe('access.unwritable');
    expect(states()).toEqual(['mqtt listening']);
  });
});

describe('listeners with TLS', () => {
  it('need a certificate, and one to trust where clients must show theirs', async () => {
    expect(await codeOf(() => listeners.add(input({ transport: 'tls' })))).toBe(
      'listeners.needs_certificate',
    );
    const { id } = await issueServer('plant');
    expect(await codeOf(() => listeners.add(input({ transport: 'wss', certificate: 'plant-ca' })))).toBe(
      'listeners.needs_certificate',
    );
    const added = await listeners.add(
      input({ transport: 'tls', certificate: id, clientCertificates: 'required' }),
    );
    expect(added).toMatchObject({ state: 'listening', certificateExpiresMs: expect.any(Number) });
    expect(await codeOf(() => certificates.remove(id))).toBe('certificates.in_use');
    expect(await codeOf(() => certificates.remove('plant-ca'))).toBe('certificates.in_use');
    expect(certificates.list().map(({ usedBy }) => usedBy)).toEqual([['Field'], ['Field']]);
  });

  it('take up a renewed certificate, and another one, without closing', async () => {
    const first = await issueServer('plant');
    const added = await listeners.add(input({ transport: 'tls', certificate: first.id }));
    expect(await shownBy(added.address)).toBe(first.fingerprint);
    const renewed = await issueServer('plant', 60);
    const turned = listeners.usersChanged(); // behind the renewal in the queue
    await turned;
    expect(renewed.id).toBe(first.id);
    expect(await shownBy(added.address)).toBe(renewed.fingerprint);
    const other = await issueServer('other');
    const changed = await listeners.change({ ...added.config, certificate: other.id });
    expect(changed.address).toBe(added.address);
    expect(await shownBy(added.address)).toBe(other.fingerprint);
  });

  it('run on with an expired certificate and say so', async () => {
    const { id } = await issueServer('plant', 10);
    await listeners.add(input({ transport: 'wss', certificate: id }));
    clock.advance(11 * DAY_MS);
    const field = listeners.list()[1]!;
    expect(field.state).toBe('listening');
    expect(field.error).toMatch(/^Its certificate expired on \d{4}-\d\d-\d\d/);
    await issueServer('plant', 10);
    expect(listeners.list()[1]!.error).toBeNull();
  });

  it('fail with a reason when their certificate is lost, and open when it is back', async () => {
    const { id } = await issueServer('plant');
    await listeners.add(input({ transport: 'tls', certificate: id }));
    await listeners.stop();
    rmSync(join(folder, 'certificates', `${id}.pem`));
    certificates = CertificateStore.open({ folder, clock, log });
    listeners = build();
    await listeners.start();
    expect(listeners.list()[1]).toMatchObject({
      state: 'failed',
      error: expect.stringContaining('is not there'),
    });
    await issueServer('plant');
    await listeners.usersChanged();
    expect(states()[1]).toBe('field listening');
  });

  it('write no key into their own file', async () => {
    const { id } = await issueServer('plant');
    await listeners.add(input({ transport: 'tls', certificate: id }));
    expect(readFileSync(join(folder, 'listeners.json'), 'utf8')).not.toContain('PRIVATE');
    expect(lines.join()).not.toContain('PRIVATE');
  });
});
