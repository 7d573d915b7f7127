import type { RetainedMessage } from './retained-tree.ts';
import type { Qos } from './types.ts';

/** Retained messages that may wait for one client; more come from subscribing to everything again and again. */
const MAX_WAITING = 250_000;

export interface WaitingRetained {
  readonly message: RetainedMessage;
  /** Granted. */
  readonly qos: Qos;
  readonly subscriptionIds: readonly number[] | null;
}

/** Retained messages on their way to a new subscriber. What is sent is the newest of each topic at that moment. */
export class RetainedWaiting {
  #list: WaitingRetained[] = [];
  #next = 0;

  get size(): number {
    return this.#list.length - this.#next;
  }

  /** Returns how many are one too many. */
  add(messages: readonly RetainedMessage[], qos: Qos, subscriptionIds: readonly number[] | null): number {
    // Those that were sent take no room from those that come.
    if (this.#next > 0) this.#list.splice(0, this.#next);
    this.#next = 0;
    const room = Math.min(messages.length, MAX_WAITING - this.#list.length);
    for (let index = 0; index < room; index++)
      this.#list.push({ message: messages[index]!, qos, subscriptionIds });
    return messages.length - room;
  }

  get first(): WaitingRetained | undefined {
    return this.#list[this.#next];
  }

  shift(): void {
    this.#next++;
    if (this.#next === this.#list.length) this.clear();
  }

  clear(): void {
    this.#list = [];
    this.#next = 0;
  }
}
