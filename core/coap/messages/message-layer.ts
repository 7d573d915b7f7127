import type { Clock } from '../../base/clock.ts';
import type { Log } from '../../base/log.ts';
import type { TimerWheel } from '../../base/timer-wheel.ts';
import type { PeerAddress } from '../address.ts';
import type { Carrier, CoapTransport, WireTap } from '../carrier.ts';
import { decodeMessage } from '../codec/codec.ts';
import type { CoapMessage, Malformed } from '../codec/codec.ts';
import { ACK, CON, EMPTY, NON, RST, codeName, codeText, isRequest } from '../codec/codes.ts';
import { OBSERVE, findOption, optionName, unusableOption } from '../codec/options.ts';
import { Deadline } from '../deadline.ts';
import { coapError } from '../errors.ts';
import { exchangeLifetimeMs } from '../parameters.ts';
import type { CoapCounters, CoapLimits, TransmissionParameters } from '../parameters.ts';
import type { CoapRandom } from '../random.ts';
import type { RequestSink } from '../server/types.ts';
import type { Arrival, Datagrams } from '../transports/datagrams.ts';
import { Duplicates } from './duplicates.ts';
import { GroupRequests } from './group-request.ts';
import type { GroupAnswer, GroupRequest } from './group-request.ts';
import { Outbox } from './outbox.ts';
import { tokenKey } from './peer.ts';
import type { Peer, TokenOwner } from './peer.ts';
import { PeerTable } from './peers.ts';
import { fingerprint } from './remembered.ts';
import { RequestDesk } from './request-desk.ts';
import { UdpCarrier } from './udp-carrier.ts';
import { Wire } from './wire.ts';

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
  /** A response that nobody waits for at that address, unless it was an ACK. Whoever owns its token may want to know. */
  stray?: (token: Uint8Array, from: PeerAddress) => void;
}

const SWEEP_MS = 15_000;

/** A message without code, token, options and payload. */
const EMPTY_BYTES = 4;

/**
 * The message layer of RFC 7252 §4 and the matching of §5.3, for both roles on one endpoint: what comes in is
 * checked, deduplicated by (peer, message id), acknowledged or rejected, and handed to the owner of its token or
 * to the server.
 */
export class MessageLayer {
  readonly clock: Clock;
  readonly transport: CoapTransport;
  readonly outbox: Outbox;
  readonly #context: MessageLayerContext;
  readonly #wire: Wire;
  readonly #peers: PeerTable;
  readonly #duplicates: Duplicates;
  readonly #desk: RequestDesk;
  readonly #groups: GroupRequests;
  readonly #sweep: Deadline;
  readonly #lifetimeMs: number;
  #running = false;

