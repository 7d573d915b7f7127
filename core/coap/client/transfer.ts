/**
 * Bodies of any size in blocks (RFC 7959, over reliable transports RFC 8323 §6). A transfer is atomic: the caller gets
 * the whole body, all of one version, or an error.
 */
import { codeOf } from '../../base/errors.ts';
import type { Carrier } from '../carrier.ts';
import {
  BERT_SZX,
  LARGEST_SZX,
  MAX_BLOCK_NUMBER,
  blockBytes,
  decodeBlock,
  encodeBlock,
  fitsBlock,
} from '../codec/block.ts';
import type { Block } from '../codec/block.ts';
import { Body } from '../codec/body.ts';
import {
  BAD_OPTION,
  CONTINUE,
  METHOD_CODES,
  REQUEST_ENTITY_INCOMPLETE,
  REQUEST_ENTITY_TOO_LARGE,
  UNAUTHORIZED,
  codeText,
  isSuccess,
} from '../codec/codes.ts';
import {
  BLOCK1,
  BLOCK2,
  ECHO,
  ETAG,
  NO_RESPONSE,
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
import { coapError } from '../errors.ts';
import type { Answer, ExchangeRequest, ResponseMessage } from './exchange.ts';
import { blockRoom, fitsOneMessage } from './room.ts';

export interface TransferRequest {
  /** Method. */
  code: number;
  /** Without block options. Shared, and not changed. */
  options: CoapOption[];
  payload: Uint8Array;
  confirmable: boolean;
  /** Asks for blocks of this size from the first request on ("early negotiation", §2.4); undefined: server's choice. */
  szx?: number;
  /** Instead of MAX_RETRANSMIT, for the first message: another address is to be tried. */
  firstMaxRetransmit?: number;
  /** The options name one block: the answer is taken as it comes. */
  onlyBlock?: boolean;
}

export interface TransferResult {
  /** The first message of the response, with the whole body as its payload. */
  message: ResponseMessage;
  /** Of the first exchange. */
  rttMs: number;
  retransmissions: number;
  /** Messages that carried a part of a body, both directions; 1 when nothing was split. */
  blocks: number;
}

export interface TransferProgress {
  /** Of the body that goes up, acknowledged. */
  sentBytes: number;
  /** Of the body that comes down. */
  receivedBytes: number;
  /** Of the body that is on its way now; null while the server has not said. */
  totalBytes: number | null;
}

export interface TransferContext {
  exchange(request: ExchangeRequest): Promise<Answer>;
  /** How large messages and blocks may be towards the server. */
  carrier: Pick<Carrier, 'reliable' | 'maxMessageBytes' | 'largestSzx'>;
  /** Fresh bytes for Request-Tag (RFC 9175 §3.2). */
  randomBytes(count: number): Uint8Array;
  maxBodyBytes: number;
  onProgress?: ((progress: TransferProgress) => void) | undefined;
}

/** A body that changes while it is read is read anew so often, and an upload that the server lost is sent anew. */
const MAX_RESTARTS = 3;
/**
 * A block that was met with silence is asked for or sent again so often, each time with all its repeats: at 30 % loss
 * one exchange of 30 fails, and a body has a thousand.
 */
const MAX_SILENCES = 3;

const NO_BYTES = new Uint8Array(0);

const IDEMPOTENT: ReadonlySet<number> = new Set([
  METHOD_CODES.GET,
  METHOD_CODES.FETCH,
  METHOD_CODES.PUT,
  METHOD_CODES.DELETE,
  METHOD_CODES.iPATCH,
]);

/** Doing it twice is like doing it once (RFC 7252 §5.8, RFC 8132). */
export function isIdempotent(method: number): boolean {
  return IDEMPOTENT.has(method);
}

/** True when the answer to a request in one message is all that there is to it. */
export function isWhole({ code, options }: ResponseMessage): boolean {
  if (code === REQUEST_ENTITY_TOO_LARGE || code === BAD_OPTION || code === UNAUTHORIZED) return false;
  for (const { number } of options) if (number === BLOCK2) return false;
  return true;
}

export class Transfer {
  readonly #context: TransferContext;
  readonly #request: TransferRequest;
  #firstRttMs = -1;
  #retransmissions = 0;
  #exchanges = 0;
  /** An answer that came before the transfer began: of its first request, sent by `RequestRun`. */
  #early: Answer | undefined;
  #echo: Uint8Array | undefined;
  readonly #progress: TransferProgress = { sentBytes: 0, receivedBytes: 0, totalBytes: null };

  constructor(context: TransferContext, request: TransferRequest) {
    this.#context = context;
    this.#request = request;
  }

  /** Something was answered: it is too late to try elsewhere. */
  get begun(): boolean {
    return this.#exchanges > 0;
  }

  /** `answer` is of the request as `firstMessage` makes it. Fails like `run`. */
  resume(answer: Answer): Promise<TransferResult> {
    this.#early = answer;
    return this.run();
  }

  /** Fails like an exchange, and with `coap.too_large` or `coap.blocks_broken`. */
  async run(): Promise<TransferResult> {
    const { payload, options, onlyBlock } = this.#request;
    if (payload.length > this.#context.maxBodyBytes) throw this.#tooLarge(payload.length);
    if (onlyBlock === true) return this.#result(await this.#send(options, payload, false));
    let first = await this.#upload(this.#request.szx);
    // A server without block-wise transfer refuses the option; the question itself may still be answered.
    const negotiated = this.#request.szx !== undefined && payload.length === 0;
    if (negotiated && first.code === BAD_OPTION) first = await this.#upload(undefined);
    return this.complete(first);
  }

  /** Fetches the rest of a response whose first block has come, be it an answer or a notification (§3.4). */
  async complete(first: ResponseMessage): Promise<TransferResult> {
    for (let restarts = 0; ; restarts++) {
      const body = await this.#download(first);
      if (body !== undefined) {
        return this.#result(body === first.payload ? first : { ...first, payload: body });
      }
      const { code, payload, options } = this.#request;
      const repeatable = code === METHOD_CODES.GET || code === METHOD_CODES.FETCH;
      if (!repeatable) throw broken('the representation changed while it was read');
      if (restarts === MAX_RESTARTS)
        throw broken(`the representation changed ${restarts + 1} times while it was read`);
      first = await this.#send(withoutOptions(options, OBSERVE), payload, true);
    }
  }

  #result(message: ResponseMessage): TransferResult {
    return {
      message,
      rttMs: Math.max(0, this.#firstRttMs),
      retransmissions: this.#retransmissions,
      blocks: this.#exchanges,
    };
  }

  /** `again`: it may be sent once more when nothing is heard of it. */
  async #send(options: CoapOption[], payload: Uint8Array, again: boolean): Promise<ResponseMessage> {
    const before = this.#echo;
    const message = await this.#sendOnce(options, payload, again);
    const echo = findOption(message.options, ECHO);
    if (echo === undefined) return message;
    // For this request once more, or for the next one (RFC 9175 §2.3).
    this.#echo = Uint8Array.from(echo);
    if (message.code !== UNAUTHORIZED || sameBytes(before, echo)) return message;
    return this.#sendOnce(options, payload, again);
  }

  async #sendOnce(options: CoapOption[], payload: Uint8Array, again: boolean): Promise<ResponseMessage> {
    const answer = this.#early ?? (await this.#exchange(options, payload, again));
    this.#early = undefined;
    this.#exchanges++;
    if (this.#firstRttMs < 0) this.#firstRttMs = answer.rttMs;
    this.#retransmissions += answer.retransmissions;
    return answer.message;
  }

  async #exchange(options: CoapOption[], payload: Uint8Array, again: boolean): Promise<Answer> {
    const { code, confirmable, firstMaxRetransmit } = this.#request;
    const request: ExchangeRequest = { code, options: this.#withEcho(options), payload, confirmable };
    let tries = again ? MAX_SILENCES : 0;
    if (!this.begun && firstMaxRetransmit !== undefined) {
      request.maxRetransmit = firstMaxRetransmit;
      tries = 0;
    }
    for (;;) {
      try {
        return await this.#context.exchange(request);
      } catch (error) {
        if (codeOf(error) !== 'coap.timeout' || tries === 0) throw error;
        tries--;
      }
    }
  }

  #withEcho(options: CoapOption[]): CoapOption[] {
    return this.#echo === undefined ? options : [...options, { number: ECHO, value: this.#echo }];
  }

  async #upload(wishedSzx: number | undefined): Promise<ResponseMessage> {
    const { payload, options } = this.#request;
    const early = earlyNegotiation(wishedSzx);
    const { carrier } = this.#context;
    if (!fitsOneMessage(carrier, this.#request, wishedSzx)) {
      const bert = wishedSzx === undefined && carrier.largestSzx >= BERT_SZX;
      return this.#uploadBlocks(bert ? BERT_SZX : (wishedSzx ?? LARGEST_SZX), early);
    }
    const response = await this.#send(early.length === 0 ? options : [...options, ...early], payload, false);
    // §2.9.3: too large in one piece, and the answer says which piece would do.
    const hint = this.#block(response, BLOCK1);
    if (response.code !== REQUEST_ENTITY_TOO_LARGE || hint === undefined || payload.length <= hint.bytes) {
      return response;
    }
    return this.#uploadBlocks(hint.szx, early);
  }

  /** Block1 (§2.5): one block after the other, smaller from then on when the server says so. */
  async #uploadBlocks(firstSzx: number, early: CoapOption[]): Promise<ResponseMessage> {
    const { payload, options, code } = this.#request;
    const { carrier, randomBytes } = this.#context;
    // A block in the middle is always answered (RFC 7967 §2.1 lets only the whole go without).
    const middle = withoutOptions(options, NO_RESPONSE);
    let szx = firstSzx;
    let tag = randomBytes(4);
    let offset = 0;
    let restarts = 0;
    this.#progress.totalBytes = payload.length;
    for (;;) {
      const room = blockRoom(carrier, this.#withEcho([...options, ...early]), szx);
      szx = room.szx;
      const end = Math.min(offset + room.bytes, payload.length);
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
      const part = payload.subarray(offset, end);
      let response: ResponseMessage;
      try {
        response = await this.#send([...(more ? middle : options), ...own], part, more);
      } catch (error) {
        // The last block may have been the end of it: alone it would be taken for another body (seen with libcoap), and
        // what may not be done twice is not.
        const again = !more && number > 0 && isIdempotent(code) && restarts < MAX_RESTARTS;
        if (!again || codeOf(error) !== 'coap.timeout') throw error;
        restarts++;
        offset = 0;
        tag = randomBytes(4);
        continue;
      }
      const echo = this.#block(response, BLOCK1);

      const shrink =
        response.code === REQUEST_ENTITY_TOO_LARGE &&
        echo !== undefined &&
        (echo.szx < szx || (szx === BERT_SZX && part.length > 1_024));
      const lost = response.code === REQUEST_ENTITY_INCOMPLETE && number > 0 && restarts < MAX_RESTARTS;
      if (shrink || lost) {
        if (shrink) szx = Math.min(echo.szx, LARGEST_SZX);
        else restarts++;
        offset = 0;
        tag = randomBytes(4);
        continue;
      }
      if (!isSuccess(response.code)) return response;
      this.#tell(end, undefined);
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
  async #download(first: ResponseMessage): Promise<Uint8Array | undefined> {
    const value = findOption(first.options, BLOCK2);
    if (value === undefined) return first.payload;
    const start = decodeBlock(value, this.#context.carrier.largestSzx);
    if (start === undefined) throw broken('the block size is the reserved one');
    if (start.number !== 0) throw broken(`the answer begins with block ${start.number}`);
    if (!start.more) return first.payload;
    if (!fitsBlock(start, first.payload.length))
      throw broken('the first block does not have its stated size');

    const total = findUint(first.options, SIZE2);
    const least = Math.max(total ?? 0, first.payload.length);
    if (least > this.#context.maxBodyBytes) throw this.#tooLarge(least);
    const body = new Body(total ?? 0, this.#context.maxBodyBytes);
    body.append(first.payload);
    this.#progress.totalBytes = total ?? null;
    this.#tell(undefined, body.length);
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
      const block = this.#block(response, BLOCK2);
      if (block === undefined) throw broken('a block came without Block2');
      const offset = block.number * block.bytes;
      if (block.szx > szx || offset !== body.length) {
        throw broken(`byte ${offset} came where byte ${body.length} was asked for`);
      }
      const { payload } = response;
      if (!fitsBlock(block, payload.length)) {
        throw broken(`block ${block.number} has ${payload.length} bytes instead of ${block.bytes}`);
      }
      if (body.length + payload.length > this.#context.maxBodyBytes) {
        throw this.#tooLarge(body.length + payload.length);
      }
      body.append(payload);
      this.#progress.totalBytes ??= findUint(response.options, SIZE2) ?? null;
      this.#tell(undefined, body.length);
      if (!block.more) return body.bytes();
      szx = block.szx;
    }
  }

  #sendForBlock(number: number, szx: number): Promise<ResponseMessage> {
    if (number > MAX_BLOCK_NUMBER) throw this.#tooLarge(number * blockBytes(szx));
    const { code, options, payload } = this.#request;
    // The body of the request is not sent again (§3.3), except with FETCH, where it is part of the question.
    const { carrier, onProgress } = this.#context;
    const whole = code === METHOD_CODES.FETCH && fitsOneMessage(carrier, this.#request, this.#request.szx);
    const asked = withoutOptions(options, OBSERVE);
    asked.push({ number: BLOCK2, value: encodeBlock(number, false, szx) });
    // Asks how much there is (§4); a server that does not know says nothing.
    if (onProgress !== undefined && this.#progress.totalBytes === null) asked.push(uintOption(SIZE2, 0));
    // After a notification nobody has been heard yet; it is forgotten, and its server asked anew.
    return this.#send(asked, whole ? payload : NO_BYTES, this.begun);
  }

  #block(message: ResponseMessage, number: number): Block | undefined {
    const value = findOption(message.options, number);
    return value === undefined ? undefined : decodeBlock(value, this.#context.carrier.largestSzx);
  }

  #tell(sentBytes: number | undefined, receivedBytes: number | undefined): void {
    if (sentBytes !== undefined) this.#progress.sentBytes = sentBytes;
    if (receivedBytes !== undefined) this.#progress.receivedBytes = receivedBytes;
    this.#context.onProgress?.({ ...this.#progress });
  }

  #tooLarge(bytes: number): Error {
    const limit = this.#context.maxBodyBytes;
    return coapError(
      'coap.too_large',
      `The body has ${bytes} bytes or more; at most ${limit} can be transferred.`,
      { bytes, limit },
    );
  }
}

/** Asks for blocks of that size from the start (§2.4). */
export function earlyNegotiation(szx: number | undefined): CoapOption[] {
  return szx === undefined ? [] : [{ number: BLOCK2, value: encodeBlock(0, false, szx) }];
}

function sameBytes(a: Uint8Array | undefined, b: Uint8Array | undefined): boolean {
  if (a === undefined || b === undefined) return a === b;
  return a.length === b.length && a.every((byte, index) => byte === b[index]);
}

export function broken(why: string): Error {
  return coapError('coap.blocks_broken', `The block-wise transfer cannot be put together: ${why}.`);
}
