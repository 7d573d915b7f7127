import type { Clock } from '../../base/clock.ts';
import type { TimerWheel } from '../../base/timer-wheel.ts';
import { Deadline } from '../deadline.ts';
import { cancelled, coapError } from '../errors.ts';
import { tokenKey } from '../messages/peer.ts';

interface Waiting {
  sentMs: number;
  deadline: Deadline;
  settle(error: Error | undefined): void;
}

/** Pings of ours that wait for their Pong (RFC 8323 §5.4). */
export class Pings {
  readonly #clock: Clock;
  readonly #wheel: TimerWheel;
  readonly #waiting = new Map<string, Waiting>();

  constructor(clock: Clock, wheel: TimerWheel) {
    this.#clock = clock;
    this.#wheel = wheel;
  }

  get size(): number {
    return this.#waiting.size;
  }

  /** Fails with `coap.timeout`, `coap.cancelled`, or what `failAll` is given. */
  wait(token: Uint8Array, timeoutMs: number, signal?: AbortSignal): Promise<{ rttMs: number }> {
    return new Promise((resolve, reject) => {
      const key = tokenKey(token);
      const sentMs = this.#clock.monotonic();
      const onAbort = (): void => waiting.settle(cancelled());
      const waiting: Waiting = {
        sentMs,
        deadline: new Deadline(this.#wheel, () =>
          waiting.settle(coapError('coap.timeout', 'The other end did not answer the ping.')),
        ),
        settle: (error) => {
          this.#waiting.delete(key);
          waiting.deadline.clear();
          signal?.removeEventListener('abort', onAbort);
          if (error === undefined) resolve({ rttMs: this.#clock.monotonic() - sentMs });
          else reject(error);
        },
      };
      this.#waiting.set(key, waiting);
      waiting.deadline.set(timeoutMs);
      signal?.addEventListener('abort', onAbort, { once: true });
    });
  }

  /**
   * A Pong came. It must carry the token of its Ping (§5.4); libcoap 4.3.1 leaves it out, and then it answers the
   * oldest. False when nobody waits for it.
   */
  answered(token: Uint8Array): boolean {
    const waiting =
      token.length === 0 ? this.#waiting.values().next().value : this.#waiting.get(tokenKey(token));
    waiting?.settle(undefined);
    return waiting !== undefined;
  }

  failAll(error: Error): void {
    for (const waiting of [...this.#waiting.values()]) waiting.settle(error);
  }
}
