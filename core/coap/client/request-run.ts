import { codeOf } from '../../base/errors.ts';
import type { PeerAddress } from '../address.ts';
import type { Carrier } from '../carrier.ts';
import { cancelled } from '../errors.ts';
import type { HostResolver } from '../resolve.ts';
import type { Carriers, Target } from './carriers.ts';
import { Exchange, exchange } from './exchange.ts';
import type { Answer, ExchangeContext, ExchangeEnd } from './exchange.ts';
import { toResponse } from './response.ts';
import type { CoapResponse } from './response.ts';
import { isIdempotent } from './idempotent.ts';
import { fitsOneMessage } from './room.ts';
import type { Trace } from './trace.ts';
import { Transfer, isWhole } from './transfer.ts';
import type { TransferProgress, TransferRequest, TransferResult } from './transfer.ts';
import { earlyNegotiation } from './upload.ts';

export interface RunContext extends ExchangeContext {
  carriers: Carriers;
  maxBodyBytes: number;
  randomBytes(count: number): Uint8Array;
}

/** What is told on the way, and what ends it early. */
export interface RunWatch {
  signal?: AbortSignal | undefined;
  trace?: Trace | undefined;
  resolver?: HostResolver | undefined;
  onProgress?: ((progress: TransferProgress) => void) | undefined;
}

/** While another address is left, one is given up earlier: 14 to 21 s instead of 62 to 93. */
const IMPATIENT_MAX_RETRANSMIT = 2;

/** Failures that say that this address or connection is not the way, and nothing about the request. */
const NO_WAY = new Set(['coap.timeout', 'coap.unreachable']);

/**
 * One request from its URI to its whole response. The short way, one message to an address and one back, makes no
 * promise but the caller's own.
 */
export class RequestRun implements ExchangeEnd {
  readonly #context: RunContext;
  readonly #target: Target;
  readonly #request: TransferRequest;
  readonly #watch: RunWatch;
  readonly #resolve: (response: CoapResponse) => void;
  readonly #reject: (error: unknown) => void;
  #carrier: Carrier | undefined;

  constructor(
    context: RunContext,
    target: Target,
    request: TransferRequest,
    watch: RunWatch,
    resolve: (response: CoapResponse) => void,
    reject: (error: unknown) => void,
  ) {
    this.#context = context;
    this.#target = target;
    this.#request = request;
    this.#watch = watch;
    this.#resolve = resolve;
    this.#reject = reject;
  }

  start(): void {
    const { signal, trace } = this.#watch;
    let carrier: Carrier | undefined;
    try {
      if (signal?.aborted === true) throw cancelled();
      carrier = this.#context.carriers.now(this.#target);
    } catch (error) {
      this.failed(error);
      return;
    }
    const request = this.#request;
    if (carrier === undefined) this.#settle(this.#findWay());
    else if (!fitsOneMessage(carrier, request, request.szx)) {
      this.#settle(transferBy(this.#context, carrier, request, this.#watch).run(), carrier);
    } else {
      this.#carrier = carrier;
      const { szx, options } = request;
      const first =
        szx === undefined ? request : { ...request, options: [...options, ...earlyNegotiation(szx)] };
      new Exchange(this.#context, carrier, this, signal, trace).start(first);
    }
  }

  answered(answer: Answer): void {
    const carrier = this.#carrier!;
    if (isWhole(answer.message)) {
      const { message, rttMs, retransmissions } = answer;
      this.#watch.trace?.close();
      this.#resolve(
        toResponse(this.#target.uri.uri, carrier, { message, rttMs, retransmissions, blocks: 1 }),
      );
      return;
    }
    this.#settle(transferBy(this.#context, carrier, this.#request, this.#watch).resume(answer), carrier);
  }

  failed(error: unknown): void {
    this.#watch.trace?.close();
    this.#reject(error);
  }

  #settle(result: Promise<TransferResult> | Promise<CoapResponse>, carrier?: Carrier): void {
    result.then(
      (value) => {
        this.#watch.trace?.close();
        this.#resolve('message' in value ? toResponse(this.#target.uri.uri, carrier!, value) : value);
      },
      (error: unknown) => this.failed(error),
    );
  }

  #findWay(): Promise<CoapResponse> {
    return this.#target.uri.scheme === 'coap' ? this.#overAddresses() : this.#overConnection();
  }

  /** One address of the name after the other, until one answers. */
  async #overAddresses(): Promise<CoapResponse> {
    const { hosts } = this.#context.carriers;
    const addresses = await hosts.addresses(this.#target.uri, this.#watch.signal, this.#watch.resolver);
    for (let at = 0; ; at++) {
      const address = addresses[at]!;
      try {
        const response = await this.#atAddress(address, at + 1 < addresses.length);
        if (addresses.length > 1) hosts.worked(address);
        return response;
      } catch (error) {
        if (!(error instanceof NoWay)) throw error;
        hosts.failed(address);
        if (at + 1 === addresses.length) throw error.why;
      }
    }
  }

  /** Throws `NoWay` when nothing was heard from there. */
  async #atAddress(address: PeerAddress, othersLeft: boolean): Promise<CoapResponse> {
    const { signal } = this.#watch;
    if (signal?.aborted === true) throw cancelled();
    const carrier = this.#context.carriers.udp(address);
    let request = this.#request;
    if (othersLeft && !this.#context.carriers.hosts.isProven(address)) {
      // Silence does not say that a POST was not done: who is there is found out first, by what does nothing.
      if (!isIdempotent(request.code)) await carrier.ping(signal).catch(asNoWay);
      else request = { ...request, firstMaxRetransmit: IMPATIENT_MAX_RETRANSMIT };
    }
    const transfer = transferBy(this.#context, carrier, request, this.#watch);
    try {
      return toResponse(this.#target.uri.uri, carrier, await transfer.run());
    } catch (error) {
      if (transfer.begun || !isIdempotent(request.code)) throw error;
      return asNoWay(error);
    }
  }

  /** A connection that the other end closed while our request was on its way is opened once more. */
  async #overConnection(): Promise<CoapResponse> {
    const { signal, resolver } = this.#watch;
    for (let attempt = 0; ; attempt++) {
      const carrier = await this.#context.carriers.connect(this.#target.uri, signal, resolver);
      const transfer = transferBy(this.#context, carrier, this.#request, this.#watch);
      try {
        return toResponse(this.#target.uri.uri, carrier, await transfer.run());
      } catch (error) {
        const again = attempt === 0 && !transfer.begun && isIdempotent(this.#request.code);
        if (!again || codeOf(error) !== 'coap.closed') throw error;
      }
    }
  }
}

class NoWay extends Error {
  readonly why: unknown;

  constructor(why: unknown) {
    super('no way');
    this.why = why;
  }
}

function asNoWay(error: unknown): never {
  throw NO_WAY.has(codeOf(error)) ? new NoWay(error) : error;
}

/** A transfer by that carrier, not yet begun. */
export function transferBy(
  context: RunContext,
  carrier: Carrier,
  request: TransferRequest,
  watch: RunWatch,
): Transfer {
  const { maxBodyBytes } = context;
  return new Transfer(
    {
      exchange: (one) => exchange(context, carrier, one, watch.signal, watch.trace),
      carrier,
      randomBytes: (count) => context.randomBytes(count),
      maxBodyBytes,
      onProgress: watch.onProgress,
    },
    request,
  );
}
