import { codeOf } from '../../base/errors.ts';
import { addressText } from '../address.ts';
import type { Carrier, Sending, SendingWatcher } from '../carrier.ts';
import { METHOD_CODES, UNAUTHORIZED } from '../codec/codes.ts';
import { ACCEPT, ECHO, OBSERVE, findOption, uintOption } from '../codec/options.ts';
import type { CoapOption } from '../codec/options.ts';
import { Deadline } from '../deadline.ts';
import { coapError } from '../errors.ts';
import { tokenKey } from '../messages/peer.ts';
import type { TokenOwner } from '../messages/peer.ts';
import type { HostResolver } from '../resolve.ts';
import type { Carriers, Target } from './carriers.ts';
import { exchange } from './exchange.ts';
import type { ExchangeContext, ExchangeRequest, ResponseMessage } from './exchange.ts';
import type { Trace } from './trace.ts';
import type { TransferResult } from './transfer.ts';

export interface RegistrationContext<Owner> extends ExchangeContext {
  carriers: Carriers;
  /** Tokens that observations use, so that one that comes from elsewhere is known. */
  tokens: Map<string, Owner>;
  /** MAX_RETRANSMIT of a registration. */
  maxRetransmit: number;
}

export interface Observed {
  target: Target;
  accept?: number | undefined;
  resolver?: HostResolver | undefined;
}

/** What is known of the exchange when a message answers a registration. */
export type Asked = Pick<TransferResult, 'rttMs' | 'retransmissions'>;

export interface RegistrationOwner {
  /** An answer or a notification. `asked` when a registration is under way, whose answer it then is. */
  onRepresentation(message: ResponseMessage, asked: Asked | undefined): void;
  /** The server is not reached, does not answer or cannot be understood; or the way to it has ended. */
  onTrouble(error: unknown): void;
}

const NO_BYTES = new Uint8Array(0);

/**
 * Our entry in a server's list of observers (RFC 7641 §3.1): the way to the server, the token, and the GET that asks for
 * it. Each one looks the server up anew, so that it is found at another address or behind another connection.
 */
export class Registration<Owner extends RegistrationOwner> implements TokenOwner, SendingWatcher {
  readonly options: CoapOption[];
  readonly #context: RegistrationContext<Owner>;
  readonly #target: Target;
  readonly #resolver: HostResolver | undefined;
  #trace: Trace | undefined;
  readonly #owner: Owner;
  #ended = false;
  /** Ends the search for a way; most need none. */
  #search: AbortController | undefined;
  readonly #responseDue: Deadline;
  #carrier: Carrier | undefined;
  #token: Uint8Array = NO_BYTES;
  /** The GET, until it is answered. */
  #sending: Sending | undefined;
  /** A way is being looked for. */
  #looking = false;
  /** What the server wants to see again before it believes us (RFC 9175 §2.3). */
  #echo: Uint8Array | undefined;
  /** Such wishes since the last success. */
  #echoes = 0;

  constructor(
    context: RegistrationContext<Owner>,
    { target, accept, resolver }: Observed,
    owner: Owner,
    trace: Trace | undefined,
  ) {
    this.#context = context;
    this.#target = target;
    this.#resolver = resolver;
    this.#owner = owner;
    this.#trace = trace;
    this.options = accept === undefined ? target.options : [...target.options, uintOption(ACCEPT, accept)];
    this.#responseDue = new Deadline(context.wheel, () => this.#onResponseDue());
  }

  /** The way to the server that has us, or is asked to. */
  get carrier(): Carrier | undefined {
    return this.#carrier;
  }

  get underWay(): boolean {
    return this.#looking || this.#sending !== undefined;
  }

