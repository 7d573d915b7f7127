import { PREVIEW_BYTES } from './text-preview.ts';

/** Copies of last payloads: each up to a limit, and short ones only once all together are over another. */
export class KeptPayloads {
  readonly #maxBytes: number;
  readonly #maxBytesInAll: number;
  #bytes = 0;

  constructor(maxBytes: number, maxBytesInAll: number) {
    this.#maxBytes = maxBytes;
    this.#maxBytesInAll = maxBytesInAll;
  }

  get bytes(): number {
    return this.#bytes;
  }

  /** A copy of `payload` or its beginning, in the place of `before` when that is as long. */
  keep(before: Uint8Array | null, payload: Uint8Array): Uint8Array {
    const lengthBefore = before === null ? 0 : before.length;
    let length = Math.min(payload.length, this.#maxBytes);
    if (this.#bytes - lengthBefore + length > this.#maxBytesInAll) length = Math.min(length, PREVIEW_BYTES);
    this.#bytes += length - lengthBefore;
    if (before !== null && lengthBefore === length) {
      if (length === payload.length) before.set(payload);
      else before.set(payload.subarray(0, length));
      return before;
    }
    // `slice` of a Buffer would be a view into the socket's memory.
    return Uint8Array.prototype.slice.call(payload, 0, length);
  }
}
