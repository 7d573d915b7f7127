/** Something with bytes to write. `dirty` is true while it waits in the flusher. */
export interface Flushable {
  dirty: boolean;
  flushTurn(): void;
}

/**
 * Writes every dirty connection once per turn of the event loop: in the check phase, after all sockets that had
 * something to read were read. (A nextTick would run after each one of them.)
 */
export class Flusher {
  #dirty: Flushable[] = [];
  #spare: Flushable[] = [];
  #scheduled: NodeJS.Immediate | null = null;
  readonly #run = () => {
    this.#scheduled = null;
    this.flush();
  };

  add(item: Flushable): void {
    item.dirty = true;
    this.#dirty.push(item);
    this.#scheduled ??= setImmediate(this.#run);
  }

  /** Writes now. What becomes dirty meanwhile waits for the next turn. */
  flush(): void {
    const items = this.#dirty;
    this.#dirty = this.#spare;
    for (const item of items) {
      item.dirty = false;
      item.flushTurn();
    }
    items.length = 0;
    this.#spare = items;
  }

  stop(): void {
    if (this.#scheduled !== null) clearImmediate(this.#scheduled);
    this.#scheduled = null;
    this.#dirty = [];
  }
}
