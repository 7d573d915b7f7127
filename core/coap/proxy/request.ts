/** From an HTTP request to a CoAP request (RFC 8075; RFC 7252 §10.2). */
import type { IncomingHttpHeaders } from 'node:http';
import { acceptAttempts, splitList } from './accept.ts';
import type { AcceptAttempts } from './accept.ts';
import { readEtags } from './etags.ts';
import { contentFormatOf } from './media-types.ts';
import { coapMethod } from './status.ts';
import { ETAG, HOP_LIMIT, IF_MATCH, IF_NONE_MATCH, uintOption } from '../codec/options.ts';
import type { CoapOption } from '../codec/options.ts';
import type { Method } from '../codec/codes.ts';

/** RFC 8768 §3. The proxies that HTTP has told of so far count too. */
const HOP_LIMIT_AT_FIRST = 16;

export interface MappedRequest {
  method: Method;
  /** The body is left out of the HTTP response. */
  head: boolean;
  options: CoapOption[];
  contentFormat: number | undefined;
  attempts: AcceptAttempts;
  /** The client wants server-sent events (GET only). */
  eventStream: boolean;
  /** Entity-tags of If-None-Match that were asked about. */
  validating: readonly Uint8Array[];
}

/** What the proxy answers by itself. */
export interface Refused {
  status: number;
  message: string;
}

/** The request without its body. */
export function mapRequest(httpMethod: string, headers: IncomingHttpHeaders): MappedRequest | Refused {
  const method = coapMethod(httpMethod);
  if (method === undefined) return { status: 501, message: `CoAP has no method like ${httpMethod}.` };
  const hopsLeft = HOP_LIMIT_AT_FIRST - splitList(headers.via ?? '').length;
  if (hopsLeft <= 0) {
    return {
      status: 508,
      message: `The request came through ${HOP_LIMIT_AT_FIRST} proxies: they form a loop.`,
    };
  }
  const options: CoapOption[] = [uintOption(HOP_LIMIT, hopsLeft)];
  const refused = mapIfMatch(headers['if-match'], options);
  if (refused !== undefined) return refused;
  const noneMatch = headers['if-none-match'];
  const asked = noneMatch === undefined ? undefined : readEtags(noneMatch, true);
  let validating: Uint8Array[] = [];
  if (asked !== undefined && method === 'GET') {
    // Whether a resource is there at all (`*`) is nothing that CoAP's GET can ask: then it is a plain GET.
    validating = asked.etags;
    for (const value of validating) options.push({ number: ETAG, value });
  } else if (asked !== undefined) {
    // RFC 7252 §5.10.8.2 has only the form that means "if there is nothing yet".
    if (!asked.any) return { status: 501, message: 'CoAP knows If-None-Match only as *.' };
    options.push({ number: IF_NONE_MATCH, value: new Uint8Array(0) });
  }
  const { eventStream, attempts } = acceptAttempts(headers.accept, headerText(headers['accept-encoding']));
  return {
    method,
    head: httpMethod === 'HEAD',
    options,
    contentFormat: undefined,
    // Only what changes nothing is asked again with another format.
    attempts: method === 'GET' || attempts.length === 1 ? attempts : [undefined],
    eventStream: eventStream && httpMethod === 'GET',
    validating,
  };
}

function mapIfMatch(header: string | undefined, options: CoapOption[]): Refused | undefined {
  if (header === undefined) return undefined;
  const { any, etags } = readEtags(header, false);
  if (any) options.push({ number: IF_MATCH, value: new Uint8Array(0) });
  for (const value of etags) options.push({ number: IF_MATCH, value });
  if (any || etags.length > 0) return undefined;
  return { status: 412, message: 'No resource behind this proxy has an entity-tag of If-Match.' };
}

/** The Content-Format for a body, undefined where the client names no type; 415 where CoAP has none for it (§6.1). */
export function mapContentType(headers: IncomingHttpHeaders): number | undefined | Refused {
  const type = headers['content-type'];
  const encoding = headerText(headers['content-encoding']);
  if (type === undefined && encoding === undefined) return undefined;
  const format = contentFormatOf(type ?? '', encoding);
  if (format !== undefined) return format;
  const coding = encoding === undefined ? '' : ` with Content-Encoding ${encoding.slice(0, 40)}`;
  return {
    status: 415,
    message:
      `CoAP has no Content-Format for ${(type ?? 'no Content-Type').slice(0, 100)}${coding}. Send text/plain, ` +
      'application/json, application/cbor, application/octet-stream or another one of the registry, or ' +
      'application/coap-payload;cf=NNN with the number of one that is not in it.',
  };
}

function headerText(value: string | string[] | undefined): string | undefined {
  return Array.isArray(value) ? value.join(', ') : value;
}

export function isRefused(value: object | number | undefined): value is Refused {
  return typeof value === 'object' && 'status' in value;
}
