/**
 * Message ids that came in, for deduplication (RFC 7252 §4.5): a CON that comes again gets the same answer.
 *
 * A repeat is the same message byte for byte (§4.2). Small devices count their ids from the same number after
 * every reset; such a message with an id of before is a new one, and its fingerprint tells them apart.
 */

/** 32-bit FNV-1a. */
export function fingerprint(bytes: Uint8Array): number {
  let hash = 0x811c9dc5;
  for (let i = 0; i < bytes.length; i++) hash = Math.imul(hash ^ bytes[i]!, 0x01000193);
  return hash;
}

/** What was answered to a message: nothing yet, an empty message, or an encoded answer. */
export type Reply = 'none' | 'ack' | 'reset' | Uint8Array;

export interface Remembered {
  readonly key: number;
  readonly print: number;
  readonly expiresMs: number;
  reply: Reply;
  /** How often it came again. */
  repeats: number;
}

export class RememberedIds {
  readonly #maxEntries: number;
  readonly #maxBytes: number;
  readonly #onDropped: () => void;
  // A Map keeps the order of insertion: the oldest entry is the first.
  #entries = new Map<number, Remembered>();
  // Where the oldest was found last: from the beginning, each search would pass over all that were deleted before.
  #oldest: MapIterator<number> | undefined;
  #bytes = 0;

  constructor(maxEntries: number, maxBytes: number, onDropped: () => void) {
    this.#maxEntries = maxEntries;
    this.#maxBytes = maxBytes;
    this.#onDropped = onDropped;
  }

  get size(): number {
    return this.#entries.size;
  }

  get bytes(): number {
    return this.#bytes;
  }

  /** A message that is remembered and has not expired. */
  find(peerNumber: number, messageId: number, print: number, nowMs: number): Remembered | undefined {
    const entry = this.#entries.get(keyOf(peerNumber, messageId));
    if (entry === undefined || entry.print !== print || entry.expiresMs <= nowMs) return undefined;
    return entry;
  }

  remember(peerNumber: number, messageId: number, print: number, expiresMs: number): Remembered {
    const key = keyOf(peerNumber, messageId);
    this.#remove(key);
    if (this.#entries.size >= this.#maxEntries) this.#dropOldest();
    const entry: Remembered = { key, print, expiresMs, reply: 'none', repeats: 0 };
    this.#entries.set(key, entry);
    return entry;
  }

  /** Nothing when it was given up meanwhile, or a newer message has its id. */
  answered(entry: Remembered, reply: Reply): void {
    if (this.#entries.get(entry.key) !== entry) return;
    this.#bytes += sizeOf(reply) - sizeOf(entry.reply);
    entry.reply = reply;
    while (this.#bytes > this.#maxBytes && this.#entries.size > 1) this.#dropOldest();
  }

  sweep(nowMs: number): void {
    this.#oldest = undefined; // it would keep every table that the map has outgrown
    for (const [key, entry] of this.#entries) if (entry.expiresMs <= nowMs) this.#remove(key);
  }

  clear(): void {
    this.#entries.clear();
    this.#oldest = undefined;
    this.#bytes = 0;
  }

  #dropOldest(): void {
    this.#oldest ??= this.#entries.keys();
    let next = this.#oldest.next();
    if (next.done === true) {
      this.#oldest = this.#entries.keys();
      next = this.#oldest.next();
    }
    if (next.done === true) return;
    this.#remove(next.value);
    this.#onDropped();
  }

  #remove(key: number): void {
    const entry = this.#entries.get(key);
    if (entry === undefined) return;
    this.#bytes -= sizeOf(entry.reply);
    this.#entries.delete(key);
  }
}

function sizeOf(reply: Reply): number {
  return typeof reply === 'string' ? 0 : reply.length;
}

/** Exact up to 2^37 peers in the life of a process. */
function keyOf(peerNumber: number, messageId: number): number {
  return peerNumber * 0x1_0000 + messageId;
}
