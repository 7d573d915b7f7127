import { codeOf } from '../../base/errors.ts';
import type { PeerAddress } from '../address.ts';
import { szxOf } from '../codec/block.ts';
import { CONTENT, METHOD_CODES } from '../codec/codes.ts';
import type { Method } from '../codec/codes.ts';
import { LINK_FORMAT } from '../codec/content-formats.ts';
import { cancelled, coapError } from '../errors.ts';
import { exchange } from './exchange.ts';
import type { ExchangeContext } from './exchange.ts';
import { parseLinkFormat, resolveLinks } from '../links/link-format.ts';
import type { Link } from '../links/link-format.ts';
import { ACCEPT, CONTENT_FORMAT, uintOption } from '../codec/options.ts';
import type { CoapOption } from '../codec/options.ts';
import { resolvePeer } from '../resolve.ts';
import type { HostResolver } from '../resolve.ts';
import { toResponse } from './response.ts';
import type { CoapResponse } from './response.ts';
import { Transfer } from './transfer.ts';
import type { TransferRequest } from './transfer.ts';
import { parseCoapUri, uriOptions } from '../uri.ts';
import type { CoapUri } from '../uri.ts';

export type { CoapResponse } from './response.ts';

export interface RequestOptions {
  /** GET unless said otherwise. */
  method?: Method;
  payload?: Uint8Array;
  /** Content-Format number of the payload. */
  contentFormat?: number;
  /** Content-Format number wanted. */
  accept?: number;
  /** More options, for instance If-Match; not Uri-*, Block*, Observe. */
  options?: CoapOption[];
  signal?: AbortSignal;
  /** CON unless false. */
  confirmable?: boolean;
  /** Bytes per block, a power of two from 16 to 1024. Without it a body is split at 1024 or as the server wishes. */
  blockBytes?: number;
}

export interface ClientContext extends ExchangeContext {
  resolver: HostResolver;
  maxBodyBytes: number;
  randomBytes(count: number): Uint8Array;
}

/** Requests of the client role. Holds no state of its own: what is under way lives in the message layer. */
export class CoapClient {
  readonly #context: ClientContext;

  constructor(context: ClientContext) {
    this.#context = context;
  }

  /**
   * One request and its whole response, both of any size up to the limit. A 4.xx or 5.xx is a response, not an
   * error.
   */
  async request(uriText: string, options: RequestOptions = {}): Promise<CoapResponse> {
    const uri = parseCoapUri(uriText);
    const request = transferRequest(uri, options);
    const address = await resolvePeer(uri, this.#context.resolver, options.signal);
    if (options.signal?.aborted === true) throw cancelled();
    const result = await this.transfer(address, request, options.signal).run();
    return toResponse(uri.uri, address, result);
  }

  /**
   * Whether something speaks CoAP there: an empty CON, answered with RST by every endpoint (RFC 7252 §4.3). Fails
   * like an exchange.
   */
  async ping(uriText: string, signal?: AbortSignal): Promise<{ rttMs: number }> {
    const address = await resolvePeer(parseCoapUri(uriText), this.#context.resolver, signal);
    return this.#context.layer.carrier(address).ping(signal);
  }

  /** A transfer with that peer, not yet begun. */
  transfer(address: PeerAddress, request: TransferRequest, signal?: AbortSignal): Transfer {
    const { layer, maxBodyBytes, randomBytes } = this.#context;
    return new Transfer(
      {
        // The peer is looked up for each exchange: between two of them it may have been forgotten as idle.
        exchange: async (one) => exchange(this.#context, layer.peer(address), one, signal),
        randomBytes,
        maxBodyBytes,
      },
      request,
    );
  }

  /**
   * The links of a server (RFC 6690): of `/.well-known/core`, or of the URI's own path and query when it has one.
   * Fails like `request`, with `coap.refused` for an answer other than 2.05, and with `coap.links_malformed`.
   */
  async discover(uriText: string, options: { signal?: AbortSignal } = {}): Promise<Link[]> {
    const given = parseCoapUri(uriText);
    const own = given.segments.length > 0 || given.query.length > 0;
    const uri = own ? given : parseCoapUri(`${given.authority}/.well-known/core`);
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
}

function transferRequest(uri: CoapUri, request: RequestOptions): TransferRequest {
  const { method = 'GET', payload = new Uint8Array(0), contentFormat, accept, confirmable = true } = request;
  if (payload.length > 0 && (method === 'GET' || method === 'DELETE')) {
    throw coapError('coap.bad_request', `A ${method} request carries no payload.`);
  }
  const options = uriOptions(uri);
  if (contentFormat !== undefined) options.push(uintOption(CONTENT_FORMAT, contentFormat));
  if (accept !== undefined) options.push(uintOption(ACCEPT, accept));
  if (request.options !== undefined) options.push(...request.options);
  const szx = request.blockBytes === undefined ? undefined : szxOf(request.blockBytes);
  if (request.blockBytes !== undefined && szx === undefined) {
    throw coapError('coap.bad_request', 'A block has 16, 32, 64, 128, 256, 512 or 1024 bytes.');
  }
  const code = METHOD_CODES[method];
  return { code, options, payload, confirmable, ...(szx === undefined ? {} : { szx }) };
}

/** True for failures that say nothing about the request itself: asking again later may well succeed. */
export function mayPass(error: unknown): boolean {
  return !['coap.bad_uri', 'coap.bad_request', 'coap.cancelled', 'coap.not_running'].includes(codeOf(error));
}
