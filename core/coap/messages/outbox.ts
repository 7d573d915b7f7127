import type { Clock } from '../../base/clock.ts';
import type { TimerWheel } from '../../base/timer-wheel.ts';
import { addressText } from '../address.ts';
import type { Outgoing, SendingWatcher } from '../carrier.ts';
import { encodeMessage } from '../codec/codec.ts';
import { CON, NON, isResponse } from '../codec/codes.ts';
import { Deadline } from '../deadline.ts';
import { cancelled, coapError } from '../errors.ts';
import { exchangeLifetimeMs } from '../parameters.ts';
import type { CoapCounters, CoapLimits, TransmissionParameters } from '../parameters.ts';
import { tokenKey } from './peer.ts';
import type { Lane, Peer } from './peer.ts';
import type { CoapRandom } from '../random.ts';
import { Transmission } from './transmission.ts';
import type { TransmissionKeeper } from './transmission.ts';
import type { Wire } from './wire.ts';

export interface OutboxContext {
  clock: Clock;
  wheel: TimerWheel;
  random: CoapRandom;
  parameters: TransmissionParameters;
  limits: CoapLimits;
  counters: CoapCounters;
  wire: Pick<Wire, 'put'>;
}

/** Errors after which sending again is worth the wait: the system is short of buffers for a moment. */
const PASSING_ERRORS = new Set(['ENOBUFS', 'EAGAIN', 'ENOMEM', 'EINTR']);

/**
 * The sending half of the message layer (RFC 7252 §4.2, §4.3, §4.7): at most NSTART exchanges under way per peer,
 * the others wait in line; a CON is repeated with doubling waits until it is acknowledged or given up. Responses and
 * notifications take turns apart from requests; those by NON go at once, their pace is the server's affair.
 */
export class Outbox implements TransmissionKeeper {
  readonly #context: OutboxContext;
  readonly #lifetimeMs: number;
  /** Peers whose next message id is not free yet. */
  readonly #idWaits = new Map<Peer, Deadline>();
  /** The newest of all that are open, linked: a Set would keep the dead ones for long (see `RecentMap`). */
  #newest: Transmission | undefined;
  #size = 0;

  constructor(context: OutboxContext) {
    this.#context = context;
    this.#lifetimeMs = exchangeLifetimeMs(context.parameters);
  }

  get size(): number {
    return this.#size;
  }

  /**
   * Sends when its turn comes. The caller must `release` it in the end, whatever happens; a response is released
   * when it is acknowledged or, a NON, when it can hardly be rejected any more. Throws `coap.busy` or
   * `coap.too_large` before anything is sent.
   */
  send(peer: Peer, message: Outgoing, watcher: SendingWatcher): Transmission {
    const { parameters, clock } = this.#context;
    const { confirmable, code, token, options, payload } = message;
    const nowMs = clock.monotonic();
    const lane = isResponse(code) ? peer.responses : peer.requests;
    this.#mustHaveRoom(peer, lane);
    const type = confirmable ? CON : NON;
    const bytes = encodeMessage({ type, code, messageId: 0, token, options, payload });
    const maxRetransmit = message.maxRetransmit ?? parameters.maxRetransmit;
    const transmission = new Transmission(
      peer,
      lane,
      { bytes, confirmable, token: tokenKey(token), maxRetransmit },
      watcher,
      this,
    );
    this.#link(transmission);
    this.#count(lane, peer, 1);
    peer.lastUsedMs = nowMs;
    if (lane === peer.responses && !confirmable) {
      this.#transmit(transmission, nowMs);
    } else if (lane.outstanding === 0 && lane.waiting.length === 0 && this.#hasId(peer, nowMs)) {
      this.#transmit(transmission, nowMs); // nearly always
    } else {
      lane.waiting.push(transmission);
      this.#pump(peer, lane);
    }
    return transmission;
  }

  #mustHaveRoom(peer: Peer, lane: Lane): void {
    const { limits, counters, clock } = this.#context;
    const asks = lane === peer.requests;
    const perPeer = asks ? limits.queuedPerPeer : limits.queuedResponsesPerPeer;
    const full = asks ? counters.exchanges >= limits.exchanges : counters.responding >= limits.responses;
    const noId = !asks && peer.idWaitMs(clock.monotonic(), this.#lifetimeMs) > 0;
    if (!full && !noId && lane.waiting.length < perPeer) return;
    counters.droppedByLimit++;
    const waiting = `${lane.waiting.length} for ${addressText(peer.address)}`;
    throw coapError(
      'coap.busy',
      `Too many CoAP ${asks ? 'requests' : 'responses'} wait already (${waiting}). Try again later.`,
    );
  }

