import type { TimeRange } from './range.ts';
import { sameRange, spanOf } from './range.ts';

const KEPT_STEPS = 50;

type Shown = { live: true; spanMs: number } | { live: false; range: TimeRange };

/**
 * What a page's charts look at: a window that ends now and moves on, or a range that stands still. Shared by all
 * charts that should move together. Zooming remembers the way back.
 */
export class ChartView {
  #shown = $state.raw<Shown>({ live: true, spanMs: 15 * 60_000 });
  #way = $state.raw<Shown[]>([]);
  #nowMs: () => number;

  constructor(spanMs: number, nowMs: () => number) {
    this.#shown = { live: true, spanMs };
    this.#nowMs = nowMs;
  }

  get live(): boolean {
    return this.#shown.live;
  }

  /** Length of the window; of the range when it stands still. */
  get spanMs(): number {
    return this.#shown.live ? this.#shown.spanMs : spanOf(this.#shown.range);
  }

  get zoomed(): boolean {
    return this.#way.length > 0;
  }

  /** The range at this moment; moves with the clock while live. */
  range(): TimeRange {
    if (!this.#shown.live) return this.#shown.range;
    const to = this.#nowMs();
    return { from: to - this.#shown.spanMs, to };
  }

  /** A window of this length that ends now. */
  follow(spanMs: number): void {
    this.#shown = { live: true, spanMs };
    this.#way = [];
  }

  /** Back to now, with the window's length that was last followed. */
  goLive(): void {
    const followed = this.#way.findLast((step) => step.live);
    this.follow(followed?.live === true ? followed.spanMs : this.spanMs);
  }

  /** Stops where it is. */
  pause(): void {
    if (this.live) this.zoomTo(this.range());
  }

  zoomTo(range: TimeRange): void {
    if (!this.live && sameRange(this.range(), range)) return;
    this.#way = [...this.#way.slice(-KEPT_STEPS), this.#shown];
    this.#shown = { live: false, range };
  }

  /** Moves without a step to come back by: panning. */
  moveTo(range: TimeRange): void {
    if (this.live) this.zoomTo(range);
    else this.#shown = { live: false, range };
  }

  /** One step back. False when there is none. */
  back(): boolean {
    const last = this.#way.at(-1);
    if (last === undefined) return false;
    this.#way = this.#way.slice(0, -1);
    this.#shown = last;
    return true;
  }
}
