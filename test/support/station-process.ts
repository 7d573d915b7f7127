/** The real station as a child process, as an operator starts it. */
import { spawn } from 'node:child_process';
import type { ChildProcess, ChildProcessByStdio } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { Readable } from 'node:stream';
import { createClient } from '../../core/rpc/client.ts';
import { connectWebSocket, rpcUrlOf } from '../../core/rpc/websocket-client.ts';
import type { RpcClient } from '../../core/rpc/types.ts';
import { stopChild } from './peers.ts';

const ROOT = new URL('../..', import.meta.url).pathname;

export interface ReadyLine {
  ready: true;
  mqtt: string | null;
  coap: string | null;
  http: string | null;
  token: string;
}

export interface StationProcess {
  child: ChildProcess;
  ready: ReadyLine;
  dataFolder: string;
  /** Port of a listener; fails when it does not listen. */
  port(listener: 'mqtt' | 'coap' | 'http'): number;
  /** Everything on stderr so far. */
  log(): string;
  client(): RpcClient;
  /** Runs one command of the command line against it. */
  cli(...args: string[]): Promise<CommandResult>;
  /** SIGTERM; answers with the exit code. */
  stop(): Promise<number | null>;
  kill9(): Promise<void>;
}

export interface CommandResult {
  code: number | null;
  stdout: string;
  stderr: string;
}

export function temporaryFolder(prefix = 'fieldstation-'): { path: string; remove(): void } {
  const path = mkdtempSync(join(tmpdir(), prefix));
  return { path, remove: () => rmSync(path, { recursive: true, force: true }) };
}

/** Starts `station ARGS` as a child; nothing on its stdin. */
export function startCli(args: string[]): ChildProcessByStdio<null, Readable, Readable> {
  return spawn(process.execPath, ['scripts/launch.mjs', 'core/cli.ts', ...args], {
    cwd: ROOT,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
}

/** Runs `station ARGS` to its end. */
export function runCli(args: string[]): Promise<CommandResult> {
  return new Promise((resolve, reject) => {
    const child = startCli(args);
    let stdout = '';
    let stderr = '';
    child.stdout.on('data', (chunk: Buffer) => (stdout += chunk.toString()));
    child.stderr.on('data', (chunk: Buffer) => (stderr += chunk.toString()));
    child.once('error', reject);
    child.once('close', (code) => resolve({ code, stdout, stderr }));
  });
}

/** Addresses as `HOST:PORT`; free ports of loopback where left out, nothing over TCP and WebSocket. */
export interface StationFlags {
  mqtt?: string;
  coap?: string;
  coapTcp?: string;
  coapWs?: string;
  http?: string;
  switches?: string[];
}

/** Starts `serve` on free ports of loopback and waits for its ready line. */
export async function startStation(dataFolder: string, options: StationFlags = {}): Promise<StationProcess> {
  const { mqtt = '127.0.0.1:0', coap = '127.0.0.1:0', http = '127.0.0.1:0', switches = [] } = options;
  const { coapTcp, coapWs } = options;
  const listeners = ['--mqtt', mqtt, '--coap', coap, '--http', http];
  if (coapTcp !== undefined) listeners.push('--coap-tcp', coapTcp);
  if (coapWs !== undefined) listeners.push('--coap-ws', coapWs);
  const child = startCli(['serve', '--data', dataFolder, ...listeners, ...switches]);
  let log = '';
  child.stderr.on('data', (chunk: Buffer) => (log += chunk.toString()));
  const ready = await new Promise<ReadyLine>((resolve, reject) => {
    createInterface({ input: child.stdout }).once('line', (line) => resolve(JSON.parse(line) as ReadyLine));
    child.once('error', reject);
    child.once('close', (code) => reject(new Error(`serve ended with ${code} before it was ready: ${log}`)));
  });
  return {
    child,
    ready,
    dataFolder,
    port(listener) {
      const address = ready[listener];
      if (address === null) throw new Error(`${listener} does not listen: ${log}`);
      return Number(/:(\d+)$/.exec(address)![1]);
    },
    log: () => log,
    client: () => createClient(() => connectWebSocket(rpcUrlOf(ready.http!), ready.token)),
    cli: (...words) => runCli([...words, '--http', ready.http!, '--token', ready.token]),
    async stop() {
      await stopChild(child, 'SIGTERM');
      return child.exitCode;
    },
    kill9: () => stopChild(child, 'SIGKILL'),
  };
}
