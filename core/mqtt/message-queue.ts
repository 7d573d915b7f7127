import type { PublishFrame } from './publish-frame.ts';

/** What a full queue gives up: the message that comes, or the one that waits longest. */
export type QueuePolicy = 'drop-newest' | 'drop-oldest';

export interface QueueLimits {
  maxMessages: number;
  maxBytes: number;
  policy: QueuePolicy;
}

/** What a message costs besides its bytes. */
const FRAME_BYTES = 256;

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
  readonly #limits: QueueLimits;
  readonly #kept: KeptBytes;
  #mask = FIRST_ROOM - 1;
  #frames = new Array<PublishFrame | null>(FIRST_ROOM).fill(null);
  /** QoS of delivery. */
  #qos = new Uint8Array(FIRST_ROOM);
  #head = 0;
  #bytes = 0;
  size = 0;

  constructor(limits: QueueLimits, kept: KeptBytes) {
    this.#limits = limits;
    this.#kept = kept;
  }

  get bytes(): number {
    return this.#bytes;
  }

  /** Whether a message of `bytes` would be given up for those that wait. */
  refuses(bytes: number): boolean {
    return this.#limits.policy === 'drop-newest' && this.#isFull(bytes);
  }

  /** Adds a frame that owns its bytes. Returns how many messages were given up for it or with it. */
  push(frame: PublishFrame, qos: number): number {
    if (this.refuses(frame.size)) return 1;
    let dropped = 0;
    for (; this.#isFull(frame.size); dropped++) this.shift();
    if (frame.size > this.#limits.maxBytes) return dropped + 1;
    if (this.size > this.#mask) this.#widen();
    const at = (this.#head + this.size++) & this.#mask;
    this.#frames[at] = frame;
    this.#qos[at] = qos;
    this.#bytes += frame.size;
    this.#kept.add(frame);
    return dropped;
  }

  /** QoS of the next message; the queue is not empty. */
  get nextQos(): number {
    return this.#qos[this.#head]!;
  }

  shift(): PublishFrame {
    const frame = this.#frames[this.#head]!;
    this.#frames[this.#head] = null;
    this.#head = (this.#head + 1) & this.#mask;
    this.size--;
    this.#bytes -= frame.size;
    this.#kept.remove(frame);
    return frame;
  }

  #isFull(bytes: number): boolean {
    const { maxMessages, maxBytes } = this.#limits;
    return this.size > 0 && (this.size >= maxMessages || this.#bytes + bytes > maxBytes);
  }

  #widen(): void {
    const room = this.size * 2;
    const frames = new Array<PublishFrame | null>(room).fill(null);
    const qos = new Uint8Array(room);
    for (let index = 0; index < this.size; index++) {
      const from = (this.#head + index) & this.#mask;
      frames[index] = this.#frames[from]!;
      qos[index] = this.#qos[from]!;
    }
    this.#frames = frames;
    this.#qos = qos;
    this.#mask = room - 1;
    this.#head = 0;
  }
}
