/** Tells a mishap from a loop: so many crashes within so long are borne, one more is a loop. */
export class CrashBudget {
  readonly #mostCrashes: number;
  readonly #withinMs: number;
  #crashes: number[] = [];

  constructor(mostCrashes: number, withinMs: number) {
    this.#mostCrashes = mostCrashes;
    this.#withinMs = withinMs;
  }

  /** Notes a crash and answers how many lie within the time, this one included, and whether that is too many. */
  crash(nowMs: number): { crashes: number; exhausted: boolean } {
    this.#crashes = this.#crashes.filter((atMs) => nowMs - atMs < this.#withinMs);
    this.#crashes.push(nowMs);
    return { crashes: this.#crashes.length, exhausted: this.#crashes.length > this.#mostCrashes };
  }

  reset(): void {
    this.#crashes = [];
  }
}
