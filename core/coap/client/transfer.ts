/**
 * Bodies of any size in blocks (RFC 7959). A transfer is atomic: the caller gets the whole body, all of one
 * version, or an error.
 */
import { MAX_BLOCK_NUMBER, blockBytes, decodeBlock, encodeBlock, LARGEST_SZX } from '../codec/block.ts';
import type { Block } from '../codec/block.ts';
import { Body } from '../codec/body.ts';
import type { CoapMessage } from '../codec/codec.ts';
import {
  BAD_OPTION,
  CONTINUE,
  METHOD_CODES,
  REQUEST_ENTITY_INCOMPLETE,
  REQUEST_ENTITY_TOO_LARGE,
  codeText,
  isSuccess,
} from '../codec/codes.ts';
import { coapError } from '../errors.ts';
import type { Answer, ExchangeRequest } from './exchange.ts';
import {
  BLOCK1,
  BLOCK2,
  ETAG,
  OBSERVE,
  REQUEST_TAG,
  SIZE1,
  SIZE2,
  findOption,
  findUint,
  uintOption,
  withoutOptions,
} from '../codec/options.ts';
import type { CoapOption } from '../codec/options.ts';

export interface TransferRequest {
  /** Method. */
  code: number;
  /** Without block options. */
  options: CoapOption[];
  payload: Uint8Array;
  confirmable: boolean;
  /** Asks for blocks of this size from the first request on ("early negotiation", §2.4); undefined: server's choice. */
  szx?: number;
}

export interface TransferResult {
  /** The first message of the response, with the whole body as its payload. */
  message: CoapMessage;
  /** Of the first exchange. */
  rttMs: number;
  retransmissions: number;
  /** Messages that carried a part of a body, both directions; 1 when nothing was split. */
  blocks: number;
}

export interface TransferContext {
  exchange(request: ExchangeRequest): Promise<Answer>;
  /** Fresh bytes for Request-Tag (RFC 9175 §3.2). */
  randomBytes(count: number): Uint8Array;
  maxBodyBytes: number;
}

/** A body that changes while it is read is read anew so often, and an upload that the server lost is sent anew. */
const MAX_RESTARTS = 3;

export class Transfer {
  readonly #context: TransferContext;
  readonly #request: TransferRequest;
  #firstRttMs = -1;
  #retransmissions = 0;
  #exchanges = 0;

  constructor(context: TransferContext, request: TransferRequest) {
    this.#context = context;
    this.#request = request;
  }

  /** Fails like an exchange, and with `coap.too_large` or `coap.blocks_broken`. */
  async run(): Promise<TransferResult> {
    const { payload } = this.#request;
    if (payload.length > this.#context.maxBodyBytes) throw this.#tooLarge(payload.length);
    let first = await this.#upload(this.#request.szx);
    // A server without block-wise transfer refuses the option; the question itself may still be answered.
    const negotiated = this.#request.szx !== undefined && payload.length === 0;
    if (negotiated && first.code === BAD_OPTION) first = await this.#upload(undefined);
    return this.complete(first);
  }

  /** Fetches the rest of a response whose first block has come, be it an answer or a notification (§3.4). */
  async complete(first: CoapMessage): Promise<TransferResult> {
    for (let restarts = 0; ; restarts++) {
      const body = await this.#download(first);
      if (body !== undefined) {
        const message = body === first.payload ? first : { ...first, payload: body };
        return {
          message,
          rttMs: Math.max(0, this.#firstRttMs),
          retransmissions: this.#retransmissions,
          blocks: this.#exchanges,
        };
      }
      const { code, payload, options } = this.#request;
      const repeatable = code === METHOD_CODES.GET || code === METHOD_CODES.FETCH;
      if (!repeatable) throw broken('the representation changed while it was read');
      if (restarts === MAX_RESTARTS)
        throw broken(`the representation changed ${restarts + 1} times while it was read`);
      first = await this.#send(withoutOptions(options, OBSERVE), payload);
    }
  }

  async #send(options: CoapOption[], payload: Uint8Array): Promise<CoapMessage> {
    const { code, confirmable } = this.#request;
    const answer = await this.#context.exchange({ code, options, payload, confirmable });
    this.#exchanges++;
    if (this.#firstRttMs < 0) this.#firstRttMs = answer.rttMs;
    this.#retransmissions += answer.retransmissions;
    return answer.message;
  }

  async #upload(wishedSzx: number | undefined): Promise<CoapMessage> {
    const { payload, options } = this.#request;
    const szx = wishedSzx ?? LARGEST_SZX;
    const early = wishedSzx === undefined ? [] : [{ number: BLOCK2, value: encodeBlock(0, false, szx) }];
    if (payload.length > blockBytes(szx)) return this.#uploadBlocks(szx, early);
    const response = await this.#send([...options, ...early], payload);
    // §2.9.3: too large in one piece, and the answer says which piece would do.
    const hint = blockOption(response, BLOCK1);
    if (response.code !== REQUEST_ENTITY_TOO_LARGE || hint === undefined || payload.length <= hint.bytes) {
      return response;
    }
    return this.#uploadBlocks(hint.szx, early);
  }

  /** Block1 (§2.5): one block after the other, smaller from then on when the server says so. */
  async #uploadBlocks(firstSzx: number, early: CoapOption[]): Promise<CoapMessage> {
    const { payload, options } = this.#request;
    let szx = firstSzx;
    let tag = this.#context.randomBytes(4);
    let offset = 0;
    let restarts = 0;
    for (;;) {
      const end = Math.min(offset + blockBytes(szx), payload.length);
      const number = offset / blockBytes(szx);
      const more = end < payload.length;
      if (number > MAX_BLOCK_NUMBER) throw this.#tooLarge(payload.length);
      const own = [
        { number: BLOCK1, value: encodeBlock(number, more, szx) },
        { number: REQUEST_TAG, value: tag },
        ...(number === 0 ? [uintOption(SIZE1, payload.length)] : []),
        // Only the last block is answered with a body (§3.3).
        ...(more ? [] : early),
      ];
      const response = await this.#send([...options, ...own], payload.subarray(offset, end));
      const echo = blockOption(response, BLOCK1);

      const shrink = response.code === REQUEST_ENTITY_TOO_LARGE && echo !== undefined && echo.szx < szx;
      const lost = response.code === REQUEST_ENTITY_INCOMPLETE && number > 0 && restarts < MAX_RESTARTS;
      if (shrink || lost) {
        if (shrink) szx = echo.szx;
        else restarts++;
        offset = 0;
        tag = this.#context.randomBytes(4);
        continue;
      }
      if (!isSuccess(response.code)) return response;
      if (!more) {
        if (response.code === CONTINUE) throw broken('the server asks for more after the last block');
        return response;
      }
      if (echo === undefined) throw broken(`block ${number} was answered without Block1`);
      if (echo.number !== number) throw broken(`block ${number} was acknowledged as block ${echo.number}`);
      offset = end;
      // A smaller size divides the larger one: the next number follows from the offset (§2.5).
      szx = Math.min(szx, echo.szx);
    }
  }

