import { setImmediate as turn } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { desktopFiles, startDesktop } from '../test/support/desktop.ts';
import type { DesktopFiles } from '../test/support/desktop.ts';
import type { ElectronStandIn } from '../test/support/electron-standin.ts';
import { preventable } from '../test/support/electron-standin/windows.ts';
import { StandInSession } from '../test/support/electron-standin/session.ts';
import { isAllowedLink, stationUrl } from './external-links.ts';
import { CONTENT_SECURITY_POLICY, isOwnUrl } from './origin.ts';
import { mayRequest } from './security.ts';

/** Each test is a point of Electron's security checklist, asked of the running shell. */
let files: DesktopFiles;
let electron: ElectronStandIn;

beforeAll(async () => {
  files = await desktopFiles();
});
afterAll(() => files.remove());
afterEach(() => electron.remove());

async function open(isPackaged = true) {
  const desktop = startDesktop(files, { env: { ...process.env, FAKE_HOST: 'good' } }, isPackaged);
  electron = desktop.electron;
  electron.app.becomeReady();
  await desktop.started;
  const window = electron.windows[0]!;
  await window.loaded();
  return window;
}

const FOREIGN = [
  'https://example.org/',
  'http://127.0.0.1:8080/',
  'file:///etc/passwd',
  'app://other/',
  'app://console.example.org/',
  'app://console@example.org/',
  'javascript:alert(1)',
  'data:text/html,hello',
  'about:blank',
];

describe('pages', () => {
  it('1 loads nothing but what the application brings', async () => {
    const window = await open();
    expect(window.webContents.mainFrame.url).toBe('app://console/');
  });

  it('2, 3, 4, 6, 8, 9, 10, 11: every window isolates, sandboxes and switches off', async () => {
    const window = await open();
    expect(window.options.webPreferences).toEqual({
      preload: files.preload,
      contextIsolation: true,
      sandbox: true,
      nodeIntegration: false,
      nodeIntegrationInWorker: false,
      nodeIntegrationInSubFrames: false,
      webSecurity: true,
      allowRunningInsecureContent: false,
      experimentalFeatures: false,
      webviewTag: false,
      plugins: false,
      navigateOnDragDrop: false,
      spellcheck: false,
      devTools: false,
    });
    expect(window.options.webPreferences).not.toHaveProperty('enableBlinkFeatures');
  });

  it('has developer tools only when it runs from the sources', async () => {
    const window = await open(false);
    expect(window.options.webPreferences?.devTools).toBe(true);
    expect(JSON.stringify(electron.menu)).toContain('toggleDevTools');
  });

  it('7 the page comes with its policy', async () => {
    const window = await open();
    const policy = window.webContents.response!.headers.get('content-security-policy')!;
    expect(policy).toBe(CONTENT_SECURITY_POLICY);
    expect(policy).toContain("default-src 'none'");
    expect(policy).not.toMatch(/unsafe|\*|https?:/);
  });

  it('12 a webview is refused whatever it wants', async () => {
    const { webContents } = await open();
    const event = preventable({});
    webContents.emit('will-attach-webview', event, {}, { src: 'app://console/' });
    expect(event.defaultPrevented).toBe(true);
  });

  it.each(FOREIGN)('13 does not navigate to %s', async (url) => {
    const { webContents } = await open();
    for (const event of ['will-navigate', 'will-frame-navigate', 'will-redirect'] as const) {
      expect(webContents.navigates(event, url)).toBe(false);
      expect(webContents.navigates(event, 'app://console/index.html#/devices')).toBe(true);
    }
    expect(webContents.navigates('will-frame-navigate', 'app://console/', false)).toBe(false);
  });

  it('14 and 15 opens no window, and in the browser only what is on the list', async () => {
    const { webContents } = await open();
    for (const url of [
      ...FOREIGN,
      'https://www.rfc-editor.org.example.org/rfc/',
      'https://www.rfc-editor.org/',
    ]) {
      expect(webContents.windowOpen(url)).toBe('deny');
    }
    expect(webContents.windowOpen('https://www.rfc-editor.org/rfc/rfc7641#section-3.4')).toBe('deny');
    await turn();
    expect(electron.openedLinks).toEqual(['https://www.rfc-editor.org/rfc/rfc7641#section-3.4']);
  });

  it('keeps WebRTC off the network, which no request filter sees', async () => {
    const { webContents } = await open();
    expect(webContents.webRtcPolicy).toBe('disable_non_proxied_udp');
  });
});

