import type { Clock } from '../../base/clock.ts';
import type { TimerWheel, WheelEntry } from '../../base/timer-wheel.ts';
import { addressText } from '../address.ts';
import type { Carrier, Sending, SendingWatcher } from '../carrier.ts';
import type { CoapMessage } from '../codec/codec.ts';
import { NO_RESPONSE, findUint } from '../codec/options.ts';
import type { CoapOption } from '../codec/options.ts';
import { cancelled, coapError } from '../errors.ts';
import type { TokenOwner } from '../messages/peer.ts';
import type { CoapCounters, TransmissionParameters } from '../parameters.ts';
import type { Trace } from './trace.ts';

/** What a client knows of a response: how it was carried is the carrier's business. */
export type ResponseMessage = Pick<CoapMessage, 'code' | 'options' | 'payload'>;

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
  message: ResponseMessage;
  /** From the first transmission of the request to the response. */
  rttMs: number;
  retransmissions: number;
}

export interface ExchangeContext {
  clock: Clock;
  wheel: TimerWheel;
  parameters: TransmissionParameters;
  counters: CoapCounters;
}

/** Who waits for the end of an exchange. One of them is called, once, and may be before `start` has returned. */
export interface ExchangeEnd {
  answered(answer: Answer): void;
  failed(error: unknown): void;
}

/** Stands for the answer that No-Response told the server to keep (RFC 7967 §2). */
export const NOT_ASKED_FOR = 0;
/** Bits of No-Response: not interested in 2.xx, 4.xx, 5.xx. */
const NO_ANSWER_AT_ALL = 2 | 8 | 16;

const NO_BYTES = new Uint8Array(0);

/**
 * One request and its one response (RFC 7252 §5.2), matched by (peer, token). Fails with `coap.timeout`,
 * `coap.reset`, `coap.malformed`, `coap.bad_option`, `coap.unreachable`, `coap.busy`, `coap.too_large`,
 * `coap.closed` or `coap.cancelled`.
 */
export function exchange(
  context: ExchangeContext,
  carrier: Carrier,
  request: ExchangeRequest,
  signal?: AbortSignal,
  trace?: Trace,
): Promise<Answer> {
  return new Promise((resolve, reject) => {
    new Exchange(context, carrier, { answered: resolve, failed: reject }, signal, trace).start(request);
  });
}

/** Its own deadline, abort listener and token owner: nothing else is made for a request. */
export class Exchange implements TokenOwner, SendingWatcher, WheelEntry {
  dueMs = Infinity;
  slot = -1;
  readonly #context: ExchangeContext;
  readonly #carrier: Carrier;
  readonly #end: ExchangeEnd;
  readonly #signal: AbortSignal | undefined;
  readonly #trace: Trace | undefined;
  #token: Uint8Array = NO_BYTES;
  #confirmable = true;
  /** Of No-Response. */
  #unwanted = 0;
  #sending: Sending | undefined;
  #acknowledged = false;
  #done = false;

  constructor(
    context: ExchangeContext,
    carrier: Carrier,
    end: ExchangeEnd,
    signal: AbortSignal | undefined,
    trace: Trace | undefined,
  ) {
    this.#context = context;
    this.#carrier = carrier;
    this.#end = end;
    this.#signal = signal;
    this.#trace = trace;
  }

  start(request: ExchangeRequest): void {
    if (this.#signal?.aborted === true) {
      this.#fail(cancelled());
      return;
    }
    this.#confirmable = request.confirmable && !this.#carrier.reliable;
    this.#unwanted = findUint(request.options, NO_RESPONSE) ?? 0;
    this.#signal?.addEventListener('abort', this);
    try {
      const token = request.token ?? this.#carrier.freshToken();
      this.#carrier.own(token, this);
      this.#token = token;
      this.#context.counters.requests++;
      // The message layer counts its own.
      if (this.#carrier.reliable) this.#context.counters.exchanges++;
      this.#trace?.follow(this.#carrier, token);
      const { code, options, payload, confirmable, maxRetransmit } = request;
      this.#sending = this.#carrier.send(
        maxRetransmit === undefined
          ? { code, options, payload, confirmable, token }
          : { code, options, payload, confirmable, token, maxRetransmit },
        this,
      );
    } catch (error) {
      this.#fail(error);
      return;
    }
    if (this.#sending.state === 'sent') this.sent();
  }

  /** The caller gave up. */
  handleEvent(): void {
    this.#fail(cancelled());
  }

  sent(): void {
    // A CON is watched by its retransmissions until the ACK.
    if (this.#done || this.#confirmable || this.#sending === undefined || this.slot >= 0) return;
    this.#awaitResponse();
  }

  waits(waitMs: number): void {
    this.#trace?.waits(waitMs);
  }

  acknowledged(): void {
    if (this.#done) return;
    this.#acknowledged = true;
    this.#awaitResponse();
  }

  failed(error: Error): void {
    this.#fail(error);
  }

  onBrokenResponse(error: Error): void {
    this.#fail(error);
  }

  onResponse(message: ResponseMessage): void {
    if (this.#done) return;
    // A response to a request that still waits in line was not asked for by it.
    if (this.#sending === undefined || this.#sending.state === 'waiting') return;
    this.#answer(message);
  }

  /** No answer came while one could still be expected. */
  onDue(): void {
    if (this.#unwanted !== 0) {
      this.#answer({ code: NOT_ASKED_FOR, options: [], payload: NO_BYTES });
      return;
    }
    this.#context.counters.timeouts++;
    const where = addressText(this.#carrier.address);
    const waitedS = Math.round(this.#context.parameters.responseTimeoutMs / 1_000);
    this.#fail(
      coapError(
        'coap.timeout',
        this.#acknowledged
          ? `${where} acknowledged the request but sent no response within ${waitedS} s.`
          : `${where} did not answer within ${waitedS} s.`,
        { peer: where, acknowledged: this.#acknowledged },
      ),
    );
  }

  #awaitResponse(): void {
    const { wheel, parameters } = this.#context;
    if ((this.#unwanted & NO_ANSWER_AT_ALL) === NO_ANSWER_AT_ALL) {
      this.#answer({ code: NOT_ASKED_FOR, options: [], payload: NO_BYTES });
    } else if (this.#unwanted !== 0) {
      // Some answers are wanted: one that is to come comes in the time of a round trip.
      wheel.arm(this, parameters.ackTimeoutMs * parameters.ackRandomFactor);
    } else wheel.arm(this, parameters.responseTimeoutMs);
  }

  #answer(message: ResponseMessage): void {
    const { firstSentMs, retransmissions } = this.#sending!;
    const rttMs = this.#context.clock.monotonic() - firstSentMs;
    this.#finish();
    this.#end.answered({ message, rttMs, retransmissions });
  }

  #fail(error: unknown): void {
    if (this.#done) return;
    this.#finish();
    this.#end.failed(error);
  }

  #finish(): void {
    this.#done = true;
    if (this.slot >= 0) this.#context.wheel.cancel(this);
    this.#signal?.removeEventListener('abort', this);
    if (this.#token !== NO_BYTES) {
      this.#carrier.disown(this.#token, this);
      if (this.#carrier.reliable) this.#context.counters.exchanges--;
    }
    this.#sending?.release();
  }
}
