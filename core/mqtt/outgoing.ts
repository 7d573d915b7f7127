import type { BrokerContext } from './context.ts';
import { Outbox } from './outbox.ts';
import type { Sink } from './sink.ts';
import { StuckWatch } from './stuck-watch.ts';

/** The way out of one connection: what is said at the end of the turn, and what the network still holds. */
export class Outgoing {
  readonly outbox: Outbox;
  /** Bytes given to the network so far. */
  written = 0;
  readonly #context: BrokerContext;
  readonly #sink: Sink;
  readonly #highWaterBytes: number;
  readonly #onStuck: () => void;
  /** Bytes that the sink held after the last flush. */
  #held = 0;
  #stuck: StuckWatch | null = null;

  /** `onStuck`: for a whole period above high water the client read nothing. */
  constructor(context: BrokerContext, sink: Sink, onStuck: () => void) {
    this.#context = context;
    this.#sink = sink;
    this.#onStuck = onStuck;
    this.#highWaterBytes = context.limits.highWaterBytes;
    this.outbox = new Outbox(context.pool);
  }

  /** Whether the network holds more than the high-water mark. */
  get isHigh(): boolean {
    return this.#held >= this.#highWaterBytes;
  }

  /** Whether it holds more than any client may leave unread. */
  get isFull(): boolean {
    return this.#held > this.#context.limits.hardLimitBytes;
  }

  /** Whether more may be said now. When the outbox alone is full, it is flushed first. */
  makeRoom(): boolean {
    if (this.outbox.bytes + this.#held < this.#highWaterBytes) return true;
    if (this.outbox.bytes > 0) this.flush();
    else this.look();
    return !this.isHigh;
  }

  /** Asks the sink what it still holds. */
  look(): void {
    this.#held = this.#sink.bufferedBytes;
  }

  flush(): void {
    this.#count();
    this.#held = this.outbox.flush(this.#sink);
    if (!this.isHigh) return;
    const { wheel, limits } = this.#context;
    this.#stuck ??= new StuckWatch(
      wheel,
      limits.stuckTimeoutMs,
      () => (this.#sink.bufferedBytes < limits.highWaterBytes ? -1 : this.written - this.#sink.bufferedBytes),
      this.#onStuck,
    );
    this.#stuck.start();
  }

  /** The last words: nobody waits for room any more. */
  finish(): void {
    this.#count();
    this.outbox.flush(this.#sink);
  }

  /** The connection is over. */
  stop(): void {
    this.#stuck?.stop();
  }

  #count(): void {
    this.#context.counters.bytesOut += this.outbox.bytes;
    this.written += this.outbox.bytes;
  }
}
