import type { PublishFrame } from './publish-frame.ts';

/** What a full queue gives up: the message that comes, or the one that waits longest. */
export type QueuePolicy = 'drop-newest' | 'drop-oldest';

export interface QueueLimits {
  maxMessages: number;
  maxBytes: number;
  policy: QueuePolicy;
}

const FIRST_ROOM = 16;

/** Messages with QoS above 0 that wait for the client or for its window, bounded in count and bytes. */
export class MessageQueue {
  readonly #limits: QueueLimits;
  #mask = FIRST_ROOM - 1;
  #frames = new Array<PublishFrame | null>(FIRST_ROOM).fill(null);
  /** QoS of delivery. */
  #qos = new Uint8Array(FIRST_ROOM);
  #head = 0;
  #bytes = 0;
  size = 0;

  constructor(limits: QueueLimits) {
    this.#limits = limits;
  }

  get bytes(): number {
    return this.#bytes;
  }

  /** Adds a frame that owns its bytes. Returns how many messages were given up for it or with it. */
  push(frame: PublishFrame, qos: number): number {
    const { maxMessages, maxBytes, policy } = this.#limits;
    let dropped = 0;
    while (this.size > 0 && (this.size >= maxMessages || this.#bytes + frame.size > maxBytes)) {
      if (policy === 'drop-newest') return 1;
      this.shift();
      dropped++;
    }
    if (frame.size > maxBytes) return dropped + 1;
    if (this.size > this.#mask) this.#widen();
    const at = (this.#head + this.size++) & this.#mask;
    this.#frames[at] = frame;
    this.#qos[at] = qos;
    this.#bytes += frame.size;
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
    return frame;
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
