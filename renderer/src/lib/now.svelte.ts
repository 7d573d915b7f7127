/**
 * One clock for every age on the screen. It steps once a second; whoever shows an age reads `now.ms`, so a tick
 * touches those few text nodes and nothing else. The time is the host's: ages are right on a screen with a wrong clock.
 */
class Now {
  #offsetMs = 0;
  #ms = $state(Date.now());

  constructor() {
    setInterval(() => (this.#ms = this.exactMs()), 1000);
  }

  /** Host time in ms since the epoch, stepping once a second. */
  get ms(): number {
    return this.#ms;
  }

  /** Host time now, not reactive. */
  exactMs(): number {
    return Date.now() + this.#offsetMs;
  }

  setOffset(offsetMs: number): void {
    // Jitter of the network is no reason to let ages jump.
    if (Math.abs(offsetMs - this.#offsetMs) < 250) return;
    this.#offsetMs = offsetMs;
    this.#ms = this.exactMs();
  }
}

export const now = new Now();
