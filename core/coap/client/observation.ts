import type { Clock } from '../../base/clock.ts';
import { codeOf, messageOf } from '../../base/errors.ts';
import type { Log } from '../../base/log.ts';
import type { TimerWheel } from '../../base/timer-wheel.ts';
import { addressText } from '../address.ts';
import type { PeerAddress } from '../address.ts';
import type { Carrier, Sending, SendingWatcher } from '../carrier.ts';
import {
  METHOD_CODES,
  NOT_FOUND,
  UNAUTHORIZED,
  VALID,
  codeClass,
  codeName,
  codeText,
  isSuccess,
} from '../codec/codes.ts';
import { ACCEPT, ECHO, MAX_AGE, OBSERVE, findOption, findUint, uintOption } from '../codec/options.ts';
import type { CoapOption } from '../codec/options.ts';
import { Deadline } from '../deadline.ts';
import { cancelled, coapError } from '../errors.ts';
import { tokenKey } from '../messages/peer.ts';
import type { TokenOwner } from '../messages/peer.ts';
import type { HostResolver } from '../resolve.ts';
import type { Carriers, Target } from './carriers.ts';
import { mayPass } from './client.ts';
import type { CoapClient } from './client.ts';
import { exchange } from './exchange.ts';
import type { ExchangeContext, ExchangeRequest, ResponseMessage } from './exchange.ts';
import { NotificationOrder } from './freshness.ts';
import { NotificationReader } from './notification-reader.ts';
import type { ObservationState, ObservePolicy } from './observe-policy.ts';
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

type Asked = Pick<TransferResult, 'rttMs' | 'retransmissions'>;

/**
 * One observed resource (RFC 7641, over reliable transports as in RFC 8323 appendix A), kept alive until it is cancelled
 * or the server refuses it. Each registration looks the server up anew, so that it is found at another address or
 * behind another connection.
 */
export class Observation implements TokenOwner, SendingWatcher {
  readonly uri: string;
  readonly #context: ObservationContext;
  readonly #target: Target;
  readonly #trace: Trace | undefined;
  readonly #resolver: HostResolver | undefined;
  readonly #handlers: ObserveHandlers;
  readonly #options: CoapOption[];
  readonly #stop = new AbortController();
  readonly #staleDue: Deadline;
  readonly #retryDue: Deadline;
  readonly #responseDue: Deadline;

  #state: ObservationState = 'starting';
  #sinceMs: number;
  #notifications = 0;
  #problem: string | null = null;
  #problemCode: string | null = null;

