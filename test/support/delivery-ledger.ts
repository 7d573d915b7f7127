import { setTimeout as pass } from 'node:timers/promises';

/** What a subscriber got of one topic whose messages are 0, 1, 2, ... */
interface Got {
  times: Map<number, number>;
  /** Each number as it came for the first time. */
  order: number[];
}

/** What one subscriber received, message by message. */
export class DeliveryLedger {
  readonly #topics = new Map<string, Got>();
  #changed: (() => void) | null = null;

  take(topic: string, value: number): void {
    let got = this.#topics.get(topic);
    if (got === undefined) this.#topics.set(topic, (got = { times: new Map(), order: [] }));
    const times = (got.times.get(value) ?? 0) + 1;
    got.times.set(value, times);
    if (times === 1) got.order.push(value);
    this.#changed?.();
  }

  /** Different messages of the topic so far. */
  count(topic: string): number {
    return this.#topics.get(topic)?.order.length ?? 0;
  }

  /** Waits until all of `values` are there, at most so long. */
  async until(topic: string, values: Iterable<number>, timeoutMs: number): Promise<void> {
    const stop = AbortSignal.timeout(timeoutMs);
    while (this.missing(topic, values).length > 0 && !stop.aborted) {
      const change = new Promise<void>((resolve) => (this.#changed = resolve));
      await Promise.race([change, pass(timeoutMs, undefined, { signal: stop }).catch(() => undefined)]);
    }
  }

  /** Those of `values` that never came. */
  missing(topic: string, values: Iterable<number>): number[] {
    const times = this.#topics.get(topic)?.times;
    return [...values].filter((value) => times?.has(value) !== true);
  }

  repeated(topic: string): number[] {
    const times = this.#topics.get(topic)?.times ?? new Map<number, number>();
    return [...times].filter(([, count]) => count > 1).map(([value]) => value);
  }

  /** Numbers that came, for the first time, after a greater one. */
  outOfOrder(topic: string): number[] {
    const order = this.#topics.get(topic)?.order ?? [];
    return order.filter((value, at) => at > 0 && value < order[at - 1]!);
  }
}
