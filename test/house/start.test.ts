/** `npm start` as a person runs it, with and without an Electron to be found. */
import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { buildIfNeeded } from '../../scripts/build-if-needed.ts';
import { stopChild } from '../support/peers.ts';
import { temporaryFolder } from '../support/station-process.ts';

const ROOT = join(import.meta.dirname, '..', '..');
const FREE = ['--mqtt', '127.0.0.1:0', '--coap', '127.0.0.1:0', '--http', '127.0.0.1:0'];
// The stand-in for Electron is a script, and lies where it lies on Linux.
const onLinux = process.platform === 'linux';

let folder: { path: string; remove(): void };
let child: ChildProcess | undefined;

beforeAll(() => expect(buildIfNeeded(ROOT, () => undefined)).toBe(true), 60_000);
beforeEach(() => {
  folder = temporaryFolder();
});
afterEach(async () => {
  if (child !== undefined) await stopChild(child, 'SIGKILL');
  child = undefined;
  folder.remove();
});

function start(args: string[], env: NodeJS.ProcessEnv = {}) {
  const started = spawn(process.execPath, ['scripts/launch.mjs', 'scripts/start.ts', ...args], {
    cwd: ROOT,
    env: { ...process.env, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  child = started;
  const lines = { stdout: [] as string[], stderr: [] as string[] };
  createInterface({ input: started.stdout }).on('line', (line) => lines.stdout.push(line));
  createInterface({ input: started.stderr }).on('line', (line) => lines.stderr.push(line));
  const ended = once(started, 'close') as Promise<[number | null, NodeJS.Signals | null]>;
  const said = (pattern: RegExp) =>
    expect.poll(() => lines.stderr.find((line) => pattern.test(line)), { timeout: 15_000 }).toBeDefined();
  return { process: started, lines, ended, said };
}

/** A program that Electron could be: it notes how it was called, and ends as told. */
function writeElectron(script: string): NodeJS.ProcessEnv {
  const binary = join(folder.path, 'electron');
  writeFileSync(binary, `#!/bin/sh\nprintf '%s\\n' "$@" > "${folder.path}/args"\n${script}\n`);
  chmodSync(binary, 0o755);
  return { ELECTRON_OVERRIDE_DIST_PATH: folder.path, DISPLAY: ':77', FIELDSTATION_HEADLESS: '' };
}

describe('npm start', () => {
  it('without a window: says why, starts the station, and gives the address that lets a person in', async () => {
    const station = start(['--headless', '--data', join(folder.path, 'data'), ...FREE]);
    await station.said(/Open http/);
    const [first] = station.lines.stderr;
    expect(first).toContain('--headless asks for it. For the desktop');
    expect(station.lines.stdout).toHaveLength(1);
    const ready = JSON.parse(station.lines.stdout[0]!) as { http: string; token: string };
    const open = station.lines.stderr.find((line) => line.startsWith('Open '))!;
    expect(open).toBe(`Open ${ready.http}/?token=${ready.token} in a browser. Ctrl+C stops the station.`);
    const page = await fetch(open.split(' ')[1]!);
    expect(page.status).toBe(200);
    expect(await page.text()).toContain('<title>Fieldstation</title>');

    station.process.kill('SIGINT');
    expect(await station.ended).toEqual([0, null]);
  });

  it('keeps the exit code of a station that cannot start', async () => {
    const station = start(['--headless', '--nonsense']);
    expect(await station.ended).toEqual([1, null]);
    expect(station.lines.stdout).toEqual([]);
  });

  it.runIf(onLinux)('with Electron and a display: the desktop, with the same words', async () => {
    const env = writeElectron('exit 0');
    const desktop = start(['--no-sandbox', '--mqtt', '127.0.0.1:0'], env);
    expect(await desktop.ended).toEqual([0, null]);
    expect(desktop.lines.stderr).toEqual([expect.stringMatching(/^Starting the desktop/)]);
    const args = readFileSync(join(folder.path, 'args'), 'utf8').trim().split('\n');
    expect(args).toEqual([ROOT, '--no-sandbox', '--mqtt', '127.0.0.1:0']);
  });

  it.runIf(onLinux)('tells what to do when the desktop ends at once, and keeps its exit code', async () => {
    const desktop = start(['--no-sandbox'], writeElectron('exit 7'));
    expect(await desktop.ended).toEqual([7, null]);
    expect(desktop.lines.stderr.at(-1)).toBe(
      'The desktop ended at once (code 7). Without a window: npm start -- --headless',
    );
  });

  it.runIf(onLinux)('passes the end on to the desktop and waits for it', async () => {
    const script = `trap 'echo stopped >> "${folder.path}/args"; exit 3' TERM\necho up >&2\nwhile :; do sleep 0.05; done`;
    const desktop = start(['--no-sandbox'], writeElectron(script));
    await desktop.said(/^up$/);
    desktop.process.kill('SIGTERM');
    const [code] = await desktop.ended;
    expect(code).toBe(3);
    expect(readFileSync(join(folder.path, 'args'), 'utf8')).toContain('stopped');
  });
});
