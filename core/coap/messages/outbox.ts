import type { Clock } from '../../base/clock.ts';
import type { TimerWheel } from '../../base/timer-wheel.ts';
import type { PeerAddress } from '../address.ts';
import { addressText } from '../address.ts';
import type { Outgoing, SendingWatcher } from '../carrier.ts';
import { encodeMessage } from '../codec/codec.ts';
import { CON, NON } from '../codec/codes.ts';
import { Deadline } from '../deadline.ts';
import { cancelled, coapError } from '../errors.ts';
import { exchangeLifetimeMs } from '../parameters.ts';
import type { CoapCounters, CoapLimits, TransmissionParameters } from '../parameters.ts';
import { tokenKey } from './peer.ts';
import type { Peer } from './peer.ts';
import type { CoapRandom } from '../random.ts';
import { Transmission } from './transmission.ts';
import type { TransmissionKeeper } from './transmission.ts';

export interface OutboxContext {
  clock: Clock;
  wheel: TimerWheel;
  random: CoapRandom;
  parameters: TransmissionParameters;
  limits: CoapLimits;
  counters: CoapCounters;
  send(bytes: Uint8Array, to: PeerAddress, failed: (error: Error) => void): void;
}

/** Errors after which sending again is worth the wait: the system is short of buffers for a moment. */
const PASSING_ERRORS = new Set(['ENOBUFS', 'EAGAIN', 'ENOMEM', 'EINTR']);

/**
 * The sending half of the message layer (RFC 7252 §4.2, §4.3, §4.7): at most NSTART exchanges under way per peer,
 * the others wait in line; a CON is repeated with doubling waits until it is acknowledged or given up.
 */
export class Outbox implements TransmissionKeeper {
  readonly #context: OutboxContext;
  readonly #lifetimeMs: number;
  /** Peers whose next message id is not free yet. */
  readonly #idWaits = new Map<Peer, Deadline>();
  readonly #open = new Set<Transmission>();

  constructor(context: OutboxContext) {
    this.#context = context;
    this.#lifetimeMs = exchangeLifetimeMs(context.parameters);
  }

  get size(): number {
    return this.#open.size;
  }

  /**
   * Sends when its turn comes. The caller must `release` it in the end, whatever happens. Fails with `coap.busy`
   * or `coap.too_large` before anything is sent.
   */
  send(peer: Peer, message: Outgoing, watcher: SendingWatcher): Transmission {
    const { limits, counters, parameters } = this.#context;
    if (peer.waiting.length >= limits.queuedPerPeer || this.#open.size >= limits.exchanges) {
      counters.droppedByLimit++;
      throw coapError(
        'coap.busy',
        `Too many CoAP requests wait already (${peer.waiting.length} for ${addressText(peer.address)}). Try again later.`,
      );
    }
    const { confirmable, code, token, options, payload } = message;
    const type = confirmable ? CON : NON;
    const bytes = encodeMessage({ type, code, messageId: 0, token, options, payload });
    const maxRetransmit = message.maxRetransmit ?? parameters.maxRetransmit;
    const transmission = new Transmission(
      peer,
      { bytes, confirmable, token: tokenKey(token), maxRetransmit },
      watcher,
      this,
    );
    this.#open.add(transmission);
    counters.exchanges = this.#open.size;
    peer.waiting.push(transmission);
    peer.lastUsedMs = this.#context.clock.monotonic();
    this.#pump(peer);
    return transmission;
  }

