import { createWriteStream, mkdirSync, renameSync, rmSync, statSync } from 'node:fs';
import type { WriteStream } from 'node:fs';
import { join } from 'node:path';

/** One line of the shell's log. Callers never pass secrets. */
export type ShellLog = (level: 'info' | 'warn' | 'error', message: string) => void;

export interface RotatingLogOptions {
  folder: string;
  /** File name without `.log`. */
  name: string;
  /** A file that has grown past this is set aside at the next line. */
  maxBytes?: number;
  /** Files kept, the current one included. */
  files?: number;
  /** Called once for each spell of failure; a log that cannot be written must not stop a station. */
  onError?: (error: Error) => void;
}

/** How much may wait for a slow disk before lines are given up and counted. */
const MAX_WAITING_BYTES = 4 * 1024 * 1024;

/**
 * Lines appended to `NAME.log`; `NAME.1.log` is the one before it, and so on. Tokens that an address or a JSON line
 * carries are blanked, because people send logs around.
 */
export class RotatingLog {
  readonly path: string;
  readonly #options: Required<RotatingLogOptions>;
  #stream: WriteStream | undefined;
  #bytes = 0;
  #dropped = 0;
  #failed = false;

  constructor(options: RotatingLogOptions) {
    this.#options = { maxBytes: 5 * 1024 * 1024, files: 5, onError: () => undefined, ...options };
    this.path = this.#file(0);
  }

  write(line: string): void {
    const stream = this.#writable();
    if (stream === undefined) return;
    if (stream.writableLength > MAX_WAITING_BYTES) {
      this.#dropped++;
      return;
    }
    let text = `${withoutTokens(line)}\n`;
    if (this.#dropped > 0) {
      text = `... ${this.#dropped} lines left out, the disk did not follow\n${text}`;
      this.#dropped = 0;
    }
    this.#bytes += Buffer.byteLength(text);
    stream.write(text);
  }

  /** Resolves when everything is written. Writing again opens the file again. */
  async close(): Promise<void> {
    const stream = this.#stream;
    this.#stream = undefined;
    if (stream === undefined || stream.destroyed) return;
    await new Promise<void>((resolve) => {
      stream.once('close', resolve);
      stream.end();
    });
  }

  #writable(): WriteStream | undefined {
    if (this.#stream !== undefined && this.#bytes < this.#options.maxBytes) return this.#stream;
    try {
      mkdirSync(this.#options.folder, { recursive: true });
      this.#stream?.end();
      this.#bytes = statSync(this.path, { throwIfNoEntry: false })?.size ?? 0;
      // Counted as well as measured: what the old stream still holds is not in the file yet.
      if (this.#stream !== undefined || this.#bytes >= this.#options.maxBytes) {
        this.#shift();
        this.#bytes = 0;
      }
      const stream = createWriteStream(this.path, { flags: 'a' });
      stream.on('error', (error) => this.#fail(error, stream));
      this.#stream = stream;
      return stream;
    } catch (error) {
      this.#fail(error instanceof Error ? error : new Error(String(error)), this.#stream);
      return undefined;
    }
  }

  #fail(error: Error, stream: WriteStream | undefined): void {
    if (this.#stream === stream) this.#stream = undefined;
    if (this.#failed) return;
    this.#failed = true;
    this.#options.onError(error);
  }

  #shift(): void {
    const oldest = this.#options.files - 1;
    rmSync(this.#file(oldest), { force: true });
    for (let index = oldest - 1; index >= 0; index--) {
      if (statSync(this.#file(index), { throwIfNoEntry: false }) !== undefined) {
        renameSync(this.#file(index), this.#file(index + 1));
      }
    }
  }

  #file(index: number): string {
    return join(this.#options.folder, `${this.#options.name}${index === 0 ? '' : `.${index}`}.log`);
  }
}

function withoutTokens(line: string): string {
  return line.replace(/(token"?\s*[=:]\s*"?)[\w.~+/-]{8,}/gi, '$1***');
}

/** The shell's own lines in a rotating file. */
export function fileLog(log: RotatingLog, now: () => number = Date.now): ShellLog {
  return (level, message) =>
    log.write(`${new Date(now()).toISOString()} ${level} shell: ${message.replaceAll('\n', ' ')}`);
}
