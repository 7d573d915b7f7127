import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { freePort } from '../../support/peers.ts';

const ROOT = join(import.meta.dirname, '../../..');

export interface Running {
  port: number;
  pid: number;
  stop(): Promise<void>;
}

/** A broker in a process of its own. */
export interface Contender {
  name: string;
  /** Why it cannot run here, or null. */
  missing(): string | null;
  start(options: ContenderOptions): Promise<Running>;
}

export interface ContenderOptions {
  /** Messages with QoS above 0 that may be under way to one client, where that can be set. */
  inflight: number;
}

export const CONTENDERS: Contender[] = [
  { name: 'mosquitto', missing: mosquittoMissing, start: startMosquitto },
  { name: 'aedes', missing: () => null, start: () => startNode('test/bench/mqtt/broker-aedes.ts', []) },
  {
    name: 'broker alone',
    missing: () => null,
    start: ({ inflight }) => startNode('test/bench/mqtt/broker-fieldstation.ts', [String(inflight)]),
  },
  { name: 'station --no-record', missing: () => null, start: () => startStation(['--no-record']) },
  { name: 'station', missing: () => null, start: () => startStation([]) },
];

const MOSQUITTO = '/usr/sbin/mosquitto';

function mosquittoMissing(): string | null {
  return existsSync(MOSQUITTO) ? null : `${MOSQUITTO} is not there (apt-get install mosquitto)`;
}

async function startMosquitto({ inflight }: ContenderOptions): Promise<Running> {
  const port = await freePort();
  const folder = mkdtempSync(join(tmpdir(), 'bench-mosquitto-'));
  const config = join(folder, 'mosquitto.conf');
  const lines = [
    `listener ${port} 127.0.0.1`,
    'allow_anonymous true',
    'persistence false',
    'max_queued_messages 0',
    `max_inflight_messages ${inflight}`,
    'set_tcp_nodelay true',
    'log_dest none',
    'user root',
  ];
  writeFileSync(config, lines.join('\n'));
  const child = spawn(MOSQUITTO, ['-c', config], { stdio: 'ignore' });
  await answering(port, child);
  return { port, pid: child.pid!, stop: () => stop(child, folder) };
}

async function startStation(switches: string[]): Promise<Running> {
  const folder = mkdtempSync(join(tmpdir(), 'bench-station-'));
  const any = '127.0.0.1:0';
  const args = ['serve', '--data', folder, '--mqtt', any, '--coap', any, '--http', any, ...switches];
  return startNode('scripts/launch.mjs', ['core/cli.ts', ...args], folder);
}

/** A Node program that says `{"mqtt":"HOST:PORT", ...}` on its first line. */
async function startNode(script: string, args: string[], folder?: string): Promise<Running> {
  const child = spawn(process.execPath, [join(ROOT, script), ...args], {
    cwd: ROOT,
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const line = await firstLine(child, script);
  const { mqtt } = JSON.parse(line) as { mqtt: string };
  const port = Number(mqtt.slice(mqtt.lastIndexOf(':') + 1));
  return { port, pid: child.pid!, stop: () => stop(child, folder) };
}

function firstLine(child: ChildProcess, what: string): Promise<string> {
  return new Promise((resolve, reject) => {
    createInterface({ input: child.stdout! }).once('line', resolve);
    child.once('exit', (code) => reject(new Error(`${what} ended with ${code} before it was ready.`)));
  });
}

async function stop(child: ChildProcess, folder?: string): Promise<void> {
  if (child.exitCode === null && child.signalCode === null) {
    const ended = once(child, 'exit');
    child.kill('SIGTERM');
    const late = setTimeout(() => child.kill('SIGKILL'), 5_000);
    await ended;
    clearTimeout(late);
  }
  if (folder !== undefined) rmSync(folder, { recursive: true, force: true });
}

async function answering(port: number, child: ChildProcess): Promise<void> {
  for (let attempt = 0; attempt < 100 && child.exitCode === null; attempt++) {
    const socket = connect(port, '127.0.0.1');
    const answered = await new Promise<boolean>((resolve) => {
      socket.once('connect', () => resolve(true));
      socket.once('error', () => resolve(false));
    });
    socket.destroy();
    if (answered) return;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  throw new Error(`Nothing answers on port ${port}.`);
}
