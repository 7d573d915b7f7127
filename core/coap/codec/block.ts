/** The value of Block1 and Block2 (RFC 7959 §2.2): NUM 4/12/20 bits, M 1 bit, SZX 3 bits. */
import { encodeUint } from './options.ts';

export interface Block {
  number: number;
  /** More blocks follow. */
  more: boolean;
  /** Exponent of the size: 0..6 stand for 16..1024 bytes. */
  szx: number;
  /** Size in bytes. */
  bytes: number;
}

export const LARGEST_SZX = 6;
export const MAX_BLOCK_NUMBER = 0xf_ffff;

export function blockBytes(szx: number): number {
  return 16 << szx;
}

/** The exponent of a block size, or undefined when it is no power of two from 16 to 1024. */
export function szxOf(bytes: number): number | undefined {
  const szx = Math.log2(bytes) - 4;
  return Number.isInteger(szx) && szx >= 0 && szx <= LARGEST_SZX ? szx : undefined;
}

/** Undefined for more than three bytes and for the reserved SZX 7 (over UDP there is no BERT). */
export function decodeBlock(value: Uint8Array): Block | undefined {
  if (value.length > 3) return undefined;
  let packed = 0;
  for (const byte of value) packed = (packed << 8) | byte;
  const szx = packed & 7;
  if (szx > LARGEST_SZX) return undefined;
  return { number: packed >>> 4, more: (packed & 8) !== 0, szx, bytes: blockBytes(szx) };
}

export function encodeBlock(number: number, more: boolean, szx: number): Uint8Array {
  return encodeUint((number << 4) | (more ? 8 : 0) | szx);
}
