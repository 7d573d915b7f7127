import { addressText } from '../address.ts';
import { OBSERVE } from '../codec/options.ts';
import type { ServerAnswer } from '../server/types.ts';
import { encodeFramed } from './codec.ts';
import type { Framing, ReliableMessage } from './codec.ts';
import type { ReliableContext } from './context.ts';
import { ReliableRequest, SORRY } from './incoming.ts';
import type { RequestConnection } from './incoming.ts';

/** What the other end asks on one connection. Made with its first request: on most connections one end asks. */
export class Answering {
  /** How many requests came so far. */
  come = 0;
  /** The other end observes something here: it may be quiet for long. */
  isObserver = false;
  readonly #connection: RequestConnection;
  readonly #context: ReliableContext;
  /** Not answered yet, the oldest first. */
  readonly #underWay = new Set<ReliableRequest>();

  constructor(connection: RequestConnection, context: ReliableContext) {
    this.#connection = connection;
    this.#context = context;
  }

  /** How many are not answered yet. */
  get size(): number {
    return this.#underWay.size;
  }

  /** The number of the oldest one that is not answered, Infinity when all are. */
  get oldest(): number {
    return this.#underWay.values().next().value?.order ?? Infinity;
  }

  /** Hands the request to whoever serves; `bytes` is its size on the wire. */
  serve(message: ReliableMessage, bytes: number): void {
    const request = new ReliableRequest(this.#connection, message, bytes, ++this.come);
    this.#underWay.add(request);
    try {
      this.#context.sink(request);
    } catch (error) {
      this.#context.log.error('a CoAP request could not be answered', { error });
      request.answer(SORRY);
    }
  }

  /** False when it was answered before. */
  finish(request: ReliableRequest): boolean {
    return this.#underWay.delete(request);
  }

  /** The answer as it goes out: 5.00 in place of one that is too large for the other end. */
  encode(token: Uint8Array, answer: ServerAnswer, framing: Framing): Uint8Array {
    const { maxMessageBytes, address } = this.#connection;
    try {
      const bytes = encodeFramed({ ...answer, token }, framing, maxMessageBytes);
      if (answer.options.some((option) => option.number === OBSERVE)) this.isObserver = true;
      return bytes;
    } catch (error) {
      this.#context.counters.sendErrors++;
      this.#context.log.warn('a CoAP answer could not be sent', { error, to: addressText(address) });
      return encodeFramed({ ...SORRY, token }, framing, Infinity);
    }
  }
}
