import type { Clock } from '../../base/clock.ts';
import { messageOf } from '../../base/errors.ts';
import type { Log } from '../../base/log.ts';
import type { TimerWheel } from '../../base/timer-wheel.ts';
import type { PeerAddress } from '../address.ts';
import { addressText } from '../address.ts';
import { decodeMessage, encodeEmpty, encodeMessage } from '../codec/codec.ts';
import type { CoapMessage, Malformed } from '../codec/codec.ts';
import { ACK, CON, EMPTY, NON, RST, code, isRequest } from '../codec/codes.ts';
import { Deadline } from '../deadline.ts';
import { coapError } from '../errors.ts';
import { OBSERVE, findOption, optionName, unusableOption } from '../codec/options.ts';
import type { Carrier, CoapTransport } from '../carrier.ts';
import type { RequestSink, ServerAnswer } from '../server/types.ts';
import type { Datagrams } from '../transports/datagrams.ts';
import { UdpCarrier } from './udp-carrier.ts';
import { Outbox } from './outbox.ts';
import { exchangeLifetimeMs, nonLifetimeMs } from '../parameters.ts';
import type { CoapCounters, CoapLimits, TransmissionParameters } from '../parameters.ts';
import { Peer, tokenKey } from './peer.ts';
import type { TokenOwner } from './peer.ts';
import type { CoapRandom } from '../random.ts';
import { RememberedIds, fingerprint } from './remembered.ts';
import type { Reply } from './remembered.ts';
import type { Transmission } from './transmission.ts';

export interface MessageLayerContext {
  clock: Clock;
  wheel: TimerWheel;
  log: Log;
  random: CoapRandom;
  parameters: TransmissionParameters;
  limits: CoapLimits;
  counters: CoapCounters;
  datagrams: Datagrams;
  /** `udp` unless said otherwise. */
  transport?: 'udp' | 'dtls';
  /** Who a peer proved to be; nobody unless given. */
  identityOf?: (peer: PeerAddress) => string | null;
  serve: RequestSink;
}

const SWEEP_MS = 15_000;
/** How many peers are looked at for an idle one when the table is full. */
const EVICTION_LOOKS = 64;

/**
 * The message layer of RFC 7252 §4 and the matching of §5.3, for both roles on one endpoint: what comes in is
 * checked, deduplicated by (peer, message id), acknowledged or rejected, and handed to the owner of its token or
 * to the server.
 */
export class MessageLayer {
  readonly outbox: Outbox;
  readonly clock: Clock;
  readonly transport: CoapTransport;
  readonly #context: MessageLayerContext;
  readonly #peers = new Map<string, Peer>();
  readonly #remembered: RememberedIds;
  readonly #sweep: Deadline;
  readonly #conLifetimeMs: number;
  readonly #nonLifetimeMs: number;
  #lastPeerNumber = 0;
  #running = false;