  /**
   * A NON that nobody waits for, at once and out of turn: the last word to a peer, whose line may be held up by
   * others. Fails like `send`; it is dropped where no message id is free.
   */
  sendUnawaited(peer: Peer, message: Omit<Outgoing, 'confirmable' | 'maxRetransmit'>): void {
    const nowMs = this.#context.clock.monotonic();
    if (peer.idWaitMs(nowMs, this.#lifetimeMs) > 0) {
      this.#context.counters.droppedByLimit++;
      return;
    }
    const { code, token, options, payload } = message;
    const bytes = encodeMessage({ type: NON, code, messageId: peer.takeId(nowMs), token, options, payload });
    this.#context.send(bytes, peer.address, () => void this.#context.counters.sendErrors++);
  }

  /** The other end has it: no more repeats, and the next in line may go. */
  acknowledge(transmission: Transmission): void {
    if (transmission.state !== 'sent') return;
    transmission.state = 'acknowledged';
    this.#context.wheel.cancel(transmission);
    this.#endTurn(transmission);
  }

  /** Nobody waits for anything about it any more. May be called again. */
  release(transmission: Transmission): void {
    const { peer } = transmission;
    if (transmission.state === 'done') return;
    if (transmission.state === 'waiting') {
      const at = peer.waiting.indexOf(transmission);
      if (at >= 0) peer.waiting.splice(at, 1);
    } else {
      peer.transmissions.delete(transmission.messageId);
    }
    transmission.state = 'done';
    this.#open.delete(transmission);
    this.#context.counters.exchanges = this.#open.size;
    this.#context.wheel.cancel(transmission);
    this.#endTurn(transmission);
    if (peer.waiting.length === 0) this.#stopIdWait(peer);
  }

  fail(transmission: Transmission, error: Error): void {
    if (transmission.state === 'done') return;
    this.release(transmission);
    transmission.watcher.failed(error);
  }

  /** Fails everything that is on its way. */
  stop(): void {
    // Failing one lets its owner send more; those are failed too.
    for (const transmission of this.#open) this.fail(transmission, cancelled());
    for (const deadline of this.#idWaits.values()) deadline.clear();
    this.#idWaits.clear();
  }

  #endTurn(transmission: Transmission): void {
    if (!transmission.holdsTurn) return;
    transmission.holdsTurn = false;
    transmission.peer.outstanding--;
    this.#pump(transmission.peer);
  }

  #pump(peer: Peer): void {
    const { clock, parameters } = this.#context;
    while (peer.waiting.length > 0 && peer.outstanding < parameters.nstart) {
      const waitMs = peer.idWaitMs(clock.monotonic(), this.#lifetimeMs);
      if (waitMs > 0) {
        this.#waitForId(peer, waitMs);
        return;
      }
      this.#transmit(peer.waiting.shift()!);
    }
  }

  #waitForId(peer: Peer, waitMs: number): void {
    if (this.#idWaits.has(peer)) return;
    const deadline = new Deadline(this.#context.wheel, () => {
      this.#idWaits.delete(peer);
      this.#pump(peer);
    });
    this.#idWaits.set(peer, deadline);
    deadline.set(waitMs);
  }

  #stopIdWait(peer: Peer): void {
    this.#idWaits.get(peer)?.clear();
    this.#idWaits.delete(peer);
  }

  #transmit(transmission: Transmission): void {
    const { clock, random, parameters, wheel } = this.#context;
    const { peer, bytes } = transmission;
    transmission.messageId = peer.takeId(clock.monotonic());
    bytes[2] = transmission.messageId >> 8;
    bytes[3] = transmission.messageId;
    transmission.state = 'sent';
    transmission.holdsTurn = true;
    peer.outstanding++;
    transmission.firstSentMs = clock.monotonic();
    peer.transmissions.set(transmission.messageId, transmission);
    if (transmission.confirmable) {
      const spread = 1 + random.fraction() * (parameters.ackRandomFactor - 1);
      transmission.timeoutMs = parameters.ackTimeoutMs * spread;
    } else {
      // §4.7: a peer that does not answer gets no more than PROBING_RATE.
      const probingMs = (bytes.length / parameters.probingRateBytesPerSecond) * 1_000;
      transmission.timeoutMs = Math.max(parameters.ackTimeoutMs, probingMs);
    }
    wheel.arm(transmission, transmission.timeoutMs);
    this.#put(transmission);
    transmission.watcher.sent?.();
  }

  #put(transmission: Transmission): void {
    this.#context.send(transmission.bytes, transmission.peer.address, (error) => {
      this.#context.counters.sendErrors++;
      this.refused(transmission, error);
    });
  }

  /** The system cannot send it. */
  refused(transmission: Transmission, error: Error): void {
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

  due(transmission: Transmission): void {
    if (transmission.state !== 'sent') return;
    if (!transmission.confirmable) {
      this.#endTurn(transmission);
      return;
    }
    const { counters, wheel } = this.#context;
    if (transmission.retransmissions < transmission.maxRetransmit) {
      transmission.retransmissions++;
      counters.retransmissions++;
      transmission.timeoutMs *= 2;
      wheel.arm(transmission, transmission.timeoutMs);
      this.#put(transmission);
      return;
    }
    const { peer, maxRetransmit } = transmission;
    const where = addressText(peer.address);
    const transmissions = transmission.retransmissions + 1;
    const silence = (sent: string): Error =>
      coapError('coap.timeout', `${where} did not answer (${sent}). Check that it runs and can be reached.`, {
        peer: where,
        transmissions,
      });
    // Whoever waits in line and would be no more patient meets the same silence. Else the last of a long line, sent
    // one by one to a server that is gone, would be told after hours. First the line: failing the one frees its turn.
    const line = peer.waiting.filter((one) => one.confirmable && one.maxRetransmit <= maxRetransmit);
    for (const one of line) {
      counters.timeouts++;
      this.fail(one, silence(`to the request before this one, sent ${transmissions} times`));
    }
    counters.timeouts++;
    this.fail(transmission, silence(`sent ${transmissions} times`));
  }
}
