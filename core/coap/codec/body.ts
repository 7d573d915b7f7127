const FIRST_BYTES = 4_096;

/** Bytes that arrive in parts. Grows by doubling, so that a server's wrong Size2 costs no memory. */
export class Body {
  readonly #maxBytes: number;
  #bytes: Uint8Array;
  length = 0;

  /** `expectedBytes` is what the other end announced, 0 when it said nothing; trusted up to 64 KiB. */
  constructor(expectedBytes: number, maxBytes: number) {
    this.#maxBytes = maxBytes;
    this.#bytes = new Uint8Array(Math.min(Math.max(expectedBytes, FIRST_BYTES), 65_536, maxBytes));
  }

  /** The caller checks the limit first. */
  append(part: Uint8Array): void {
    const end = this.length + part.length;
    if (end > this.#bytes.length) {
      const grown = new Uint8Array(Math.min(Math.max(this.#bytes.length * 2, end), this.#maxBytes));
      grown.set(this.#bytes.subarray(0, this.length));
      this.#bytes = grown;
    }
    this.#bytes.set(part, this.length);
    this.length = end;
  }

  /** A view on what is there already; good until more is appended. */
  part(from: number, to: number): Uint8Array {
    return this.#bytes.subarray(from, Math.min(to, this.length));
  }

  bytes(): Uint8Array {
    return this.#bytes.length === this.length ? this.#bytes : this.#bytes.slice(0, this.length);
  }
}
