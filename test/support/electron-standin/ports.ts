/** MessageChannelMain over worker_threads: real ports that really cross threads, in Electron's manner of speaking. */
import { EventEmitter } from 'node:events';
import { MessageChannel } from 'node:worker_threads';
import type { MessagePort } from 'node:worker_threads';

/** As in Electron: silent until `start`, events carry `{ data, ports }`. */
export class StandInPort extends EventEmitter {
  readonly #raw: MessagePort;
  #transferred = false;
  #started = false;

  constructor(raw: MessagePort) {
    super();
    this.#raw = raw;
    raw.on('close', () => {
      if (!this.#transferred) this.emit('close');
    });
  }

  postMessage(message: unknown): void {
    if (this.#transferred) throw new Error('The port was transferred.');
    this.#raw.postMessage(message);
  }

  start(): void {
    if (this.#started) return;
    this.#started = true;
    this.#raw.on('message', (data: unknown) => this.emit('message', { data, ports: [] }));
  }

  close(): void {
    this.#raw.close();
  }

  /** Gives the port of the platform away; this object is then of no more use. */
  take(): MessagePort {
    if (this.#transferred) throw new Error('The port was transferred before.');
    this.#transferred = true;
    return this.#raw;
  }
}

export class StandInMessageChannel {
  readonly port1: StandInPort;
  readonly port2: StandInPort;

  constructor() {
    const { port1, port2 } = new MessageChannel();
    this.port1 = new StandInPort(port1);
    this.port2 = new StandInPort(port2);
  }
}
