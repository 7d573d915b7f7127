import { codeOf } from '../../base/errors.ts';
import { BERT_SZX, decodeBlock } from '../codec/block.ts';
import { BLOCK2, findOption } from '../codec/options.ts';
import type { ResponseMessage } from './exchange.ts';
import type { Transfer, TransferResult } from './transfer.ts';

export interface NotificationReaderContext {
  transfer(signal: AbortSignal): Transfer;
  deliver(result: TransferResult): void;
  /** A body could not be read, and no newer one is there to be read instead. */
  failed(error: unknown): void;
}

/**
 * Makes notifications whole (RFC 7959 §3.4): the first block comes by itself, the rest is asked for. Bodies are
 * read one at a time; of those that arrive meanwhile only the newest is kept, so that a resource that changes
 * faster than it can be read is still read now and then.
 */
export class NotificationReader {
  readonly #context: NotificationReaderContext;
  #reading: AbortController | undefined;
  #next: ResponseMessage | undefined;

  constructor(context: NotificationReaderContext) {
    this.#context = context;
  }

  get reading(): boolean {
    return this.#reading !== undefined;
  }

  /** `asked` is what is known of the exchange when the message answers a request. */
  take(message: ResponseMessage, asked = { rttMs: 0, retransmissions: 0 }): void {
    if (hasMoreBlocks(message)) {
      if (this.#reading === undefined) void this.#read(message);
      else this.#next = message;
      return;
    }
    // It is newer than what is being read, and whole.
    this.stop();
    this.#context.deliver({ message, ...asked, blocks: 1 });
  }

  stop(): void {
    this.#next = undefined;
    this.#reading?.abort();
    this.#reading = undefined;
  }

  async #read(first: ResponseMessage): Promise<void> {
    const reading = new AbortController();
    this.#reading = reading;
    let result: TransferResult | undefined;
    let failure: unknown;
    try {
      result = await this.#context.transfer(reading.signal).complete(first);
    } catch (error) {
      failure = error;
    }
    if (this.#reading !== reading) return; // stopped meanwhile
    this.#reading = undefined;
    const next = this.#next;
    this.#next = undefined;
    if (result !== undefined) this.#context.deliver({ ...result, blocks: result.blocks + 1 });
    if (next !== undefined) this.take(next);
    else if (result === undefined && codeOf(failure) !== 'coap.cancelled') this.#context.failed(failure);
  }
}

function hasMoreBlocks(message: ResponseMessage): boolean {
  const value = findOption(message.options, BLOCK2);
  if (value === undefined) return false;
  const block = decodeBlock(value, BERT_SZX);
  // A block option that cannot be read goes the long way too, where it becomes an error with a name.
  return block === undefined || block.more || block.number > 0;
}
