/** The desktop: one host process, the windows that look at it, and the border between them. */
import { join } from 'node:path';
import type { BrowserWindow } from 'electron';
import type { ElectronApi } from './electron-api.ts';
import { hostArguments } from './host-arguments.ts';
import type { HostFailure } from './host-messages.ts';
import { HostSupervisor } from './host-supervisor.ts';
import type { HostState } from './host-supervisor.ts';
import { menuTemplate } from './menu.ts';
import { APP_SCHEME } from './origin.ts';
import { PortHandover } from './port-handover.ts';
import { readManifest, registerAppScheme, serveManifest } from './protocol.ts';
import { askAboutBrokenPage, askAboutFailure, askToStopStation, runningStationUrl } from './questions.ts';
import { hardenApp, hardenSession } from './security.ts';
import { RotatingLog, fileLog } from './shell-log.ts';
import type { ShellLog } from './shell-log.ts';
import type { Timers } from './timers.ts';
import { ConsoleWindows } from './windows.ts';

export interface ShellOptions {
  /** Entry of the host process. */
  hostEntry: string;
  preload: string;
  /** The built console. */
  consoleFolder: string;
  argv: readonly string[];
  env: NodeJS.ProcessEnv;
  platform: NodeJS.Platform;
  timers: Timers;
  stopTimeoutMs?: number;
}

/** Starts the desktop. Call it at once from the entry: half of it must have run before Electron is ready. */
export async function startShell(api: ElectronApi, options: ShellOptions): Promise<void> {
  if (!api.app.requestSingleInstanceLock()) {
    // The running one is told through `second-instance` and comes to the front.
    api.app.quit();
    return;
  }
  await new Shell(api, options).start();
}

class Shell {
  readonly #api: ElectronApi;
  readonly #options: ShellOptions;
  readonly #devTools: boolean;
  readonly #logFolder: string;
  readonly #shellFile: RotatingLog;
  readonly #hostFile: RotatingLog;
  readonly #log: ShellLog;
  readonly #host: HostSupervisor;
  readonly #handover: PortHandover;
  readonly #windows: ConsoleWindows;
  #quitting = false;
  #ended = false;
  #asking = false;

  constructor(api: ElectronApi, options: ShellOptions) {
    this.#api = api;
    this.#options = options;
    const { app } = api;
    const userData = app.getPath('userData');
    this.#devTools = !app.isPackaged;
    this.#logFolder = join(userData, 'logs');
    this.#shellFile = new RotatingLog({ folder: this.#logFolder, name: 'shell' });
    this.#hostFile = new RotatingLog({ folder: this.#logFolder, name: 'host' });
    this.#log = fileLog(this.#shellFile);
    this.#host = new HostSupervisor({
      fork: (...args) => api.utilityProcess.fork(...args),
      entry: options.hostEntry,
      args: hostArguments(options.argv, app.isPackaged),
      env: options.env,
      timers: options.timers,
      log: this.#log,
      hostLine: (line) => this.#hostFile.write(line),
      onState: (state) => this.#hostChanged(state),
      ...(options.stopTimeoutMs === undefined ? {} : { stopTimeoutMs: options.stopTimeoutMs }),
    });
    this.#handover = new PortHandover(api, this.#host, this.#log, options.timers);
    this.#windows = new ConsoleWindows(api, {
      preload: options.preload,
      stateFile: join(userData, 'window.json'),
      devTools: this.#devTools,
      timers: options.timers,
      log: this.#log,
      mayClose: (window) => this.#mayClose(window),
      onBroken: (window, reason) => void this.#pageBroken(window, reason),
    });
  }

  async start(): Promise<void> {
    const { app, protocol, session, Menu } = this.#api;
    const border = { devTools: this.#devTools, log: this.#log };
    registerAppScheme(this.#api);
    hardenApp(this.#api, border);
    this.#followApp();
    await app.whenReady();

    hardenSession(session.defaultSession, border);
    try {
      protocol.handle(APP_SCHEME, serveManifest(readManifest(this.#options.consoleFolder)));
    } catch (error) {
      this.#api.dialog.showErrorBox(
        'Fieldstation',
        `The console is missing. Install Fieldstation anew. ${String(error)}`,
      );
      app.quit();
      return;
    }
    const menu = menuTemplate(this.#options.platform, this.#devTools, {
      newWindow: () => this.#windows.open(),
      openLogFolder: () => this.#openLogFolder(),
    });
    Menu.setApplicationMenu(Menu.buildFromTemplate(menu));
    this.#handover.start();
    this.#host.start();
    this.#windows.open();
  }

  #followApp(): void {
    const { app } = this.#api;
    app.on('second-instance', () => this.#windows.focus());
    app.on('activate', () => this.#windows.focus());
    app.on('window-all-closed', () => {
      // On macOS an application, and so the station, outlives its windows.
      if (this.#options.platform !== 'darwin') app.quit();
    });
    app.on('before-quit', () => {
      this.#quitting = true;
    });
    app.on('will-quit', (event) => {
      if (this.#ended) return;
      event.preventDefault();
      void this.#end();
    });
  }

  async #end(): Promise<void> {
    this.#handover.stop();
    await this.#host.stop();
    await Promise.all([this.#shellFile.close(), this.#hostFile.close()]);
    this.#ended = true;
    this.#api.app.quit();
  }

  #hostChanged(state: HostState): void {
    switch (state.phase) {
      case 'ready':
        this.#log('info', `the station is ready: ${JSON.stringify(state.ready)}`);
        this.#handover.hostReady();
        break;
      case 'waiting':
        this.#log('warn', `the host is started again in ${state.delayMs} ms`);
        this.#handover.hostLost();
        break;
      case 'failed':
        void this.#hostFailed(state.failure);
        break;
    }
  }

  async #hostFailed(failure: HostFailure): Promise<void> {
    const answer = await askAboutFailure(this.#api, this.#windows.any, failure);
    if (this.#quitting) return;
    switch (answer) {
      case 'try_again':
        this.#host.start();
        break;
      case 'open_station':
        await this.#openStation(runningStationUrl(failure)!);
        this.#api.app.quit();
        break;
      case 'open_logs':
        this.#openLogFolder();
        await this.#hostFailed(failure);
        break;
      case 'quit':
        this.#api.app.quit();
    }
  }

  async #openStation(url: string): Promise<void> {
    try {
      await this.#api.shell.openExternal(url);
    } catch (error) {
      this.#log('warn', `the browser could not be opened: ${String(error)}`);
      this.#api.dialog.showErrorBox(
        'Fieldstation',
        `No browser could be opened. The running station is at ${url.split('?')[0]}`,
      );
    }
  }

  #openLogFolder(): void {
    void this.#api.shell.openPath(this.#logFolder);
  }

  #mayClose(window: BrowserWindow): boolean {
    const { phase } = this.#host.state;
    const runs = phase === 'starting' || phase === 'ready' || phase === 'waiting';
    if (this.#quitting || !runs || this.#options.platform === 'darwin' || this.#windows.size > 1) return true;
    if (!this.#asking) void this.#askToStop(window);
    return false;
  }

  async #askToStop(window: BrowserWindow): Promise<void> {
    this.#asking = true;
    try {
      if (await askToStopStation(this.#api, window)) this.#api.app.quit();
    } finally {
      this.#asking = false;
    }
  }

  async #pageBroken(window: BrowserWindow, reason: string): Promise<void> {
    this.#log('error', reason);
    if (await askAboutBrokenPage(this.#api, window, reason)) {
      if (!window.isDestroyed()) this.#windows.load(window);
    }
  }
}
