import type { IpcMainEvent, WebContents } from 'electron';
import { PORT_GIVEN, PORT_WANTED } from './bridge.ts';
import type { ElectronApi } from './electron-api.ts';
import type { HostSupervisor } from './host-supervisor.ts';
import { isTrustedSender } from './security.ts';
import type { ShellLog } from './shell-log.ts';

/**
 * Gives each page its own channel straight to the host. A page asks once when it has loaded; it gets its port now or
 * when the host is ready, and a new one each time the host is started anew. A reload forgets the page, because the
 * port would arrive before anybody listens; the new page asks for itself. The desktop's own screens are `admin`.
 */
export class PortHandover {
  readonly #api: Pick<ElectronApi, 'ipcMain' | 'MessageChannelMain'>;
  readonly #host: Pick<HostSupervisor, 'connectScreen' | 'state'>;
  readonly #log: ShellLog;
  /** Pages that listen, and how to stop watching them. */
  readonly #pages = new Map<WebContents, () => void>();

  constructor(
    api: Pick<ElectronApi, 'ipcMain' | 'MessageChannelMain'>,
    host: Pick<HostSupervisor, 'connectScreen' | 'state'>,
    log: ShellLog,
  ) {
    this.#api = api;
    this.#host = host;
    this.#log = log;
  }

  start(): void {
    this.#api.ipcMain.on(PORT_WANTED, this.#wanted);
  }

  stop(): void {
    this.#api.ipcMain.off(PORT_WANTED, this.#wanted);
    for (const forget of this.#pages.values()) forget();
  }

  /** To be called when a host has become ready: every page that listens gets a port to it. */
  hostReady(): void {
    for (const contents of this.#pages.keys()) this.#hand(contents);
  }

  #wanted = (event: IpcMainEvent): void => {
    if (!isTrustedSender(event)) {
      this.#log('warn', 'a port was asked for by a page that is not the console, and refused');
      return;
    }
    this.#watch(event.sender);
    this.#hand(event.sender);
  };

  #hand(contents: WebContents): void {
    if (this.#host.state.phase !== 'ready' || contents.isDestroyed()) return;
    const { port1, port2 } = new this.#api.MessageChannelMain();
    if (this.#host.connectScreen(port1, 'admin')) contents.postMessage(PORT_GIVEN, null, [port2]);
    else port1.close();
  }

  #watch(contents: WebContents): void {
    if (this.#pages.has(contents)) return;
    const navigated = (details: { isMainFrame: boolean; isSameDocument: boolean }): void => {
      if (details.isMainFrame && !details.isSameDocument) forget();
    };
    const forget = (): void => {
      this.#pages.delete(contents);
      if (contents.isDestroyed()) return;
      contents.off('did-start-navigation', navigated);
      contents.off('render-process-gone', forget);
      contents.off('destroyed', forget);
    };
    contents.on('did-start-navigation', navigated);
    contents.on('render-process-gone', forget);
    contents.on('destroyed', forget);
    this.#pages.set(contents, forget);
  }
}
