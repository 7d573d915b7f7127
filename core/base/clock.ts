/** A pending timer. `cancel` may be called any number of times, also after it fired. */
export interface Timer {
  cancel(): void;
}

/**
 * Time, injected everywhere so that tests can move it. `now` is wall time (ms since the epoch, may jump);
 * `monotonic` never goes back and has no meaning but differences (ms).
 */
export interface Clock {
  now(): number;
  monotonic(): number;
  /** Calls `run` once after `delayMs`. The timer does not keep the process alive. */
  after(delayMs: number, run: () => void): Timer;
}

export const systemClock: Clock = {
  now: () => Date.now(),
  monotonic: () => performance.now(),
  after(delayMs, run) {
    const handle = setTimeout(run, delayMs);
    handle.unref();
    return { cancel: () => clearTimeout(handle) };
  },
};
