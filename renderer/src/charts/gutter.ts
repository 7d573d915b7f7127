import type uPlot from 'uplot';

/** Room beside the labels of the value axis. */
const AROUND_PX = 10;

/**
 * Width of the value axes of one chart: as wide as the longest label of any panel needs, the same in all of them, so
 * that they stand exactly over each other. It grows while a plot lives and does not shrink: nothing jumps.
 */
export class Gutter {
  /** In CSS px. */
  widthPx: number;
  readonly #leastPx: number;
  readonly #needs = new Map<uPlot, number>();
  readonly #changed: (widthPx: number) => void;

  constructor(leastPx: number, changed: (widthPx: number) => void) {
    this.#leastPx = leastPx;
    this.widthPx = leastPx;
    this.#changed = changed;
  }

  /** Takes in the labels of a plot, measured by `measure`, and says how wide its axis has to be. */
  fit(plot: uPlot, labels: readonly string[], measure: (label: string) => number): number {
    const longest = labels.reduce((most, label) => Math.max(most, measure(label)), 0);
    const need = Math.max(this.#needs.get(plot) ?? 0, Math.ceil(longest) + AROUND_PX);
    this.#needs.set(plot, need);
    this.#settle(plot);
    return this.widthPx;
  }

  forget(plot: uPlot): void {
    if (this.#needs.delete(plot)) this.#settle(plot);
  }

  #settle(plot: uPlot): void {
    const widthPx = Math.max(this.#leastPx, ...this.#needs.values());
    if (widthPx === this.widthPx) return;
    this.widthPx = widthPx;
    // This plot is being drawn already; the others learn it when it is done.
    queueMicrotask(() => {
      for (const other of this.#needs.keys()) if (other !== plot) other.redraw(false, true);
      this.#changed(this.widthPx);
    });
  }
}
