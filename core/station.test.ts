import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { temporaryFolder } from '../test/support/station-process.ts';
import { silentLog } from './base/log.ts';
import { Station } from './station.ts';

const FREE = { host: '127.0.0.1', port: 0 };
const OPTIONS = { mqtt: FREE, coap: FREE, http: FREE, record: true, mqttAnonymous: false, profile: null };
let folder: ReturnType<typeof temporaryFolder>;

beforeEach(() => {
  folder = temporaryFolder();
});
afterEach(() => folder.remove());

const station = (): Station =>
  new Station({ ...OPTIONS, dataFolder: folder.path }, { logFor: () => silentLog });

it('that is stopped while it starts leaves nothing open, and its record as after any clean stop', async () => {
  const one = station();
  const started = one.start();
  await one.stop();
  const { http } = await started;
  await expect(fetch(`${http!}/healthz`)).rejects.toThrow('fetch failed');
  expect(existsSync(join(folder.path, 'running.json'))).toBe(false);
  const next = station();
  expect(await next.start()).toMatchObject({ ready: true });
  await next.stop();
});

it('whose start fails stops without a word', async () => {
  const holder = station();
  await holder.start();
  const second = station();
  await expect(second.start()).rejects.toMatchObject({ code: 'store.locked' });
  await second.stop();
  await holder.stop();
});
