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
    // Memory of its own, exactly as long: a view would pin the socket's buffer, or clone it whole into a worker.
    const kept = before !== null && lengthBefore === length ? before : new Uint8Array(length);
    kept.set(length === payload.length ? payload : payload.subarray(0, length));
    return kept;
  }
}
