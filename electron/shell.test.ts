import { once } from 'node:events';
import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { askPort, desktopFiles, startDesktop } from '../test/support/desktop.ts';
import type { Desktop, DesktopFiles } from '../test/support/desktop.ts';
import type { ShellOptions } from './shell.ts';

interface Echo {
  echo: unknown;
  host: string;
  role: string;
}

let files: DesktopFiles;
let desktop: Desktop | undefined;

beforeAll(async () => {
  files = await desktopFiles();
});
afterAll(() => files.remove());
afterEach(async () => {
  await desktop?.electron.remove();
  desktop = undefined;
});

function start(behaviour: string, options: Partial<ShellOptions> = {}): Desktop {
  const env = { ...process.env, FAKE_HOST: behaviour, FAKE_STATION_URL: 'http://127.0.0.1:8080/?token=t' };
  desktop = startDesktop(files, { env, ...options });
  return desktop;
}

/** Starts a desktop and waits for its first window to have loaded. */
async function opened(behaviour = 'good', options: Partial<ShellOptions> = {}) {
  const { electron, started } = start(behaviour, options);
  electron.app.becomeReady();
  await started;
  const window = electron.windows[0]!;
  return { electron, window, host: electron.hosts[0]!, page: await window.loaded() };
}

describe('start', () => {
  it('registers the scheme, the sandbox and the air gap before Electron is ready, and starts nothing yet', () => {
    const { electron } = start('good');
    expect(electron.schemes).toEqual([
      { scheme: 'app', privileges: { standard: true, secure: true, supportFetchAPI: true, codeCache: true } },
    ]);
    expect(electron.app.sandboxed).toBe(true);
    expect(electron.app.switches.get('host-resolver-rules')).toBe('MAP * ~NOTFOUND');
    expect(electron.windows).toEqual([]);
    expect(electron.hosts).toEqual([]);
  });

  it('opens one window on the console, shown when it can be painted, and passes the flags of serve to the host', async () => {
    const { window, host } = await opened('good', {
      argv: ['fieldstation', '--no-sandbox', '--data', '/tmp/x', '--mqtt=127.0.0.1:0', 'stray'],
    });
    expect(window.webContents.mainFrame.url).toBe('app://console/');
    await expect.poll(() => window.visible).toBe(true);
    expect(host.args).toEqual(['--data', '/tmp/x', '--mqtt', '127.0.0.1:0']);
  });

  it('comes to the front when it is started a second time', async () => {
    const { electron, window } = await opened();
    window.minimized = true;
    electron.app.emit('second-instance');
    expect(window).toMatchObject({ minimized: false, focused: true });
  });

  it('without the lock it quits before it makes anything', async () => {
    const { ElectronStandIn } = await import('../test/support/electron-standin.ts');
    const { startShell } = await import('./shell.ts');
    const electron = new ElectronStandIn();
    electron.app.holdsLock = false;
    await startShell(electron.api, {
      hostEntry: '',
      preload: '',
      consoleFolder: '',
      argv: [],
      env: {},
      platform: 'linux',
      timers: { monotonic: () => 0, after: () => ({ cancel() {} }) },
    });
    expect(electron.app.ended).toBe(true);
    expect(electron.schemes).toEqual([]);
    await electron.remove();
  });

  it('says so and quits when the console was not built', async () => {
    const { electron, started } = start('good', { consoleFolder: '/nowhere' });
    electron.app.becomeReady();
    await started;
    expect(electron.errors[0]).toContain('The console is missing');
    await expect.poll(() => electron.app.ended).toBe(true);
    expect(electron.hosts).toEqual([]);
  });
});

