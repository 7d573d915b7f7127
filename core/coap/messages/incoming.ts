import type { WheelEntry } from '../../base/timer-wheel.ts';
import type { PeerAddress } from '../address.ts';
import type { Carrier, CoapTransport } from '../carrier.ts';
import type { CoapMessage } from '../codec/codec.ts';
import { CON } from '../codec/codes.ts';
import type { CoapOption } from '../codec/options.ts';
import type { IncomingRequest, ServerAnswer } from '../server/types.ts';
import type { Peer } from './peer.ts';
import type { Remembered } from './remembered.ts';

/** Who answers for a request: the `RequestDesk`. */
export interface IncomingKeeper {
  readonly transport: CoapTransport;
  identityOf(peer: PeerAddress): string | null;
  carrierOf(peer: Peer): Carrier;
  answer(request: Incoming, answer: ServerAnswer | null | undefined): void;
  due(request: Incoming): void;
}

/**
 * A request on its way to its answer: `open` while the answer may still travel in the ACK, `acknowledged` after that,
 * `leisure` while an answer to a group waits (RFC 7252 §8.2). Moved only by the `RequestDesk`.
 */
export class Incoming implements IncomingRequest, WheelEntry {
  readonly code: number;
  readonly token: Uint8Array;
  readonly options: readonly CoapOption[];
  readonly payload: Uint8Array;
  readonly confirmable: boolean;
  readonly multicast: boolean;
  readonly bytes: number;
  readonly messageId: number;
  readonly peer: Peer;
  readonly remembered: Remembered;
  state: 'open' | 'acknowledged' | 'leisure' | 'done' = 'open';
  /** The answer that waits in `leisure`. */
  held: ServerAnswer | undefined;
  dueMs = Infinity;
  slot = -1;
  readonly #keeper: IncomingKeeper;

  constructor(
    message: CoapMessage,
    arrival: { bytes: number; multicast: boolean },
    peer: Peer,
    remembered: Remembered,
    keeper: IncomingKeeper,
  ) {
    this.code = message.code;
    this.token = message.token;
    this.options = message.options;
    this.payload = message.payload;
    this.confirmable = message.type === CON;
    this.messageId = message.messageId;
    this.multicast = arrival.multicast;
    this.bytes = arrival.bytes;
    this.peer = peer;
    this.remembered = remembered;
    this.#keeper = keeper;
  }

  get from(): PeerAddress {
    return this.peer.address;
  }

  get transport(): CoapTransport {
    return this.#keeper.transport;
  }

  get peerKey(): string {
    // The same text object each time: tables then need not read it again.
    return (this.peer.key ??= `${this.#keeper.transport} ${this.peer.text}`);
  }

  get identity(): string | null {
    return this.#keeper.identityOf(this.peer.address);
  }

  answer(answer: ServerAnswer | null | undefined): void {
    this.#keeper.answer(this, answer);
  }

  carrier(): Carrier {
    return this.#keeper.carrierOf(this.peer);
  }

  onDue(): void {
    this.#keeper.due(this);
  }
}
