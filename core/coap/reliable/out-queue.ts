import type { ReliableLimits } from './context.ts';
import type { MessagePipe } from './pipe.ts';
import type { ReliableSending } from './sending.ts';

/** Given to the pipe at a time, so that it can be seen whether a slow peer takes anything at all. */
const PIPE_BYTES = 64 * 1024;

/** What waits to go out on one connection: bounded, gathered into few writes, in order. Many of it stops the reading. */
export class OutQueue {
  readonly #pipe: MessagePipe;
  readonly #limits: ReliableLimits;
  readonly #mayPause: boolean;
  /** Nothing is read until more has gone out. */
  paused = false;
  #pieces: Uint8Array[] = [];
  /** The request that a piece is, where somebody wants to hear of it. Parallel to `#pieces`. */
  #sendings: (ReliableSending | undefined)[] = [];
  #next = 0;
  #queuedBytes = 0;
  #writtenBytes = 0;

  constructor(pipe: MessagePipe, limits: ReliableLimits, mayPause: boolean) {
    this.#pipe = pipe;
    this.#limits = limits;
    this.#mayPause = mayPause;
  }

  /** The pipe has been given everything. */
  get empty(): boolean {
    return this.#queuedBytes === 0;
  }

  /** Waiting here and in the pipe. */
  get bytes(): number {
    return this.#queuedBytes + this.#pipe.bufferedBytes;
  }

  /** Taken by the operating system since the connection began. */
  get takenBytes(): number {
    return this.#writtenBytes - this.#pipe.bufferedBytes;
  }

  /** False, and nothing done, when the queue is full. A queue that is empty takes any one message. */
  push(bytes: Uint8Array, sending?: ReliableSending): boolean {
    const waiting = this.bytes;
    if (waiting > 0 && waiting + bytes.length > this.#limits.outBytes) return false;
    this.#pieces.push(bytes);
    this.#sendings.push(sending);
    this.#queuedBytes += bytes.length;
    return true;
  }

  /** As much as the pipe takes now. */
  flush(nowMs: number): void {
    while (this.#next < this.#pieces.length && this.#pipe.bufferedBytes < PIPE_BYTES) {
      const first = this.#next;
      let size = 0;
      while (this.#next < this.#pieces.length && size < PIPE_BYTES)
        size += this.#pieces[this.#next++]!.length;
      const all = first === 0 && this.#next === this.#pieces.length;
      const pieces = all ? this.#pieces : this.#pieces.slice(first, this.#next);
      const sendings = all ? this.#sendings : this.#sendings.slice(first, this.#next);
      if (this.#next === this.#pieces.length) {
        this.#pieces = [];
        this.#sendings = [];
        this.#next = 0;
      }
      this.#queuedBytes -= size;
      this.#writtenBytes += size;
      this.#pipe.writeAll(pieces);
      for (const sending of sendings) sending?.wentOut(nowMs);
    }
    this.#pauseOrResume();
  }

  #pauseOrResume(): void {
    const pause = this.#mayPause && this.bytes >= this.#limits.highWaterBytes;
    if (pause === this.paused) return;
    this.paused = pause;
    if (pause) this.#pipe.pause();
    else this.#pipe.resume();
  }

  /** Forgets what the pipe has not been given. */
  clear(): void {
    this.#pieces = [];
    this.#sendings = [];
    this.#next = 0;
    this.#queuedBytes = 0;
  }
}
