/** What the client needs of time. `Clock` of core/base fits it; that file itself needs Node and stays out of browsers. */
export interface ClientClock {
  now(): number;
  monotonic(): number;
  after(delayMs: number, run: () => void): { cancel(): void };
}

/** Timers keep the process alive: a command line that waits for its station to come back must not just end. */
export const clientClock: ClientClock = {
  now: () => Date.now(),
  monotonic: () => performance.now(),
  after(delayMs, run) {
    const handle = setTimeout(run, delayMs);
    return { cancel: () => clearTimeout(handle) };
  },
};
