import type { TrashEntry } from '../contract/retained.ts';
import { FRAME_BYTES } from '../mqtt/message-queue.ts';
import type { PublishFrame } from '../mqtt/publish-frame.ts';

const MAX_BYTES = 64 * 1024 * 1024;
const MAX_LINES = 100;

interface Line {
  entry: TrashEntry;
  frames: readonly PublishFrame[];
  /** What it takes of the room, with what each message costs besides its bytes. */
  cost: number;
}

/** What was cleared, newest first, until the station ends or newer lines need the room. */
export class Trash {
  readonly maxBytes = MAX_BYTES;
  readonly #lines: Line[] = [];
  #bytes = 0;
  #nextId = 1;

  get bytes(): number {
    return this.#bytes;
  }

  entries(): TrashEntry[] {
    return this.#lines.map(({ entry }) => entry);
  }

  /** Returns the id of its line. The newest line stays even when it alone is too large. */
  add(what: string, frames: readonly PublishFrame[], nowMs: number): number {
    let bytes = 0;
    for (const frame of frames) bytes += frame.size;
    const entry = { id: this.#nextId++, what, messages: frames.length, bytes, clearedMs: nowMs };
    const cost = bytes + frames.length * FRAME_BYTES;
    this.#lines.unshift({ entry, frames, cost });
    this.#bytes += cost;
    while (this.#lines.length > 1 && (this.#bytes > MAX_BYTES || this.#lines.length > MAX_LINES)) {
      this.#bytes -= this.#lines.pop()!.cost;
    }
    return entry.id;
  }

  /** Takes the line out; null when it is gone. */
  take(id: number): { what: string; frames: readonly PublishFrame[] } | null {
    const at = this.#lines.findIndex(({ entry }) => entry.id === id);
    if (at < 0) return null;
    const [{ entry, frames, cost }] = this.#lines.splice(at, 1) as [Line];
    this.#bytes -= cost;
    return { what: entry.what, frames };
  }

  /** Returns how many messages are gone for good. */
  empty(): number {
    let messages = 0;
    for (const { entry } of this.#lines.splice(0)) messages += entry.messages;
    this.#bytes = 0;
    return messages;
  }
}
