/** Time as the shell needs it. `core/base/clock.ts` has the same shape, but a shell may not know it. */
export interface Timers {
  /** Monotonic ms; only differences have a meaning. */
  monotonic(): number;
  after(delayMs: number, run: () => void): { cancel(): void };
}

export const systemTimers: Timers = {
  monotonic: () => performance.now(),
  after(delayMs, run) {
    const handle = setTimeout(run, delayMs);
    return { cancel: () => clearTimeout(handle) };
  },
};