  /** Its messages belong to this trace from now on. */
  traceTo(trace: Trace | undefined): void {
    this.#trace = trace;
    if (this.#carrier !== undefined) trace?.follow(this.#carrier, this.#token);
  }

  /** Asks. What becomes of it is told to the owner, and nothing more once it has ended. */
  async begin(): Promise<void> {
    if (this.#looking || this.#ended) return;
    this.#looking = true;
    try {
      const { carriers } = this.#context;
      const found =
        carriers.now(this.#target) ??
        (await carriers.reach(
          this.#target.uri,
          (this.#search ??= new AbortController()).signal,
          this.#resolver,
        ));
      this.#looking = false;
      if (!this.#ended) this.#ask(found);
    } catch (error) {
      this.#looking = false;
      if (!this.#ended) this.#owner.onTrouble(error);
    }
  }

  #ask(carrier: Carrier): void {
    this.#settleOn(carrier);
    this.settle();
    this.#context.counters.requests++;
    const { maxRetransmit } = this.#context;
    this.#sending = carrier.send({ ...this.#message(0, true), maxRetransmit }, this);
    if (this.#sending.state === 'sent') this.sent();
  }

  /** The same token towards the same server for as long as it lives (§3.3.1); another way to it gets another one. */
  #settleOn(carrier: Carrier): void {
    if (this.#carrier === carrier && !carrier.closed) return;
    this.#forget();
    this.#carrier = carrier;
    this.#token = carrier.freshToken();
    carrier.own(this.#token, this);
    this.#context.tokens.set(tokenKey(this.#token), this.#owner);
    this.#trace?.follow(carrier, this.#token);
  }

  #forget(): void {
    if (this.#carrier === undefined) return;
    this.#carrier.disown(this.#token, this);
    this.#context.tokens.delete(tokenKey(this.#token));
    this.#carrier = undefined;
  }

  /** The GET has its answer, or nobody waits for it any more. */
  settle(): void {
    this.#responseDue.clear();
    this.#sending?.release();
    this.#sending = undefined;
  }

  /** The server took us. */
  accepted(): void {
    this.#echoes = 0;
  }

  /** Stops asking and hearing. Returns the way to a server that may still have us in its list. */
  end(): Carrier | undefined {
    const carrier = this.#carrier;
    this.#ended = true;
    this.#search?.abort();
    this.settle();
    this.#forget();
    return carrier?.closed === true ? undefined : carrier;
  }

  /** GET with Observe 1 (§3.6), after `end`. Fails like an exchange, after one repeat. */
  async deregister(carrier: Carrier): Promise<void> {
    const request = { ...this.#message(1, true), maxRetransmit: 1 };
    await exchange(this.#context, carrier, request, undefined, this.#trace);
  }

  /** The same, by one NON that nobody waits for. */
  deregisterUnawaited(carrier: Carrier): void {
    carrier.sendUnawaited(this.#message(1, false));
  }

  /** True when the server wants an Echo (RFC 9175 §2.3): asked again with it, once. */
  answersEcho(message: ResponseMessage): boolean {
    const echo = message.code === UNAUTHORIZED ? findOption(message.options, ECHO) : undefined;
    if (echo === undefined || this.#echoes > 0 || this.#sending === undefined) return false;
    this.#echoes++;
    this.#echo = Uint8Array.from(echo);
    this.settle();
    void this.begin();
    return true;
  }

  sent(): void {
    // A CON is watched by its retransmissions; nothing else watches what went over a connection.
    if (this.#carrier?.reliable === true && !this.#responseDue.armed) this.acknowledged();
  }

  acknowledged(): void {
    if (this.#sending !== undefined) this.#responseDue.set(this.#context.parameters.responseTimeoutMs);
  }

  failed(error: Error): void {
    this.#sending = undefined;
    const silent = codeOf(error) === 'coap.timeout' || codeOf(error) === 'coap.unreachable';
    // Of several addresses of a name, the next registration tries another one.
    if (silent && this.#target.address === undefined && this.#carrier?.reliable === false) {
      this.#context.carriers.hosts.failed(this.#carrier.address);
    }
    this.#owner.onTrouble(error);
  }

  onBrokenResponse(error: Error): void {
    this.#owner.onTrouble(error);
  }

  /**
   * While a registration is under way any answer is taken for its answer, whatever its number: a server that was
   * restarted counts from the start, and its first answer may outrun its ACK.
   */
  onResponse(message: ResponseMessage): void {
    const sending = this.#sending;
    if (sending === undefined || sending.state === 'waiting') {
      this.#owner.onRepresentation(message, undefined);
      return;
    }
    const { firstSentMs, retransmissions } = sending;
    const rttMs = this.#context.clock.monotonic() - firstSentMs;
    this.#owner.onRepresentation(message, { rttMs, retransmissions });
  }

  #onResponseDue(): void {
    this.#context.counters.timeouts++;
    const where = addressText(this.#carrier!.address);
    this.#owner.onTrouble(
      coapError('coap.timeout', `${where} acknowledged the registration but never answered it.`),
    );
  }

  #message(observe: 0 | 1, confirmable: boolean): ExchangeRequest & { token: Uint8Array } {
    const options = [...this.options, uintOption(OBSERVE, observe)];
    if (this.#echo !== undefined) options.push({ number: ECHO, value: this.#echo });
    return { code: METHOD_CODES.GET, options, payload: NO_BYTES, confirmable, token: this.#token };
  }
}
