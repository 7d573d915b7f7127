import { Buffer } from 'node:buffer';

const SIZES = [1_024, 8_192, 65_536];
/** Free buffers kept of each size: 4 MiB, 8 MiB, 16 MiB at most. */
const KEPT = [4_096, 1_024, 256];

/** The largest buffer that is kept for another time. */
export const MAX_POOLED_BYTES = 65_536;

/**
 * Buffers in three sizes. A connection that sends little borrows little, so ten thousand of them waking at once
 * cost ten megabytes and not six hundred.
 */
export class BufferPool {
  readonly #free: Buffer[][] = SIZES.map(() => []);

  /** A buffer of at least `bytes`; above `MAX_POOLED_BYTES` it is a new one. Contents are undefined. */
  take(bytes: number): Buffer {
    if (bytes > MAX_POOLED_BYTES) return Buffer.allocUnsafeSlow(bytes);
    const sizeClass = bytes <= 1_024 ? 0 : bytes <= 8_192 ? 1 : 2;
    return this.#free[sizeClass]!.pop() ?? Buffer.allocUnsafeSlow(SIZES[sizeClass]!);
  }

  /** Takes back a buffer of `take` that nobody reads any more. */
  give(buffer: Buffer): void {
    const sizeClass = SIZES.indexOf(buffer.length);
    if (sizeClass < 0) return;
    const free = this.#free[sizeClass]!;
    if (free.length < KEPT[sizeClass]!) free.push(buffer);
  }
}
