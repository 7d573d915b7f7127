/** The inside of a window: the built preload runs in it for real, the console's own scripts do not. */
import { EventEmitter } from 'node:events';
import { readFileSync } from 'node:fs';
import type { MessagePort } from 'node:worker_threads';
import { runInNewContext } from 'node:vm';
import type { FieldstationBridge } from '../../../electron/bridge.ts';

export interface PageHost {
  /** The page has sent something over IPC. */
  send(channel: string, args: unknown[]): void;
  preload: string;
  url: string;
}

export class StandInPage {
  /** What the preload put into the page's world, by name. */
  readonly world: Record<string, unknown> = {};
  /** Modules the preload required. A sandboxed one may require `electron` only. */
  readonly required: string[] = [];
  readonly #ipc = new EventEmitter();
  readonly #ports: MessagePort[] = [];
  readonly #waiting: ((port: MessagePort) => void)[] = [];
  readonly #host: PageHost;
  #gone = false;

  constructor(host: PageHost) {
    this.#host = host;
    this.#runPreload();
  }

  get bridge(): FieldstationBridge {
    return this.world['fieldstation'] as FieldstationBridge;
  }

  get portsWaiting(): number {
    return this.#ports.length;
  }

  /** The next port that reaches the page as a `message` event. */
  nextPort(): Promise<MessagePort> {
    const port = this.#ports.shift();
    return port === undefined ? new Promise((resolve) => this.#waiting.push(resolve)) : Promise.resolve(port);
  }

  /** Something came over IPC. */
  receive(channel: string, message: unknown, ports: MessagePort[]): void {
    if (!this.#gone) this.#ipc.emit(channel, { ports, senderId: 0 }, message);
  }

  /** The document is replaced or its process died. */
  end(): void {
    this.#gone = true;
    this.#ipc.removeAllListeners();
    for (const port of this.#ports) port.close();
  }

  #postMessage(message: unknown, targetOrigin: string, ports: MessagePort[]): void {
    // The platform compares origins; a mismatch drops the message without a word.
    if (targetOrigin !== this.#origin) return;
    if ((message as { fieldstation?: unknown }).fieldstation !== 'port') return;
    for (const port of ports) {
      const waiting = this.#waiting.shift();
      if (waiting === undefined) this.#ports.push(port);
      else waiting(port);
    }
  }

  get #origin(): string {
    const { protocol, host } = new URL(this.#host.url);
    return `${protocol}//${host}`;
  }

  #runPreload(): void {
    const ipcRenderer = {
      on: (channel: string, listener: (...args: unknown[]) => void) => void this.#ipc.on(channel, listener),
      send: (channel: string, ...args: unknown[]) => {
        if (!this.#gone) this.#host.send(channel, structuredClone(args));
      },
    };
    const contextBridge = {
      exposeInMainWorld: (name: string, api: unknown) => {
        if (name in this.world) throw new Error(`"${name}" is in the page's world already.`);
        this.world[name] = api;
      },
    };
    runInNewContext(readFileSync(this.#host.preload, 'utf8'), {
      require: (name: string): unknown => {
        this.required.push(name);
        if (name !== 'electron') throw new Error(`A sandboxed preload cannot require "${name}".`);
        return { contextBridge, ipcRenderer };
      },
      module: { exports: {} },
      exports: {},
      process: { platform: process.platform, versions: { electron: '0', chrome: '0', node: '0' } },
      window: {
        location: { origin: this.#origin },
        postMessage: (message: unknown, origin: string, ports: MessagePort[]) =>
          this.#postMessage(message, origin, ports),
      },
      Object,
    });
  }
}
