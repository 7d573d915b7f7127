/**
 * A stand-in for Electron, for machines that have no Electron binary. It is as strict as the real one where the shell
 * could go wrong (what must come before `ready`, destroyed objects, transferred ports) and as open where the shell
 * must close (permissions, navigation, windows). Host processes are real threads, ports are real ports.
 */
import { EventEmitter, once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { BrowserWindowConstructorOptions, MessageBoxOptions } from 'electron';
import type { ElectronApi } from '../../electron/electron-api.ts';
import { StandInMessageChannel } from './electron-standin/ports.ts';
import { StandInSession } from './electron-standin/session.ts';
import { StandInUtilityProcess } from './electron-standin/utility-process.ts';
import { StandInWindow, preventable } from './electron-standin/windows.ts';

class StandInApp extends EventEmitter {
  isPackaged = true;
  ready = false;
  sandboxed = false;
  readonly switches = new Map<string, string>();
  readonly commandLine = {
    appendSwitch: (name: string, value = '') => {
      if (this.ready) throw new Error('Switches of Chromium are read before ready.');
      this.switches.set(name, value);
    },
  };
  holdsLock = true;
  exitCode: number | undefined;
  readonly userData = mkdtempSync(join(tmpdir(), 'fieldstation-desktop-'));
  readonly #closeWindows: () => boolean;
  #ended = false;

  constructor(closeWindows: () => boolean) {
    super();
    this.#closeWindows = closeWindows;
  }

  get ended(): boolean {
    return this.#ended;
  }
  getPath(name: string): string {
    if (name !== 'userData') throw new Error(`No path "${name}" in the stand-in.`);
    return this.userData;
  }
  requestSingleInstanceLock(): boolean {
    return this.holdsLock;
  }
  enableSandbox(): void {
    if (this.ready) throw new Error('app.enableSandbox() can only be called before app is ready');
    this.sandboxed = true;
  }
  async whenReady(): Promise<void> {
    if (!this.ready) await once(this, 'ready');
  }
  becomeReady(): void {
    this.ready = true;
    this.emit('ready');
  }

  /** before-quit, then the windows, then will-quit, then the end; any step may be refused. */
  quit(): void {
    if (this.#ended) return;
    const before = preventable({});
    this.emit('before-quit', before);
    if (before.defaultPrevented || !this.#closeWindows()) return;
    const will = preventable({});
    this.emit('will-quit', will);
    if (!will.defaultPrevented) this.exit(0);
  }
  exit(code: number): void {
    this.#ended = true;
    this.exitCode = code;
    this.emit('quit', {}, code);
  }
}

export interface AskedDialog {
  options: MessageBoxOptions;
  answer(button: string): void;
}

export class ElectronStandIn {
  readonly session = new StandInSession();
  readonly windows: StandInWindow[] = [];
  readonly hosts: StandInUtilityProcess[] = [];
  readonly errors: string[] = [];
  readonly openedLinks: string[] = [];
  readonly openedPaths: string[] = [];
  readonly schemes: { scheme: string; privileges?: Record<string, boolean> }[] = [];
  readonly ipcMain = new EventEmitter();
  readonly app = new StandInApp(() => this.#closeWindows());
  menu: unknown = undefined;
  readonly #events = new EventEmitter();
  readonly #dialogs: AskedDialog[] = [];
  readonly #handlers = new Map<string, (request: Request) => Promise<Response>>();
  #quitting = false;

  /** What the shell is handed. */
  get api(): ElectronApi {
    // eslint-disable-next-line @typescript-eslint/no-this-alias -- BrowserWindow must be a class of its own.
    const standIn = this;
    class BrowserWindow extends StandInWindow {
      constructor(options: BrowserWindowConstructorOptions) {
        standIn.#needReady('BrowserWindow');
        super(options, standIn.#around);
        standIn.windows.push(this);
        standIn.#events.emit('window', this);
      }
    }
    const parts = {
      app: this.app,
      BrowserWindow,
      dialog: {
        showMessageBox: (...args: unknown[]) => this.#ask(args.at(-1) as MessageBoxOptions),
        showErrorBox: (_title: string, content: string) => void this.errors.push(content),
      },
      ipcMain: this.ipcMain,
      Menu: {
        buildFromTemplate: (template: unknown) => template,
        setApplicationMenu: (menu: unknown) => void (this.menu = menu),
      },
      MessageChannelMain: StandInMessageChannel,
      nativeTheme: { shouldUseDarkColors: false },
      protocol: {
        registerSchemesAsPrivileged: (schemes: typeof this.schemes) => {
          if (this.app.ready) throw new Error('Schemes are registered before ready.');
          this.schemes.push(...schemes);
        },
        handle: (scheme: string, handler: (request: Request) => Promise<Response>) => {
          this.#needReady('protocol.handle');
          this.#handlers.set(scheme, handler);
        },
      },
      screen: { getAllDisplays: () => [{ workArea: { x: 0, y: 0, width: 1_920, height: 1_080 } }] },
      session: { defaultSession: this.session },
      shell: {
        openExternal: async (url: string) => {
          this.openedLinks.push(url);
          this.#events.emit('link', url);
        },
        openPath: async (path: string) => {
          this.openedPaths.push(path);
          return '';
        },
      },
      utilityProcess: {
        fork: (entry: string, args: string[], options: { env?: NodeJS.ProcessEnv; stdio?: unknown }) => {
          this.#needReady('utilityProcess.fork');
          const host = new StandInUtilityProcess(entry, args, options);
          this.hosts.push(host);
          this.#events.emit('host', host);
          return host;
        },
      },
    };
    return parts as unknown as ElectronApi;
  }

  async nextWindow(): Promise<StandInWindow> {
    const [window] = (await once(this.#events, 'window')) as [StandInWindow];
    return window;
  }
  async nextHost(): Promise<StandInUtilityProcess> {
    const [host] = (await once(this.#events, 'host')) as [StandInUtilityProcess];
    return host;
  }
  async nextLink(): Promise<string> {
    const [url] = (await once(this.#events, 'link')) as [string];
    return url;
  }
  /** The oldest dialog that was not taken yet. */
  async nextDialog(): Promise<AskedDialog> {
    while (this.#dialogs.length === 0) await once(this.#events, 'dialog');
    return this.#dialogs.shift()!;
  }
  /** Asks the protocol handler of a URL's scheme. */
  async fetch(request: Request): Promise<Response> {
    const handler = this.#handlers.get(new URL(request.url).protocol.slice(0, -1));
    return handler === undefined ? new Response(null, { status: 404 }) : handler(request);
  }
  /** Quits as the menu would and waits until the application has ended. */
  async quit(): Promise<void> {
    if (this.app.ended) return;
    const ended = once(this.app, 'quit');
    this.app.quit();
    await ended;
  }
  /** Ends whatever a test has left. */
  async remove(): Promise<void> {
    for (const host of this.hosts) host.kill();
    await Promise.all(this.hosts.map((host) => host.exited));
    rmSync(this.app.userData, { recursive: true, force: true });
  }

  readonly #around = {
    fetch: (request: Request) => this.fetch(request),
    ipc: (channel: string, event: object, args: unknown[]) => void this.ipcMain.emit(channel, event, ...args),
    created: (contents: EventEmitter) => void this.app.emit('web-contents-created', {}, contents),
    closed: () => {
      if (!this.#quitting && this.#openWindows().length === 0) this.app.emit('window-all-closed');
    },
  };

  #openWindows(): StandInWindow[] {
    return this.windows.filter((window) => !window.isDestroyed());
  }

  #closeWindows(): boolean {
    this.#quitting = true;
    for (const window of this.#openWindows()) window.close();
    this.#quitting = false;
    return this.#openWindows().length === 0;
  }

  #ask(options: MessageBoxOptions): Promise<{ response: number }> {
    return new Promise((resolve, reject) => {
      this.#dialogs.push({
        options,
        answer(button) {
          const response = options.buttons?.indexOf(button) ?? -1;
          if (response < 0)
            reject(new Error(`The dialog has no "${button}", only ${options.buttons?.join(', ')}.`));
          else resolve({ response });
        },
      });
      this.#events.emit('dialog');
    });
  }

  #needReady(what: string): void {
    if (!this.app.ready) throw new Error(`${what} cannot be used before the app is ready.`);
  }
}
