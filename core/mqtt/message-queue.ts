import type { PublishFrame } from './publish-frame.ts';
import type { Qos } from './types.ts';

/** What a full queue gives up: the message that comes, or the one that waits longest. */
export type QueuePolicy = 'drop-newest' | 'drop-oldest';

/** Whose queue it is. Its limits may change: a client may come back through another listener, or as another user. */
export interface QueueOwner {
  limits: { queueMessages: number; queueBytes: number };
}

/** What a kept message costs besides its bytes, measured: some 500 bytes of heap, the rest for its buffer. */
export const FRAME_BYTES = 768;

/** What all sessions together keep for their clients: messages that wait, and those that may be sent again. */
export class KeptBytes {
  #bytes = 0;
  readonly #maxBytes: number;
  readonly #makeRoom: () => boolean;

  /** `makeRoom` gives something up; false when there is nothing to give up. */
  constructor(maxBytes: number, makeRoom: () => boolean) {
    this.#maxBytes = maxBytes;
    this.#makeRoom = makeRoom;
  }

  hasRoomFor(frame: PublishFrame): boolean {
    while (this.#bytes + frame.size + FRAME_BYTES > this.#maxBytes) if (!this.#makeRoom()) return false;
    return true;
  }

  add(frame: PublishFrame): void {
    this.#bytes += frame.size + FRAME_BYTES;
  }

  remove(frame: PublishFrame): void {
    this.#bytes -= frame.size + FRAME_BYTES;
  }
}

const FIRST_ROOM = 16;

/** Messages with QoS above 0 that wait for the client or for its window, bounded in count and bytes. */
export class MessageQueue {
  readonly #owner: QueueOwner;
  readonly #policy: QueuePolicy;
  readonly #kept: KeptBytes;
  #mask = FIRST_ROOM - 1;
  #frames = new Array<PublishFrame | null>(FIRST_ROOM).fill(null);
  /** QoS of delivery, and its RETAIN bit beside it: `qos << 1 | retain`. */
  #flags = new Uint8Array(FIRST_ROOM);
  /** Order of the row in the journal, 0 without one. */
  #orders = new Float64Array(FIRST_ROOM);
  #subscriptionIds = new Array<readonly number[] | null>(FIRST_ROOM).fill(null);
  #head = 0;
  #bytes = 0;
  /** Wall time before which none of them expires. */
  #expireFromMs = Infinity;
  size = 0;

  constructor(owner: QueueOwner, policy: QueuePolicy, kept: KeptBytes) {
    this.#owner = owner;
    this.#policy = policy;
    this.#kept = kept;
  }

  get bytes(): number {
    return this.#bytes;
  }

  /** Whether a message of `bytes` would be given up for those that wait. */
  refuses(bytes: number): boolean {
    return bytes > this.#owner.limits.queueBytes || (this.#policy === 'drop-newest' && this.#isFull(bytes));
  }

  /** Whether the message that waits longest goes for one of `bytes`. */
  overflows(bytes: number): boolean {
    return this.#policy === 'drop-oldest' && this.#isFull(bytes);
  }

  /** Adds a frame that owns its bytes; the caller has asked `refuses` and `overflows`. */
  push(
    frame: PublishFrame,
    qos: Qos,
    flags: number,
    order = 0,
    subscriptionIds: readonly number[] | null = null,
  ): void {
    if (this.size > this.#mask) this.#widen();
    const at = (this.#head + this.size++) & this.#mask;
    this.#frames[at] = frame;
    this.#flags[at] = (qos << 1) | (flags & 1);
    this.#orders[at] = order;
    this.#subscriptionIds[at] = subscriptionIds;
    this.#bytes += frame.size;
    if (frame.expiresMs !== 0 && frame.expiresMs < this.#expireFromMs) this.#expireFromMs = frame.expiresMs;
    this.#kept.add(frame);
  }

  /** Takes out what nobody may get any more; `onGone` hears of each, with the order of its row. Returns how many. */
  dropExpired(nowMs: number, onGone: (order: number, frame: PublishFrame) => void): number {
    if (nowMs < this.#expireFromMs) return 0;
    this.#expireFromMs = Infinity;
    const before = this.size;
    for (let left = before; left > 0; left--) {
      const { qos, flags, order, subscriptionIds } = this;
      const frame = this.shift();
      if (frame.expired(nowMs)) onGone(order, frame);
      else this.push(frame, qos, flags, order, subscriptionIds);
    }
    return before - this.size;
  }

  // The next message; the queue is not empty.

  get frame(): PublishFrame {
    return this.#frames[this.#head]!;
  }

  get qos(): Qos {
    return (this.#flags[this.#head]! >> 1) as Qos;
  }

  get flags(): number {
    return this.#flags[this.#head]! & 1;
  }

  get order(): number {
    return this.#orders[this.#head]!;
  }

  get subscriptionIds(): readonly number[] | null {
    return this.#subscriptionIds[this.#head]!;
  }

  shift(): PublishFrame {
    const frame = this.#frames[this.#head]!;
    this.#frames[this.#head] = null;
    this.#subscriptionIds[this.#head] = null;
    this.#head = (this.#head + 1) & this.#mask;
    this.size--;
    this.#bytes -= frame.size;
    this.#kept.remove(frame);
    return frame;
  }

  /** The first `most` messages in their order. */
  forEach(
    most: number,
    visit: (
      frame: PublishFrame,
      qos: Qos,
      flags: number,
      order: number,
      subscriptionIds: readonly number[] | null,
    ) => void,
  ): void {
    for (let index = 0; index < this.size && index < most; index++) {
      const at = (this.#head + index) & this.#mask;
      const flags = this.#flags[at]!;
      visit(this.#frames[at]!, (flags >> 1) as Qos, flags & 1, this.#orders[at]!, this.#subscriptionIds[at]!);
    }
  }

  /** Gives every message the row order 0: the session is not journaled any more. */
  forgetOrders(): void {
    this.#orders.fill(0);
  }

  #isFull(bytes: number): boolean {
    const { queueMessages, queueBytes } = this.#owner.limits;
    return this.size > 0 && (this.size >= queueMessages || this.#bytes + bytes > queueBytes);
  }

  #widen(): void {
    const room = this.size * 2;
    const frames = new Array<PublishFrame | null>(room).fill(null);
    const flags = new Uint8Array(room);
    const orders = new Float64Array(room);
    const subscriptionIds = new Array<readonly number[] | null>(room).fill(null);
    for (let index = 0; index < this.size; index++) {
      const from = (this.#head + index) & this.#mask;
      frames[index] = this.#frames[from]!;
      flags[index] = this.#flags[from]!;
      orders[index] = this.#orders[from]!;
      subscriptionIds[index] = this.#subscriptionIds[from]!;
    }
    this.#frames = frames;
    this.#flags = flags;
    this.#orders = orders;
    this.#subscriptionIds = subscriptionIds;
    this.#mask = room - 1;
    this.#head = 0;
  }
}