  #count(lane: Lane, peer: Peer, change: 1 | -1): void {
    const { counters } = this.#context;
    if (lane === peer.requests) counters.exchanges += change;
    else counters.responding += change;
  }

  /** One that nobody waits for, at once and out of turn. Dropped and counted where no message id is free. */
  sendUnawaited(peer: Peer, message: Outgoing): void {
    const nowMs = this.#context.clock.monotonic();
    if (peer.idWaitMs(nowMs, this.#lifetimeMs) > 0) {
      this.#context.counters.droppedByLimit++;
      return;
    }
    const { code, token, options, payload } = message;
    const type = message.confirmable ? CON : NON;
    const bytes = encodeMessage({ type, code, messageId: peer.takeId(nowMs), token, options, payload });
    this.#context.wire.put(bytes, peer.address);
  }

  /** The other end has it: no more repeats, and the next in line may go. */
  acknowledge(transmission: Transmission): void {
    if (transmission.state !== 'sent') return;
    transmission.state = 'acknowledged';
    this.#context.wheel.cancel(transmission);
    this.#endTurn(transmission);
  }

  /** By an empty ACK: whoever watches is told. The same ACK again means nothing. */
  acknowledged(transmission: Transmission): void {
    if (transmission.state !== 'sent') return;
    this.acknowledge(transmission);
    transmission.watcher.acknowledged();
    if (transmission.lane === transmission.peer.responses) this.release(transmission);
  }

  /** Nobody waits for anything about it any more. May be called again. */
  release(transmission: Transmission): void {
    const { peer, lane } = transmission;
    if (transmission.state === 'done') return;
    if (transmission.state === 'waiting') {
      const at = lane.waiting.indexOf(transmission);
      if (at >= 0) lane.waiting.splice(at, 1);
    } else {
      peer.transmissions.delete(transmission.messageId);
    }
    transmission.state = 'done';
    this.#unlink(transmission);
    this.#count(lane, peer, -1);
    this.#context.wheel.cancel(transmission);
    this.#endTurn(transmission);
    if (this.#idWaits.size > 0 && peer.requests.waiting.length === 0 && peer.responses.waiting.length === 0) {
      this.#stopIdWait(peer);
    }
  }

  fail(transmission: Transmission, error: Error): void {
    if (transmission.state === 'done') return;
    this.release(transmission);
    transmission.watcher.failed(error);
  }

  /** Fails everything that is on its way. */
  stop(): void {
    // Failing one lets its owner send more; those are failed too.
    while (this.#newest !== undefined) this.fail(this.#newest, cancelled());
    for (const deadline of this.#idWaits.values()) deadline.clear();
    this.#idWaits.clear();
  }

  #link(transmission: Transmission): void {
    transmission.previous = this.#newest;
    if (this.#newest !== undefined) this.#newest.next = transmission;
    this.#newest = transmission;
    this.#size++;
  }

  #unlink(transmission: Transmission): void {
    const { previous, next } = transmission;
    if (previous !== undefined) previous.next = next;
    if (next !== undefined) next.previous = previous;
    else this.#newest = previous;
    transmission.previous = transmission.next = undefined;
    this.#size--;
  }

  #endTurn(transmission: Transmission): void {
    if (!transmission.holdsTurn) return;
    transmission.holdsTurn = false;
    transmission.lane.outstanding--;
    this.#pump(transmission.peer, transmission.lane);
  }

  #pump(peer: Peer, lane: Lane): void {
    if (lane.waiting.length === 0) return;
    const nowMs = this.#context.clock.monotonic();
    while (lane.waiting.length > 0 && lane.outstanding < this.#context.parameters.nstart) {
      if (!this.#hasId(peer, nowMs)) {
        tellWaiting(lane, peer.idWaitMs(nowMs, this.#lifetimeMs));
        return;
      }
      this.#transmit(lane.waiting.shift()!, nowMs);
    }
  }

  /** Else the lines of the peer go on when one is free. */
  #hasId(peer: Peer, nowMs: number): boolean {
    const waitMs = peer.idWaitMs(nowMs, this.#lifetimeMs);
    if (waitMs === 0) return true;
    if (this.#idWaits.has(peer)) return false;
    this.#context.counters.messageIdWaits++;
    const deadline = new Deadline(this.#context.wheel, () => {
      this.#idWaits.delete(peer);
      this.#pump(peer, peer.requests);
      this.#pump(peer, peer.responses);
    });
    this.#idWaits.set(peer, deadline);
    deadline.set(waitMs);
    return false;
  }

  #stopIdWait(peer: Peer): void {
    this.#idWaits.get(peer)?.clear();
    this.#idWaits.delete(peer);
  }

  #transmit(transmission: Transmission, nowMs: number): void {
    const { random, parameters, wheel } = this.#context;
    const { peer, lane, bytes } = transmission;
    transmission.messageId = peer.takeId(nowMs);
    bytes[2] = transmission.messageId >> 8;
    bytes[3] = transmission.messageId;
    transmission.state = 'sent';
    transmission.firstSentMs = nowMs;
    peer.transmissions.set(transmission.messageId, transmission);
    if (transmission.confirmable) {
      const spread = 1 + random.fraction() * (parameters.ackRandomFactor - 1);
      transmission.timeoutMs = parameters.ackTimeoutMs * spread;
    } else if (lane === peer.responses) {
      transmission.timeoutMs = parameters.ackTimeoutMs;
    } else {
      // §4.7: a peer that does not answer gets no more than PROBING_RATE.
      const probingMs = (bytes.length / parameters.probingRateBytesPerSecond) * 1_000;
      transmission.timeoutMs = Math.max(parameters.ackTimeoutMs, probingMs);
    }
    if (transmission.confirmable || lane === peer.requests) {
      transmission.holdsTurn = true;
      lane.outstanding++;
    }
    wheel.arm(transmission, transmission.timeoutMs, nowMs);
    this.#put(transmission);
    // Not from within `send`, whose caller does not have it in hands yet.
    if (transmission.watcher.sent !== undefined) queueMicrotask(() => tellSent(transmission));
  }

  #put(transmission: Transmission): void {
    const { bytes, peer, retransmissions, confirmable } = transmission;
    // Where there was a way a moment ago, silence and the repeat will tell that it is gone.
    const sure = peer.heard && confirmable && retransmissions === 0;
    this.#context.wire.put(bytes, peer.address, retransmissions, sure ? null : this.#watch(transmission));
  }

  #watch(transmission: Transmission): (error: Error) => void {
    return (error) => {
      this.#context.counters.sendErrors++;
      this.#refused(transmission, error);
    };
  }

  /** The system cannot send it. */
  #refused(transmission: Transmission, error: Error): void {
    const systemCode = 'code' in error ? String(error.code) : '';
    if (PASSING_ERRORS.has(systemCode)) return;
    const where = addressText(transmission.peer.address);
    this.fail(
      transmission,
      coapError(
        'coap.unreachable',
        `Nothing can be sent to ${where}: ${error.message}. Check the address and the network.`,
        { peer: where, systemCode },
        error,
      ),
    );
  }

  /** Its watcher may have something newer to say: under an id of its own, as it is another message. */
  #renew(transmission: Transmission): void {
    const { peer, watcher } = transmission;
    const nowMs = this.#context.clock.monotonic();
    if (watcher.renew === undefined || peer.idWaitMs(nowMs, this.#lifetimeMs) > 0) return;
    const message = watcher.renew();
    // The watcher may have let go of it meanwhile.
    if (message === undefined || transmission.state !== 'sent') return;
    const { code, token, options, payload } = message;
    peer.transmissions.delete(transmission.messageId);
    const messageId = peer.takeId(nowMs);
    transmission.messageId = messageId;
    transmission.bytes = encodeMessage({ type: CON, code, messageId, token, options, payload });
    peer.transmissions.set(messageId, transmission);
  }

  due(transmission: Transmission): void {
    if (transmission.state !== 'sent') return;
    const { peer, lane, maxRetransmit } = transmission;
    if (!transmission.confirmable) {
      if (lane === peer.responses) this.release(transmission);
      else this.#endTurn(transmission);
      return;
    }
    const { counters, wheel } = this.#context;
    peer.heard = false;
    if (transmission.retransmissions < maxRetransmit) {
      transmission.retransmissions++;
      counters.retransmissions++;
      transmission.timeoutMs *= 2;
      wheel.arm(transmission, transmission.timeoutMs);
      this.#renew(transmission);
      if (transmission.state === 'sent') this.#put(transmission);
      return;
    }
    const where = addressText(peer.address);
    const transmissions = transmission.retransmissions + 1;
    const silence = (sent: string): Error =>
      coapError('coap.timeout', `${where} did not answer (${sent}). Check that it runs and can be reached.`, {
        peer: where,
        transmissions,
      });
    // Whoever waits in line and would be no more patient meets the same silence. Else the last of a long line, sent
    // one by one to a server that is gone, would be told after hours. First the line: failing the one frees its turn.
    const line = lane.waiting.filter((one) => one.confirmable && one.maxRetransmit <= maxRetransmit);
    for (const one of line) {
      counters.timeouts++;
      this.fail(one, silence(`to the request before this one, sent ${transmissions} times`));
    }
    counters.timeouts++;
    this.fail(transmission, silence(`sent ${transmissions} times`));
  }
}

function tellSent(transmission: Transmission): void {
  if (transmission.state !== 'done') transmission.watcher.sent?.();
}

/** Whoever came into the line last has not been told yet. */
function tellWaiting({ waiting }: Lane, waitMs: number): void {
  for (let at = waiting.length - 1; at >= 0; at--) {
    const transmission = waiting[at]!;
    if (transmission.toldToWait) return;
    transmission.toldToWait = true;
    // Not from within `send`, whose caller does not have it in hands yet.
    queueMicrotask(() => {
      if (transmission.state === 'waiting') transmission.watcher.waits?.(waitMs);
    });
  }
}