describe('sessions', () => {
  it('5 grants the clipboard for writing to the console and nothing to anybody else', async () => {
    await open();
    expect(electron.session.permission('clipboard-sanitized-write', 'app://console/')).toBe(true);
    expect(electron.session.permission('clipboard-sanitized-write', 'https://example.org/')).toBe(false);
    for (const permission of [
      'clipboard-read',
      'media',
      'geolocation',
      'notifications',
      'fullscreen',
      'openExternal',
    ]) {
      expect(electron.session.permission(permission, 'app://console/')).toBe(false);
    }
    expect(electron.session.device()).toBe(false);
    expect(electron.session.displayStreams()).toBeNull();
  });

  it('lets no request out', async () => {
    await open();
    for (const url of FOREIGN) expect(electron.session.lets(url)).toBe(false);
    expect(electron.session.lets('wss://example.org/', 'webSocket')).toBe(false);
    expect(electron.session.lets('devtools://devtools/x.js')).toBe(false);
    expect(electron.session.lets('app://console/assets/main.js', 'script')).toBe(true);
    expect(electron.session.lets('data:image/png;base64,AA==', 'image')).toBe(true);
    expect(electron.session.lets('data:text/javascript,1', 'script')).toBe(false);
  });

  it('accepts no certificate, no download and no spell checker', async () => {
    await open();
    expect(electron.session.certificateResult()).toBe(-2);
    expect(electron.session.spellChecker).toBe(false);
    const download = preventable({});
    electron.session.emit('will-download', download);
    expect(download.defaultPrevented).toBe(true);
  });

  it('guards a session that is made later as it guards the first', async () => {
    await open();
    const later = new StandInSession();
    electron.app.emit('session-created', later);
    expect(later.permission('media', 'app://console/')).toBe(false);
    expect(later.lets('https://example.org/')).toBe(false);
    expect(later.certificateResult()).toBe(-2);
  });

  it('refuses bad certificates, client certificates and passwords for the whole application', async () => {
    await open();
    const answers: boolean[] = [];
    const certificate = preventable({});
    electron.app.emit('certificate-error', certificate, {}, 'https://x/', 'ERR', {}, (ok: boolean) =>
      answers.push(ok),
    );
    expect(certificate.defaultPrevented).toBe(true);
    expect(answers).toEqual([false]);
    for (const name of ['select-client-certificate', 'login']) {
      const event = preventable({});
      electron.app.emit(name, event);
      expect(event.defaultPrevented, name).toBe(true);
    }
  });
});

describe('addresses', () => {
  it('are compared parsed', () => {
    expect(isOwnUrl('app://console/assets/x.js?y#z')).toBe(true);
    expect(isOwnUrl('APP://console/')).toBe(true);
    for (const url of [...FOREIGN, '', 'app:console', 'app://user@console/', 'app://console:80/']) {
      expect(isOwnUrl(url), url).toBe(false);
    }
  });

  it('a blob is the page its maker', () => {
    expect(mayRequest('blob:app://console/1234', 'xhr', false)).toBe(true);
    expect(mayRequest('blob:https://example.org/1234', 'xhr', false)).toBe(false);
    expect(mayRequest('devtools://devtools/x.js', 'script', true)).toBe(true);
  });

  it('a link needs origin and path of the list, and carries no credentials', () => {
    expect(isAllowedLink('https://docs.oasis-open.org/mqtt/mqtt/v5.0/')).toBe(true);
    expect(isAllowedLink('http://www.rfc-editor.org/rfc/rfc7252')).toBe(false);
    expect(isAllowedLink('https://user@www.rfc-editor.org/rfc/rfc7252')).toBe(false);
    expect(isAllowedLink('https://www.rfc-editor.org/errata/')).toBe(false);
    expect(isAllowedLink('not a link')).toBe(false);
  });

  it('a running station is http or https without credentials', () => {
    expect(stationUrl('http://127.0.0.1:8080')).toBe('http://127.0.0.1:8080/');
    for (const url of ['file:///x', 'javascript:1', 'http://a:b@127.0.0.1/', '', 17, null]) {
      expect(stationUrl(url)).toBeNull();
    }
  });
});
