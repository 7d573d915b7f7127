/** A TypeScript file as a child process whose lines of output a test waits for. */
import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { createInterface } from 'node:readline';
import { stopChild } from './peers.ts';

export interface LineChild {
  child: ChildProcess;
  /** Every line so far. */
  lines: string[];
  /** The first line, past or to come, for which `wanted` holds. Fails when the child ends without it. */
  line(wanted: (line: string) => boolean): Promise<string>;
  kill9(): Promise<void>;
}

export function startLineChild(script: URL, args: string[]): LineChild {
  const child = spawn(process.execPath, [script.pathname, ...args], { stdio: ['ignore', 'pipe', 'pipe'] });
  const lines: string[] = [];
  const watchers = new Set<() => void>();
  let errors = '';
  let ended = false;
  const look = (): void => {
    for (const watcher of watchers) watcher();
  };
  child.stderr.on('data', (chunk: Buffer) => (errors += chunk.toString()));
  const output = createInterface({ input: child.stdout });
  output.on('line', (line) => {
    lines.push(line);
    look();
  });
  const drained = new Promise<void>((resolve) => {
    output.once('close', () => {
      ended = true;
      look();
      resolve();
    });
  });
  return {
    child,
    lines,
    line(wanted) {
      return new Promise((resolve, reject) => {
        const watcher = (): void => {
          const found = lines.find(wanted);
          if (found === undefined && !ended) return;
          watchers.delete(watcher);
          if (found === undefined) reject(new Error(`the child ended without the line: ${errors}`));
          else resolve(found);
        };
        watchers.add(watcher);
        watcher();
      });
    },
    async kill9() {
      await stopChild(child, 'SIGKILL');
      await drained; // what it printed before it died counts
    },
  };
}
