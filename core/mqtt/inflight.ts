import type { KeptBytes } from './message-queue.ts';
import type { PublishFrame } from './publish-frame.ts';
import { powerOfTwo } from './ring.ts';

/** States of one outbound message with QoS above 0 (MQTT 3.1.1 §4.3), as in `OutgoingRow`. */
export const DONE = 0;
export const AWAIT_PUBACK = 1;
export const AWAIT_PUBREC = 2;
export const AWAIT_PUBCOMP = 3;

/** Not sent on the present connection. Beside the RETAIN and DUP bits in the flags of an entry. */
export const UNSENT = 0x10;
/** It goes out as soon as its row is committed. */
export const HELD = 0x20;
/** Its row is known to be committed. */
export const COMMITTED = 0x40;

const FIRST_ROOM = 16;

/**
 * The messages that have a packet id and are not acknowledged, in the order they were sent: redelivery keeps that
 * order (MQTT-4.6.0-1). Flat columns in a ring; acknowledgements come mostly in order, so the first look finds them.
 */
export class Inflight {
  readonly #kept: KeptBytes;
  #mask = FIRST_ROOM - 1;
  #ids = new Uint16Array(FIRST_ROOM);
  #states = new Uint8Array(FIRST_ROOM);
  #flags = new Uint8Array(FIRST_ROOM);
  #frames = new Array<PublishFrame | null>(FIRST_ROOM).fill(null);
  /** Order of the row in the journal, 0 without one. */
  #orders = new Float64Array(FIRST_ROOM);
  #subscriptionIds = new Array<readonly number[] | null>(FIRST_ROOM).fill(null);
  #head = 0;
  #tail = 0;
  /** No entry below this index is to be sent. */
  #sendFrom = 0;
  /** Where each id stands; only for windows in which a search would be long. */
  #places: Uint32Array | null = null;
  /** Messages under way. */
  count = 0;
  /** Those of them that wait to be sent on the present connection. */
  unsent = 0;

  constructor(kept: KeptBytes) {
    this.#kept = kept;
  }

