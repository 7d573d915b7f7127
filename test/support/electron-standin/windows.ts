/** BrowserWindow and its WebContents, as far as the shell uses them, with the events in Electron's order. */
import { EventEmitter, once } from 'node:events';
import type { BrowserWindowConstructorOptions } from 'electron';
import { StandInPage } from './page.ts';
import type { StandInPort } from './ports.ts';

export interface WindowSurroundings {
  fetch(request: Request): Promise<Response>;
  ipc(
    channel: string,
    event: { sender: StandInContents; senderFrame: StandInFrame | null },
    args: unknown[],
  ): void;
  created(contents: StandInContents): void;
  closed(window: StandInWindow): void;
}

export class StandInFrame {
  parent: StandInFrame | null = null;
  url: string;

  constructor(url: string) {
    this.url = url;
  }
}

/** What a handler did with an event that can be prevented. */
export function preventable<T extends object>(
  fields: T,
): T & { defaultPrevented: boolean; preventDefault(): void } {
  return Object.assign(fields, {
    defaultPrevented: false,
    preventDefault(this: { defaultPrevented: boolean }) {
      this.defaultPrevented = true;
    },
  });
}

export class StandInContents extends EventEmitter {
  mainFrame = new StandInFrame('');
  page: StandInPage | undefined;
  response: Response | undefined;
  webRtcPolicy = 'default';
  #destroyed = false;
  readonly #preload: string;
  readonly #around: WindowSurroundings;
  #openHandler: ((details: { url: string }) => { action: string }) | undefined;

  constructor(preload: string, around: WindowSurroundings) {
    super();
    this.#preload = preload;
    this.#around = around;
  }

  isDestroyed(): boolean {
    return this.#destroyed;
  }
  setWindowOpenHandler(handler: (details: { url: string }) => { action: string }): void {
    this.#openHandler = handler;
  }
  setWebRTCIPHandlingPolicy(policy: string): void {
    this.webRtcPolicy = policy;
  }

  postMessage(channel: string, message: unknown, transfer: StandInPort[] = []): void {
    if (this.#destroyed) throw new TypeError('Object has been destroyed');
    const ports = transfer.map((port) => port.take());
    setImmediate(() => this.page?.receive(channel, message, ports));
  }

  /** Loads as a navigation: the old page ends, the protocol handler is asked, the preload runs. */
  async load(url: string): Promise<void> {
    this.emit('did-start-navigation', { url, isMainFrame: true, isSameDocument: false });
    this.page?.end();
    this.page = undefined;
    this.response = await this.#around.fetch(new Request(url));
    if (!this.response.ok) throw new Error(`ERR_FAILED (${this.response.status}) loading '${url}'`);
    if (this.#destroyed) return;
    this.mainFrame = new StandInFrame(url);
    this.page = new StandInPage({
      url,
      preload: this.#preload,
      send: (channel, args) => this.sendIpc(channel, args),
    });
    this.emit('dom-ready');
    this.emit('did-finish-load');
  }

  reload(): Promise<void> {
    return this.load(this.mainFrame.url);
  }

  /** An IPC message of a frame of this page, its own top frame unless another is given. */
  sendIpc(channel: string, args: unknown[] = [], frame: StandInFrame | null = this.mainFrame): void {
    setImmediate(() => this.#around.ipc(channel, { sender: this, senderFrame: frame }, args));
  }

  /** The page's process dies. */
  crash(reason = 'crashed'): void {
    this.page?.end();
    this.page = undefined;
    this.emit('render-process-gone', {}, { reason, exitCode: 5 });
  }

  /** Whether the page could open a window, and with it where the system was sent. */
  windowOpen(url: string): string {
    return this.#openHandler?.({ url }).action ?? 'allow';
  }

  /** Whether a navigation event of this name would have been let through. */
  navigates(
    event: 'will-navigate' | 'will-frame-navigate' | 'will-redirect',
    url: string,
    isMainFrame = true,
  ): boolean {
    const details = preventable({ url, isMainFrame });
    this.emit(event, details);
    return !details.defaultPrevented;
  }

  destroy(): void {
    this.#destroyed = true;
    this.page?.end();
    this.emit('destroyed');
  }
}

export class StandInWindow extends EventEmitter {
  readonly webContents: StandInContents;
  readonly options: BrowserWindowConstructorOptions;
  visible: boolean;
  focused = false;
  minimized = false;
  maximized = false;
  fullScreen = false;
  bounds: { x: number; y: number; width: number; height: number };
  #destroyed = false;
  readonly #around: WindowSurroundings;

  constructor(options: BrowserWindowConstructorOptions, around: WindowSurroundings) {
    super();
    this.options = options;
    this.visible = options.show !== false;
    this.bounds = {
      x: options.x ?? 0,
      y: options.y ?? 0,
      width: options.width ?? 800,
      height: options.height ?? 600,
    };
    this.#around = around;
    this.webContents = new StandInContents(options.webPreferences?.preload ?? '', around);
    around.created(this.webContents);
  }

  async loadURL(url: string): Promise<void> {
    await this.webContents.load(url);
    if (!this.#destroyed) this.emit('ready-to-show');
  }

  isDestroyed = (): boolean => this.#destroyed;
  isMinimized = (): boolean => this.minimized;
  isMaximized = (): boolean => this.maximized;
  isFullScreen = (): boolean => this.fullScreen;
  getNormalBounds = (): StandInWindow['bounds'] => this.bounds;
  maximize = (): void => void (this.maximized = true);
  setFullScreen = (on: boolean): void => void (this.fullScreen = on);
  restore = (): void => void (this.minimized = false);
  show = (): void => void (this.visible = true);
  focus = (): void => void (this.focused = true);

  /** As the button of the frame: the page's owner may refuse. */
  close(): void {
    if (this.#destroyed) return;
    const event = preventable({});
    this.emit('close', event);
    if (event.defaultPrevented) return;
    this.#destroyed = true;
    this.webContents.destroy();
    this.emit('closed');
    this.#around.closed(this);
  }

  /** Resolves with the page once it has loaded. */
  async loaded(): Promise<StandInPage> {
    while (this.webContents.page === undefined) await once(this.webContents, 'did-finish-load');
    return this.webContents.page;
  }
}
