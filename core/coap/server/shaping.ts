import { hash } from 'node:crypto';
import { sameBytes } from '../bytes.ts';
import type { Block } from '../codec/block.ts';
import { BERT_SZX, MAX_BLOCK_NUMBER, blockBytes, encodeBlock } from '../codec/block.ts';
import { BAD_REQUEST, CONTENT, VALID, isSuccess } from '../codec/codes.ts';
import { BLOCK2, CONTENT_FORMAT, ETAG, MAX_AGE, SIZE2, uintOption } from '../codec/options.ts';
import type { CoapOption } from '../codec/options.ts';
import type { ServedAnswer, ServedRequest } from './resource.ts';
import type { ServerAnswer } from './types.ts';

const NO_BYTES = new Uint8Array(0);
const DIAGNOSTIC_BYTES = 256;
/** Header, token, payload marker, and the options that are added to an answer: Block1, Block2, Size2, Observe. */
const HEAD_BYTES = 4 + 8 + 1 + 5 + 5 + 7 + 5;

/** How one answer may go out. */
export interface Shape {
  request: Pick<ServedRequest, 'method' | 'options'>;
  /** What the request asked for. */
  block2: Block | undefined;
  /** The request has Size2. */
  wantsSize: boolean;
  /** Largest block; without being asked blocks are only used for what does not fit otherwise. */
  largestSzx: number;
  maxMessageBytes: number;
  /** Many blocks are no reason to cut: all that fits into one message goes out whole. */
  reliable: boolean;
}

export interface Shaped {
  answer: ServerAnswer;
  /** There is more of it than this one block: it should be kept, with this ETag. */
  cut: ServedAnswer | undefined;
}

/** The message that a resource's answer becomes: ETag validation (RFC 7252 §5.10.6.2) and Block2 (RFC 7959 §2.4). */
export function shapeAnswer(given: ServedAnswer, shape: Shape): Shaped {
  const payload = given.payload ?? NO_BYTES;
  if (!isSuccess(given.code)) return { answer: errorAnswer(given), cut: undefined };

  const validators = shape.request.options.filter(({ number }) => number === ETAG);
  const validates = given.code === CONTENT && shape.request.method === 'GET' && validators.length > 0;
  const fits = sizeThatFits(given, payload, shape);
  let etag = given.etag;
  if (etag === undefined && payload.length > 0 && (validates || fits !== undefined)) etag = bodyTag(payload);
  const answer = etag === undefined ? given : { ...given, etag };
  if (validates && etag !== undefined && validators.some(({ value }) => sameBytes(value, etag))) {
    const { maxAgeSeconds } = given;
    const valid = { code: VALID, etag, ...(maxAgeSeconds === undefined ? {} : { maxAgeSeconds }) };
    return { answer: { code: VALID, options: answerOptions(valid), payload: NO_BYTES }, cut: undefined };
  }
  if (fits === undefined) {
    return { answer: { code: answer.code, options: answerOptions(answer), payload }, cut: undefined };
  }

  const { szx, count } = fits;
  const offset = shape.block2 === undefined ? 0 : shape.block2.number * shape.block2.bytes;
  if (offset > 0 && offset >= payload.length) {
    const past = { code: BAD_REQUEST, diagnostic: `the body has ${payload.length} bytes` };
    return { answer: errorAnswer(past), cut: undefined };
  }
  const end = Math.min(offset + count * blockBytes(szx), payload.length);
  const more = end < payload.length;
  const number = Math.floor(offset / blockBytes(szx));
  if (number > MAX_BLOCK_NUMBER) return { answer: errorAnswer({ code: BAD_REQUEST }), cut: undefined };
  const options = answerOptions(answer);
  options.push({ number: BLOCK2, value: encodeBlock(number, more, szx) });
  if (shape.wantsSize || (more && offset === 0)) options.push(uintOption(SIZE2, payload.length));
  return {
    answer: { code: answer.code, options, payload: payload.subarray(offset, end) },
    cut: more || offset > 0 ? answer : undefined,
  };
}

/** Undefined where the whole body goes out as it is; else the block size and how many of that size in one message. */
function sizeThatFits(
  answer: ServedAnswer,
  payload: Uint8Array,
  shape: Shape,
): { szx: number; count: number } | undefined {
  let room = shape.maxMessageBytes - HEAD_BYTES - 9 - 6 - 4;
  for (const { value } of answer.options ?? []) room -= value.length + 5;
  const { block2 } = shape;
  const largest = blockBytes(Math.min(shape.largestSzx, BERT_SZX));
  if (block2 === undefined) {
    if (payload.length <= room && (shape.reliable || payload.length <= largest)) return undefined;
  } else if (block2.number === 0 && payload.length === 0) {
    return undefined;
  }
  let szx = Math.min(block2?.szx ?? BERT_SZX, shape.largestSzx);
  if (szx === BERT_SZX) {
    const count = Math.floor(room / blockBytes(BERT_SZX));
    if (count > 0) return { szx, count };
    szx--;
  }
  while (szx > 0 && blockBytes(szx) > room) szx--;
  return { szx, count: 1 };
}

/** The same body has the same tag, also after a restart. */
function bodyTag(body: Uint8Array): Uint8Array {
  return new Uint8Array(hash('sha256', body, 'buffer').subarray(0, 8));
}

/** A diagnostic is cut to a length that always fits; a payload that would not fit is left out. */
export function errorAnswer(given: ServedAnswer): ServerAnswer {
  const { payload, diagnostic, contentFormat, ...rest } = given;
  if (payload !== undefined && payload.length > 0 && payload.length <= 1_024) {
    const options = answerOptions(contentFormat === undefined ? rest : { ...rest, contentFormat });
    return { code: given.code, options, payload };
  }
  const text = diagnostic === undefined ? NO_BYTES : new TextEncoder().encode(diagnostic.slice(0, 120));
  return { code: given.code, options: answerOptions(rest), payload: text.subarray(0, DIAGNOSTIC_BYTES) };
}

export function answerOptions(answer: ServedAnswer): CoapOption[] {
  const options: CoapOption[] = answer.options === undefined ? [] : [...answer.options];
  if (answer.etag !== undefined) options.push({ number: ETAG, value: answer.etag });
  if (answer.contentFormat !== undefined) options.push(uintOption(CONTENT_FORMAT, answer.contentFormat));
  if (answer.maxAgeSeconds !== undefined) {
    options.push(uintOption(MAX_AGE, Math.min(Math.max(0, Math.round(answer.maxAgeSeconds)), 0xffff_ffff)));
  }
  return options;
}

/** What a message of that answer needs on a datagram transport; at most a few bytes more. */
export function messageBytes(tokenBytes: number, { options, payload }: ServerAnswer): number {
  let bytes = 4 + tokenBytes + (payload.length > 0 ? 1 + payload.length : 0);
  for (const { value } of options) bytes += value.length + (value.length < 13 ? 2 : 3);
  return bytes;
}
