import type { Clock } from '../../base/clock.ts';
import type { PeerAddress } from '../address.ts';
import type { Carrier, CoapTransport, Outgoing, Sending, SendingWatcher } from '../carrier.ts';
import { EMPTY } from '../codec/codes.ts';
import type { Outbox } from './outbox.ts';
import { tokenKey } from './peer.ts';
import type { Peer, TokenOwner } from './peer.ts';
import { ping } from './ping.ts';

/** What a message may have in an IPv6 packet of 1280 bytes, sure to pass without fragments (RFC 7252 §4.6). */
export const SAFE_MESSAGE_BYTES = 1_152;

const NO_BYTES = new Uint8Array(0);
const PING: Outgoing = { confirmable: true, code: EMPTY, token: NO_BYTES, options: [], payload: NO_BYTES };

/** What a carrier needs of the message layer. */
export interface UdpCarrierContext {
  readonly clock: Clock;
  readonly outbox: Outbox;
  readonly transport: CoapTransport;
  /** Its state, made anew where it was forgotten. */
  again(peer: Peer): Peer;
  freshToken(peer: Peer): Uint8Array;
}

/**
 * The way to one peer over messages of RFC 7252 §4. It may be kept: a peer that was forgotten for being idle is made
 * anew when it is used again (and may then fail with `coap.busy`). Larger messages than `maxMessageBytes` are sent
 * too, in fragments.
 */
export class UdpCarrier implements Carrier {
  readonly address: PeerAddress;
  readonly transport: CoapTransport;
  readonly reliable = false;
  readonly maxMessageBytes = SAFE_MESSAGE_BYTES;
  readonly largestSzx = 6;
  readonly closed = false;
  readonly #context: UdpCarrierContext;
  #peer: Peer;

  constructor(context: UdpCarrierContext, peer: Peer) {
    this.#context = context;
    this.#peer = peer;
    this.address = peer.address;
    this.transport = context.transport;
  }

  freshToken(): Uint8Array {
    return this.#context.freshToken(this.#current());
  }

  own(token: Uint8Array, owner: TokenOwner): void {
    this.#current().tokens.set(tokenKey(token), owner);
  }

  disown(token: Uint8Array, owner: TokenOwner): void {
    const key = tokenKey(token);
    if (this.#peer.tokens.get(key) === owner) this.#peer.tokens.delete(key);
  }

  send(message: Outgoing, watcher: SendingWatcher): Sending {
    return this.#context.outbox.send(this.#current(), message, watcher);
  }

  sendUnawaited(message: Outgoing): void {
    this.#context.outbox.sendUnawaited(this.#current(), message);
  }

  ping(signal?: AbortSignal): Promise<{ rttMs: number }> {
    return ping(this.#context.clock, (watcher) => this.send(PING, watcher), signal);
  }

  #current(): Peer {
    if (this.#peer.forgotten) this.#peer = this.#context.again(this.#peer);
    return this.#peer;
  }
}
