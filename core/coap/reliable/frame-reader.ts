import { MAX_TOKEN_BYTES } from '../codec/codec.ts';
import { MAX_HEADER_BYTES, decodeFramed, streamMessageBytes } from './codec.ts';
import type { FrameProblem, ReliableMessage } from './codec.ts';

/** Who is told of each message. Views of the message are good for as long as they are kept. */
export interface FrameSink {
  /** From `start` to `end` of `bytes` is the message as it came. False: nothing more is wanted. */
  message(message: ReliableMessage, bytes: Uint8Array, start: number, end: number): boolean;
  /** Nothing that follows can be read. */
  broken(problem: FrameProblem, bytes: Uint8Array, start: number, end: number): void;
}

const FIRST_HELD_BYTES = 512;

/** What unfinished messages of many connections may hold together. */
export class HeldBudget {
  readonly #maxBytes: number;
  bytes = 0;

  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
  }

  /** Negative to give back. False, and nothing done, when it is too much. */
  take(bytes: number): boolean {
    if (this.bytes + bytes > this.#maxBytes) return false;
    this.bytes += bytes;
    return true;
  }
}

/**
 * Messages out of a byte stream, whatever pieces it comes in (RFC 8323 §3.2). A message that lies whole in one piece
 * is read in place; only what is split is copied, into a buffer that grows with what really came, so that an
 * announced size costs nothing. Messages past `maxBytes` are refused by their header.
 */
export class FrameReader {
  maxBytes: number;
  /** Whole ones so far. */
  messages = 0;
  readonly #sink: FrameSink;
  readonly #budget: HeldBudget;
  /** Bytes of one message that is not whole, from 0 to `#heldBytes`. */
  #held: Uint8Array | undefined;
  #heldBytes = 0;
  #stopped = false;

  constructor(maxBytes: number, budget: HeldBudget, sink: FrameSink) {
    this.#budget = budget;
    this.maxBytes = maxBytes;
    this.#sink = sink;
  }

  /** How much is here of a message that is not whole. */
  get heldBytes(): number {
    return this.#heldBytes;
  }

  /** Takes `bytes` over: they must not change any more. Returns false when nothing more can or shall be read. */
  feed(bytes: Uint8Array): boolean {
    let at = this.#held === undefined ? 0 : this.#complete(bytes);
    while (!this.#stopped && at < bytes.length) {
      const size = streamMessageBytes(bytes, at, bytes.length);
      if (size === 0 || at + size > bytes.length) {
        if (this.#admits(size, bytes, at, bytes.length)) this.#hold(bytes, at, bytes.length, size);
        break;
      }
      if (!this.#admits(size, bytes, at, at + size)) break;
      this.#deliver(bytes, at, at + size);
      at += size;
    }
    return !this.#stopped;
  }

  /** One message as a WebSocket carries it (§4.2). */
  feedFrame(bytes: Uint8Array): void {
    const message =
      bytes.length > this.maxBytes ? 'too_large' : decodeFramed(bytes, 0, bytes.length, 'websocket');
    if (typeof message === 'string') this.#sink.broken(message, bytes, 0, bytes.length);
    else this.#sink.message(message, bytes, 0, bytes.length);
  }

  /** Forgets what is held and reads no more. */
  stop(): void {
    this.#stopped = true;
    if (this.#held !== undefined) this.#budget.take(-this.#held.length);
    this.#held = undefined;
    this.#heldBytes = 0;
  }

  /** Feeds the held message. Returns how many of `bytes` belong to it. */
  #complete(bytes: Uint8Array): number {
    let at = 0;
    // Byte by byte until the size is known: at most five.
    let size = streamMessageBytes(this.#held!, 0, this.#heldBytes);
    while (size === 0 && at < bytes.length) {
      this.#hold(bytes, at, ++at, MAX_HEADER_BYTES);
      if (this.#stopped) return at;
      size = streamMessageBytes(this.#held!, 0, this.#heldBytes);
    }
    if (size === 0 || !this.#admits(size, this.#held!, 0, this.#heldBytes)) return at;
    const take = Math.min(size - this.#heldBytes, bytes.length - at);
    this.#hold(bytes, at, at + take, size);
    at += take;
    if (this.#stopped || this.#heldBytes < size) return at;
    const whole = this.#held!;
    this.#held = undefined;
    this.#heldBytes = 0;
    this.#budget.take(-whole.length);
    this.#deliver(whole, 0, size);
    return at;
  }

  /** Refuses by the header what is not to be waited for. `size` 0: not known yet. */
  #admits(size: number, bytes: Uint8Array, start: number, end: number): boolean {
    let problem: FrameProblem | undefined;
    if (size > this.maxBytes) problem = 'too_large';
    else if ((bytes[start]! & 15) > MAX_TOKEN_BYTES) problem = 'token_length';
    if (problem === undefined) return true;
    this.#break(problem, bytes, start, end);
    return false;
  }

  #hold(bytes: Uint8Array, from: number, to: number, size: number): void {
    const needed = this.#heldBytes + to - from;
    const before = this.#held;
    if (before === undefined || needed > before.length) {
      const room = Math.max(needed, Math.min(size, Math.max(FIRST_HELD_BYTES, needed * 2)));
      if (!this.#budget.take(room - (before?.length ?? 0))) {
        this.#break('no_room', bytes, from, to);
        return;
      }
      this.#held = new Uint8Array(room);
      if (before !== undefined) this.#held.set(before.subarray(0, this.#heldBytes));
    }
    this.#held!.set(bytes.subarray(from, to), this.#heldBytes);
    this.#heldBytes = needed;
  }

  #deliver(bytes: Uint8Array, start: number, end: number): void {
    this.messages++;
    const message = decodeFramed(bytes, start, end, 'stream');
    if (typeof message === 'string') this.#break(message, bytes, start, end);
    else if (!this.#sink.message(message, bytes, start, end)) this.stop();
  }

  #break(problem: FrameProblem, bytes: Uint8Array, start: number, end: number): void {
    this.stop();
    this.#sink.broken(problem, bytes, start, end);
  }
}
