/**
 * One set of scenarios, two launchers: Chromium on a headless station always, and the Electron desktop where its
 * binary and a display are. A scenario gets a `desk`: a page of the console and the station behind it.
 */
import { existsSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { test as base, chromium, _electron as electron, expect } from '@playwright/test';
import type { Browser, Page } from '@playwright/test';
import { createClient } from '../../core/rpc/client.ts';
import type { RpcClient } from '../../core/rpc/types.ts';
import { connectWebSocket, rpcUrlOf } from '../../core/rpc/websocket-client.ts';
import { CHROMIUM_ARGS, findChromium } from '../support/chromium.ts';
import { runCli, startStation, temporaryFolder } from '../support/station-process.ts';
import type { CommandResult } from '../support/station-process.ts';

export interface Desk {
  page: Page;
  dataFolder: string;
  /** Port of a listener that runs. */
  port(listener: 'mqtt' | 'coap' | 'http'): number;
  client(): RpcClient;
  /** The command line against this station. */
  cli(...args: string[]): Promise<CommandResult>;
  /** Kills the station or stops it; `start` brings it back on the same folder and ports. Null in the desktop. */
  power: { kill9(): Promise<void>; stop(): Promise<void>; start(): Promise<void> } | null;
}

/** Path of Electron's binary without triggering its download, or the reason why it cannot be used. */
function electronBinary(): { path: string } | { reason: string } {
  const folder = dirname(createRequire(import.meta.url).resolve('electron/package.json'));
  const pathFile = join(folder, 'path.txt');
  if (!existsSync(pathFile)) return { reason: "Electron's binary is not downloaded (npx install-electron)" };
  const path = join(folder, 'dist', readFileSync(pathFile, 'utf8').trim());
  if (!existsSync(path)) return { reason: `Electron's binary is missing at ${path}` };
  if (process.platform === 'linux' && !process.env['DISPLAY'] && !process.env['WAYLAND_DISPLAY']) {
    return { reason: 'there is no display for the Electron window' };
  }
  return { path };
}

export const test = base.extend<{ desk: Desk }, { chromiumBrowser: Browser }>({
  chromiumBrowser: [
    // eslint-disable-next-line no-empty-pattern -- Playwright reads the wanted fixtures from this pattern
    async ({}, use) => {
      const executablePath = findChromium();
      if (executablePath === null) throw new Error('no Chromium: "npm test" says how to get one');
      const browser = await chromium.launch({ executablePath, args: CHROMIUM_ARGS });
      await use(browser);
      await browser.close();
    },
    { scope: 'worker' },
  ],

  desk: async ({ chromiumBrowser }, use, info) => {
    const folder = temporaryFolder();
    try {
      if (info.project.metadata['launcher'] === 'electron') {
        const binary = electronBinary();
        if ('reason' in binary) {
          process.stdout.write(`skipped: ${binary.reason}\n`);
          info.skip(true, binary.reason);
          return;
        }
        await inElectron(binary.path, folder.path, use);
      } else {
        await inChromium(chromiumBrowser, folder.path, use);
      }
    } finally {
      folder.remove();
    }
  },
});

async function inChromium(
  browser: Browser,
  dataFolder: string,
  use: (desk: Desk) => Promise<void>,
): Promise<void> {
  let station = await startStation(dataFolder);
  const context = await browser.newContext({ viewport: { width: 1366, height: 768 } });
  try {
    const page = await context.newPage();
    const faults = watchPage(page, new URL(station.ready.http!).host);
    await page.goto(`${station.ready.http}/?token=${station.ready.token}`);
    await page.getByTestId('first-run').waitFor();
    const { mqtt, coap, http } = station.ready;
    await use({
      page,
      dataFolder,
      port: (listener) => station.port(listener),
      client: () => station.client(),
      cli: (...args) => station.cli(...args),
      power: {
        kill9: () => station.kill9(),
        stop: async () => void (await station.stop()),
        async start() {
          station = await startStation(dataFolder, { mqtt: mqtt!, coap: coap!, http: new URL(http!).host });
        },
      },
    });
    if (faults.length > 0) throw new Error(`the page reported: ${faults.join(' | ')}`);
  } finally {
    // First: closing the page may fail, and no station stays behind.
    await station.kill9();
    await context.close();
  }
}

async function inElectron(
  executablePath: string,
  dataFolder: string,
  use: (desk: Desk) => Promise<void>,
): Promise<void> {
  const any = '127.0.0.1:0';
  const app = await electron.launch({
    executablePath,
    args: ['.', '--data', dataFolder, '--mqtt', any, '--coap', any, '--http', any],
  });
  try {
    const page = await app.firstWindow();
    await page.setViewportSize({ width: 1366, height: 768 });
    const faults = watchPage(page, 'console');
    await page.getByTestId('first-run').waitFor();
    const { http } = JSON.parse(readFileSync(join(dataFolder, 'running.json'), 'utf8')) as { http: string };
    const tokens = JSON.parse(readFileSync(join(dataFolder, 'tokens.json'), 'utf8')) as { admin: string };
    const client = () => createClient(() => connectWebSocket(rpcUrlOf(http), tokens.admin));
    const asking = client();
    const { listeners } = await asking.call('station.info', {});
    asking.close();
    await use({
      page,
      dataFolder,
      port: (name) => Number(/:(\d+)$/.exec(listeners.find((one) => one.name === name)!.address!)![1]),
      client,
      cli: (...args) => runCli([...args, '--http', http, '--token', tokens.admin]),
      power: null,
    });
    if (faults.length > 0) throw new Error(`the page reported: ${faults.join(' | ')}`);
  } finally {
    await app.close();
  }
}

/** Everything that must not happen in any scenario: script errors, refused styles, requests to anywhere else. */
function watchPage(page: Page, ownHost: string): string[] {
  const faults: string[] = [];
  page.on('request', (request) => {
    const url = new URL(request.url());
    if (url.protocol !== 'data:' && url.host !== ownHost)
      faults.push(`a request left the station: ${request.url()}`);
  });
  page.on('pageerror', (error) => faults.push(String(error)));
  page.on('console', (message) => {
    // A lost station is a scenario; the browser reports each attempt to reach it.
    if (message.type() === 'error' && !/WebSocket connection|ERR_CONNECTION/.test(message.text())) {
      faults.push(message.text());
    }
  });
  return faults;
}

/** Skips the scenario and prints why: Playwright's list shows that it was skipped, but not the reason. */
export function skipIf(condition: boolean, reason: string): void {
  if (condition) process.stdout.write(`skipped: ${reason}\n`);
  test.skip(condition, reason);
}

/**
 * Waits until the screen, which began on the first-run page, knows of a device. A page that is opened before that
 * rightly goes on waiting for the first one.
 */
export async function arrival(page: Page): Promise<void> {
  await expect(page.getByTestId('first-run').getByText(/(It is|are) here/)).toBeVisible();
}

export { expect };
