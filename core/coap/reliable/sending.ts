import type { Sending, SendingWatcher } from '../carrier.ts';

/** One request of ours, from when it waits to go out until nobody waits for its answer any more. */
export class ReliableSending implements Sending {
  state: Sending['state'] = 'waiting';
  firstSentMs = 0;
  readonly retransmissions = 0;
  readonly #watcher: SendingWatcher;
  readonly #released: (sending: ReliableSending) => void;

  constructor(watcher: SendingWatcher, released: (sending: ReliableSending) => void) {
    this.#watcher = watcher;
    this.#released = released;
  }

  release(): void {
    if (this.state === 'done') return;
    this.state = 'done';
    this.#released(this);
  }

  /** The pipe has it. */
  wentOut(nowMs: number): void {
    if (this.state !== 'waiting') return;
    this.state = 'sent';
    this.firstSentMs = nowMs;
    this.#watcher.sent?.();
  }

  /** The connection is gone. */
  fail(error: Error): void {
    if (this.state === 'done') return;
    this.state = 'done';
    this.#watcher.failed(error);
  }
}
