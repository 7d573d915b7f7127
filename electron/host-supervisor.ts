import type { MessagePortMain, UtilityProcess } from 'electron';
import { CrashBudget } from './crash-budget.ts';
import type { ElectronApi } from './electron-api.ts';
import { readHostMessage } from './host-messages.ts';
import type { HostFailure, HostReady, ToHost } from './host-messages.ts';
import type { ShellLog } from './shell-log.ts';
import type { Timers } from './timers.ts';

const FIRST_DELAY_MS = 500;
const LONGEST_DELAY_MS = 10_000;
const MOST_CRASHES = 5;
const CRASH_WINDOW_MS = 60_000;
const STOP_TIMEOUT_MS = 15_000;
const KILL_TIMEOUT_MS = 5_000;
/** Time for the last lines of a host that gave up to reach the log. */
const LAST_WORDS_MS = 1_000;
const SLOW_START_MS = 30_000;

export type HostState =
  | { phase: 'idle' }
  | { phase: 'starting' }
  | { phase: 'ready'; ready: HostReady }
  /** It crashed and is started again when the time has passed. */
  | { phase: 'waiting'; delayMs: number; crashes: number }
  /** It said that it cannot run, or it crashed too often. `start` tries again. */
  | { phase: 'failed'; failure: HostFailure }
  | { phase: 'stopping' }
  | { phase: 'stopped' };

export interface HostSupervisorOptions {
  fork: ElectronApi['utilityProcess']['fork'];
  /** The host's entry, `dist/host/host.js`. */
  entry: string;
  /** The flags of `serve`. */
  args: string[];
  env: NodeJS.ProcessEnv;
  timers: Timers;
  log: ShellLog;
  /** Where the host's own lines go. */
  hostLine: (line: string) => void;
  onState: (state: HostState) => void;
  /** How long a host may take to stop before it is killed. */
  stopTimeoutMs?: number;
}

/**
 * Keeps one host process running. A crash is followed by a restart, later each time; six crashes within a minute are
 * a loop and end in `failed`. A host that says `failed` itself knows why and is not restarted. A slow start is never
 * cut off: a migration or a check of a large record may take minutes.
 */
export class HostSupervisor {
  readonly #options: HostSupervisorOptions;
  readonly #budget = new CrashBudget(MOST_CRASHES, CRASH_WINDOW_MS);
  #state: HostState = { phase: 'idle' };
  #child: UtilityProcess | undefined;
  #timer: { cancel(): void } | undefined;
  #stopping: Promise<void> | undefined;

  constructor(options: HostSupervisorOptions) {
    this.#options = options;
  }

  get state(): HostState {
    return this.#state;
  }

