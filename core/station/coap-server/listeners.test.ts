import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { CertificateStore } from '../../access/certificates/certificate-store.ts';
import { silentLog } from '../../base/log.ts';
import { ManualClock } from '../../base/manual-clock.ts';
import { coapError } from '../../coap/errors.ts';
import type { CoapListenerConfig } from '../../contract/coap-server.ts';
import { CoapListeners } from './listeners.ts';
import type { ListenerTls, OpenedListener } from './listeners.ts';
import { ServerSettings } from './settings.ts';

interface Played extends OpenedListener {
  config: CoapListenerConfig;
  tls: ListenerTls[];
  isOpen: boolean;
}

let folder: string;
let certificates: CertificateStore;
let settings: ServerSettings;
let listeners: CoapListeners;
let opened: Played[];
let failure: Error | undefined;

function open(config: CoapListenerConfig, tls: ListenerTls | undefined): Promise<OpenedListener> {
  if (failure !== undefined) return Promise.reject(failure);
  const played: Played = {
    ...{ config, isOpen: true, connections: 2, tls: tls === undefined ? [] : [tls] },
    address: { host: config.host, port: config.port || 40_000 + opened.length },
    setTls: (next) => void played.tls.push(next),
    close: () => {
      played.isOpen = false;
      return Promise.resolve();
    },
  };
  opened.push(played);
  return Promise.resolve(played);
}

function build(fixed: CoapListenerConfig[] = []): CoapListeners {
  return new CoapListeners({ open, settings, certificates, fixed, log: silentLog });
}

const plain: Omit<CoapListenerConfig, 'id'> = {
  ...{ name: 'Hall 3', transport: 'tcp' as const, host: '127.0.0.1', port: 5_700 },
  ...{ enabled: true, certificate: null },
};

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'fieldstation-coap-listeners-'));
  opened = [];
  failure = undefined;
  certificates = CertificateStore.open({ folder, clock: new ManualClock(Date.now()), log: silentLog });
  settings = new ServerSettings(folder, silentLog);
  listeners = build();
  await listeners.start();
});
afterEach(async () => {
  await listeners.stop();
  rmSync(folder, { recursive: true });
});

it('another name leaves its connections alone; another place opens it there', async () => {
  const { config } = await listeners.add(plain);
  const renamed = await listeners.change({ ...config, name: 'Hall 4' });
  expect(renamed).toMatchObject({ state: 'listening', config: { name: 'Hall 4' } });
  expect(opened.map(({ isOpen }) => isOpen)).toEqual([true]);
  const moved = await listeners.change({ ...config, port: 5_701 });
  expect(moved.address).toBe('127.0.0.1:5701');
  expect(opened.map(({ isOpen }) => isOpen)).toEqual([false, true]);
  await listeners.change({ ...config, port: 5_701, enabled: false });
  expect(opened.map(({ isOpen }) => isOpen)).toEqual([false, false]);
});

it('what cannot be written down is not done', async () => {
  const { config } = await listeners.add(plain);
  const kept = listeners.list();
  settings.change = () => {
    throw new Error('The disk is full.');
  };
  await expect(listeners.change({ ...config, name: 'Hall 4', port: 5_701 })).rejects.toThrow(/full/);
  await expect(listeners.stopOne(config.id)).rejects.toThrow(/full/);
  await expect(listeners.add({ ...plain, port: 5_702 })).rejects.toThrow(/full/);
  await expect(listeners.remove(config.id)).rejects.toThrow(/full/);
  expect(listeners.list()).toEqual(kept);
  expect(opened.map(({ isOpen }) => isOpen)).toEqual([true]);
});

it('one that fails is a status with its reason, and the next start tries again', async () => {
  failure = coapError('listen.no_such_address', '10.9.9.9 is not an address of this machine.');
  const failed = await listeners.add({ ...plain, host: '10.9.9.9' });
  expect(failed).toMatchObject({ state: 'failed', address: null });
  expect(failed.error).toContain('10.9.9.9');
  failure = undefined;
  expect(await listeners.startOne(failed.config.id)).toMatchObject({ state: 'listening', error: null });
});

it('two do not share a place, nor a number of 16', async () => {
  await listeners.add(plain);
  await expect(listeners.add({ ...plain, name: 'Other' })).rejects.toMatchObject({
    code: 'listeners.bad_address',
  });
  for (let n = 1; n < 16; n++) await listeners.add({ ...plain, port: 0 });
  await expect(listeners.add({ ...plain, port: 0 })).rejects.toMatchObject({ code: 'listeners.too_many' });
  expect(new Set(listeners.list().map(({ config }) => config.id)).size).toBe(16);
});

it('a renewed certificate is taken up without closing a connection; one that came back opens what waited', async () => {
  await certificates.makeAuthority('North plant');
  const { id } = await certificates.issueServer({
    ...{ kind: 'server', name: 'CoAP', hosts: ['127.0.0.1'], days: 30 },
  });
  const tls = { ...plain, transport: 'tls', certificate: id } as const;
  const { config } = await listeners.add(tls);
  expect(opened[0]!.tls).toHaveLength(1);
  expect(opened[0]!.tls[0]!.cert).toContain('BEGIN CERTIFICATE');
  certificates.changed.emit(id);
  await listeners.startOne(config.id);
  expect(opened[0]!.tls).toHaveLength(1);

  // As after a restart without the certificate's file.
  const pair = certificates.serverPair.bind(certificates);
  await listeners.stop();
  certificates.serverPair = () => undefined;
  listeners = build();
  await listeners.start();
  expect(listeners.list()[0]).toMatchObject({ state: 'failed', address: null });
  certificates.serverPair = pair;
  certificates.changed.emit(id);
  expect(await listeners.startOne(config.id)).toMatchObject({ state: 'listening' });

  certificates.serverPair = (wanted) => ({ ...pair(wanted)!, key: 'another key' });
  certificates.changed.emit(id);
  await listeners.startOne(config.id);
  expect(opened.at(-1)!.tls.at(-1)!.key).toBe('another key');
  expect(opened.at(-1)!.isOpen).toBe(true);
});
