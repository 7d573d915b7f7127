/**
 * Bodies of any size in blocks (RFC 7959, over reliable transports RFC 8323 §6). A transfer is atomic: the caller gets
 * the whole body, all of one version, or an error.
 */
import type { Carrier } from '../carrier.ts';
import { BAD_OPTION, METHOD_CODES, REQUEST_ENTITY_TOO_LARGE, UNAUTHORIZED } from '../codec/codes.ts';
import { BLOCK2, OBSERVE, withoutOptions } from '../codec/options.ts';
import type { CoapOption } from '../codec/options.ts';
import { blocksBroken } from '../errors.ts';
import { Conversation } from './conversation.ts';
import { download } from './download.ts';
import type { Answer, ExchangeRequest, ResponseMessage } from './exchange.ts';
import { upload } from './upload.ts';

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

/** A body that changes while it is read is read anew so often. */
const MAX_RESTARTS = 3;

/** True when the answer to a request in one message is all that there is to it. */
export function isWhole({ code, options }: ResponseMessage): boolean {
  if (code === REQUEST_ENTITY_TOO_LARGE || code === BAD_OPTION || code === UNAUTHORIZED) return false;
  for (const { number } of options) if (number === BLOCK2) return false;
  return true;
}

export class Transfer {
  readonly #conversation: Conversation;

  constructor(context: TransferContext, request: TransferRequest) {
    this.#conversation = new Conversation(context, request);
  }

  /** Something was answered: it is too late to try elsewhere. */
  get begun(): boolean {
    return this.#conversation.begun;
  }

  /** `answer` is to the request in one message, already sent. Fails like `run`. */
  resume(answer: Answer): Promise<TransferResult> {
    this.#conversation.early = answer;
    return this.run();
  }

  /** Fails like an exchange, and with `coap.too_large` or `coap.blocks_broken`. */
  async run(): Promise<TransferResult> {
    const conversation = this.#conversation;
    const { payload, options, onlyBlock, szx } = conversation.request;
    if (payload.length > conversation.context.maxBodyBytes) throw conversation.tooLarge(payload.length);
    if (onlyBlock === true) return this.#result(await conversation.send(options, payload, false));
    let first = await upload(conversation, szx);
    // A server without block-wise transfer refuses the option; the question itself may still be answered.
    const negotiated = szx !== undefined && payload.length === 0;
    if (negotiated && first.code === BAD_OPTION) first = await upload(conversation, undefined);
    return this.complete(first);
  }

  /** Fetches the rest of a response whose first block has come, be it an answer or a notification (§3.4). */
  async complete(first: ResponseMessage): Promise<TransferResult> {
    const conversation = this.#conversation;
    const { code, payload, options } = conversation.request;
    for (let restarts = 0; ; restarts++) {
      const body = await download(conversation, first);
      if (body !== undefined) {
        return this.#result(body === first.payload ? first : { ...first, payload: body });
      }
      const repeatable = code === METHOD_CODES.GET || code === METHOD_CODES.FETCH;
      if (!repeatable) throw blocksBroken('the representation changed while it was read');
      if (restarts === MAX_RESTARTS) {
        throw blocksBroken(`the representation changed ${restarts + 1} times while it was read`);
      }
      first = await conversation.send(withoutOptions(options, OBSERVE), payload, true);
    }
  }

  #result(message: ResponseMessage): TransferResult {
    const { firstRttMs, retransmissions, exchanges } = this.#conversation;
    return { message, rttMs: Math.max(0, firstRttMs), retransmissions, blocks: exchanges };
  }
}
