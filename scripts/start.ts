/** `npm start`: builds if needed, then the desktop where it can run, else the same station with the console in the browser. */
import '../core/base/node-version.ts';
import { spawn } from 'node:child_process';
import { constants } from 'node:os';
import { join } from 'node:path';
import { buildIfNeeded } from './build-if-needed.ts';
import { chooseShell, consoleAddress, findElectronBinary } from './start-choice.ts';

const ROOT = join(import.meta.dirname, '..');
/** A desktop that ends with an error so soon never came up. */
const NEVER_UP_MS = 10_000;

function say(line: string): void {
  process.stderr.write(`${line}\n`);
}

/** Runs Electron to its end, with its signals and its exit code. */
function runDesktop(binary: string, args: string[]): void {
  const env = { ...process.env };
  // With it, Electron would be a plain Node and know no windows.
  delete env['ELECTRON_RUN_AS_NODE'];
  const startMs = Date.now();
  const child = spawn(binary, [ROOT, ...args], { cwd: ROOT, env, stdio: 'inherit' });
  const forward = (signal: NodeJS.Signals) => void child.kill(signal);
  process.on('SIGTERM', forward);
  process.on('SIGHUP', forward);
  // On a terminal Ctrl+C reaches both of us; a second one would make Electron leave without stopping the station.
  process.on('SIGINT', (signal) => {
    if (!process.stdin.isTTY) forward(signal);
  });
  child.once('error', (error) => {
    say(`The desktop could not be started: ${error.message}. Without a window: npm start -- --headless`);
    process.exit(1);
  });
  child.once('exit', (code, signal) => {
    const status = code ?? 128 + (signal === null ? 0 : constants.signals[signal]);
    if (status !== 0 && Date.now() - startMs < NEVER_UP_MS) {
      say(
        `The desktop ended at once (${signal ?? `code ${code}`}). Without a window: npm start -- --headless`,
      );
    }
    process.exit(status);
  });
}

/**
 * Runs `serve` in this very process: signals, exit code and a kill need no forwarding. The ready line passes through
 * to stdout untouched; the address in it is what a person needs next, so it is said on stderr too.
 */
async function runHeadless(args: string[]): Promise<void> {
  const { stdout } = process;
  const write = stdout.write;
  stdout.write = ((chunk: string | Uint8Array, ...rest: never[]) => {
    const done = Reflect.apply(write, stdout, [chunk, ...rest]);
    const ready = consoleAddress(Buffer.from(chunk).toString());
    if (ready === null) return done;
    stdout.write = write;
    say(
      ready.address === null
        ? 'The station runs, but its console cannot be reached; the log above says why.'
        : `\nOpen ${ready.address} in a browser. Ctrl+C stops the station.\n`,
    );
    return done;
  }) as typeof stdout.write;
  const entry = join(ROOT, 'core', 'cli.ts');
  process.argv = [process.argv[0]!, entry, 'serve', ...args];
  await import('../core/cli.ts');
}

if (buildIfNeeded(ROOT, say)) {
  const electronBinary = findElectronBinary(ROOT, process.env, process.platform);
  const choice = chooseShell({
    platform: process.platform,
    env: process.env,
    isRoot: process.getuid?.() === 0,
    electronBinary,
    args: process.argv.slice(2),
  });
  say(choice.line);
  if (choice.mode === 'desktop') runDesktop(electronBinary!, choice.args);
  else await runHeadless(choice.args);
} else {
  process.exitCode = 1;
}
