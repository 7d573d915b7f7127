import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';

const ROOT = join(import.meta.dirname, '../../..');

export interface NodeChild {
  child: ChildProcess;
  pid: number;
  /** What its first line of JSON said. */
  said: Record<string, unknown>;
}

/** A Node program below test/bench/coap that prints a line of JSON when it is ready, and maybe another at its end. */
export async function startNode(script: string, args: string[], flags: string[] = []): Promise<NodeChild> {
  const child = spawn(process.execPath, [...flags, join(ROOT, 'test/bench/coap', script), ...args], {
    cwd: ROOT,
    stdio: ['ignore', 'pipe', 'inherit', 'ipc'],
  });
  const line = await new Promise<string>((resolve, reject) => {
    createInterface({ input: child.stdout! }).once('line', resolve);
    child.once('exit', (code) => reject(new Error(`${script} ended with ${code} before it was ready.`)));
  });
  return { child, pid: child.pid!, said: JSON.parse(line) as Record<string, unknown> };
}

/** Ends a child and waits until it is gone. */
export async function stop(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const ended = once(child, 'exit');
  child.kill('SIGTERM');
  const late = setTimeout(() => child.kill('SIGKILL'), 5_000);
  await ended;
  clearTimeout(late);
}

/** Processor time of a process so far, µs, from Linux's /proc in ticks of 10 ms; null elsewhere. */
export function cpuMicros(pid: number): number | null {
  try {
    const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]!.split(' ');
    return (Number(fields[11]) + Number(fields[12])) * 10_000;
  } catch {
    return null;
  }
}

export function pass(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