describe('handover', () => {
  it('gives the page a port straight to the host, with the role of the desktop', async () => {
    const { page } = await opened();
    expect(page.required).toEqual(['electron']);
    expect(Object.isFrozen(page.bridge)).toBe(true);
    expect(Object.keys(page.bridge)).toEqual(['platform', 'versions', 'requestPort']);
    page.bridge.requestPort();
    const answer = await askPort<Echo>(await page.nextPort(), 'hello');
    expect(answer).toMatchObject({ echo: 'hello', role: 'admin' });
  });

  it('carries typed arrays to the host and back', async () => {
    const { page } = await opened();
    page.bridge.requestPort();
    const columns = new Float64Array([1.5, Number.NaN, -0]);
    const answer = await askPort<{ echo: Float64Array }>(await page.nextPort(), columns);
    expect(answer.echo).toEqual(columns);
  });

  it('gives each window its own', async () => {
    const { electron, page } = await opened();
    const menu = electron.menu as { label?: string; submenu: { label?: string; click?: () => void }[] }[];
    menu.flatMap((entry) => entry.submenu ?? []).find((item) => item.label === 'New window')!.click!();
    const other = await electron.windows[1]!.loaded();
    page.bridge.requestPort();
    other.bridge.requestPort();
    const [one, two] = await Promise.all([page.nextPort(), other.nextPort()]);
    expect(await askPort<Echo>(one, 1)).toMatchObject({ echo: 1 });
    expect(await askPort<Echo>(two, 2)).toMatchObject({ echo: 2 });
  });

  it('gives a page that was loaded anew a new port when it asks, and none before', async () => {
    const { window, page } = await opened();
    page.bridge.requestPort();
    await page.nextPort();
    await window.webContents.reload();
    const fresh = window.webContents.page!;
    expect(fresh).not.toBe(page);
    fresh.bridge.requestPort();
    expect(await askPort<Echo>(await fresh.nextPort(), 'again')).toMatchObject({ echo: 'again' });
    expect(fresh.portsWaiting).toBe(0);
  });

  it('starts a crashed host anew, and the page that asks again gets a port to it', async () => {
    const { electron, page } = await opened();
    page.bridge.requestPort();
    const first = await page.nextPort();
    const before = await askPort<Echo>(first, 'who');
    const closed = once(first, 'close');
    first.postMessage('crash');
    await closed;
    // The shell may not know yet that the host is gone and hand over a port to nobody; a live one then follows.
    page.bridge.requestPort();
    const after = await Promise.race([
      page.nextPort().then((port) => askPort<Echo>(port, 'who')),
      electron.nextHost().then(async () => askPort<Echo>(await page.nextPort(), 'who')),
    ]);
    expect(after.host).not.toBe(before.host);
    expect(electron.hosts).toHaveLength(2);
    expect(page.portsWaiting).toBe(0);
  });

  it('gives one port to a page that asked several times while there was no host', async () => {
    const { electron, page } = await opened('slow');
    for (let times = 0; times < 3; times++) page.bridge.requestPort();
    await new Promise((resolve) => setImmediate(() => setImmediate(resolve)));
    electron.hosts[0]!.postMessage({ type: 'now' });
    expect(await askPort<Echo>(await page.nextPort(), 'hello')).toMatchObject({ echo: 'hello' });
    expect(page.portsWaiting).toBe(0);
  });

  it('owes no port to a page that is gone when the host becomes ready', async () => {
    const { electron, window, page } = await opened('slow');
    page.bridge.requestPort();
    await new Promise((resolve) => setImmediate(() => setImmediate(resolve)));
    await window.webContents.reload();
    electron.hosts[0]!.postMessage({ type: 'now' });
    const fresh = window.webContents.page!;
    fresh.bridge.requestPort();
    expect(await askPort<Echo>(await fresh.nextPort(), 'hello')).toMatchObject({ echo: 'hello' });
    expect(fresh.portsWaiting).toBe(0);
  });

  it('gives no port to a frame inside the page, to a foreign page, or to a frame that is gone', async () => {
    const { page, window } = await opened();
    const { webContents } = window;
    const { StandInFrame } = await import('../test/support/electron-standin/windows.ts');
    const inner = new StandInFrame('app://console/');
    inner.parent = webContents.mainFrame;
    webContents.sendIpc('fieldstation:port-wanted', [], inner);
    webContents.sendIpc('fieldstation:port-wanted', [], new StandInFrame('app://console/'));
    webContents.sendIpc('fieldstation:port-wanted', [], null);
    webContents.mainFrame.url = 'https://example.org/';
    webContents.sendIpc('fieldstation:port-wanted');
    await new Promise((resolve) => setImmediate(() => setImmediate(resolve)));
    webContents.mainFrame.url = 'app://console/';
    // The page's own request comes last, and its port is the first and only one.
    page.bridge.requestPort();
    await page.nextPort();
    expect(page.portsWaiting).toBe(0);
  });
});

