import type { Clock } from '../../base/clock.ts';
import type { TimerWheel } from '../../base/timer-wheel.ts';
import { addressText } from '../address.ts';
import type { CoapMessage } from '../codec/codec.ts';
import { Deadline } from '../deadline.ts';
import { cancelled, coapError } from '../errors.ts';
import type { MessageLayer } from '../messages/message-layer.ts';
import type { CoapOption } from '../codec/options.ts';
import type { CoapCounters, TransmissionParameters } from '../parameters.ts';
import { tokenKey } from '../messages/peer.ts';
import type { Peer, TokenOwner } from '../messages/peer.ts';
import type { Transmission, TransmissionWatcher } from '../messages/transmission.ts';

export interface ExchangeRequest {
  code: number;
  options: CoapOption[];
  payload: Uint8Array;
  confirmable: boolean;
  /** Instead of MAX_RETRANSMIT. */
  maxRetransmit?: number;
  /** Instead of a fresh one. */
  token?: Uint8Array;
}

export interface Answer {
  message: CoapMessage;
  /** From the first transmission of the request to the response. */
  rttMs: number;
  retransmissions: number;
}

export interface ExchangeContext {
  clock: Clock;
  wheel: TimerWheel;
  layer: MessageLayer;
  parameters: TransmissionParameters;
  counters: CoapCounters;
}

/**
 * One request and its one response (RFC 7252 §5.2), matched by (peer, token). Fails with `coap.timeout`,
 * `coap.reset`, `coap.malformed`, `coap.bad_option`, `coap.unreachable`, `coap.busy`, `coap.too_large` or
 * `coap.cancelled`.
 */
export function exchange(
  context: ExchangeContext,
  peer: Peer,
  request: ExchangeRequest,
  signal?: AbortSignal,
): Promise<Answer> {
  return new Promise((resolve, reject) => {
    new Exchange(context, peer, { resolve, reject }, signal).start(request);
  });
}

interface Settle {
  resolve(answer: Answer): void;
  reject(error: unknown): void;
}

class Exchange implements TokenOwner, TransmissionWatcher {
  readonly #context: ExchangeContext;
  readonly #peer: Peer;
  readonly #settle: Settle;
  readonly #signal: AbortSignal | undefined;
  readonly #responseDue: Deadline;
  readonly #onAbort = (): void => this.#fail(cancelled());
  #token = '';
  #confirmable = true;
  #transmission: Transmission | undefined;
  #done = false;

  constructor(context: ExchangeContext, peer: Peer, settle: Settle, signal: AbortSignal | undefined) {
    this.#context = context;
    this.#peer = peer;
    this.#settle = settle;
    this.#signal = signal;
    this.#responseDue = new Deadline(context.wheel, () => this.#onResponseDue());
  }

  start(request: ExchangeRequest): void {
    const { layer, counters } = this.#context;
    if (this.#signal?.aborted === true) {
      this.#done = true;
      this.#settle.reject(cancelled());
      return;
    }
    this.#confirmable = request.confirmable;
    const token = request.token ?? layer.freshToken(this.#peer);
    this.#token = tokenKey(token);
    this.#peer.tokens.set(this.#token, this);
    this.#signal?.addEventListener('abort', this.#onAbort, { once: true });
    counters.requests++;
    try {
      this.#transmission = layer.outbox.send(this.#peer, { ...request, token }, this);
    } catch (error) {
      this.#fail(error);
    }
  }

  sent(): void {
    // A CON is watched by its retransmissions until the ACK.
    if (!this.#confirmable) this.#responseDue.set(this.#context.parameters.responseTimeoutMs);
  }

  acknowledged(): void {
    this.#responseDue.set(this.#context.parameters.responseTimeoutMs);
  }

  failed(error: Error): void {
    this.#fail(error);
  }

  onBrokenResponse(error: Error): void {
    this.#fail(error);
  }

  onResponse(message: CoapMessage): void {
    if (this.#done) return;
    const transmission = this.#transmission;
    // A response to a request that still waits in line was not asked for by it.
    if (transmission === undefined || transmission.state === 'waiting') return;
    this.#finish();
    this.#settle.resolve({
      message,
      rttMs: this.#context.clock.monotonic() - transmission.firstSentMs,
      retransmissions: transmission.retransmissions,
    });
  }

  #onResponseDue(): void {
    this.#context.counters.timeouts++;
    const where = addressText(this.#peer.address);
    const waitedS = Math.round(this.#context.parameters.responseTimeoutMs / 1_000);
    const acknowledged = this.#transmission?.state === 'acknowledged';
    this.#fail(
      coapError(
        'coap.timeout',
        acknowledged
          ? `${where} acknowledged the request but sent no response within ${waitedS} s.`
          : `${where} did not answer within ${waitedS} s.`,
        { peer: where, acknowledged },
      ),
    );
  }

  #fail(error: unknown): void {
    if (this.#done) return;
    this.#finish();
    this.#settle.reject(error);
  }

  #finish(): void {
    this.#done = true;
    this.#responseDue.clear();
    this.#signal?.removeEventListener('abort', this.#onAbort);
    if (this.#peer.tokens.get(this.#token) === this) this.#peer.tokens.delete(this.#token);
    if (this.#transmission !== undefined) this.#context.layer.outbox.release(this.#transmission);
  }
}
