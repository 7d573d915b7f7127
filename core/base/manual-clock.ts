import type { Clock, Timer } from './clock.ts';

interface Pending {
  atMs: number;
  order: number;
  run: () => void;
}

/** A clock that a test moves by hand. Timers fire in order of their time, then of their creation. */
export class ManualClock implements Clock {
  #nowMs: number;
  #startMs: number;
  #order = 0;
  #pending = new Set<Pending>();

  constructor(startMs = 1_700_000_000_000) {
    this.#nowMs = startMs;
    this.#startMs = startMs;
  }

  get pendingTimers(): number {
    return this.#pending.size;
  }

  now(): number {
    return this.#nowMs;
  }

  monotonic(): number {
    return this.#nowMs - this.#startMs;
  }

  after(delayMs: number, run: () => void): Timer {
    const pending: Pending = { atMs: this.#nowMs + Math.max(0, delayMs), order: this.#order++, run };
    this.#pending.add(pending);
    return { cancel: () => void this.#pending.delete(pending) };
  }

  /** Moves time by `byMs`, firing every timer that falls due on the way, also ones made on the way. */
  advance(byMs: number): void {
    const targetMs = this.#nowMs + byMs;
    for (;;) {
      const next = this.#earliest();
      if (next === undefined || next.atMs > targetMs) break;
      this.#pending.delete(next);
      this.#nowMs = Math.max(this.#nowMs, next.atMs);
      next.run();
    }
    this.#nowMs = targetMs;
  }

  #earliest(): Pending | undefined {
    let best: Pending | undefined;
    for (const pending of this.#pending) {
      if (best === undefined || pending.atMs < best.atMs) best = pending;
      else if (pending.atMs === best.atMs && pending.order < best.order) best = pending;
    }
    return best;
  }
}