  constructor(context: MessageLayerContext) {
    this.#context = context;
    this.clock = context.clock;
    this.transport = context.transport ?? 'udp';
    this.outbox = new Outbox({
      ...context,
      send: (bytes, to, failed) => {
        context.counters.datagramsOut++;
        context.datagrams.send(bytes, to, failed);
      },
    });
    this.#conLifetimeMs = exchangeLifetimeMs(context.parameters);
    this.#nonLifetimeMs = nonLifetimeMs(context.parameters);
    const { remembered, rememberedBytes } = context.limits;
    this.#remembered = new RememberedIds(
      remembered,
      rememberedBytes,
      () => context.counters.droppedByLimit++,
    );
    this.#sweep = new Deadline(context.wheel, () => this.#forgetOld());
  }

  start(): void {
    this.#running = true;
  }

  get peerCount(): number {
    return this.#peers.size;
  }

  get rememberedIds(): number {
    return this.#remembered.size;
  }

  /** The state of that peer, made when it is new. Fails with `coap.busy` when the table is full. */
  peer(address: PeerAddress): Peer {
    const key = peerKey(address);
    const known = this.#peers.get(key);
    if (known !== undefined) return known;
    if (!this.#running) throw coapError('coap.not_running', 'The CoAP endpoint is stopped.');
    if (this.#peers.size >= this.#context.limits.peers && !this.#forgetAnIdlePeer()) {
      this.#context.counters.droppedByLimit++;
      throw coapError('coap.busy', `The station talks to ${this.#peers.size} CoAP peers already.`);
    }
    const bytes = this.#context.random.bytes(2);
    const firstId = (bytes[0]! << 8) | bytes[1]!;
    const peer = new Peer(address, ++this.#lastPeerNumber, firstId, this.#context.clock.monotonic());
    this.#peers.set(key, peer);
    if (!this.#sweep.armed) this.#sweep.set(SWEEP_MS);
    return peer;
  }

  /** The way to that peer. Throws `coap.busy` or `coap.not_running`. */
  carrier(address: PeerAddress): Carrier {
    const peer = this.peer(address);
    return (peer.carrier ??= new UdpCarrier(this, peer));
  }

  /** A token that no exchange with that peer uses (§5.3.1). */
  freshToken(peer: Peer): Uint8Array {
    for (;;) {
      const token = this.#context.random.bytes(8);
      if (!peer.tokens.has(tokenKey(token))) return token;
    }
  }

  /** `serves` is false on a socket where only answers are expected. */
  receive(bytes: Uint8Array, from: PeerAddress, serves: boolean): void {
    const { counters, clock } = this.#context;
    counters.datagramsIn++;
    const decoded = decodeMessage(bytes);
    const peer = this.#peers.get(peerKey(from));
    if (peer !== undefined) peer.lastUsedMs = clock.monotonic();
    if (!decoded.ok) {
      this.#onMalformed(decoded.malformed, from, peer);
      return;
    }
    const { message } = decoded;
    if (message.code === EMPTY) this.#onEmpty(message, from, peer);
    else if (isRequest(message.code)) this.#onRequest(message, from, serves, fingerprint(bytes));
    else this.#onResponse(message, from, peer, fingerprint(bytes));
  }

  /** Fails everything under way with `coap.cancelled` and forgets all peers. */
  stop(): void {
    this.#running = false;
    this.outbox.stop();
    this.#sweep.clear();
    this.#remembered.clear();
    for (const peer of this.#peers.values()) peer.forgotten = true;
    this.#peers.clear();
  }

  #onEmpty(message: CoapMessage, from: PeerAddress, peer: Peer | undefined): void {
    if (message.type === CON) {
      this.#reset(from, message.messageId); // a ping (§4.3)
      return;
    }
    if (message.type === NON) return; // means nothing and is ignored (§4.3)
    const transmission = peer?.transmissions.get(message.messageId);
    if (message.type === RST) {
      this.#context.counters.resetsReceived++;
      if (transmission === undefined) return;
      const where = addressText(from);
      this.outbox.fail(
        transmission,
        coapError('coap.reset', `${where} rejected the message (RST): it does not understand or expect it.`, {
          peer: where,
        }),
      );
      return;
    }
    if (transmission === undefined || !transmission.confirmable) {
      this.#context.counters.unmatched++;
      return;
    }
    if (transmission.state !== 'sent') return; // the same ACK again
    this.outbox.acknowledge(transmission);
    transmission.watcher.acknowledged();
  }

  #onRequest(request: CoapMessage, from: PeerAddress, serves: boolean, print: number): void {
    const { counters, log } = this.#context;
    if (!serves) {
      counters.unmatched++;
      if (request.type === CON) this.#reset(from, request.messageId);
      return;
    }
    let peer: Peer;
    try {
      peer = this.peer(from);
    } catch {
      return; // counted; a CON comes again
    }
    if (this.#isDuplicate(request, peer, print)) return;
    this.#remember(request, peer, print);
    let done = false;
    const answer = (given: ServerAnswer | null | undefined): void => {
      if (done || given === null) return;
      done = true;
      if (given === undefined) {
        this.#remembered.answered(peer.number, request.messageId, 'reset');
        this.#reset(from, request.messageId);
        return;
      }
      counters.served++;
      this.#answer(request, peer, given);
    };
    try {
      this.#context.serve({
        code: request.code,
        token: request.token,
        options: request.options,
        payload: request.payload,
        confirmable: request.type === CON,
        multicast: false,
        bytes: 0,
        from,
        transport: this.transport,
        peerKey: `${this.transport} ${addressText(from)}`,
        identity: null,
        answer,
        carrier: () => this.carrier(from),
      });
    } catch (error) {
      log.error('a CoAP request could not be served', { from: addressText(from), error: messageOf(error) });
      answer({ code: code(5, 0), options: [], payload: new Uint8Array(0) });
    }
  }

  #answer(request: CoapMessage, peer: Peer, answer: ServerAnswer): void {
    const nowMs = this.#context.clock.monotonic();
    const { token } = request;
    if (request.type === CON) {
      const bytes = encodeMessage({ ...answer, type: ACK, messageId: request.messageId, token });
      this.#remembered.answered(peer.number, request.messageId, bytes);
      this.#put(bytes, peer.address);
      return;
    }
    if (peer.idWaitMs(nowMs, this.#conLifetimeMs) > 0) {
      this.#context.counters.droppedByLimit++;
      return;
    }
    this.#put(encodeMessage({ ...answer, type: NON, messageId: peer.takeId(nowMs), token }), peer.address);
  }

  #onResponse(message: CoapMessage, from: PeerAddress, peer: Peer | undefined, print: number): void {
    if (message.type === ACK) {
      this.#onPiggybacked(message, from, peer);
      return;
    }
    if (peer !== undefined && this.#isDuplicate(message, peer, print)) return;
    const owner = peer?.tokens.get(tokenKey(message.token));
    if (peer === undefined || owner === undefined) {
      this.#context.counters.unmatched++;
      // A server stops notifying once its notification is rejected, also a NON one (RFC 7641 §3.6, §4.5).
      if (message.type === CON || findOption(message.options, OBSERVE) !== undefined) {
        this.#reset(from, message.messageId);
      }
      return;
    }
    this.#remember(message, peer, print);
    const broken = brokenBy(message, from);
    if (message.type === CON) {
      this.#remembered.answered(peer.number, message.messageId, broken === undefined ? 'ack' : 'reset');
      if (broken === undefined) this.#put(encodeEmpty(ACK, message.messageId), from);
      else this.#reset(from, message.messageId);
    }
    if (broken === undefined) owner.onResponse(message, undefined);
    else owner.onBrokenResponse(broken);
  }

  /** A piggybacked response must have the message id *and* the token of the request (§5.3.2). */
  #onPiggybacked(message: CoapMessage, from: PeerAddress, peer: Peer | undefined): void {
    const transmission = peer?.transmissions.get(message.messageId);
    const owner = peer?.tokens.get(tokenKey(message.token));
    if (
      transmission === undefined ||
      owner === undefined ||
      !transmission.confirmable ||
      transmission.token !== tokenKey(message.token)
    ) {
      this.#context.counters.unmatched++;
      return;
    }
    this.outbox.acknowledge(transmission);
    const broken = brokenBy(message, from);
    if (broken === undefined) owner.onResponse(message, transmission);
    else owner.onBrokenResponse(broken);
  }

  /** Rejects it (§4.2, §4.3), and tells whoever waits for it that the answer is of no use. */
  #onMalformed(malformed: Malformed, from: PeerAddress, peer: Peer | undefined): void {
    this.#context.counters.malformed++;
    const { type, messageId, token, reason } = malformed;
    if (type === undefined || messageId === undefined) return;
    if (type === CON) this.#reset(from, messageId);
    const owner = this.#ownerOf(peer, type === ACK ? peer?.transmissions.get(messageId) : undefined, token);
    if (owner === undefined) return;
    const where = addressText(from);
    owner.onBrokenResponse(
      coapError('coap.malformed', `The answer of ${where} is not a valid CoAP message (${reason}).`, {
        peer: where,
        reason,
      }),
    );
  }

  #ownerOf(peer: Peer | undefined, acknowledged: Transmission | undefined, token: Uint8Array | undefined) {
    let owner: TokenOwner | undefined;
    if (acknowledged !== undefined) owner = peer?.tokens.get(acknowledged.token);
    else if (token !== undefined && token.length > 0) owner = peer?.tokens.get(tokenKey(token));
    return owner;
  }

  #isDuplicate(message: CoapMessage, peer: Peer, print: number): boolean {
    const nowMs = this.#context.clock.monotonic();
    const reply = this.#remembered.find(peer.number, message.messageId, print, nowMs);
    if (reply === undefined) return false;
    this.#context.counters.duplicates++;
    if (message.type === CON) this.#repeat(reply, message.messageId, peer.address);
    return true;
  }

  #repeat(reply: Reply, messageId: number, to: PeerAddress): void {
    if (reply === 'ack') this.#put(encodeEmpty(ACK, messageId), to);
    else if (reply === 'reset') this.#reset(to, messageId);
    else if (reply !== 'none') this.#put(reply, to);
  }

  #remember(message: CoapMessage, peer: Peer, print: number): void {
    const lifetimeMs = message.type === CON ? this.#conLifetimeMs : this.#nonLifetimeMs;
    const expiresMs = this.#context.clock.monotonic() + lifetimeMs;
    this.#remembered.remember(peer.number, message.messageId, print, expiresMs);
  }

  #reset(to: PeerAddress, messageId: number): void {
    this.#context.counters.resetsSent++;
    this.#put(encodeEmpty(RST, messageId), to);
  }

  #put(bytes: Uint8Array, to: PeerAddress): void {
    this.#context.counters.datagramsOut++;
    // An answer that cannot be sent is like one that was lost: the other end asks again.
    this.#context.datagrams.send(bytes, to, () => void this.#context.counters.sendErrors++);
  }

  #forgetOld(): void {
    const nowMs = this.#context.clock.monotonic();
    this.#remembered.sweep(nowMs);
    for (const [key, peer] of this.#peers) {
      if (!peer.idle || nowMs - peer.lastUsedMs <= this.#conLifetimeMs) continue;
      peer.forgotten = true;
      this.#peers.delete(key);
    }
    if (this.#peers.size > 0 || this.#remembered.size > 0) this.#sweep.set(SWEEP_MS);
  }

  #forgetAnIdlePeer(): boolean {
    let looks = 0;
    for (const [key, peer] of this.#peers) {
      this.#peers.delete(key);
      if (peer.idle) {
        peer.forgotten = true;
        this.#context.counters.droppedByLimit++;
        return true;
      }
      this.#peers.set(key, peer); // to the end, so that the next search begins elsewhere
      if (++looks === EVICTION_LOOKS) return false;
    }
    return false;
  }
}

function peerKey(address: PeerAddress): string {
  return `${address.port} ${address.address}`;
}

function brokenBy(message: CoapMessage, from: PeerAddress): Error | undefined {
  const option = unusableOption(message.options);
  if (option === undefined) return undefined;
  const where = addressText(from);
  return coapError(
    'coap.bad_option',
    `The answer of ${where} needs the option ${optionName(option.number)}, which cannot be used here.`,
    { peer: where, option: option.number },
  );
}
