/**
 * The border around the console, after Electron's security checklist. A page that has gone bad can talk to the
 * host over its port as the console can, and to nothing else: no Node, no network, no other page, no device.
 */
import type { IpcMainEvent, Session, WebContents, WebPreferences } from 'electron';
import type { ElectronApi } from './electron-api.ts';
import { openAllowedLink } from './external-links.ts';
import { isOwnUrl } from './origin.ts';
import type { ShellLog } from './shell-log.ts';

/** Chromium's own answer for "this certificate will not do", from net_error_list.h (ERR_FAILED). */
const CERTIFICATE_REFUSED = -2;
const ALLOWED_PERMISSIONS: readonly string[] = ['clipboard-sanitized-write'];

export interface BorderOptions {
  /** Developer tools exist only where the sources are. */
  devTools: boolean;
  log: ShellLog;
}

/** Preferences of every window. The defaults are spelled out, so that a change of default cannot open anything. */
export function webPreferences(preload: string, devTools: boolean): WebPreferences {
  return {
    preload,
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
    // The spell checker would fetch its dictionaries from the internet.
    spellcheck: false,
    devTools,
  };
}

/** Call before `ready`. Covers every session and every page that is ever made. */
export function hardenApp(api: ElectronApi, options: BorderOptions): void {
  const { app } = api;
  app.enableSandbox();
  // A station may stand on a network that alarms at any foreign packet: Chromium resolves no name at all.
  // The host process is not concerned, it uses Node's own sockets.
  app.commandLine.appendSwitch('host-resolver-rules', 'MAP * ~NOTFOUND');
  app.commandLine.appendSwitch('disable-background-networking');
  app.commandLine.appendSwitch('disable-component-update');
  app.commandLine.appendSwitch('no-pings');

  app.on('session-created', (session) => hardenSession(session, options));
  app.on('web-contents-created', (_event, contents) => hardenContents(api, contents, options));
  app.on('certificate-error', (event, _contents, url, error, _certificate, callback) => {
    event.preventDefault();
    options.log('warn', `a certificate was refused: ${error} at ${url}`);
    callback(false);
  });
  app.on('select-client-certificate', (event) => event.preventDefault());
  app.on('login', (event) => event.preventDefault());
}

export function hardenSession(session: Session, options: BorderOptions): void {
  session.setPermissionRequestHandler((_contents, permission, callback, details) => {
    const allowed = ALLOWED_PERMISSIONS.includes(permission) && isOwnUrl(details.requestingUrl);
    if (!allowed) options.log('warn', `the permission "${permission}" was refused`);
    callback(allowed);
  });
  session.setPermissionCheckHandler(
    (_contents, permission, origin) => ALLOWED_PERMISSIONS.includes(permission) && isOwnUrl(origin),
  );
  session.setDevicePermissionHandler(() => false);
  session.setDisplayMediaRequestHandler((_request, callback) => callback(null));
  session.setCertificateVerifyProc((_request, callback) => callback(CERTIFICATE_REFUSED));
  session.setSpellCheckerEnabled(false);
  session.on('will-download', (event) => event.preventDefault());
  session.webRequest.onBeforeRequest((details, callback) => {
    const allowed = mayRequest(details.url, details.resourceType, options.devTools);
    if (!allowed) options.log('warn', `a request was blocked: ${shortened(details.url)}`);
    callback({ cancel: !allowed });
  });
}

/** Air gap: a page loads from its own origin; what it made itself (a blob) or carries inside (a data: image) is no request. */
export function mayRequest(url: string, resourceType: string, devTools: boolean): boolean {
  if (isOwnUrl(url)) return true;
  if (url.startsWith('blob:')) return isOwnUrl(url.slice('blob:'.length));
  if (url.startsWith('data:')) return resourceType === 'image';
  return devTools && URL.parse(url)?.protocol === 'devtools:';
}

function hardenContents(api: ElectronApi, contents: WebContents, options: BorderOptions): void {
  const { log } = options;
  const refuse = (event: { preventDefault(): void }, what: string, url: string): void => {
    event.preventDefault();
    log('warn', `${what} was blocked: ${shortened(url)}`);
  };
  contents.on('will-navigate', (event) => {
    if (!isOwnUrl(event.url)) refuse(event, 'a navigation', event.url);
  });
  contents.on('will-frame-navigate', (event) => {
    if (!event.isMainFrame || !isOwnUrl(event.url)) refuse(event, 'a navigation', event.url);
  });
  contents.on('will-redirect', (event) => {
    if (!isOwnUrl(event.url)) refuse(event, 'a redirect', event.url);
  });
  contents.on('will-attach-webview', (event, _preferences, params) => {
    refuse(event, 'a webview', params['src'] ?? '');
  });
  contents.setWindowOpenHandler(({ url }) => {
    openAllowedLink(api.shell, url, (error) => log('warn', `a link was not opened: ${String(error)}`));
    return { action: 'deny' };
  });
  // WebRTC is the one way out that webRequest does not see.
  contents.setWebRTCIPHandlingPolicy('disable_non_proxied_udp');
}

/** IPC is for the console's own top frame. A null frame has navigated away or died since it sent. */
export function isTrustedSender(event: Pick<IpcMainEvent, 'sender' | 'senderFrame'>): boolean {
  const frame = event.senderFrame;
  if (frame === null || frame.parent !== null) return false;
  return frame === event.sender.mainFrame && isOwnUrl(frame.url);
}

function shortened(url: string): string {
  return url.length > 200 ? `${url.slice(0, 200)}...` : url;
}
