import type { Clock } from '../../base/clock.ts';
import { codeOf, messageOf } from '../../base/errors.ts';
import type { Log } from '../../base/log.ts';
import type { TimerWheel } from '../../base/timer-wheel.ts';
import { addressText } from '../address.ts';
import type { PeerAddress } from '../address.ts';
import type { Carrier } from '../carrier.ts';
import {
  METHOD_CODES,
  NOT_ACCEPTABLE,
  NOT_FOUND,
  SERVICE_UNAVAILABLE,
  TOO_MANY_REQUESTS,
  VALID,
  codeClass,
  codeName,
  codeText,
  isSuccess,
} from '../codec/codes.ts';
import { MAX_AGE, OBSERVE, findUint } from '../codec/options.ts';
import { Deadline } from '../deadline.ts';
import { cancelled, coapError } from '../errors.ts';
import type { Carriers } from './carriers.ts';
import { mayPass } from './client.ts';
import type { CoapClient } from './client.ts';
import type { ExchangeContext, ResponseMessage } from './exchange.ts';
import { NotificationOrder } from './freshness.ts';
import { NotificationReader } from './notification-reader.ts';
import type { ObservationState, ObservePolicy } from './observe-policy.ts';
import { Registration } from './registration.ts';
import type { Asked, Observed, RegistrationOwner } from './registration.ts';
import { DEFAULT_MAX_AGE_S, toResponse } from './response.ts';
import type { CoapResponse } from './response.ts';
import type { Trace } from './trace.ts';
import type { Transfer, TransferResult } from './transfer.ts';

export interface ObserveHandlers {
  /** The first answer and every newer notification, whole, in order. Older ones that come late are left out. */
  notification(response: CoapResponse): void;
  /** The state or its reason changed. */
  state?(observation: Observation): void;
}

export interface ObservationContext extends ExchangeContext {
  clock: Clock;
  wheel: TimerWheel;
  log: Log;
  client: CoapClient;
  carriers: Carriers;
  policy: ObservePolicy;
  /** Tokens that observations use, so that one that comes from elsewhere is known. */
  tokens: Map<string, Observation>;
  /** From 0 to 1. */
  fraction(): number;
  /** Called once when it has ended. */
  ended(observation: Observation): void;
}

const NOT_ASKED: Asked = { rttMs: 0, retransmissions: 0 };

/**
 * One observed resource (RFC 7641, over reliable transports as in RFC 8323 appendix A), kept alive until it is cancelled
 * or the server refuses it.
 */
export class Observation implements RegistrationOwner {
  readonly uri: string;
  readonly #context: ObservationContext;
  #trace: Trace | undefined;
  readonly #handlers: ObserveHandlers;
  readonly #registration: Registration<Observation>;
  readonly #staleDue: Deadline;
  readonly #retryDue: Deadline;

  #state: ObservationState = 'starting';
  #sinceMs: number;
  #notifications = 0;
  #problem: string | null = null;
  #problemCode: string | null = null;

  #order = new NotificationOrder();
  /** The server once accepted it: later refusals to add us are taken for passing ones. */
  #accepted = false;
  #failures = 0;
  /** Monotonic ms at which the last representation is no longer fresh. */
  #staleMs = 0;
  /** Why it ends once the representation that is being read has been handed over. */
  #lastWords: Error | undefined;
  readonly #reader: NotificationReader;

