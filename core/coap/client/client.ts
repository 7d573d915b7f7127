import { codeOf } from '../../base/errors.ts';
import type { PeerAddress } from '../address.ts';
import type { Carrier, CoapTransport } from '../carrier.ts';
import { blockBytes, decodeBlock, encodeBlock, fitsBlock } from '../codec/block.ts';
import type { Block } from '../codec/block.ts';
import { CONTENT, isSuccess } from '../codec/codes.ts';
import { LINK_FORMAT } from '../codec/content-formats.ts';
import { BLOCK2, findOption } from '../codec/options.ts';
import { blocksBroken, coapError } from '../errors.ts';
import { parseLinkFormat, resolveLinks } from '../links/link-format.ts';
import type { Link } from '../links/link-format.ts';
import { blockSize, transferRequest } from './request-options.ts';
import type { RequestOptions } from './request-options.ts';
import { RequestRun, transferBy } from './request-run.ts';
import type { RunContext, RunWatch } from './request-run.ts';
import type { CoapResponse } from './response.ts';
import type { Trace, Traces } from './trace.ts';
import type { Transfer, TransferRequest } from './transfer.ts';

export type { CoapResponse } from './response.ts';
export type { RequestOptions } from './request-options.ts';

export interface ClientContext extends RunContext {
  traces: Traces;
}

/** One block of a representation; `payload` is that block alone. */
export interface BlockResponse extends CoapResponse {
  /** What the server says of it; null when it sent the whole representation, or an error. */
  block: Block | null;
}

const UNWATCHED: RunWatch = {};

/** Requests of the client role. Holds no state of its own: what is under way lives in the carriers. */
export class CoapClient {
  readonly #context: ClientContext;

  constructor(context: ClientContext) {
    this.#context = context;
  }

  /**
   * One request and its whole response, both of any size up to the limit. A 4.xx or 5.xx is a response, not an
   * error; so is 4.29 or 5.03, whose Max-Age says when to ask again (RFC 8516). With No-Response the answer may be
   * one of code 0.00, made here, for "sent, and no answer asked for".
   */
  request(uriText: string, options?: RequestOptions): Promise<CoapResponse> {
    return new Promise((resolve, reject) => {
      const target = this.#context.carriers.target(uriText);
      if (options === undefined) {
        new RequestRun(this.#context, target, target.get, UNWATCHED, resolve, reject).start();
        return;
      }
      const request = transferRequest(target.options, options);
      const { signal, onProgress, resolver } = options;
      const watch = { signal, onProgress, resolver, trace: this.#trace(options) };
      new RequestRun(this.#context, target, request, watch, resolve, reject).start();
    });
  }

  /**
   * One block of a representation, without the others (RFC 7959 §2.4: random access). The server may answer with a
   * smaller one at the same place. Fails like `request`, and with `coap.blocks_broken` when another place comes.
   */
  async requestBlock(
    uriText: string,
    { number, blockBytes: wanted, ...options }: RequestOptions & { number: number; blockBytes: number },
  ): Promise<BlockResponse> {
    const target = this.#context.carriers.target(uriText);
    const request = transferRequest(target.options, options);
    const szx = blockSize(wanted);
    const part = { number: BLOCK2, value: encodeBlock(number, false, szx) };
    request.options = [...request.options, part];
    request.onlyBlock = true;
    const { signal, resolver } = options;
    const response = await new Promise<CoapResponse>((resolve, reject) => {
      const watch = { signal, resolver, trace: this.#trace(options) };
      new RequestRun(this.#context, target, request, watch, resolve, reject).start();
    });
    const value = findOption(response.options, BLOCK2);
    if (value === undefined || !isSuccess(response.codeNumber)) return { ...response, block: null };
    const block = decodeBlock(value);
    if (block === undefined) throw blocksBroken('the block size is the reserved one');
    const offset = number * blockBytes(szx);
    if (block.szx > szx || block.number * block.bytes !== offset) {
      throw blocksBroken(`byte ${block.number * block.bytes} came where byte ${offset} was asked for`);
    }
    if (!fitsBlock(block, response.payload.length)) {
      throw blocksBroken(
        `block ${block.number} has ${response.payload.length} bytes instead of ${block.bytes}`,
      );
    }
    return { ...response, block };
  }

  /**
   * Whether something speaks CoAP there: an empty CON, answered with RST by every endpoint (RFC 7252 §4.3), or Ping
   * and Pong (RFC 8323 §5.4). Fails like an exchange.
   */
  async ping(
    uriText: string,
    signal?: AbortSignal,
  ): Promise<{ rttMs: number; peer: PeerAddress; transport: CoapTransport }> {
    const { uri } = this.#context.carriers.target(uriText);
    const carrier = await this.#context.carriers.reach(uri, signal);
    const { rttMs } = await carrier.ping(signal);
    return { rttMs, peer: carrier.address, transport: carrier.transport };
  }

  /** A transfer by that carrier, not yet begun. */
  transfer(carrier: Carrier, request: TransferRequest, watch: RunWatch): Transfer {
    return transferBy(this.#context, carrier, request, watch);
  }

  /**
   * The links of a server (RFC 6690): of `/.well-known/core`, or of the URI's own path and query when it has one.
   * Fails like `request`, with `coap.refused` for an answer other than 2.05, and with `coap.links_malformed`.
   */
  async discover(
    uriText: string,
    options: Pick<RequestOptions, 'signal' | 'onWire' | 'onProgress' | 'resolver'> = {},
  ): Promise<Link[]> {
    const { uri: given } = this.#context.carriers.target(uriText);
    const own = given.segments.length > 0 || given.query.length > 0;
    const { uri } = own
      ? { uri: given }
      : this.#context.carriers.target(`${given.authority}/.well-known/core`);
    const response = await this.request(uri.uri, { ...options, accept: LINK_FORMAT });
    if (response.codeNumber !== CONTENT) {
      throw coapError(
        'coap.refused',
        `${uri.uri} was answered with ${response.code} ${response.codeName}: the server does not list its resources.`,
        { code: response.code },
      );
    }
    return resolveLinks(parseLinkFormat(new TextDecoder().decode(response.payload)), uri);
  }

  #trace({ onWire, onWaiting }: Pick<RequestOptions, 'onWire' | 'onWaiting'>): Trace | undefined {
    return onWire === undefined ? undefined : this.#context.traces.open(onWire, onWaiting);
  }
}

const FINAL = new Set([
  'coap.bad_uri',
  'coap.bad_request',
  'coap.scheme',
  'coap.cancelled',
  'coap.not_running',
  'coap.own_resource',
]);

/** True for failures that say nothing about the request itself: asking again later may well succeed. */
export function mayPass(error: unknown): boolean {
  return !FINAL.has(codeOf(error));
}
