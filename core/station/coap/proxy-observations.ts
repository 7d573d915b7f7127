/**
 * Observations for HTTP clients. Many of them on one resource are one observation towards the device (RFC 7641 §5):
 * it has room for few observers. It ends when its target goes from the access list, and when the last client leaves.
 */
import { codeOf, messageOf } from '../../base/errors.ts';
import type { ProxiedAnswer, ProxiedHandlers, ProxiedObservation } from '../../coap/proxy/types.ts';

export interface SharedParts {
  /** Fails with `coap.forbidden` when it may not go on. */
  stillAllowed(): Promise<unknown>;
  /** It has ended: nobody may join any more. */
  over(): void;
}

export class SharedObservation {
  readonly #parts: SharedParts;
  readonly #watchers = new Set<Watcher>();
  #inner: ProxiedObservation | undefined;
  #last: ProxiedAnswer | undefined;
  /** Why it was ended from here. */
  #refused: unknown;
  #over = false;

  constructor(parts: SharedParts) {
    this.#parts = parts;
  }

  /** Throws what `observe` throws. */
  begin(observe: (handlers: ProxiedHandlers) => ProxiedObservation): void {
    this.#inner = observe({
      notification: (answer) => {
        if (this.#refused !== undefined) return;
        this.#last = answer;
        for (const { handlers, caughtUp } of this.#watchers) if (caughtUp) handlers.notification(answer);
      },
      state: ({ state }) => {
        if (this.#refused !== undefined) return;
        if (state === 'ended') this.#end();
        this.#tellState();
      },
    });
  }

  /** Who joins later hears what is known so far, from the next turn of the loop on. */
  join(handlers: ProxiedHandlers): ProxiedObservation {
    const watcher = new Watcher(this, handlers);
    this.#watchers.add(watcher);
    if (this.#last === undefined && this.state === 'starting') watcher.caughtUp = true;
    else setImmediate(() => this.#catchUp(watcher));
    return watcher;
  }

  #catchUp(watcher: Watcher): void {
    if (!this.#watchers.has(watcher)) return;
    watcher.caughtUp = true;
    if (this.#last !== undefined && this.#refused === undefined) watcher.handlers.notification(this.#last);
    if (this.state !== 'active') watcher.handlers.state(watcher);
  }

  async leave(watcher: Watcher): Promise<void> {
    if (!this.#watchers.delete(watcher) || this.#watchers.size > 0) return;
    this.#end();
    await this.#inner?.cancel();
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

  /** Looks again whether it may go on. Never fails. */
  async check(): Promise<void> {
    try {
      await this.#parts.stillAllowed();
    } catch (error) {
      // A resolver that does not answer now takes nothing from what was allowed; asking again will be refused.
      if (codeOf(error) !== 'coap.forbidden' || this.#over) return;
      this.#refused = error;
      this.#end();
      this.#tellState();
      await this.#inner?.cancel();
    }
  }

  #tellState(): void {
    for (const watcher of this.#watchers) if (watcher.caughtUp) watcher.handlers.state(watcher);
  }

  #end(): void {
    if (this.#over) return;
    this.#over = true;
    this.#parts.over();
  }
}

/** One client's part in it. */
class Watcher implements ProxiedObservation {
  readonly #shared: SharedObservation;
  readonly handlers: ProxiedHandlers;
  /** It has heard the last notification, and may hear the next. */
  caughtUp = false;

  constructor(shared: SharedObservation, handlers: ProxiedHandlers) {
    this.#shared = shared;
    this.handlers = handlers;
  }

  get state(): ProxiedObservation['state'] {
    return this.#shared.state;
  }

  get problem(): string | null {
    return this.#shared.problem;
  }

  get problemCode(): string | null {
    return this.#shared.problemCode;
  }

  cancel(): Promise<void> {
    return this.#shared.leave(this);
  }
}
