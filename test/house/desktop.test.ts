/**
 * The desktop as it is built, with the real station as its host process, on the stand-in Electron: main, preload, port,
 * rpc, station and back.
 */
import { once } from 'node:events';
import { join } from 'node:path';
import { afterEach, beforeAll, describe, expect, it } from 'vitest';
import { createClient } from '../../core/rpc/client.ts';
import { connectMessagePort } from '../../core/rpc/message-port-client.ts';
import type { RpcClient } from '../../core/rpc/types.ts';
import type { StationStatus } from '../../core/contract/station.ts';
import { buildIfNeeded } from '../../scripts/build-if-needed.ts';
import { startDesktop } from '../support/desktop.ts';
import type { Desktop } from '../support/desktop.ts';
import type { StandInPage } from '../support/electron-standin/page.ts';
import { startStation, temporaryFolder } from '../support/station-process.ts';

const ROOT = join(import.meta.dirname, '..', '..');
const DIST = join(ROOT, 'dist');
const FREE = ['--mqtt', '127.0.0.1:0', '--coap', '127.0.0.1:0', '--http', '127.0.0.1:0'];

let data: { path: string; remove(): void };
const desktops: Desktop[] = [];
const clients: RpcClient[] = [];

beforeAll(async () => {
  expect(buildIfNeeded(ROOT, () => undefined)).toBe(true);
}, 60_000);
afterEach(async () => {
  for (const client of clients.splice(0)) client.close();
  for (const { electron } of desktops.splice(0)) {
    if (electron.app.ready && electron.hosts.some((host) => host.pid !== undefined)) await electron.quit();
    await electron.remove();
  }
  data?.remove();
});

async function open(dataFolder: string) {
  const desktop = startDesktop(
    { preload: join(DIST, 'electron', 'preload.cjs'), consoleFolder: join(DIST, 'console'), remove() {} },
    { hostEntry: join(DIST, 'host', 'host.js'), argv: ['fieldstation', '--data', dataFolder, ...FREE] },
  );
  desktops.push(desktop);
  desktop.electron.app.becomeReady();
  await desktop.started;
  const window = desktop.electron.windows[0]!;
  return { electron: desktop.electron, window, page: await window.loaded() };
}

/** As the console connects (renderer/src/lib/connect.ts). */
function connect(page: StandInPage): RpcClient {
  const client = createClient(async () => {
    page.bridge.requestPort();
    return connectMessagePort(await page.nextPort());
  });
  clients.push(client);
  return client;
}

describe('the desktop and its station', () => {
  it('tells at a folder in use where the running station is and where its token lies, but not the token', async () => {
    data = temporaryFolder();
    const station = await startStation(data.path);
    try {
      const { electron } = await open(data.path);
      const { options, answer } = await electron.nextDialog();
      expect(options.detail).toContain(station.ready.http!);
      expect(options.detail).toContain(`"admin" in tokens.json in ${data.path}`);
      expect(options.detail).not.toContain(station.ready.token);
      const ended = once(electron.app, 'quit');
      answer('Quit');
      await ended;
    } finally {
      await station.stop();
    }
  });

  it('serves the built console under its policy', async () => {
    data = temporaryFolder();
    const { electron, window } = await open(data.path);
    const page = await window.webContents.response!.text();
    const script = /src="\.?\/?(assets\/[^"]+\.js)"/.exec(page)![1]!;
    const answer = await electron.fetch(new Request(`app://console/${script}`));
    expect(answer.status).toBe(200);
    expect(answer.headers.get('content-type')).toBe('text/javascript; charset=utf-8');
    // Nothing in the page would need what its policy forbids.
    expect(page).not.toMatch(/<script(?![^>]*\bsrc=)|<style|\sstyle=|https?:\/\//);
  });

  it('a page is an admin at its station, and one of its screens', async () => {
    data = temporaryFolder();
    const { page } = await open(data.path);
    const client = connect(page);
    const info = await client.call('station.info', {});
    expect(info.dataFolder).toBe(data.path);
    expect(info.listeners.map(({ name, state }) => `${name} ${state}`).sort()).toEqual([
      'coap listening',
      'http listening',
      'mqtt listening',
    ]);
    expect(client.role).toBe('admin');
    const status = await new Promise<StationStatus>((resolve, reject) => {
      client.subscribe('station', {}, { snapshot: resolve, delta() {}, error: reject });
    });
    expect(status.screens).toBe(1);
  });

  it('connects again by itself when its host has died', async () => {
    data = temporaryFolder();
    const { electron, page } = await open(data.path);
    const client = connect(page);
    const before = await client.call('station.info', {});
    electron.hosts[0]!.kill();
    await electron.nextHost();
    await expect
      .poll(async () => (await client.call('station.info', {})).startedMs, { timeout: 15_000 })
      .toBeGreaterThan(before.startedMs);
    expect(electron.hosts).toHaveLength(2);
  });

  it('a second desktop on the same folder is sent to the first', async () => {
    data = temporaryFolder();
    const first = await open(data.path);
    const info = await connect(first.page).call('station.info', {});
    const http = info.listeners.find((listener) => listener.name === 'http')!.address!;
    const second = await open(data.path);
    const dialog = await second.electron.nextDialog();
    expect(dialog.options.message).toBe('A station already runs on this data folder.');
    const link = second.electron.nextLink();
    const ended = once(second.electron.app, 'quit');
    dialog.answer('Open it in the browser');
    expect(new URL(await link).host).toBe(http.replace(/^https?:\/\//, ''));
    await ended;
  });

  it('lets the folder go when it quits', async () => {
    data = temporaryFolder();
    const first = await open(data.path);
    await connect(first.page).call('station.info', {});
    await first.electron.quit();
    const second = await open(data.path);
    const info = await connect(second.page).call('station.info', {});
    expect(info.dataFolder).toBe(data.path);
    await second.electron.quit();
    expect(second.electron.app.exitCode).toBe(0);
  });
});
