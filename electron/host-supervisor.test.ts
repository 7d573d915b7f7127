import { EventEmitter } from 'node:events';
import { PassThrough } from 'node:stream';
import type { UtilityProcess } from 'electron';
import { beforeEach, describe, expect, it } from 'vitest';
import { HostSupervisor } from './host-supervisor.ts';
import type { HostState } from './host-supervisor.ts';
import type { Timers } from './timers.ts';

/** A child that does what the test says. */
class Child extends EventEmitter {
  readonly stdout = new PassThrough();
  readonly stderr = new PassThrough();
  readonly sent: unknown[] = [];
  killed = false;

  postMessage(message: unknown): void {
    this.sent.push(message);
  }
  kill(): boolean {
    this.killed = true;
    return true;
  }
  ready(): void {
    this.emit('message', {
      type: 'ready',
      ready: { mqtt: '127.0.0.1:1883', coap: null, http: 'http://x', token: 't' },
    });
  }
}

/** Time that a test moves. */
class HandTimers implements Timers {
  #nowMs = 0;
  #pending: { atMs: number; run: () => void }[] = [];

  get pending(): number {
    return this.#pending.length;
  }
  monotonic(): number {
    return this.#nowMs;
  }
  after(delayMs: number, run: () => void) {
    const timer = { atMs: this.#nowMs + delayMs, run };
    this.#pending.push(timer);
    return { cancel: () => void (this.#pending = this.#pending.filter((other) => other !== timer)) };
  }
  advance(byMs: number): void {
    this.#nowMs += byMs;
    for (const timer of this.#pending.filter(({ atMs }) => atMs <= this.#nowMs)) {
      this.#pending = this.#pending.filter((other) => other !== timer);
      timer.run();
    }
  }
}

let timers: HandTimers;
let children: Child[];
let states: HostState[];
let lines: string[];
let host: HostSupervisor;
let refuse: Error | undefined;

beforeEach(() => {
  timers = new HandTimers();
  children = [];
  states = [];
  lines = [];
  refuse = undefined;
  host = new HostSupervisor({
    fork: () => {
      if (refuse !== undefined) throw refuse;
      const child = new Child();
      children.push(child);
      return child as unknown as UtilityProcess;
    },
    entry: 'host.js',
    args: [],
    env: {},
    timers,
    log: () => undefined,
    hostLine: (line) => lines.push(line),
    onState: (state) => states.push(state),
    stopTimeoutMs: 1_000,
  });
});

const phases = (): string[] => states.map((state) => state.phase);

describe('HostSupervisor', () => {
  it('is ready when the host says so, and keeps the token to itself', () => {
    host.start();
    host.start();
    expect(children).toHaveLength(1);
    children[0]!.ready();
    expect(host.state).toEqual({
      phase: 'ready',
      ready: { mqtt: '127.0.0.1:1883', coap: null, http: 'http://x' },
    });
    expect(timers.pending).toBe(0);
  });

  it('waits for a slow start as long as it takes', () => {
    host.start();
    timers.advance(10 * 60_000);
    expect(children[0]!.killed).toBe(false);
    children[0]!.ready();
    expect(phases()).toEqual(['starting', 'ready']);
  });

  it('restarts after a crash, later each time, and never later than ten seconds', () => {
    host.start();
    const delays: number[] = [];
    for (let crash = 0; crash < 12; crash++) {
      children.at(-1)!.ready();
      children.at(-1)!.emit('exit', 1);
      if (host.state.phase !== 'waiting') break;
      delays.push(host.state.delayMs);
      timers.advance(host.state.delayMs - 1);
      expect(children).toHaveLength(crash + 1);
      timers.advance(1);
      expect(children).toHaveLength(crash + 2);
    }
    expect(delays).toEqual([500, 1_000, 2_000, 4_000, 8_000]);
    expect(host.state).toMatchObject({ phase: 'failed', failure: { code: 'host.crash_loop' } });
    expect(timers.pending).toBe(0);
  });

  it('bears a crash a day for ever', () => {
    host.start();
    for (let day = 0; day < 30; day++) {
      children.at(-1)!.ready();
      children.at(-1)!.emit('exit', 1);
      expect(host.state).toEqual({ phase: 'waiting', delayMs: 500, crashes: 1 });
      timers.advance(24 * 3_600_000);
    }
    expect(children).toHaveLength(31);
  });

  it('an end with code 0 that nobody asked for is a crash too', () => {
    host.start();
    children[0]!.emit('exit', 0);
    expect(host.state.phase).toBe('waiting');
  });

  it('believes a host that says it cannot run, ends it, and tries again only when told', () => {
    host.start();
    children[0]!.emit('message', {
      type: 'failed',
      code: 'store.locked',
      message: 'In use.',
      detail: { pid: 1 },
    });
    const failure = { code: 'store.locked', message: 'In use.', detail: { pid: 1 } };
    expect(host.state).toEqual({ phase: 'failed', failure });
    timers.advance(1_000);
    expect(children[0]!.killed).toBe(true);
    children[0]!.emit('exit', 1);
    timers.advance(60_000);
    expect(children).toHaveLength(1);
    host.start();
    children[1]!.ready();
    expect(phases()).toEqual(['starting', 'failed', 'starting', 'ready']);
  });

  it('tells that a host could not even be forked', () => {
    refuse = new Error('no such file');
    host.start();
    expect(host.state).toMatchObject({ phase: 'failed', failure: { code: 'host.not_started' } });
  });

  it('takes nonsense from a host calmly', () => {
    host.start();
    for (const nonsense of [null, 1, 'ready', [], {}, { type: 'other' }])
      children[0]!.emit('message', nonsense);
    children[0]!.emit('message', { type: 'failed', code: 7, detail: 'x' });
    expect(host.state).toMatchObject({ phase: 'failed', failure: { code: 'internal', detail: {} } });
  });

  it('does not hear a host that it has given up', () => {
    host.start();
    children[0]!.emit('exit', 1);
    children[0]!.ready();
    expect(host.state.phase).toBe('waiting');
  });

  it('passes the lines of the host on, whole', async () => {
    host.start();
    const { stdout, stderr } = children[0]!;
    stdout.write('one\ntw');
    stdout.write('o\n');
    stderr.end('last without an end');
    await expect.poll(() => lines).toEqual(['one', 'two', 'last without an end']);
  });

  it('has a place for a screen only while a host is ready', () => {
    const port = {} as Parameters<HostSupervisor['connectScreen']>[0];
    expect(host.connectScreen(port, 'admin')).toBe(false);
    host.start();
    expect(host.connectScreen(port, 'admin')).toBe(false);
    children[0]!.ready();
    expect(host.connectScreen(port, 'admin')).toBe(true);
    expect(children[0]!.sent).toEqual([{ type: 'screen', role: 'admin' }]);
  });
});

describe('HostSupervisor.stop', () => {
  it('asks, ends the host that has stopped, and resolves when it is gone', async () => {
    host.start();
    children[0]!.ready();
    const stopped = host.stop();
    expect(host.stop()).toBe(stopped);
    expect(children[0]!.sent).toEqual([{ type: 'stop' }]);
    children[0]!.emit('message', { type: 'stopped' });
    expect(children[0]!.killed).toBe(true);
    children[0]!.emit('exit', 15);
    await stopped;
    expect(phases()).toEqual(['starting', 'ready', 'stopping', 'stopped']);
    expect(timers.pending).toBe(0);
  });

  it('kills a host that does not answer, and does not wait for ever for one that cannot be killed', async () => {
    host.start();
    children[0]!.ready();
    const stopped = host.stop();
    timers.advance(999);
    expect(children[0]!.killed).toBe(false);
    timers.advance(1);
    expect(children[0]!.killed).toBe(true);
    timers.advance(5_000);
    await stopped;
    expect(host.state.phase).toBe('stopped');
  });

  it('before the start, and while a restart is due, has nothing to wait for and leaves no timer', async () => {
    host.start();
    children[0]!.emit('exit', 1);
    await host.stop();
    expect(timers.pending).toBe(0);
    host.start();
    timers.advance(60_000);
    expect(children).toHaveLength(1);
  });
});
