import { randomFillSync } from 'node:crypto';

/** Where tokens, message ids and waiting times come from; tests give a seeded one. */
export interface CoapRandom {
  /** Fresh unpredictable bytes that the caller may keep. */
  bytes(count: number): Uint8Array;
  /** From 0 up to, not including, 1. */
  fraction(): number;
}

const POOL_BYTES = 4_096;

/** Unpredictable, because a token is what keeps others from answering in a device's name (RFC 7252 §5.3.1). */
export function secureRandom(): CoapRandom {
  let pool = new Uint8Array(0);
  let at = 0;
  return {
    bytes(count) {
      if (at + count > pool.length) {
        pool = randomFillSync(new Uint8Array(Math.max(POOL_BYTES, count)));
        at = 0;
      }
      at += count;
      // Never used again; a copy would be an array of its own, which costs more than its bytes.
      return pool.subarray(at - count, at);
    },
    fraction: Math.random,
  };
}
