/** Methods and codes between HTTP and CoAP (RFC 8075 §7 table 2; RFC 7252 §10.2; RFC 8132; RFC 8516; RFC 8768). */
import { codeClass, codeName, codeText } from '../codec/codes.ts';
import type { Method } from '../codec/codes.ts';

/** FETCH and iPATCH have no method of HTTP; PATCH is the one that need not be idempotent, as in HTTP (RFC 8132 §2). */
const METHODS: ReadonlyMap<string, Method> = new Map([
  ['GET', 'GET'],
  ['HEAD', 'GET'],
  ['POST', 'POST'],
  ['PUT', 'PUT'],
  ['DELETE', 'DELETE'],
  ['PATCH', 'PATCH'],
]);

export const HTTP_METHODS = [...METHODS.keys()].join(', ');

/** Undefined for what CoAP has not: OPTIONS and TRACE are answered with 501 (RFC 7252 §10.2.1). */
export function coapMethod(httpMethod: string): Method | undefined {
  return METHODS.get(httpMethod);
}

export interface HttpStatus {
  status: number;
  /** Instead of the usual one. */
  reason?: string;
}

export interface StatusContext {
  /** The response has a payload. */
  payload: boolean;
  /** The HTTP request asked whether its representation is still good. */
  conditional: boolean;
  /** A header of the HTTP request became a critical option: then a Bad Option is the client's. */
  criticalOptions: boolean;
}

const FIXED: ReadonlyMap<string, number> = new Map([
  ['2.01', 201],
  ['2.05', 200],
  ['4.00', 400],
  // There is no WWW-Authenticate to go with a 401 (note 5).
  ['4.01', 403],
  ['4.03', 403],
  ['4.04', 404],
  ['4.06', 406],
  // Between this proxy and the server only (note 10): when one is left over, the server has broken the transfer.
  ['2.31', 502],
  ['4.08', 502],
  ['4.09', 409],
  ['4.12', 412],
  ['4.13', 413],
  ['4.15', 415],
  ['4.22', 422],
  ['4.29', 429],
  ['5.00', 500],
  ['5.01', 501],
  ['5.02', 502],
  ['5.03', 503],
  ['5.04', 504],
  ['5.05', 502],
  ['5.08', 508],
]);

/** A code that is not in the table counts as the first one of its class (RFC 7252 §5.9). */
export function httpStatus(code: number, context: StatusContext): HttpStatus {
  const text = codeText(code);
  switch (text) {
    // Notes 3 and 4: this proxy keeps no cache, so that only a client's own validation can be meant.
    case '2.03':
      return { status: context.conditional ? 304 : 502 };
    case '4.02':
      return { status: context.criticalOptions ? 400 : 500 };
    // 405 would have to name the methods that are allowed, and nobody knows them (note 7).
    case '4.05':
      return { status: 400, reason: `CoAP server returned ${text} ${codeName(code)}` };
  }
  const fixed = FIXED.get(text);
  if (fixed !== undefined) return { status: fixed };
  switch (codeClass(code)) {
    case 2:
      return { status: context.payload ? 200 : 204 };
    case 4:
      return { status: 400 };
    case 5:
      return { status: 500 };
    default:
      return { status: 502 };
  }
}

/** The status for what went wrong on the CoAP side without an answer, by `coap.*` code; undefined for other codes. */
export function httpStatusOfFailure(code: string): number | undefined {
  return FAILURES.get(code);
}

const FAILURES: ReadonlyMap<string, number> = new Map([
  ['coap.timeout', 504],
  ['coap.reset', 502],
  ['coap.malformed', 502],
  ['coap.bad_option', 502],
  ['coap.too_large', 502],
  ['coap.blocks_broken', 502],
  ['coap.host_not_found', 502],
  ['coap.unreachable', 502],
  ['coap.refused', 502],
  ['coap.not_observable', 502],
  ['coap.closed', 502],
  ['coap.handshake', 502],
  ['coap.tls', 502],
  ['coap.bad_uri', 400],
  ['coap.bad_request', 400],
  ['coap.forbidden', 403],
  ['coap.scheme', 501],
  ['coap.busy', 503],
  ['coap.not_running', 503],
  ['coap.cancelled', 503],
]);
