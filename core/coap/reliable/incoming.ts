import type { PeerAddress } from '../address.ts';
import type { Carrier, CoapTransport } from '../carrier.ts';
import { code } from '../codec/codes.ts';
import { MAX_AGE, uintOption } from '../codec/options.ts';
import type { CoapOption } from '../codec/options.ts';
import type { IncomingRequest, ServerAnswer } from '../server/types.ts';
import type { ReliableMessage } from './codec.ts';

const NO_BYTES = new Uint8Array(0);
/** 4.29, again in a second (RFC 8516). */
export const SLOW_DOWN: ServerAnswer = {
  code: code(4, 29),
  options: [uintOption(MAX_AGE, 1)],
  payload: NO_BYTES,
};
/** 5.00, where it is our own fault. */
export const SORRY: ServerAnswer = { code: code(5, 0), options: [], payload: NO_BYTES };

/** What a request needs of the connection that it came over. */
export interface RequestConnection extends Carrier {
  readonly peerKey: string;
  readonly identity: string | null;
  answered(request: ReliableRequest, answer: ServerAnswer | null | undefined): void;
}

/** A request that came over a connection. Once answered, or once the connection is gone, answers do nothing. */
export class ReliableRequest implements IncomingRequest {
  readonly code: number;
  readonly token: Uint8Array;
  readonly options: readonly CoapOption[];
  readonly payload: Uint8Array;
  readonly confirmable = true;
  readonly multicast = false;
  readonly bytes: number;
  /** Requests of one connection in the order in which they came. */
  readonly order: number;
  readonly #connection: RequestConnection;
  #isAnswered = false;

  constructor(connection: RequestConnection, message: ReliableMessage, bytes: number, order: number) {
    this.#connection = connection;
    this.code = message.code;
    this.token = message.token;
    this.options = message.options;
    this.payload = message.payload;
    this.bytes = bytes;
    this.order = order;
  }

  get from(): PeerAddress {
    return this.#connection.address;
  }

  get transport(): CoapTransport {
    return this.#connection.transport;
  }

  get peerKey(): string {
    return this.#connection.peerKey;
  }

  get identity(): string | null {
    return this.#connection.identity;
  }

  answer(answer: ServerAnswer | null | undefined): void {
    if (this.#isAnswered) return;
    this.#isAnswered = true;
    this.#connection.answered(this, answer);
  }

  carrier(): Carrier {
    return this.#connection;
  }
}
