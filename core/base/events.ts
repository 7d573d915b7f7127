/** Removes the listener it was returned for. Calling it again does nothing. */
export type Unsubscribe = () => void;

/**
 * One typed event. Listeners run in the order they were added, on the emitting call.
 * A listener that throws does not keep the others from running: its error goes to `onListenerError`.
 */
export class Signal<T> {
  #listeners: ((value: T) => void)[] = [];
  readonly #onListenerError: (error: unknown) => void;

  constructor(onListenerError: (error: unknown) => void = reportError) {
    this.#onListenerError = onListenerError;
  }

  get size(): number {
    return this.#listeners.length;
  }

  on(listener: (value: T) => void): Unsubscribe {
    // Copy on write: an emit that is under way keeps iterating over the list it started with.
    this.#listeners = [...this.#listeners, listener];
    let active = true;
    return () => {
      if (!active) return;
      active = false;
      const index = this.#listeners.indexOf(listener);
      this.#listeners = this.#listeners.toSpliced(index, 1);
    };
  }

  emit(value: T): void {
    for (const listener of this.#listeners) {
      try {
        listener(value);
      } catch (error) {
        this.#onListenerError(error);
      }
    }
  }

  clear(): void {
    this.#listeners = [];
  }
}

function reportError(error: unknown): void {
  queueMicrotask(() => {
    throw error;
  });
}
