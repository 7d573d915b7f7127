import { codeOf, messageOf } from '../base/errors.ts';
import type { ProxiedHandlers, ProxiedObservation } from '../coap/proxy/types.ts';

/** An observation that ends when its target is not on the access list any more. */
export class GuardedObservation implements ProxiedObservation {
  readonly #handlers: ProxiedHandlers;
  readonly #guard: { stillAllowed(): Promise<unknown>; ended(): void };
  #inner: ProxiedObservation | undefined;
  /** Why it was ended from here. */
  #refused: unknown;

  constructor(handlers: ProxiedHandlers, guard: { stillAllowed(): Promise<unknown>; ended(): void }) {
    this.#handlers = handlers;
    this.#guard = guard;
  }

  /** Throws what `observe` throws. */
  begin(observe: (handlers: ProxiedHandlers) => ProxiedObservation): void {
    this.#inner = observe({
      notification: (answer) => {
        if (this.#refused === undefined) this.#handlers.notification(answer);
      },
      state: (inner) => {
        if (inner.state === 'ended') this.#guard.ended();
        if (this.#refused === undefined) this.#handlers.state(this);
      },
    });
  }

  get state(): ProxiedObservation['state'] {
    return this.#refused === undefined ? (this.#inner?.state ?? 'starting') : 'ended';
  }

  get problem(): string | null {
    return this.#refused === undefined ? (this.#inner?.problem ?? null) : messageOf(this.#refused);
  }

  get problemCode(): string | null {
    return this.#refused === undefined ? (this.#inner?.problemCode ?? null) : codeOf(this.#refused);
  }

  cancel(): Promise<void> {
    return this.#inner?.cancel() ?? Promise.resolve();
  }

  /** Looks again whether it may go on. Never fails. */
  async check(): Promise<void> {
    try {
      await this.#guard.stillAllowed();
    } catch (error) {
      // A resolver that does not answer now takes nothing from what was allowed; asking again will be refused.
      if (codeOf(error) !== 'coap.forbidden' || this.state === 'ended') return;
      this.#refused = error;
      this.#handlers.state(this);
      await this.cancel();
    }
  }
}
