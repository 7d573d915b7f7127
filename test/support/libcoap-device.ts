/**
 * Debian's libcoap server as a device; what it says of every message (`-v 7`) can be waited for. A line that shows a
 * message is seen when the next line comes: what it sends last may not be.
 */
import type { ChildProcess } from 'node:child_process';
import { freePort, startPeer, stopChild } from './peers.ts';

export interface LibcoapOptions {
  /** 127.0.0.1 unless given. */
  address?: string;
  /** A free one unless given. */
  port?: number;
  /** More of its flags, such as `-d 10`. */
  flags?: string[];
}

export class LibcoapDevice {
  readonly address: string;
  readonly port: number;
  /** All it has said. */
  log = '';
  readonly #child: ChildProcess;
  readonly #lookers = new Set<() => void>();

  private constructor(child: ChildProcess, address: string, port: number) {
    this.#child = child;
    this.address = address;
    this.port = port;
    const take = (part: Buffer): void => {
      this.log += part.toString('latin1');
      for (const look of [...this.#lookers]) look();
    };
    child.stdout!.on('data', take);
    child.stderr!.on('data', take);
  }

  /** It listens when this resolves. */
  static async start({
    address = '127.0.0.1',
    port,
    flags = [],
  }: LibcoapOptions = {}): Promise<LibcoapDevice> {
    const at = port ?? (await freePort());
    const args = ['-A', address, '-p', String(at), '-v', '7', ...flags];
    const server = new LibcoapDevice(startPeer('coap-server-notls', args), address, at);
    await server.said(flags.includes('-g') ? /added mcast group/ : /created UDP/);
    return server;
  }

  get authority(): string {
    return `coap://${this.address}:${this.port}`;
  }

  /** How often it has said so; `pattern` needs the flag g. */
  times(pattern: RegExp): number {
    return this.log.match(pattern)?.length ?? 0;
  }

  /** Resolves once it has said so, past or to come, `from` a place in its log on. */
  said(pattern: RegExp, from = 0): Promise<void> {
    return new Promise((resolve, reject) => {
      const look = (): void => {
        if (pattern.test(this.log.slice(from))) resolve();
        else if (this.#child.exitCode !== null) reject(new Error(`libcoap ended: ${this.log}`));
        else return;
        this.#lookers.delete(look);
      };
      this.#lookers.add(look);
      this.#child.once('close', look);
      look();
    });
  }

  /** Whether its process still runs. */
  get isRunning(): boolean {
    return this.#child.exitCode === null && this.#child.signalCode === null;
  }

  stop(signal: NodeJS.Signals = 'SIGKILL'): Promise<void> {
    return stopChild(this.#child, signal);
  }
}
