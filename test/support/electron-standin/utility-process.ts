/**
 * utilityProcess.fork as a real second thread with its own event loop, `process.parentPort`, stdout, stderr and exit
 * code. A thread and not a process, because only threads can be handed ports; so the pid is the parent's.
 */
import { EventEmitter } from 'node:events';
import type { Readable } from 'node:stream';
import { Worker } from 'node:worker_threads';
import type { StandInPort } from './ports.ts';

export class StandInUtilityProcess extends EventEmitter {
  readonly entry: string;
  readonly args: string[];
  readonly stdout: Readable | null;
  readonly stderr: Readable | null;
  readonly exited: Promise<number>;
  readonly #worker: Worker;
  #alive = true;

  constructor(entry: string, args: string[], options: { env?: NodeJS.ProcessEnv; stdio?: unknown }) {
    super();
    this.entry = entry;
    this.args = args;
    const piped = options.stdio === 'pipe';
    this.#worker = new Worker(new URL('./utility-bootstrap.ts', import.meta.url), {
      argv: args,
      env: options.env ?? process.env,
      execArgv: [],
      stdout: piped,
      stderr: piped,
      workerData: { entry },
    });
    this.stdout = piped ? this.#worker.stdout : null;
    this.stderr = piped ? this.#worker.stderr : null;
    this.#worker.on('message', (message: unknown) => this.emit('message', message));
    // What a process would print on its way down.
    this.#worker.on('error', (error) => this.stderr?.emit('data', `${String(error)}\n`));
    this.exited = new Promise((resolve) => {
      this.#worker.once('exit', (code) => {
        this.#alive = false;
        this.emit('exit', code);
        resolve(code);
      });
    });
    this.#worker.once('online', () => this.emit('spawn'));
  }

  get pid(): number | undefined {
    return this.#alive ? process.pid : undefined;
  }

  postMessage(message: unknown, transfer: StandInPort[] = []): void {
    if (!this.#alive) return;
    const ports = transfer.map((port) => port.take());
    this.#worker.postMessage({ data: message, ports }, ports);
  }

  kill(): boolean {
    if (!this.#alive) return false;
    void this.#worker.terminate();
    return true;
  }
}
