import type { IpcMainEvent, WebContents } from 'electron';
import { PORT_GIVEN, PORT_WANTED } from './bridge.ts';
import type { ElectronApi } from './electron-api.ts';
import type { HostSupervisor } from './host-supervisor.ts';
import { isTrustedSender } from './security.ts';
import type { ShellLog } from './shell-log.ts';
import type { Timers } from './timers.ts';

/** A port handed over so shortly before the host's end may have gone to a process that was already dying. */
const IN_VAIN_MS = 5_000;

/**
 * Gives each page its own channel straight to the host: one port for each time the page asks, now or when the host is
 * ready. Hardly ever unasked: a port that nobody takes would be a screen that the host serves for nothing. A page whose
 * port closes asks again, and so gets one to the host that was started anew. A reload forgets what was asked for,
 * because the port would arrive before anybody listens. The desktop's own screens are `admin`.
 */
export class PortHandover {
  readonly #api: Pick<ElectronApi, 'ipcMain' | 'MessageChannelMain'>;
  readonly #host: Pick<HostSupervisor, 'connectScreen' | 'state'>;
  readonly #log: ShellLog;
  readonly #timers: Timers;
  #handed: { contents: WebContents; atMs: number }[] = [];
  /** Pages that wait for a port, and how to stop watching them. */
  readonly #waiting = new Map<WebContents, () => void>();

  constructor(
    api: Pick<ElectronApi, 'ipcMain' | 'MessageChannelMain'>,
    host: Pick<HostSupervisor, 'connectScreen' | 'state'>,
    log: ShellLog,
    timers: Timers,
  ) {
    this.#api = api;
    this.#host = host;
    this.#log = log;
    this.#timers = timers;
  }

  start(): void {
    this.#api.ipcMain.on(PORT_WANTED, this.#wanted);
  }

  stop(): void {
    this.#api.ipcMain.off(PORT_WANTED, this.#wanted);
    for (const forget of this.#waiting.values()) forget();
  }

  /** To be called when a host has become ready: every page that waits gets a port to it. */
  hostReady(): void {
    for (const [contents, forget] of [...this.#waiting]) {
      forget();
      this.#hand(contents);
    }
  }

  /** To be called when the host has ended. Pages whose request may have been in vain need not find out by waiting. */
  hostLost(): void {
    const recent = this.#recent();
    this.#handed = [];
    for (const { contents } of recent) if (!contents.isDestroyed()) this.#wait(contents);
  }

  #wanted = (event: IpcMainEvent): void => {
    if (!isTrustedSender(event)) {
      this.#log('warn', 'a port was asked for by a page that is not the console, and refused');
      return;
    }
    if (this.#host.state.phase === 'ready') this.#hand(event.sender);
    else this.#wait(event.sender);
  };

  #hand(contents: WebContents): void {
    if (contents.isDestroyed()) return;
    const { port1, port2 } = new this.#api.MessageChannelMain();
    if (!this.#host.connectScreen(port1, 'admin')) {
      port1.close();
      return;
    }
    contents.postMessage(PORT_GIVEN, null, [port2]);
    this.#handed = [...this.#recent(), { contents, atMs: this.#timers.monotonic() }];
  }

  #recent(): { contents: WebContents; atMs: number }[] {
    const nowMs = this.#timers.monotonic();
    return this.#handed.filter(({ atMs }) => nowMs - atMs < IN_VAIN_MS);
  }

  #wait(contents: WebContents): void {
    if (this.#waiting.has(contents)) return;
    const navigated = (details: { isMainFrame: boolean; isSameDocument: boolean }): void => {
      if (details.isMainFrame && !details.isSameDocument) forget();
    };
    const forget = (): void => {
      this.#waiting.delete(contents);
      if (contents.isDestroyed()) return;
      contents.off('did-start-navigation', navigated);
      contents.off('render-process-gone', forget);
      contents.off('destroyed', forget);
    };
    contents.on('did-start-navigation', navigated);
    contents.on('render-process-gone', forget);
    contents.on('destroyed', forget);
    this.#waiting.set(contents, forget);
  }
}