  /** Starts the host, also anew after `failed`. Does nothing while one runs or is about to. */
  start(): void {
    if (this.#state.phase !== 'idle' && this.#state.phase !== 'failed') return;
    this.#budget.reset();
    this.#fork();
  }

  /** Gives the host its end of a screen's connection. False when there is no host that could take it. */
  connectScreen(port: MessagePortMain, role: 'view' | 'operate' | 'admin'): boolean {
    if (this.#state.phase !== 'ready' || this.#child === undefined) return false;
    this.#child.postMessage({ type: 'screen', role } satisfies ToHost, [port]);
    return true;
  }

  /** Asks the host to stop, kills it when it does not, and resolves when it is gone. Idempotent. */
  stop(): Promise<void> {
    this.#stopping ??= this.#stop();
    return this.#stopping;
  }

  #fork(): void {
    const { fork, entry, args, env, timers, log } = this.#options;
    this.#to({ phase: 'starting' });
    let child: UtilityProcess;
    try {
      child = fork(entry, args, { env, stdio: 'pipe', serviceName: 'Fieldstation host' });
    } catch (error) {
      this.#fail({
        code: 'host.not_started',
        message: `The station could not be started: ${String(error)}`,
        detail: {},
      });
      return;
    }
    this.#child = child;
    this.#timer = timers.after(SLOW_START_MS, () => log('warn', 'the host is slow to start; waiting for it'));
    pipeLines(child.stdout, this.#options.hostLine);
    pipeLines(child.stderr, this.#options.hostLine);
    child.on('message', (message: unknown) => {
      if (this.#child === child) this.#heard(message);
    });
    child.on('error', (type, location) => log('error', `the host met a ${type} at ${location}`));
    child.once('exit', (code) => {
      if (this.#child === child) this.#exited(code);
    });
  }

  #heard(message: unknown): void {
    const known = readHostMessage(message);
    if (known === undefined) {
      this.#options.log('warn', 'the host sent a message of an unknown kind');
    } else if (known.type === 'ready' && this.#state.phase === 'starting') {
      this.#clearTimer();
      this.#to({ phase: 'ready', ready: known.ready });
    } else if (known.type === 'failed' && this.#stopping === undefined) {
      this.#fail(known.failure);
    } else if (known.type === 'stopped' && this.#stopping !== undefined) {
      // All its files and sockets are closed. A utility process does not end by itself when it has nothing to do.
      this.#child?.kill();
    }
  }

  #exited(code: number): void {
    this.#child = undefined;
    this.#clearTimer();
    if (this.#stopping !== undefined || this.#state.phase === 'failed') return;
    const { timers, log } = this.#options;
    const { crashes, exhausted } = this.#budget.crash(timers.monotonic());
    log('error', `the host ended with code ${code}, ${crashes} within a minute`);
    if (exhausted) {
      this.#fail({
        code: 'host.crash_loop',
        message: `The station stopped ${crashes} times within a minute and is not started again by itself. Its log says why.`,
        detail: { exitCode: code },
      });
      return;
    }
    const delayMs = Math.min(FIRST_DELAY_MS * 2 ** (crashes - 1), LONGEST_DELAY_MS);
    this.#timer = timers.after(delayMs, () => this.#fork());
    this.#to({ phase: 'waiting', delayMs, crashes });
  }

  #fail(failure: HostFailure): void {
    this.#clearTimer();
    this.#options.log('error', `no station: ${failure.code}: ${failure.message}`);
    // A host that gave up waits to be ended; left alone, it would hold its ports against the next try.
    const child = this.#child;
    this.#child = undefined;
    if (child !== undefined) {
      const kill = this.#options.timers.after(LAST_WORDS_MS, () => child.kill());
      child.once('exit', () => kill.cancel());
    }
    this.#to({ phase: 'failed', failure });
  }

  async #stop(): Promise<void> {
    this.#clearTimer();
    const child = this.#child;
    if (child !== undefined) {
      this.#to({ phase: 'stopping' });
      await this.#end(child);
      this.#child = undefined;
    }
    this.#to({ phase: 'stopped' });
  }

  #end(child: UtilityProcess): Promise<void> {
    const { timers, log, stopTimeoutMs = STOP_TIMEOUT_MS } = this.#options;
    return new Promise((resolve) => {
      let timer = timers.after(stopTimeoutMs, () => {
        log('error', `the host did not stop within ${stopTimeoutMs / 1_000} s and is killed`);
        child.kill();
        timer = timers.after(KILL_TIMEOUT_MS, resolve);
      });
      child.once('exit', () => {
        timer.cancel();
        resolve();
      });
      child.postMessage({ type: 'stop' } satisfies ToHost);
    });
  }

  #to(state: HostState): void {
    this.#state = state;
    this.#options.onState(state);
  }

  #clearTimer(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
  }
}

/** Calls `line` for every line of a stream of text, the last unfinished one included. */
function pipeLines(stream: NodeJS.ReadableStream | null, line: (text: string) => void): void {
  if (stream === null) return;
  let rest = '';
  stream.setEncoding('utf8');
  stream.on('data', (chunk: string) => {
    const lines = (rest + chunk).split('\n');
    rest = lines.pop()!;
    for (const one of lines) line(one);
  });
  stream.on('end', () => {
    if (rest !== '') line(rest);
  });
}
