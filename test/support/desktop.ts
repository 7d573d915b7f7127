/** The whole desktop on the stand-in: the shell, the built preload, a real host thread, and a console of one page. */
import { mkdtempSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { MessagePort } from 'node:worker_threads';
import { build } from 'vite';
import { startShell } from '../../electron/shell.ts';
import type { ShellOptions } from '../../electron/shell.ts';
import { systemTimers } from '../../electron/timers.ts';
import { buildTargets } from '../../scripts/build-targets.ts';
import { ElectronStandIn } from './electron-standin.ts';

const ROOT = join(import.meta.dirname, '..', '..');

export interface DesktopFiles {
  preload: string;
  consoleFolder: string;
  remove(): void;
}

/** Builds the real preload and lays out a small console. Once for a file of tests: it takes a moment. */
export async function desktopFiles(): Promise<DesktopFiles> {
  const folder = mkdtempSync(join(tmpdir(), 'fieldstation-shell-'));
  const preload = buildTargets(ROOT, folder).find((target) => target.name === 'preload')!;
  await build(preload.config);
  const consoleFolder = join(folder, 'console');
  mkdirSync(join(consoleFolder, 'assets'), { recursive: true });
  writeFileSync(join(consoleFolder, 'index.html'), '<!doctype html><title>Fieldstation</title>');
  writeFileSync(join(consoleFolder, 'assets', 'main.js'), 'export {};');
  writeFileSync(join(consoleFolder, 'assets', 'main.js.map'), '{}');
  return {
    preload: join(folder, 'electron', 'preload.cjs'),
    consoleFolder,
    remove: () => rmSync(folder, { recursive: true, force: true }),
  };
}

export interface Desktop {
  electron: ElectronStandIn;
  /** Resolves when the shell's start has run through. */
  started: Promise<void>;
}

/** Starts the shell up to the point where Electron is about to become ready. */
export function startDesktop(
  files: DesktopFiles,
  options: Partial<ShellOptions> = {},
  isPackaged = true,
): Desktop {
  const electron = new ElectronStandIn();
  electron.app.isPackaged = isPackaged;
  const started = startShell(electron.api, {
    hostEntry: join(import.meta.dirname, 'fake-host.ts'),
    preload: files.preload,
    consoleFolder: files.consoleFolder,
    argv: ['fieldstation'],
    env: process.env,
    platform: 'linux',
    timers: systemTimers,
    ...options,
  });
  return { electron, started };
}

/** Sends one message over a page's port and answers with the next one that comes back. */
export function askPort<T>(port: MessagePort, message: unknown): Promise<T> {
  return new Promise((resolve) => {
    port.once('message', resolve);
    port.postMessage(message);
  });
}
