/** From a CoAP response to an HTTP response (RFC 8075 §6, §7; RFC 7252 §10.2). */
import { sameBytes } from '../bytes.ts';
import { codeClass, codeName, codeText } from '../codec/codes.ts';
import { ACCEPT, CONTENT_FORMAT, ETAG, IF_MATCH, IF_NONE_MATCH, MAX_AGE } from '../codec/options.ts';
import { findOption, findUint } from '../codec/options.ts';
import type { CoapUri } from '../uri.ts';
import { httpEtag } from './etags.ts';
import { httpMediaType } from './media-types.ts';
import type { MappedRequest } from './request.ts';
import { httpStatus } from './status.ts';
import { hostingLocation } from './target.ts';
import type { ProxiedAnswer } from './types.ts';

/** RFC 7252 §5.10.5. */
const DEFAULT_MAX_AGE_S = 60;
const TEXT = 'text/plain; charset=utf-8';
/** What a browser may show in place. All else is a download: see `core/gateway/hc/headers.ts`. */
const SHOWN = /^(?:text\/plain|application\/(?:[a-z0-9.-]+\+)?json|image\/(?:gif|jpeg|png))(?:;|$)/;

export interface MappedResponse {
  status: number;
  reason?: string;
  headers: Record<string, string>;
  /** Null for 204 and 304, which have none. */
  body: Uint8Array | null;
}

/** `accept` is the format that was asked for. */
export function mapResponse(
  target: CoapUri,
  request: Pick<MappedRequest, 'method' | 'options' | 'validating'>,
  accept: number | undefined,
  answer: ProxiedAnswer,
): MappedResponse {
  const { codeNumber, options, payload } = answer;
  const mapped = httpStatus(codeNumber, {
    payload: payload.length > 0,
    conditional: request.validating.length > 0,
    criticalOptions:
      accept !== undefined || request.options.some(({ number }) => CRITICAL_BY_HEADER.includes(number)),
  });
  const headers: Record<string, string> = {};
  const etag = findOption(options, ETAG);
  if (etag !== undefined) headers['ETag'] = httpEtag(etag);
  let { status } = mapped;
  // A server that does not validate sends the whole representation; the client need not get it again.
  if (status === 200 && request.method === 'GET' && etag !== undefined) {
    if (request.validating.some((one) => sameBytes(one, etag))) status = 304;
  }
  if (request.method === 'GET' && (status === 200 || status === 304)) {
    headers['Cache-Control'] = cacheControl(findUint(options, MAX_AGE) ?? DEFAULT_MAX_AGE_S);
    headers['Vary'] = 'Accept, Accept-Encoding, Authorization, Cookie';
  } else {
    headers['Cache-Control'] = 'no-store';
  }
  const maxAge = findUint(options, MAX_AGE);
  if ((status === 503 || status === 429) && maxAge !== undefined) headers['Retry-After'] = String(maxAge);
  const location = status === 201 ? hostingLocation(target, options) : undefined;
  if (location !== undefined) headers['Location'] = location;
  const reason = mapped.reason === undefined ? {} : { reason: mapped.reason };
  if (status === 204 || status === 304) return { status, ...reason, headers, body: null };
  return { status, ...reason, headers, body: bodyOf(answer, status, headers) };
}

const CRITICAL_BY_HEADER = [IF_MATCH, IF_NONE_MATCH, ACCEPT];

/** The token was checked for this answer: what lies between must not give it to others (RFC 9111 §3.5). */
function cacheControl(maxAgeSeconds: number): string {
  return maxAgeSeconds === 0 ? 'private, no-cache' : `private, max-age=${maxAgeSeconds}`;
}

function bodyOf(answer: ProxiedAnswer, status: number, headers: Record<string, string>): Uint8Array {
  const { codeNumber, options, payload } = answer;
  const format = findUint(options, CONTENT_FORMAT);
  if (codeClass(codeNumber) !== 2 && payload.length === 0) {
    headers['Content-Type'] = TEXT;
    const words = `${codeText(codeNumber)} ${codeName(codeNumber)}`;
    return new TextEncoder().encode(`The CoAP server answered ${words}.\n`);
  }
  if (codeClass(codeNumber) !== 2 && format === undefined) {
    // A diagnostic message, in UTF-8 (RFC 7252 §5.5.2, RFC 8075 §6.5.3).
    headers['Content-Type'] = TEXT;
    return payload;
  }
  if (payload.length === 0 && status !== 200) return payload;
  // Without a Content-Format the receiver may look (RFC 7252 §5.5.1): many servers leave it out for text. Nothing is
  // taken for more than that, and a browser must not guess any further.
  const unknown = { contentType: isText(payload) ? TEXT : 'application/octet-stream', contentEncoding: null };
  const media = format === undefined ? unknown : httpMediaType(format);
  headers['Content-Type'] = media.contentType;
  if (media.contentEncoding !== null) headers['Content-Encoding'] = media.contentEncoding;
  if (!SHOWN.test(media.contentType)) headers['Content-Disposition'] = 'attachment';
  return payload;
}

const utf8 = new TextDecoder('utf-8', { fatal: true });

/** UTF-8 without control characters but tab and line ends. */
function isText(payload: Uint8Array): boolean {
  if (payload.some((byte) => byte === 0x7f || (byte < 0x20 && byte !== 9 && byte !== 10 && byte !== 13))) {
    return false;
  }
  try {
    utf8.decode(payload);
    return true;
  } catch {
    return false;
  }
}
