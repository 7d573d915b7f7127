import type { KeptBytes } from './message-queue.ts';
import type { PublishFrame } from './publish-frame.ts';
import { powerOfTwo } from './ring.ts';

/** States of one outbound message with QoS above 0 (MQTT 3.1.1 §4.3). */
export const DONE = 0;
export const AWAIT_PUBACK = 1;
export const AWAIT_PUBREC = 2;
export const AWAIT_PUBCOMP = 3;

/**
 * The messages that were sent and are not acknowledged, in the order they were sent: redelivery keeps that order
 * (MQTT-4.6.0-1). Flat columns in a ring; acknowledgements come mostly in order, so the first look finds them.
 */
export class Inflight {
  readonly window: number;
  readonly #kept: KeptBytes;
  #mask: number;
  #ids: Uint16Array;
  #states: Uint8Array;
  #flags: Uint8Array;
  #frames: (PublishFrame | null)[];
  #head = 0;
  #tail = 0;
  /** Messages under way. */
  count = 0;

  constructor(window: number, kept: KeptBytes) {
    this.#kept = kept;
    this.window = window;
    const size = powerOfTwo(window);
    this.#mask = size - 1;
    this.#ids = new Uint16Array(size);
    this.#states = new Uint8Array(size);
    this.#flags = new Uint8Array(size);
    this.#frames = new Array<PublishFrame | null>(size).fill(null);
  }

  get hasRoom(): boolean {
    return this.count < this.window;
  }

  /** `frame` is null where no redelivery can come: in sessions that end with their connection. */
  add(id: number, state: number, flags: number, frame: PublishFrame | null): void {
    if (this.#tail - this.#head > this.#mask) this.#compact();
    const at = this.#tail++ & this.#mask;
    this.#ids[at] = id;
    this.#states[at] = state;
    this.#flags[at] = flags;
    this.#frames[at] = frame;
    if (frame !== null) this.#kept.add(frame);
    this.count++;
  }

  /** State of the message with this id, or `DONE` when there is none. */
  state(id: number): number {
    const at = this.#find(id);
    return at < 0 ? DONE : this.#states[at]!;
  }

  /** PUBREC came: the payload is the client's now, only the id is still in use. */
  received(id: number): void {
    const at = this.#find(id);
    this.#states[at] = AWAIT_PUBCOMP;
    this.#letGo(at);
  }

  /** The exchange is over and the id free. */
  finish(id: number): void {
    const at = this.#find(id);
    this.#states[at] = DONE;
    this.#letGo(at);
    this.count--;
    while (this.#head < this.#tail && this.#states[this.#head & this.#mask] === DONE) this.#head++;
  }

  /** The session is over: nothing is sent again. */
  clear(): void {
    for (let index = this.#head; index < this.#tail; index++) this.#letGo(index & this.#mask);
    this.#head = this.#tail;
    this.count = 0;
  }

  /** Every open exchange in the order of sending. */
  forEach(visit: (id: number, state: number, flags: number, frame: PublishFrame | null) => void): void {
    for (let index = this.#head; index < this.#tail; index++) {
      const at = index & this.#mask;
      const state = this.#states[at]!;
      if (state !== DONE) visit(this.#ids[at]!, state, this.#flags[at]!, this.#frames[at]!);
    }
  }

  #letGo(at: number): void {
    const frame = this.#frames[at]!;
    if (frame !== null) this.#kept.remove(frame);
    this.#frames[at] = null;
  }

  #find(id: number): number {
    for (let index = this.#head; index < this.#tail; index++) {
      const at = index & this.#mask;
      if (this.#ids[at] === id && this.#states[at] !== DONE) return at;
    }
    return -1;
  }

  /** Closes the gaps that acknowledgements out of order left. `count < window` holds, so there is at least one. */
  #compact(): void {
    let to = this.#head;
    for (let index = this.#head; index < this.#tail; index++) {
      const from = index & this.#mask;
      if (this.#states[from] === DONE) continue;
      const at = to++ & this.#mask;
      this.#ids[at] = this.#ids[from]!;
      this.#states[at] = this.#states[from]!;
      this.#flags[at] = this.#flags[from]!;
      this.#frames[at] = this.#frames[from]!;
    }
    for (let index = to; index < this.#tail; index++) this.#frames[index & this.#mask] = null;
    this.#tail = to;
  }
}