  #order = new NotificationOrder();
  #carrier: Carrier | undefined;
  #token: Uint8Array = new Uint8Array(0);
  /** The GET that registers, until it is answered. */
  #registration: Sending | undefined;
  /** A way is being looked for. */
  #registering = false;
  /** What the server wants to see again before it believes us (RFC 9175 §2.3). */
  #echo: Uint8Array | undefined;
  /** Such wishes since the last success. */
  #echoes = 0;
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
    target: Target,
    options: { accept?: number | undefined; resolver?: HostResolver | undefined },
    handlers: ObserveHandlers,
    trace?: Trace,
  ) {
    this.uri = target.uri.uri;
    this.#context = context;
    this.#target = target;
    this.#handlers = handlers;
    this.#trace = trace;
    this.#options = [...target.options];
    this.#resolver = options.resolver;
    if (options.accept !== undefined) this.#options.push(uintOption(ACCEPT, options.accept));
    this.#sinceMs = context.clock.now();
    this.#staleDue = new Deadline(context.wheel, () => this.#onStale());
    this.#retryDue = new Deadline(context.wheel, () => void this.#register());
    this.#responseDue = new Deadline(context.wheel, () => this.#onResponseDue());
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
    queueMicrotask(() => void this.#register());
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
    if (carrier === undefined) return;
    try {
      await exchange(this.#context, carrier, this.#deregistration(true), undefined, this.#trace);
    } catch (error) {
      this.#context.log.debug('a cancelled observation was not confirmed', { uri: this.uri, error });
    } finally {
      this.#trace?.close();
    }
  }

  /** Ends it at once, for when the endpoint stops: the server is told with one NON that nobody waits for. */
  stop(): void {
    const carrier = this.#end(cancelled());
    try {
      carrier?.sendUnawaited(this.#deregistration(false));
    } catch (error) {
      this.#context.log.debug('an observation could not be cancelled', { uri: this.uri, error });
    }
    this.#trace?.close();
  }

  /**
   * A notification with our token came from another address of the same kind: the server has moved, or somebody knows
   * the token who should not. It was not taken; who answers a new registration is the server.
   */
  onStray(from: PeerAddress): void {
    if (this.#state !== 'active' || this.#registration !== undefined || this.#registering) return;
    const why = `A notification came from ${addressText(from)}, which is not the server's address.`;
    this.#change('stale', coapError('coap.unreachable', why));
    void this.#register();
  }

  #deregistration(confirmable: boolean): ExchangeRequest & { token: Uint8Array } {
    return {
      code: METHOD_CODES.GET,
      options: this.#requestOptions(1),
      payload: new Uint8Array(0),
      confirmable,
      maxRetransmit: 1,
      token: this.#token,
    };
  }

  #requestOptions(observe: 0 | 1): CoapOption[] {
    const options = [...this.#options, uintOption(OBSERVE, observe)];
    if (this.#echo !== undefined) options.push({ number: ECHO, value: this.#echo });
    return options;
  }

  // --- registering ---

  async #register(): Promise<void> {
    this.#retryDue.clear();
    this.#staleDue.clear();
    if (this.#registering || this.#ended) return;
    this.#registering = true;
    try {
      const { carriers } = this.#context;
      const carrier =
        carriers.now(this.#target) ??
        (await carriers.reach(this.#target.uri, this.#stop.signal, this.#resolver));
      if (this.#ended) return;
      this.#settleOn(carrier);
      this.#endRegistration();
      this.#context.counters.requests++;
      this.#registration = carrier.send(
        {
          confirmable: true,
          code: METHOD_CODES.GET,
          token: this.#token,
          options: this.#requestOptions(0),
          payload: new Uint8Array(0),
          maxRetransmit: this.#context.policy.maxRetransmit,
        },
        this,
      );
    } catch (error) {
      if (this.#ended) return;
      if (mayPass(error)) this.#retry(error);
      else this.#finish(error);
    } finally {
      this.#registering = false;
    }
    if (this.#registration?.state === 'sent') this.sent();
  }

  /** The same token towards the same server for as long as it lives (§3.3.1); another way to it gets another one. */
  #settleOn(carrier: Carrier): void {
    if (this.#carrier === carrier && !carrier.closed) return;
    this.#forgetCarrier();
    this.#carrier = carrier;
    this.#token = carrier.freshToken();
    carrier.own(this.#token, this);
    this.#context.tokens.set(tokenKey(this.#token), this);
    this.#trace?.follow(carrier, this.#token);
  }

  #forgetCarrier(): void {
    if (this.#carrier === undefined) return;
    this.#carrier.disown(this.#token, this);
    this.#context.tokens.delete(tokenKey(this.#token));
    this.#carrier = undefined;
  }

  #endRegistration(): void {
    this.#responseDue.clear();
    this.#registration?.release();
    this.#registration = undefined;
  }

  sent(): void {
    // A CON is watched by its retransmissions; nothing else watches what went over a connection.
    if (this.#carrier?.reliable === true && !this.#responseDue.armed) this.acknowledged();
  }

  acknowledged(): void {
    this.#responseDue.set(this.#context.parameters.responseTimeoutMs);
  }

  failed(error: Error): void {
    this.#registration = undefined;
    this.#silent(error);
    this.#retry(error);
  }

  onBrokenResponse(error: Error): void {
    this.#retry(error);
  }

  /** Of several addresses of a name, the next registration tries another one. */
  #silent(error: unknown): void {
    const carrier = this.#carrier;
    if (carrier === undefined || carrier.reliable || this.#target.address !== undefined) return;
    if (codeOf(error) === 'coap.timeout' || codeOf(error) === 'coap.unreachable') {
      this.#context.carriers.hosts.failed(carrier.address);
    }
  }

  #onResponseDue(): void {
    this.#context.counters.timeouts++;
    const where = addressText(this.#carrier!.address);
    this.#retry(coapError('coap.timeout', `${where} acknowledged the registration but never answered it.`));
  }

  #onStale(): void {
    if (this.#context.clock.monotonic() >= this.#staleMs) {
      this.#change(
        'stale',
        coapError('coap.timeout', 'No notification came although the last one is past its Max-Age.'),
      );
    }
    void this.#register();
  }

  #retry(error: unknown): void {
    if (this.#state === 'ended') return;
    this.#endRegistration();
    this.#staleDue.clear();
    this.#change('retrying', error);
    const { retryMinMs, retryMaxMs } = this.#context.policy;
    const backOffMs = Math.min(retryMaxMs, retryMinMs * 2 ** Math.min(this.#failures, 30));
    this.#failures++;
    this.#retryDue.set(backOffMs * (1 - this.#context.fraction() / 4));
  }

  // --- notifications ---

  onResponse(message: ResponseMessage): void {
    if (this.#state === 'ended') return;
    const nowMs = this.#context.clock.monotonic();
    // While a registration is under way any answer is taken for its answer, whatever its number: a server that was
    // restarted counts from the start, and its first answer may outrun its ACK.
    const registration = this.#registration;
    const answers = registration !== undefined && registration.state !== 'waiting';
    if (!isSuccess(message.code)) {
      if (answers && this.#answersEcho(message)) return;
      this.#refused(message);
      return;
    }
    const value = findUint(message.options, OBSERVE);
    // Over a connection everything comes in order, and the value says nothing (RFC 8323 appendix A.1).
    if (value !== undefined && this.#carrier?.reliable !== true) {
      if (answers) this.#order.restart(value, nowMs);
      else if (!this.#order.accept(value, nowMs)) {
        this.#context.counters.reordered++;
        return;
      }
    }
    const asked: Asked = { rttMs: 0, retransmissions: 0 };
    if (answers) {
      asked.rttMs = nowMs - registration.firstSentMs;
      asked.retransmissions = registration.retransmissions;
    }
    this.#endRegistration();
    if (value === undefined) {
      this.#notObserved(message, asked);
      return;
    }
    this.#accepted = true;
    this.#failures = 0;
    this.#echoes = 0;
    this.#retryDue.clear();
    const { staleGraceMinMs, staleGraceMaxMs, refreshMs } = this.#context.policy;
    const graceMs = staleGraceMinMs + this.#context.fraction() * (staleGraceMaxMs - staleGraceMinMs);
    const freshMs = (findUint(message.options, MAX_AGE) ?? DEFAULT_MAX_AGE_S) * 1_000 + graceMs;
    this.#staleMs = nowMs + freshMs;
    this.#staleDue.set(Math.min(freshMs, refreshMs));
    this.#change('active', null);
    // 2.03 says only that the last one is still good.
    if (message.code !== VALID) this.#reader.take(message, asked);
  }

  #transfer(signal: AbortSignal): Transfer {
    const request = {
      code: METHOD_CODES.GET,
      options: this.#options,
      payload: new Uint8Array(0),
      confirmable: true,
    };
    return this.#context.client.transfer(this.#carrier!, request, { signal, trace: this.#trace });
  }

  /** RFC 9175 §2.3: registers again with the value that the server gave, once. */
  #answersEcho(message: ResponseMessage): boolean {
    const echo = message.code === UNAUTHORIZED ? findOption(message.options, ECHO) : undefined;
    if (echo === undefined || this.#echoes > 0) return false;
    this.#echoes++;
    this.#echo = Uint8Array.from(echo);
    this.#endRegistration();
    void this.#register();
    return true;
  }

  /**
   * §3.2: a 4.xx or 5.xx is the last notification. A server that goes down in good order says 4.04 to its observers,
   * and one in trouble 5.xx: once accepted, we ask again with back-off until it is back. Any other refusal is final.
   */
  #refused(message: ResponseMessage): void {
    const text = new TextDecoder().decode(message.payload.subarray(0, 200));
    const why = `${codeText(message.code)} ${codeName(message.code)}${text === '' ? '' : ` (${text})`}`;
    const error = coapError('coap.refused', `The server ended the observation: ${why}.`);
    const mayComeBack = message.code === NOT_FOUND || codeClass(message.code) === 5;
    if (this.#accepted && mayComeBack) this.#retry(error);
    else this.#finish(error);
  }

  /** A success without Observe: this representation is good, but no other will follow. */
  #notObserved(message: ResponseMessage, asked: Asked): void {
    // Once accepted, the server's list of observers is full or lost: it may take us again.
    if (this.#accepted) {
      this.#reader.take(message, asked);
      this.#retry(
        coapError('coap.not_observable', 'The server does not observe the resource for us any more.'),
      );
      return;
    }
    this.#lastWords = coapError('coap.not_observable', 'The server does not let this resource be observed.');
    this.#reader.take(message, asked);
  }

  #deliver(result: TransferResult): void {
    if (this.#state === 'ended' || this.#carrier === undefined) return;
    this.#notifications++;
    this.#context.counters.notifications++;
    const response = toResponse(this.uri, this.#carrier, result);
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

  get #ended(): boolean {
    return this.#state === 'ended';
  }

  #finish(problem: unknown): void {
    this.#end(problem);
    this.#trace?.close();
  }

  /** The way to the server that may still have us in its list, or undefined when it has not or all was over already. */
  #end(problem: unknown): Carrier | undefined {
    if (this.#ended) return undefined;
    const carrier = this.#carrier;
    this.#stop.abort();
    this.#reader.stop();
    this.#staleDue.clear();
    this.#retryDue.clear();
    this.#endRegistration();
    this.#forgetCarrier();
    this.#change('ended', problem);
    this.#context.ended(this);
    return carrier?.closed === true ? undefined : carrier;
  }
}
