import type { Feed } from '../../core/rpc/types.ts';

/** Tells every feed of one topic at once; each gives the whole. */
export class Whole<T> {
  readonly #dirty = new Set<() => void>();
  readonly #read: () => T;

  constructor(read: () => T) {
    this.#read = read;
  }

  changed(): void {
    for (const dirty of this.#dirty) dirty();
  }

  open(dirty: () => void): Feed<T, T> {
    let changed = false;
    const mark = (): void => {
      changed = true;
      dirty();
    };
    this.#dirty.add(mark);
    return {
      snapshot: () => ((changed = false), this.#read()),
      drain: () => (changed ? ((changed = false), this.#read()) : null),
      close: () => void this.#dirty.delete(mark),
    };
  }
}
