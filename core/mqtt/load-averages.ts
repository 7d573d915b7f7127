/**
 * Exponential averages over 1, 5 and 15 minutes of how fast counters grow, per minute, as the load of a Unix machine
 * is averaged. After `t` minutes of no growth a value has fallen to exp(-t / minutes) of what it was.
 */

const WINDOWS_MINUTES = [1, 5, 15] as const;

export interface LoadAverage {
  name: string;
  minutes: number;
  perMinute: number;
}

interface Entry {
  count: number;
  /** One per window. */
  averages: number[];
}

export class LoadAverages {
  readonly #entries = new Map<string, Entry>();
  #sampledMs = 0;

  /** `counters` always has the same names. The first sample is where counting begins. */
  sample(nowMs: number, counters: { [name: string]: number }): void {
    const minutes = (nowMs - this.#sampledMs) / 60_000;
    this.#sampledMs = nowMs;
    for (const [name, count] of Object.entries(counters)) {
      const entry = this.#entries.get(name);
      if (entry === undefined) {
        this.#entries.set(name, { count, averages: WINDOWS_MINUTES.map(() => 0) });
        continue;
      }
      if (minutes <= 0) continue;
      const perMinute = (count - entry.count) / minutes;
      entry.count = count;
      WINDOWS_MINUTES.forEach((window, index) => {
        const before = entry.averages[index]!;
        entry.averages[index] = perMinute + (before - perMinute) * Math.exp(-minutes / window);
      });
    }
  }

  averages(): LoadAverage[] {
    return [...this.#entries].flatMap(([name, { averages }]) =>
      WINDOWS_MINUTES.map((minutes, index) => ({ name, minutes, perMinute: averages[index]! })),
    );
  }
}
