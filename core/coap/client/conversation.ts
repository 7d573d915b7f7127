import { codeOf } from '../../base/errors.ts';
import { sameBytes } from '../bytes.ts';
import { decodeBlock } from '../codec/block.ts';
import type { Block } from '../codec/block.ts';
import { UNAUTHORIZED } from '../codec/codes.ts';
import { ECHO, findOption } from '../codec/options.ts';
import type { CoapOption } from '../codec/options.ts';
import { coapError } from '../errors.ts';
import type { Answer, ExchangeRequest, ResponseMessage } from './exchange.ts';
import type { TransferContext, TransferProgress, TransferRequest } from './transfer.ts';

/**
 * A block that was met with silence is asked for or sent again so often, each time with all its repeats: at 30 % loss
 * one exchange of 30 fails, and a body has a thousand.
 */
const MAX_SILENCES = 3;

/** The exchanges that one transfer is made of, and what one leaves for the next: Echo, counts, how far the body is. */
export class Conversation {
  readonly context: TransferContext;
  readonly request: TransferRequest;
  /** How many were answered. */
  exchanges = 0;
  /** Of the first one, -1 before. */
  firstRttMs = -1;
  retransmissions = 0;
  /** An answer that came before the transfer began: of its first request, sent by `RequestRun`. */
  early: Answer | undefined;
  readonly progress: TransferProgress = { sentBytes: 0, receivedBytes: 0, totalBytes: null };
  #echo: Uint8Array | undefined;

  constructor(context: TransferContext, request: TransferRequest) {
    this.context = context;
    this.request = request;
  }

  get begun(): boolean {
    return this.exchanges > 0;
  }

  /** `again`: it may be sent once more when nothing is heard of it. */
  async send(options: CoapOption[], payload: Uint8Array, again: boolean): Promise<ResponseMessage> {
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
    const answer = this.early ?? (await this.#exchange(options, payload, again));
    this.early = undefined;
    this.exchanges++;
    if (this.firstRttMs < 0) this.firstRttMs = answer.rttMs;
    this.retransmissions += answer.retransmissions;
    return answer.message;
  }

  async #exchange(options: CoapOption[], payload: Uint8Array, again: boolean): Promise<Answer> {
    const { code, confirmable, firstMaxRetransmit } = this.request;
    const request: ExchangeRequest = { code, options: this.withEcho(options), payload, confirmable };
    let tries = again ? MAX_SILENCES : 0;
    if (!this.begun && firstMaxRetransmit !== undefined) {
      request.maxRetransmit = firstMaxRetransmit;
      tries = 0;
    }
    for (;;) {
      try {
        return await this.context.exchange(request);
      } catch (error) {
        if (codeOf(error) !== 'coap.timeout' || tries === 0) throw error;
        tries--;
      }
    }
  }

  /** The options as they go out. */
  withEcho(options: CoapOption[]): CoapOption[] {
    return this.#echo === undefined ? options : [...options, { number: ECHO, value: this.#echo }];
  }

  /** What Block1 or Block2 of an answer says. */
  block(message: ResponseMessage, number: number): Block | undefined {
    const value = findOption(message.options, number);
    return value === undefined ? undefined : decodeBlock(value, this.context.carrier.largestSzx);
  }

  /** Up to there the body is acknowledged. */
  sent(bytes: number): void {
    this.progress.sentBytes = bytes;
    this.#tell();
  }

  /** So much of the body has come. */
  received(bytes: number): void {
    this.progress.receivedBytes = bytes;
    this.#tell();
  }

  #tell(): void {
    this.context.onProgress?.({ ...this.progress });
  }

  tooLarge(bytes: number): Error {
    const limit = this.context.maxBodyBytes;
    return coapError(
      'coap.too_large',
      `The body has ${bytes} bytes or more; at most ${limit} can be transferred.`,
      { bytes, limit },
    );
  }
}
