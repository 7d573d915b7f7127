import type { Clock } from '../../base/clock.ts';
import { codeOf, messageOf } from '../../base/errors.ts';
import type { Log } from '../../base/log.ts';
import type { TimerWheel } from '../../base/timer-wheel.ts';
import type { PeerAddress } from '../address.ts';
import type { Carrier, CoapTransport, SendingWatcher } from '../carrier.ts';
import { encodeMessage } from '../codec/codec.ts';
import type { CoapMessage } from '../codec/codec.ts';
import { ACK, CON, NON, code } from '../codec/codes.ts';
import { HostShares } from '../host-shares.ts';
import { exchangeLifetimeMs } from '../parameters.ts';
import type { CoapCounters, CoapLimits, TransmissionParameters } from '../parameters.ts';
import type { CoapRandom } from '../random.ts';
import type { RequestSink, ServerAnswer } from '../server/types.ts';
import type { Duplicates } from './duplicates.ts';
import { Incoming } from './incoming.ts';
import type { IncomingKeeper } from './incoming.ts';
import type { Outbox } from './outbox.ts';
import type { Peer } from './peer.ts';
import { fingerprint } from './remembered.ts';
import type { Wire } from './wire.ts';

export interface RequestDeskContext {
  clock: Clock;
  wheel: TimerWheel;
  log: Log;
  random: CoapRandom;
  parameters: TransmissionParameters;
  limits: CoapLimits;
  counters: CoapCounters;
  transport: CoapTransport;
  serve: RequestSink;
  identityOf?: ((peer: PeerAddress) => string | null) | undefined;
  carrierOf(peer: Peer): Carrier;
  /** State for the source of a request; undefined when there is no room. */
  admit(from: PeerAddress): Peer | undefined;
}

const INTERNAL_SERVER_ERROR = code(5, 0);
const FAULT: ServerAnswer = { code: INTERNAL_SERVER_ERROR, options: [], payload: new Uint8Array(0) };
const NOBODY: SendingWatcher = { acknowledged: () => undefined, failed: () => undefined };

/**
 * The answering half of the message layer (RFC 7252 §5.2, §8.2): hands each request to the server once, and sends its
 * answer in the ACK, as a separate CON when that took too long, or as a NON.
 */
export class RequestDesk implements IncomingKeeper {
  readonly transport: CoapTransport;
  readonly #context: RequestDeskContext;
  readonly #wire: Wire;
  readonly #outbox: Outbox;
  readonly #duplicates: Duplicates;
  readonly #lifetimeMs: number;
  /** Those that were not answered at once. */
  readonly #pending = new Set<Incoming>();
  readonly #hosts: HostShares;
  #serving = 0;

  constructor(context: RequestDeskContext, wire: Wire, outbox: Outbox, duplicates: Duplicates) {
    this.#context = context;
    this.transport = context.transport;
    this.#wire = wire;
    this.#outbox = outbox;
    this.#duplicates = duplicates;
    this.#lifetimeMs = exchangeLifetimeMs(context.parameters);
    this.#hosts = new HostShares(context.limits.serving);
  }

  /** Requests whose answer is not there yet. */
  get serving(): number {
    return this.#serving;
  }

