/** The value of Block1 and Block2 (RFC 7959 §2.2): NUM 4/12/20 bits, M 1 bit, SZX 3 bits. */
import { encodeUint } from './options.ts';

export interface Block {
  number: number;
  /** More blocks follow. */
  more: boolean;
  /** Exponent of the size: 0..6 stand for 16..1024 bytes, 7 for any number of blocks of 1024 (BERT). */
  szx: number;
  /** Size of one block in bytes, by which `number` counts; 1024 for BERT. */
  bytes: number;
}

export const LARGEST_SZX = 6;
/** Several blocks of 1024 bytes in one message, over reliable transports only (RFC 8323 §6). */
export const BERT_SZX = 7;
export const MAX_BLOCK_NUMBER = 0xf_ffff;

/** Bytes of one block, by which blocks are numbered. */
export function blockBytes(szx: number): number {
  return szx === BERT_SZX ? 1_024 : 16 << szx;
}

/** The exponent of a block size, or undefined when it is no power of two from 16 to 1024. */
export function szxOf(bytes: number): number | undefined {
  const szx = Math.log2(bytes) - 4;
  return Number.isInteger(szx) && szx >= 0 && szx <= LARGEST_SZX ? szx : undefined;
}

/** Undefined for more than three bytes and for an exponent past `largestSzx`: 7 is reserved where there is no BERT. */
export function decodeBlock(value: Uint8Array, largestSzx: number = LARGEST_SZX): Block | undefined {
  if (value.length > 3) return undefined;
  let packed = 0;
  for (const byte of value) packed = (packed << 8) | byte;
  const szx = packed & 7;
  if (szx > largestSzx) return undefined;
  return { number: packed >>> 4, more: (packed & 8) !== 0, szx, bytes: blockBytes(szx) };
}

export function encodeBlock(number: number, more: boolean, szx: number): Uint8Array {
  return encodeUint((number << 4) | (more ? 8 : 0) | szx);
}

/** Whether a payload of so many bytes may come with that block: full but for the last one (RFC 7959 §2.2, RFC 8323 §6). */
export function fitsBlock(block: Block, payloadBytes: number): boolean {
  if (block.szx === BERT_SZX) return !block.more || (payloadBytes > 0 && payloadBytes % 1_024 === 0);
  return block.more ? payloadBytes === block.bytes : payloadBytes <= block.bytes;
}
