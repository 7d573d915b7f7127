import type { Clock, Timer } from './clock.ts';

/** Something that can wait in a wheel. Owned by its user, so that arming allocates nothing. */
export interface WheelEntry {
  /** Monotonic ms at which it is due; `Infinity` while it is not armed. Written by the wheel. */
  dueMs: number;
  /** Where it lies in the wheel, -1 while it is not armed. Written by the wheel. */
  slot: number;
  onDue(): void;
}

/**
 * One timer for very many deadlines: keep-alives, retransmissions, expiries. Arming, re-arming and cancelling
 * are O(1); precision is one tick, and an entry never fires early. Entries due past one turn of the wheel stay
 * in their slot and are passed over until their turn comes.
 */
export class TimerWheel {
  readonly #clock: Clock;
  readonly #tickMs: number;
  // Arrays, not Sets: the outgrown tables of a Set keep entries from being collected with the young.
  readonly #slots: WheelEntry[][];
  #armed = 0;
  #lastTick: number;
  #timer: Timer | undefined;

  constructor(clock: Clock, options: { tickMs?: number; slots?: number } = {}) {
    this.#clock = clock;
    this.#tickMs = options.tickMs ?? 100;
    this.#slots = Array.from({ length: options.slots ?? 512 }, (): WheelEntry[] => []);
    this.#lastTick = Math.floor(clock.monotonic() / this.#tickMs);
  }

  get size(): number {
    return this.#armed;
  }

  /** `nowMs` is the monotonic time, for a caller that has just asked for it. */
  arm(entry: WheelEntry, delayMs: number, nowMs: number = this.#clock.monotonic()): void {
    if (entry.slot >= 0) this.cancel(entry);
    if (this.#armed === 0) this.#lastTick = Math.floor(nowMs / this.#tickMs);
    entry.dueMs = nowMs + Math.max(0, delayMs);
    const tick = Math.max(Math.ceil(entry.dueMs / this.#tickMs), this.#lastTick + 1);
    const at = tick % this.#slots.length;
    const slot = this.#slots[at]!;
    entry.slot = at + slot.length * this.#slots.length;
    slot.push(entry);
    this.#armed++;
    this.#timer ??= this.#clock.after(this.#tickMs, () => this.#turn());
  }

  cancel(entry: WheelEntry): void {
    if (entry.slot < 0) return;
    const slot = this.#slots[entry.slot % this.#slots.length]!;
    const last = slot.pop()!;
    if (last !== entry) {
      slot[Math.floor(entry.slot / this.#slots.length)] = last;
      last.slot = entry.slot;
    }
    entry.slot = -1;
    entry.dueMs = Infinity;
    this.#armed--;
    if (this.#armed === 0) this.#rest();
  }

  /** Forgets every entry and stops the timer. The wheel can be used again. */
  stop(): void {
    for (const slot of this.#slots) {
      for (const entry of slot) {
        entry.slot = -1;
        entry.dueMs = Infinity;
      }
      slot.length = 0;
    }
    this.#armed = 0;
    this.#rest();
  }

  #rest(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
  }

  #turn(): void {
    this.#timer = undefined;
    const nowMs = this.#clock.monotonic();
    const nowTick = Math.floor(nowMs / this.#tickMs);
    // After a long stall (a suspended laptop) one turn of the wheel visits every slot.
    const first = Math.max(this.#lastTick + 1, nowTick - this.#slots.length + 1);
    this.#lastTick = nowTick;
    const due: WheelEntry[] = [];
    for (let tick = first; tick <= nowTick; tick++) {
      for (const entry of this.#slots[tick % this.#slots.length]!) {
        if (entry.dueMs <= nowMs) due.push(entry);
      }
    }
    // The last of a slot takes the place of one that was cancelled: the order is made anew.
    due.sort((a, b) => a.dueMs - b.dueMs);
    for (const entry of due) {
      // An earlier one of this turn may have cancelled it, or armed it anew for later.
      if (entry.slot < 0 || entry.dueMs > nowMs) continue;
      this.cancel(entry);
      entry.onDue();
    }
    if (this.#armed > 0) this.#timer ??= this.#clock.after(this.#tickMs, () => this.#turn());
  }
}