  /** `frame` is null where no redelivery can come: in sessions that end with their connection. */
  add(
    id: number,
    state: number,
    flags: number,
    frame: PublishFrame | null,
    order = 0,
    subscriptionIds: readonly number[] | null = null,
  ): void {
    if (this.#tail - this.#head > this.#mask) this.#makeRoom();
    const at = this.#tail & this.#mask;
    this.#ids[at] = id;
    this.#states[at] = state;
    this.#flags[at] = flags;
    this.#frames[at] = frame;
    this.#orders[at] = order;
    this.#subscriptionIds[at] = subscriptionIds;
    if (this.#places !== null) this.#places[id] = this.#tail;
    if (frame !== null) this.#kept.add(frame);
    this.#tail++;
    this.count++;
    if ((flags & (UNSENT | HELD)) === UNSENT) this.unsent++;
  }

  /** Where the message with this id stands until the next `add`, or -1 when there is none. */
  find(id: number): number {
    if (this.#places !== null) {
      const index = this.#places[id]!;
      const at = index & this.#mask;
      const isThere = index >= this.#head && index < this.#tail;
      return isThere && this.#ids[at] === id && this.#states[at] !== DONE ? at : -1;
    }
    for (let index = this.#head; index < this.#tail; index++) {
      const at = index & this.#mask;
      if (this.#ids[at] === id && this.#states[at] !== DONE) return at;
    }
    return -1;
  }

  /** State of the message with this id, or `DONE` when there is none. */
  state(id: number): number {
    const at = this.find(id);
    return at < 0 ? DONE : this.#states[at]!;
  }

  stateAt(at: number): number {
    return this.#states[at]!;
  }

  idAt(at: number): number {
    return this.#ids[at]!;
  }

  flagsAt(at: number): number {
    return this.#flags[at]!;
  }

  frameAt(at: number): PublishFrame | null {
    return this.#frames[at]!;
  }

  orderAt(at: number): number {
    return this.#orders[at]!;
  }

  subscriptionIdsAt(at: number): readonly number[] | null {
    return this.#subscriptionIds[at]!;
  }

  setFlags(at: number, flags: number): void {
    const waited = (this.#flags[at]! & (UNSENT | HELD)) === UNSENT;
    const waits = (flags & (UNSENT | HELD)) === UNSENT;
    this.unsent += (waits ? 1 : 0) - (waited ? 1 : 0);
    this.#flags[at] = flags;
  }

  setOrder(at: number, order: number): void {
    this.#orders[at] = order;
  }

  /** PUBREC came: the payload is the client's now, only the id is still in use. */
  received(at: number): void {
    this.setFlags(at, 0);
    this.#states[at] = AWAIT_PUBCOMP;
    this.#letGo(at);
  }

  /** The exchange is over and the id free. */
  finish(at: number): void {
    this.setFlags(at, 0);
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
    this.unsent = 0;
  }

  /** A new connection: everything is to be sent again, with `dup` set where it was sent before. */
  restart(dup: number): void {
    for (let index = this.#head; index < this.#tail; index++) {
      const at = index & this.#mask;
      if (this.#states[at] === DONE) continue;
      const flags = this.#flags[at]!;
      this.setFlags(at, (flags & UNSENT) !== 0 ? flags & ~HELD : flags | dup | UNSENT);
    }
    this.#sendFrom = this.#head;
  }

  /** The first entry that waits to be sent, or -1. */
  nextUnsent(): number {
    if (this.unsent === 0) return -1;
    for (let index = Math.max(this.#sendFrom, this.#head); index < this.#tail; index++) {
      const at = index & this.#mask;
      if (this.#states[at] !== DONE && (this.#flags[at]! & (UNSENT | HELD)) === UNSENT) {
        this.#sendFrom = index;
        return at;
      }
    }
    return -1;
  }

  /** Every open exchange in the order of sending. */
  forEach(visit: (at: number) => void): void {
    for (let index = this.#head; index < this.#tail; index++) {
      const at = index & this.#mask;
      if (this.#states[at] !== DONE) visit(at);
    }
  }

  #letGo(at: number): void {
    const frame = this.#frames[at]!;
    if (frame !== null) this.#kept.remove(frame);
    this.#frames[at] = null;
    this.#subscriptionIds[at] = null;
  }

  /** Closes the gaps that acknowledgements out of order left, or widens the ring when it is really full. */
  #makeRoom(): void {
    const room = this.count * 2 > this.#mask ? powerOfTwo((this.#mask + 1) * 2) : this.#mask + 1;
    const mask = room - 1;
    const ids = new Uint16Array(room);
    const states = new Uint8Array(room);
    const flags = new Uint8Array(room);
    const frames = new Array<PublishFrame | null>(room).fill(null);
    const orders = new Float64Array(room);
    const subscriptionIds = new Array<readonly number[] | null>(room).fill(null);
    if (this.#places === null && room > 128) this.#places = new Uint32Array(65_536);
    let to = 0;
    for (let index = this.#head; index < this.#tail; index++) {
      const from = index & this.#mask;
      if (this.#states[from] === DONE) continue;
      ids[to] = this.#ids[from]!;
      states[to] = this.#states[from]!;
      flags[to] = this.#flags[from]!;
      frames[to] = this.#frames[from]!;
      orders[to] = this.#orders[from]!;
      subscriptionIds[to] = this.#subscriptionIds[from]!;
      if (this.#places !== null) this.#places[ids[to]!] = to;
      to++;
    }
    this.#ids = ids;
    this.#states = states;
    this.#flags = flags;
    this.#frames = frames;
    this.#orders = orders;
    this.#subscriptionIds = subscriptionIds;
    this.#mask = mask;
    this.#head = 0;
    this.#tail = to;
    this.#sendFrom = 0;
  }
}