  receive(message: CoapMessage, bytes: Uint8Array, from: PeerAddress, multicast: boolean): void {
    const { counters, limits, parameters, wheel, log } = this.#context;
    // Only NON may be sent to a group; nothing is said to a CON, not even RST (§8.1).
    if (multicast && message.type === CON) {
      counters.unmatched++;
      this.#wire.saw(bytes, from, 'refused');
      return;
    }
    const peer = this.#context.admit(from);
    if (peer === undefined) {
      this.#wire.saw(bytes, from, 'refused');
      return; // a CON comes again
    }
    const print = fingerprint(bytes);
    if (this.#duplicates.repeats(message, peer, bytes, print)) return;
    const isFull = this.#serving >= limits.serving || peer.serving >= limits.servingPerPeer;
    const isHostFull = !isFull && this.#hosts.isFull(from, this.#serving);
    if (isFull || isHostFull) {
      counters.droppedByLimit++;
      if (isHostFull) counters.hostShareReached++;
      this.#wire.saw(bytes, from, 'refused');
      return;
    }
    this.#wire.saw(bytes, from, 'ok');
    const remembered = this.#duplicates.remember(message, peer, print);
    const request = new Incoming(message, { bytes: bytes.length, multicast }, peer, remembered, this);
    this.#serving++;
    peer.serving++;
    try {
      this.#context.serve(request);
    } catch (error) {
      log.error('a CoAP request could not be served', { from: peer.text, error: messageOf(error) });
      this.answer(request, FAULT);
    }
    if (request.state === 'done') return; // nearly always
    this.#pending.add(request);
    this.#hosts.take(peer.host);
    if (request.state === 'open') {
      wheel.arm(request, request.confirmable ? parameters.piggybackMs : this.#lifetimeMs);
    }
  }

  /** Nothing is answered any more. */
  stop(): void {
    for (const request of this.#pending) this.#end(request);
  }

  identityOf(peer: PeerAddress): string | null {
    return this.#context.identityOf?.(peer) ?? null;
  }

  carrierOf(peer: Peer): Carrier {
    return this.#context.carrierOf(peer);
  }

  answer(request: Incoming, answer: ServerAnswer | null | undefined): void {
    if (request.state === 'done' || request.state === 'leisure') return;
    if (request.multicast) {
      if (answer === null || answer === undefined) this.#end(request);
      else this.#holdForLeisure(request, answer);
      return;
    }
    const { state, confirmable, peer, messageId } = request;
    this.#end(request);
    if (state === 'acknowledged') {
      if (answer !== null && answer !== undefined) this.#sendSeparate(request, answer);
    } else if (answer === undefined) {
      this.#duplicates.answered(request.remembered, 'reset');
      this.#wire.reset(peer.address, messageId);
    } else if (!confirmable) {
      if (answer !== null) this.#sendNon(request, answer);
    } else if (answer === null) {
      this.#acknowledge(request);
    } else {
      this.#context.counters.served++;
      const bytes = this.#encode(answer, (one) =>
        encodeMessage({ ...one, type: ACK, messageId, token: request.token }),
      );
      this.#duplicates.answered(request.remembered, bytes);
      this.#wire.put(bytes, peer.address);
    }
  }

  due(request: Incoming): void {
    const { state } = request;
    if (state === 'open' && request.confirmable) {
      request.state = 'acknowledged';
      this.#acknowledge(request);
      this.#context.wheel.arm(request, this.#lifetimeMs);
      return;
    }
    const { held } = request;
    this.#end(request);
    if (held !== undefined) this.#sendNon(request, held);
    else this.#context.counters.droppedByLimit++; // the server forgot it; so does the other end
  }

  #acknowledge(request: Incoming): void {
    this.#duplicates.answered(request.remembered, 'ack');
    this.#wire.acknowledge(request.peer.address, request.messageId);
  }

  #holdForLeisure(request: Incoming, answer: ServerAnswer): void {
    const { wheel, random, parameters } = this.#context;
    request.state = 'leisure';
    request.held = answer;
    wheel.arm(request, random.fraction() * parameters.leisureMs);
  }

  #end(request: Incoming): void {
    request.state = 'done';
    request.held = undefined;
    this.#context.wheel.cancel(request);
    if (this.#pending.delete(request)) this.#hosts.give(request.peer.host);
    this.#serving--;
    request.peer.serving--;
  }

  #sendNon(request: Incoming, answer: ServerAnswer): void {
    const { clock, counters } = this.#context;
    const { peer, token } = request;
    const nowMs = clock.monotonic();
    if (peer.idWaitMs(nowMs, this.#lifetimeMs) > 0) {
      counters.droppedByLimit++;
      return;
    }
    counters.served++;
    const messageId = peer.takeId(nowMs);
    const bytes = this.#encode(answer, (one) => encodeMessage({ ...one, type: NON, messageId, token }));
    this.#wire.put(bytes, peer.address);
  }

  /** A CON of its own: repeated until it is acknowledged, given up with RST or silence (§5.2.2). */
  #sendSeparate(request: Incoming, answer: ServerAnswer): void {
    const { token, peer } = request;
    this.#context.counters.served++;
    try {
      this.#encode(answer, (one) => this.#outbox.send(peer, { ...one, confirmable: true, token }, NOBODY));
    } catch {
      // Too many responses wait for this peer already; counted.
    }
  }

  /** An answer that cannot be sent becomes 5.00. */
  #encode<T>(answer: ServerAnswer, encode: (answer: ServerAnswer) => T): T {
    try {
      return encode(answer);
    } catch (error) {
      if (codeOf(error) === 'coap.busy') throw error;
      this.#context.counters.droppedByLimit++;
      this.#context.log.warn('a CoAP answer could not be sent', { error: messageOf(error) });
      return encode(FAULT);
    }
  }
}