  constructor(context: MessageLayerContext) {
    const { clock, wheel, limits, counters, parameters, random } = context;
    const transport = context.transport ?? 'udp';
    this.#context = context;
    this.clock = clock;
    this.transport = transport;
    this.#lifetimeMs = exchangeLifetimeMs(parameters);
    this.#wire = new Wire({ ...context, transport });
    this.outbox = new Outbox({ ...context, wire: this.#wire });
    this.#duplicates = new Duplicates(context, this.#wire);
    this.#peers = new PeerTable({
      maxPeers: limits.peers,
      nowMs: () => clock.monotonic(),
      firstId: () => {
        const bytes = random.bytes(2);
        return (bytes[0]! << 8) | bytes[1]!;
      },
      onDropped: () => counters.droppedByLimit++,
      onHostShare: () => counters.hostShareReached++,
    });
    this.#desk = new RequestDesk(
      {
        ...context,
        transport,
        carrierOf: (peer) => this.#carrierOf(peer),
        admit: (from) => this.#admit(from),
      },
      this.#wire,
      this.outbox,
      this.#duplicates,
    );
    this.#groups = new GroupRequests(context, this.#wire);
    this.#sweep = new Deadline(wheel, () => this.#forgetOld());
  }

  start(): void {
    this.#running = true;
  }

  /** Sees every message in and out while it is set. */
  get tap(): WireTap | undefined {
    return this.#wire.tap;
  }

  set tap(tap: WireTap | undefined) {
    this.#wire.tap = tap;
  }

  get peerCount(): number {
    return this.#peers.size;
  }

  get rememberedIds(): number {
    return this.#duplicates.size;
  }

  /** Received requests that are not answered yet. */
  get serving(): number {
    return this.#desk.serving;
  }

  /** The way to that peer. Throws `coap.busy` when the table is full, `coap.not_running`. */
  carrier(address: PeerAddress): Carrier {
    return this.#carrierOf(this.peer(address));
  }

  /** The state of a peer that we ask, made when it is new. Throws like `carrier`. */
  peer(address: PeerAddress): Peer {
    this.#mustRun();
    const peer = this.#peers.known(address);
    if (!this.#sweep.armed) this.#sweep.set(SWEEP_MS);
    return peer;
  }

  /** The state of a peer that may have been forgotten meanwhile. Throws like `carrier`. */
  again(peer: Peer): Peer {
    if (peer.known) return this.peer(peer.address);
    this.#mustRun();
    const made = this.#admit(peer.address);
    if (made === undefined)
      throw coapError('coap.busy', 'The station is asked by too many CoAP peers already.');
    return made;
  }

  /** A token that no exchange with that peer uses (§5.3.1). */
  freshToken(peer: Peer): Uint8Array {
    for (;;) {
      const token = this.#context.random.bytes(8);
      if (!peer.tokens.has(tokenKey(token))) return token;
    }
  }

  /**
   * Asks every CoAP server of a group by one NON request on one interface (RFC 7252 §8). `onAnswer` hears of each
   * answer once; resolves after `listenMs` or the abort. Fails with `coap.busy`, `coap.not_running`,
   * `coap.unreachable` (the request could not be sent), `coap.bad_request` or `coap.too_large`.
   */
  async askGroup(
    request: GroupRequest,
    onAnswer: (answer: GroupAnswer) => void,
    signal?: AbortSignal,
  ): Promise<void> {
    this.#mustRun();
    await this.#groups.ask(request, onAnswer, signal);
  }

  receive(bytes: Uint8Array, from: PeerAddress, arrival: Arrival): void {
    this.#context.counters.datagramsIn++;
    const decoded = decodeMessage(bytes);
    if (decoded.ok && isRequest(decoded.message.code)) {
      this.#onRequest(decoded.message, bytes, from, arrival);
      return;
    }
    const peer = this.#peers.find(from);
    if (peer !== undefined) {
      peer.lastUsedMs = this.clock.monotonic();
      peer.heard = true;
    }
    if (!decoded.ok) this.#onMalformed(decoded.malformed, bytes, from, arrival, peer);
    else if (arrival === 'group') this.#ignore(bytes, from);
    else if (decoded.message.code === EMPTY) this.#onEmpty(decoded.message, bytes, from, peer);
    else this.#onResponse(decoded.message, bytes, from, peer);
  }

  /** Fails everything under way with `coap.cancelled` and forgets all peers. */
  stop(): void {
    this.#running = false;
    this.#groups.stop();
    this.outbox.stop();
    this.#desk.stop();
    this.#sweep.clear();
    this.#duplicates.clear();
    this.#peers.clear();
  }

  #mustRun(): void {
    if (!this.#running) throw coapError('coap.not_running', 'The CoAP endpoint is stopped.');
  }

  #admit(from: PeerAddress): Peer | undefined {
    const peer = this.#peers.stranger(from);
    if (peer !== undefined && !this.#sweep.armed) this.#sweep.set(SWEEP_MS);
    return peer;
  }

  #carrierOf(peer: Peer): Carrier {
    return (peer.carrier ??= new UdpCarrier(this, peer));
  }

  #ignore(bytes: Uint8Array, from: PeerAddress): void {
    this.#context.counters.unmatched++;
    this.#wire.saw(bytes, from, 'unmatched');
  }

  #onRequest(message: CoapMessage, bytes: Uint8Array, from: PeerAddress, arrival: Arrival): void {
    if (arrival !== 'asking') {
      this.#desk.receive(message, bytes, from, arrival === 'group');
      return;
    }
    this.#context.counters.unmatched++;
    this.#wire.saw(bytes, from, 'refused');
    if (message.type === CON) this.#wire.reset(from, message.messageId);
  }

  #onEmpty(message: CoapMessage, bytes: Uint8Array, from: PeerAddress, peer: Peer | undefined): void {
    const { messageId, type } = message;
    if (type === CON) {
      this.#wire.saw(bytes, from, 'ok');
      this.#wire.reset(from, messageId); // a ping (§4.3)
      return;
    }
    if (type === NON) {
      this.#wire.saw(bytes, from, 'unmatched');
      return; // means nothing and is ignored (§4.3)
    }
    const transmission = peer?.transmissions.get(messageId);
    // To an empty CON it is the answer: a pong (§4.3).
    if (type === RST && transmission?.bytes.length !== EMPTY_BYTES) this.#context.counters.resetsReceived++;
    if (peer === undefined || transmission === undefined || (type === ACK && !transmission.confirmable)) {
      if (type === ACK) this.#context.counters.unmatched++;
      this.#wire.saw(bytes, from, 'unmatched');
      return;
    }
    this.#wire.saw(bytes, from, 'ok');
    this.#peers.prove(peer);
    if (type === ACK) {
      this.outbox.acknowledged(transmission);
      return;
    }
    this.outbox.fail(
      transmission,
      coapError(
        'coap.reset',
        `${peer.text} rejected the message (RST): it does not understand or expect it.`,
        {
          peer: peer.text,
        },
      ),
    );
  }

  #onResponse(message: CoapMessage, bytes: Uint8Array, from: PeerAddress, peer: Peer | undefined): void {
    if (message.type === ACK) {
      this.#onPiggybacked(message, bytes, from, peer);
      return;
    }
    const print = fingerprint(bytes);
    if (peer !== undefined && this.#duplicates.repeats(message, peer, bytes, print)) return;
    const owner = peer?.tokens.get(tokenKey(message.token));
    if (peer === undefined || owner === undefined) {
      this.#ignore(bytes, from);
      // A server stops notifying once its notification is rejected, also a NON one (RFC 7641 §3.6, §4.5).
      if (message.type === CON || findOption(message.options, OBSERVE) !== undefined) {
        this.#wire.reset(from, message.messageId);
      }
      this.#context.stray?.(message.token, from);
      return;
    }
    const remembered = this.#duplicates.remember(message, peer, print);
    const broken = brokenBy(message, peer);
    this.#wire.saw(bytes, from, broken === undefined ? 'ok' : 'refused');
    this.#peers.prove(peer);
    if (message.type === CON) {
      this.#duplicates.answered(remembered, broken === undefined ? 'ack' : 'reset');
      if (broken === undefined) this.#wire.acknowledge(from, message.messageId);
      else this.#wire.reset(from, message.messageId);
    }
    if (broken === undefined) owner.onResponse(message, undefined);
    else owner.onBrokenResponse(broken);
  }

  /** A piggybacked response must have the message id *and* the token of the request (§5.3.2). */
  #onPiggybacked(message: CoapMessage, bytes: Uint8Array, from: PeerAddress, peer: Peer | undefined): void {
    const transmission = peer?.transmissions.get(message.messageId);
    const token = tokenKey(message.token);
    const owner = peer?.tokens.get(token);
    if (
      peer === undefined ||
      transmission === undefined ||
      owner === undefined ||
      !transmission.confirmable ||
      transmission.lane === peer.responses ||
      transmission.token !== token
    ) {
      this.#ignore(bytes, from);
      return;
    }
    const broken = brokenBy(message, peer);
    this.#wire.saw(bytes, from, broken === undefined ? 'ok' : 'refused');
    this.#peers.prove(peer);
    this.outbox.acknowledge(transmission);
    if (broken === undefined) owner.onResponse(message, transmission);
    else owner.onBrokenResponse(broken);
  }

  /** Rejects it (§4.2, §4.3), and tells whoever waits for it that the answer is of no use. */
  #onMalformed(
    malformed: Malformed,
    bytes: Uint8Array,
    from: PeerAddress,
    arrival: Arrival,
    peer: Peer | undefined,
  ): void {
    this.#context.counters.malformed++;
    this.#wire.saw(bytes, from, 'malformed');
    const { type, messageId, token, reason } = malformed;
    if (type === undefined || messageId === undefined || arrival === 'group') return;
    if (type === CON) this.#wire.reset(from, messageId);
    if (peer === undefined) return;
    const acknowledged = type === ACK ? peer.transmissions.get(messageId) : undefined;
    let owner: TokenOwner | undefined;
    if (acknowledged !== undefined) owner = peer.tokens.get(acknowledged.token);
    else if (token !== undefined && token.length > 0) owner = peer.tokens.get(tokenKey(token));
    owner?.onBrokenResponse(
      coapError('coap.malformed', `The answer of ${peer.text} is not a valid CoAP message (${reason}).`, {
        peer: peer.text,
        reason,
      }),
    );
  }

  #forgetOld(): void {
    const nowMs = this.clock.monotonic();
    this.#duplicates.sweep(nowMs);
    this.#peers.forgetIdleSince(nowMs - this.#lifetimeMs);
    if (this.#peers.size > 0 || this.#duplicates.size > 0) this.#sweep.set(SWEEP_MS);
  }
}

function brokenBy(message: CoapMessage, peer: Peer): Error | undefined {
  const option = unusableOption(message.options);
  if (option === undefined) return undefined;
  return coapError(
    'coap.bad_option',
    `The answer of ${peer.text}, ${codeText(message.code)} ${codeName(message.code)}, needs the option ${optionName(option.number)}, which cannot be used here.`,
    { peer: peer.text, option: option.number },
  );
}
