/** Which of two notifications is the newer one (RFC 7641 §3.4). */

const HALF = 2 ** 23;
/** Longer than a datagram lives in the network: what comes later than this is new whatever its number. */
const LONG_AGO_MS = 128_000;

/** 24-bit serial numbers with wrap-around, and the time at which the newest came. */
export class NotificationOrder {
  #last: { value: number; atMs: number } | undefined;

  /** True, and remembered, when the notification is newer than all before. `nowMs` is monotonic. */
  accept(value: number, nowMs: number): boolean {
    const last = this.#last;
    if (last !== undefined) {
      const newer =
        (last.value < value && value - last.value < HALF) ||
        (last.value > value && last.value - value > HALF) ||
        nowMs > last.atMs + LONG_AGO_MS;
      if (!newer) return false;
    }
    this.#last = { value, atMs: nowMs };
    return true;
  }

  /** The answer to a registration begins a new sequence: a server that was restarted counts from the start. */
  restart(value: number, nowMs: number): void {
    this.#last = { value, atMs: nowMs };
  }
}