  constructor(
    context: ObservationContext,
    observed: Observed,
    handlers: ObserveHandlers,
    trace: Trace | undefined,
  ) {
    this.uri = observed.target.uri.uri;
    this.#context = context;
    this.#handlers = handlers;
    this.#trace = trace;
    this.#sinceMs = context.clock.now();
    const { maxRetransmit } = context.policy;
    this.#registration = new Registration({ ...context, maxRetransmit }, observed, this, trace);
    this.#staleDue = new Deadline(context.wheel, () => this.#onStale());
    this.#retryDue = new Deadline(context.wheel, () => this.#register());
    this.#reader = new NotificationReader({
      transfer: (signal) => this.#transfer(signal),
      deliver: (result) => this.#deliver(result),
      failed: (error) => this.#unread(error),
    });
  }

  get state(): ObservationState {
    return this.#state;
  }

  /** Wall time of the last change of state, ms since the epoch. */
  get sinceMs(): number {
    return this.#sinceMs;
  }

  /** Representations handed over, the first answer included. */
  get notifications(): number {
    return this.#notifications;
  }

  /** Why it is stale, retried or ended, one line for people; null while all is well. */
  get problem(): string | null {
    return this.#problem;
  }

  /** The same for code: `coap.timeout`, `coap.refused`, `coap.cancelled`, ... */
  get problemCode(): string | null {
    return this.#problemCode;
  }

  /** Called once by the endpoint. */
  start(): void {
    // Handlers are not called before the caller has it.
    queueMicrotask(() => this.#register());
  }

  /**
   * Ends it and tells the server (GET with Observe 1, §3.6). Resolves when the server has confirmed, or when it
   * did not answer in a few seconds: its next notification will be rejected with RST. A server that was not
   * answering anyway is not waited for.
   */
  async cancel(): Promise<void> {
    if (this.#state !== 'active') {
      this.stop();
      return;
    }
    const carrier = this.#end(cancelled());
    try {
      if (carrier !== undefined) await this.#registration.deregister(carrier);
    } catch (error) {
      this.#context.log.debug('a cancelled observation was not confirmed', { uri: this.uri, error });
    } finally {
      this.#trace?.close();
    }
  }

  /** Ends it at once, for when the endpoint stops: the server is told with one NON that nobody waits for. */
  stop(): void {
    if (this.#state === 'ended') return;
    const carrier = this.#end(cancelled());
    try {
      if (carrier !== undefined) this.#registration.deregisterUnawaited(carrier);
    } catch (error) {
      this.#context.log.debug('an observation could not be cancelled', { uri: this.uri, error });
    }
    this.#trace?.close();
  }

  /**
   * A notification with our token came from another address: the server has moved, or somebody knows the token who
   * should not. It was not taken; who answers a new registration is the server.
   */
  onStray(from: PeerAddress): void {
    if (this.#state !== 'active' || this.#registration.underWay) return;
    const why = `A notification came from ${addressText(from)}, which is not the server's address.`;
    this.#change('stale', coapError('coap.unreachable', why));
    this.#register();
  }

  // --- registering ---

  #register(): void {
    if (this.#state === 'ended') return;
    this.#retryDue.clear();
    this.#staleDue.clear();
    void this.#registration.begin();
  }

  onTrouble(error: unknown): void {
    if (mayPass(error)) this.#retry(error);
    else this.#finish(error);
  }

  #onStale(): void {
    if (this.#context.clock.monotonic() >= this.#staleMs) {
      this.#change(
        'stale',
        coapError('coap.timeout', 'No notification came although the last one is past its Max-Age.'),
      );
    }
    this.#register();
  }

  #retry(error: unknown, atLeastMs = 0): void {
    if (this.#state === 'ended') return;
    this.#registration.settle();
    this.#staleDue.clear();
    this.#change('retrying', error);
    const { retryMinMs, retryMaxMs, refreshMs } = this.#context.policy;
    const backOffMs = Math.min(retryMaxMs, retryMinMs * 2 ** Math.min(this.#failures, 30));
    this.#failures++;
    const waitMs = backOffMs * (1 - this.#context.fraction() / 4);
    this.#retryDue.set(Math.max(waitMs, Math.min(atLeastMs, refreshMs)));
  }

  // --- notifications ---

  onRepresentation(message: ResponseMessage, asked: Asked | undefined): void {
    if (this.#state === 'ended') return;
    if (!isSuccess(message.code)) {
      if (!this.#registration.answersEcho(message)) this.#refused(message);
      return;
    }
    const nowMs = this.#context.clock.monotonic();
    const value = findUint(message.options, OBSERVE);
    // Over a connection everything comes in order, and the value says nothing (RFC 8323 appendix A.1).
    if (value !== undefined && this.#registration.carrier?.reliable !== true) {
      if (asked !== undefined) this.#order.restart(value, nowMs);
      else if (!this.#order.accept(value, nowMs)) {
        this.#context.counters.reordered++;
        return;
      }
    }
    this.#registration.settle();
    if (value === undefined) {
      this.#notObserved(message, asked);
      return;
    }
    this.#accepted = true;
    this.#failures = 0;
    this.#registration.accepted();
    this.#retryDue.clear();
    const { staleGraceMinMs, staleGraceMaxMs, refreshMs } = this.#context.policy;
    const graceMs = staleGraceMinMs + this.#context.fraction() * (staleGraceMaxMs - staleGraceMinMs);
    const freshMs = (findUint(message.options, MAX_AGE) ?? DEFAULT_MAX_AGE_S) * 1_000 + graceMs;
    this.#staleMs = nowMs + freshMs;
    this.#staleDue.set(Math.min(freshMs, refreshMs));
    this.#change('active', null);
    // 2.03 says only that the last one is still good.
    if (message.code !== VALID) this.#reader.take(message, asked ?? NOT_ASKED);
  }

  /** Its messages are told there from now on instead; undefined: nowhere. */
  traceTo(trace: Trace | undefined): void {
    this.#trace?.close();
    this.#trace = trace;
    this.#registration.traceTo(trace);
    if (this.#state === 'ended') trace?.close();
  }

  #transfer(signal: AbortSignal): Transfer {
    const { options, carrier } = this.#registration;
    const request = { code: METHOD_CODES.GET, options, payload: new Uint8Array(0), confirmable: true };
    return this.#context.client.transfer(carrier!, request, { signal, trace: this.#trace });
  }

  /**
   * §3.2: a 4.xx or 5.xx is the last notification. A server that goes down in good order says 4.04 to its observers,
   * and one in trouble 5.xx; 4.06 when the resource got another Content-Format (§4.2). Once accepted, we ask again
   * with back-off until it is back. Any other refusal is final.
   */
  #refused(message: ResponseMessage): void {
    const text = new TextDecoder().decode(message.payload.subarray(0, 200));
    const why = `${codeText(message.code)} ${codeName(message.code)}${text === '' ? '' : ` (${text})`}`;
    const error = coapError('coap.refused', `The server ended the observation: ${why}.`);
    const mayComeBack = [NOT_FOUND, NOT_ACCEPTABLE].includes(message.code) || codeClass(message.code) === 5;
    // RFC 8516 §4: not never, but not now.
    const isBusy = message.code === TOO_MANY_REQUESTS;
    if (isBusy || (this.#accepted && mayComeBack)) this.#retry(error, retryAfterMs(message));
    else this.#finish(error);
  }

  /** A success without Observe: this representation is good, but no other will follow. */
  #notObserved(message: ResponseMessage, asked: Asked | undefined): void {
    // Once accepted, the server's list of observers is full or lost: it may take us again.
    if (this.#accepted) {
      this.#reader.take(message, asked ?? NOT_ASKED);
      this.#retry(
        coapError('coap.not_observable', 'The server does not observe the resource for us any more.'),
      );
      return;
    }
    this.#lastWords = coapError('coap.not_observable', 'The server does not let this resource be observed.');
    this.#reader.take(message, asked ?? NOT_ASKED);
  }

  #deliver(result: TransferResult): void {
    const { carrier } = this.#registration;
    if (this.#state === 'ended' || carrier === undefined) return;
    this.#notifications++;
    this.#context.counters.notifications++;
    const response = toResponse(this.uri, carrier, result);
    this.#tell(() => this.#handlers.notification(response));
    if (this.#lastWords !== undefined) this.#finish(this.#lastWords);
  }

  #unread(error: unknown): void {
    if (this.#lastWords !== undefined) this.#finish(this.#lastWords);
    else this.#retry(error);
  }

  // --- state ---

  #change(state: ObservationState, problem: unknown): void {
    const text = problem === null ? null : messageOf(problem);
    if (this.#state === state && this.#problem === text) return;
    if (this.#state !== state) this.#sinceMs = this.#context.clock.now();
    this.#state = state;
    this.#problem = text;
    this.#problemCode = problem === null ? null : codeOf(problem);
    this.#tell(() => this.#handlers.state?.(this));
  }

  /** A handler that throws is a fault of the station, not of the peer, and must not end the socket's event. */
  #tell(handler: () => void): void {
    try {
      handler();
    } catch (error) {
      this.#context.log.error('a handler of an observation failed', { uri: this.uri, error });
    }
  }

  #finish(problem: unknown): void {
    this.#end(problem);
    this.#trace?.close();
  }

  /** The way to the server that may still have us in its list, or undefined when it has not or all was over already. */
  #end(problem: unknown): Carrier | undefined {
    if (this.#state === 'ended') return undefined;
    const carrier = this.#registration.end();
    this.#reader.stop();
    this.#staleDue.clear();
    this.#retryDue.clear();
    this.#change('ended', problem);
    this.#context.ended(this);
    return carrier;
  }
}

/** When the server wants to be asked again (RFC 8516 §3, RFC 7252 §5.9.3.4); 0 when it does not say. */
function retryAfterMs({ code, options }: ResponseMessage): number {
  if (code !== TOO_MANY_REQUESTS && code !== SERVICE_UNAVAILABLE) return 0;
  return (findUint(options, MAX_AGE) ?? 0) * 1_000;
}