  /** Block2 (§2.4). Undefined when the representation changed on the way. */
  async #download(first: CoapMessage): Promise<Uint8Array | undefined> {
    const value = findOption(first.options, BLOCK2);
    if (value === undefined) return first.payload;
    const start = decodeBlock(value);
    if (start === undefined) throw broken('the block size is the reserved one');
    if (start.number !== 0) throw broken(`the answer begins with block ${start.number}`);
    if (!start.more) return first.payload;
    if (first.payload.length !== start.bytes) throw broken('the first block does not have its stated size');

    const total = findUint(first.options, SIZE2);
    const least = Math.max(total ?? 0, first.payload.length);
    if (least > this.#context.maxBodyBytes) throw this.#tooLarge(least);
    const body = new Body(total ?? 0, this.#context.maxBodyBytes);
    body.append(first.payload);
    const etag = findOption(first.options, ETAG);
    let szx = start.szx;
    for (;;) {
      const response = await this.#sendForBlock(body.length / blockBytes(szx), szx);
      if (response.code !== first.code) {
        // 4.08, 4.04 and the like: the server does not have this version any more.
        if (response.code === REQUEST_ENTITY_INCOMPLETE) return undefined;
        throw broken(`a block was answered with ${codeText(response.code)}`);
      }
      if (!sameBytes(etag, findOption(response.options, ETAG))) return undefined;
      const block = blockOption(response, BLOCK2);
      if (block === undefined) throw broken('a block came without Block2');
      const offset = block.number * block.bytes;
      if (block.szx > szx || offset !== body.length) {
        throw broken(`byte ${offset} came where byte ${body.length} was asked for`);
      }
      const { payload } = response;
      if (block.more ? payload.length !== block.bytes : payload.length > block.bytes) {
        throw broken(`block ${block.number} has ${payload.length} bytes instead of ${block.bytes}`);
      }
      if (body.length + payload.length > this.#context.maxBodyBytes) {
        throw this.#tooLarge(body.length + payload.length);
      }
      body.append(payload);
      if (!block.more) return body.bytes();
      szx = block.szx;
    }
  }

  #sendForBlock(number: number, szx: number): Promise<CoapMessage> {
    if (number > MAX_BLOCK_NUMBER) throw this.#tooLarge(number * blockBytes(szx));
    const { code, options, payload } = this.#request;
    // The body of the request is not sent again (§3.3), except with FETCH, where it is part of the question.
    const part = code === METHOD_CODES.FETCH ? payload : new Uint8Array(0);
    const plain = withoutOptions(options, OBSERVE);
    return this.#send([...plain, { number: BLOCK2, value: encodeBlock(number, false, szx) }], part);
  }

  #tooLarge(bytes: number): Error {
    const limit = this.#context.maxBodyBytes;
    return coapError(
      'coap.too_large',
      `The body has ${bytes} bytes or more; at most ${limit} can be transferred.`,
      {
        bytes,
        limit,
      },
    );
  }
}

function blockOption(message: CoapMessage, number: number): Block | undefined {
  const value = findOption(message.options, number);
  return value === undefined ? undefined : decodeBlock(value);
}

function sameBytes(a: Uint8Array | undefined, b: Uint8Array | undefined): boolean {
  if (a === undefined || b === undefined) return a === b;
  return a.length === b.length && a.every((byte, index) => byte === b[index]);
}

function broken(why: string): Error {
  return coapError('coap.blocks_broken', `The block-wise transfer cannot be put together: ${why}.`);
}