describe('failures', () => {
  it('offers the running station when the data folder is in use', async () => {
    const { electron, started } = start('locked');
    electron.app.becomeReady();
    await started;
    const dialog = await electron.nextDialog();
    expect(dialog.options.message).toBe('A station already runs on this data folder.');
    expect(dialog.options.detail).toContain('4711');
    expect(dialog.options.detail).not.toContain('token');
    const link = electron.nextLink();
    const ended = once(electron.app, 'quit');
    dialog.answer('Open it in the browser');
    expect(await link).toBe('http://127.0.0.1:8080/?token=t');
    await ended;
    expect(electron.hosts).toHaveLength(1);
  });

  it('opens nothing but http: a lock file is a stranger', async () => {
    const env = { ...process.env, FAKE_HOST: 'locked', FAKE_STATION_URL: 'file:///etc/passwd' };
    const { electron, started } = start('locked', { env });
    electron.app.becomeReady();
    await started;
    const dialog = await electron.nextDialog();
    expect(dialog.options.buttons).toEqual(['Try again', 'Open the log folder', 'Quit']);
  });

  it('tries again when asked to', async () => {
    const { electron, started } = start('locked');
    electron.app.becomeReady();
    await started;
    const dialog = await electron.nextDialog();
    const host = electron.nextHost();
    dialog.answer('Try again');
    await host;
    await electron.nextDialog();
    expect(electron.hosts).toHaveLength(2);
  });

  it('gives up in the open after six crashes within a minute', async () => {
    const { electron, started } = start('crash', { timers: hurried });
    electron.app.becomeReady();
    await started;
    const dialog = await electron.nextDialog();
    expect(electron.hosts).toHaveLength(6);
    expect(dialog.options.message).toBe('The station does not run.');
    expect(dialog.options.detail).toContain('6 times within a minute');
    dialog.answer('Open the log folder');
    const again = await electron.nextDialog();
    expect(electron.openedPaths).toEqual([join(electron.app.userData, 'logs')]);
    const ended = once(electron.app, 'quit');
    again.answer('Quit');
    await ended;
  });

  it('loads a crashed page again, and asks when that is of no use', async () => {
    const { electron, window } = await opened();
    for (let crash = 0; crash < 3; crash++) {
      window.webContents.crash();
      await window.loaded();
    }
    window.webContents.crash();
    const dialog = await electron.nextDialog();
    expect(dialog.options.message).toBe('The console cannot be shown.');
    dialog.answer('Load it again');
    await window.loaded();
    expect(electron.hosts).toHaveLength(1);
  });

  it('keeps what the host wrote, without its tokens', async () => {
    const { electron, page } = await opened();
    page.bridge.requestPort();
    await page.nextPort();
    await electron.quit();
    const folder = join(electron.app.userData, 'logs');
    expect(readdirSync(folder).sort()).toEqual(['host.log', 'shell.log']);
    expect(readFileSync(join(folder, 'host.log'), 'utf8')).toContain('fake host good');
    const all = readdirSync(folder).map((name) => readFileSync(join(folder, name), 'utf8'));
    expect(all.join('')).not.toMatch(/abcdefgh12345678|secret-token/);
  });
});

describe('the end', () => {
  it('asks before the last window takes the station with it', async () => {
    const { electron, window } = await opened();
    await expect.poll(() => electron.hosts[0]!.pid).toBeDefined();
    window.close();
    const dialog = await electron.nextDialog();
    expect(dialog.options).toMatchObject({ message: 'Stop the station?', defaultId: 0, cancelId: 0 });
    dialog.answer('Keep it running');
    await new Promise((resolve) => setImmediate(resolve));
    expect(window.isDestroyed()).toBe(false);

    window.close();
    const again = await electron.nextDialog();
    const ended = once(electron.app, 'quit');
    again.answer('Stop and quit');
    await ended;
    expect(window.isDestroyed()).toBe(true);
    expect(electron.hosts[0]!.pid).toBeUndefined();
  });

  it('stops the host before it ends, and closes no window twice', async () => {
    const { electron, host } = await opened();
    await electron.quit();
    expect(host.pid).toBeUndefined();
    expect(electron.app.exitCode).toBe(0);
    expect(electron.hosts).toHaveLength(1);
  });

  it('kills a host that does not stop', async () => {
    const { electron, host, page } = await opened('deaf', { stopTimeoutMs: 50 });
    page.bridge.requestPort();
    await page.nextPort();
    await electron.quit();
    expect(host.pid).toBeUndefined();
    const log = readFileSync(join(electron.app.userData, 'logs', 'shell.log'), 'utf8');
    expect(log).toContain('did not stop within');
  });

  it('quitting while a restart is due starts nothing any more', async () => {
    const { electron, page } = await opened();
    page.bridge.requestPort();
    const port = await page.nextPort();
    port.postMessage('crash');
    await electron.hosts[0]!.exited;
    await electron.quit();
    expect(electron.hosts).toHaveLength(1);
  });

  it('on macOS the station outlives its windows', async () => {
    const { electron, window } = await opened('good', { platform: 'darwin' });
    window.close();
    expect(window.isDestroyed()).toBe(true);
    expect(electron.app.ended).toBe(false);
    electron.app.emit('activate');
    expect(electron.windows).toHaveLength(2);
    await electron.quit();
  });

  it('opens where it was closed', async () => {
    const { electron, window } = await opened();
    window.bounds = { x: 200, y: 100, width: 1_200, height: 800 };
    await electron.quit();
    const stored = JSON.parse(readFileSync(join(electron.app.userData, 'window.json'), 'utf8')) as unknown;
    expect(stored).toEqual({ bounds: window.bounds, maximized: false, fullScreen: false });
  });
});

/** Real timers that do not wait long, for back-off that is not what a test is about. */
const hurried: ShellOptions['timers'] = {
  monotonic: () => performance.now(),
  after(delayMs, run) {
    const handle = setTimeout(run, delayMs > 10_000 ? delayMs : 1);
    return { cancel: () => clearTimeout(handle) };
  },
};
