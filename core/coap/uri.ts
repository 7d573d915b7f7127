/** `coap://host:port/path?query` to options and back (RFC 7252 §6, RFC 8323 §8; scope ids as in RFC 6874). */
import { isIPv4, isIPv6 } from 'node:net';
import { canonicalIPv6 } from './address.ts';
import { coapError } from './errors.ts';
import { URI_HOST, URI_PATH, URI_QUERY, textOption } from './codec/options.ts';
import type { CoapOption } from './codec/options.ts';

export const DEFAULT_PORT = 5683;

export const SCHEMES = ['coap', 'coaps', 'coap+tcp', 'coaps+tcp', 'coap+ws', 'coaps+ws'] as const;
export type CoapScheme = (typeof SCHEMES)[number];

const DEFAULT_PORTS: Readonly<Record<CoapScheme, number>> = {
  coap: DEFAULT_PORT,
  coaps: 5_684,
  'coap+tcp': DEFAULT_PORT,
  'coaps+tcp': 5_684,
  'coap+ws': 80,
  'coaps+ws': 443,
};

export interface CoapUri {
  /** The whole URI in one canonical form: equal resources give equal texts. */
  uri: string;
  scheme: CoapScheme;
  /** `coap://host:port` with its scheme, the port always written: what identifies a server. */
  authority: string;
  /** Canonically encoded, without the query, at least `/`. */
  path: string;
  /** Name in lower case, IPv4, or IPv6 without brackets, with `%scope` where given. */
  host: string;
  /** The host is an address and not a name. */
  numeric: boolean;
  port: number;
  /** Decoded parts of the path; none for `/`. */
  segments: string[];
  /** Decoded arguments. */
  query: string[];
}

type Authority = Pick<CoapUri, 'scheme' | 'host' | 'numeric' | 'port'>;

const MAX_URI_CHARS = 4_096;
/** Uri-Host, Uri-Path and Uri-Query carry at most 255 bytes each. */
const MAX_SEGMENT_BYTES = 255;

/** Fails with `coap.bad_uri` and a message that says which part is wrong. */
export function parseCoapUri(text: string): CoapUri {
  if (text.length > MAX_URI_CHARS) throw badUri('the URI is longer than 4096 characters');
  const match = /^([a-z][a-z0-9+.-]*):\/\/([^/?#]*)([^?#]*)(\?[^#]*)?(#.*)?$/is.exec(text);
  if (match === null) throw badUri(`"${text}" is not of the form coap://host:port/path?query`);
  const [, written, authority, path, query, fragment] = match;
  const scheme = SCHEMES.find((one) => one === written!.toLowerCase());
  if (scheme === undefined) throw badUri(`the scheme "${written}" is none of ${SCHEMES.join(', ')}`);
  if (fragment !== undefined) throw badUri('a CoAP URI has no fragment (#)');
  const args = query === undefined ? [] : query.slice(1).split('&').map(decodePart);
  return compose(parseAuthority(scheme, authority!), splitPath(path!), args);
}

function compose(at: Authority, segments: string[], query: string[]): CoapUri {
  const host = at.host.includes(':') ? `[${at.host.replace('%', '%25')}]` : encodePart(at.host, HOST_PLAIN);
  const authority = `${at.scheme}://${host}:${at.port}`;
  const path = `/${segments.map((segment) => encodePart(segment, PATH_PLAIN)).join('/')}`;
  const args = query.map((argument) => encodePart(argument, QUERY_PLAIN)).join('&');
  const uri = authority + path + (query.length === 0 ? '' : `?${args}`);
  return { uri, authority, path, ...at, segments, query };
}

function parseAuthority(scheme: CoapScheme, authority: string): Authority {
  if (authority.includes('@')) throw badUri('a CoAP URI has no user name');
  const match = /^(?:\[([^\]]*)\]|([^:]*))(?::(\d*))?$/.exec(authority);
  if (match === null)
    throw badUri(`"${authority}" is not host or host:port (an IPv6 address needs brackets)`);
  const [, ipv6, name, portText] = match;
  const port = portText === undefined || portText === '' ? DEFAULT_PORTS[scheme] : Number(portText);
  if (port < 1 || port > 65_535) throw badUri(`${portText} is not a port`);
  if (ipv6 !== undefined) {
    // RFC 6874 writes the scope as %25eth0; people write %eth0.
    const host = ipv6.replace(/^([^%]*)%25(?=.)/, '$1%').toLowerCase();
    if (!isIPv6(host)) throw badUri(`[${ipv6}] is not an IPv6 address`);
    const canonical = ipv6.includes('%') ? scoped(host, ipv6) : canonicalIPv6(host);
    return { scheme, host: canonical, numeric: true, port };
  }
  const host = decodePart(name!).toLowerCase();
  if (host === '') throw badUri('the host is missing');
  return { scheme, host, numeric: isIPv4(host), port };
}

/** Interface names keep their case. */
function scoped(lowered: string, original: string): string {
  const scope = original.slice(original.indexOf('%')).replace(/^%25(?=.)/, '%');
  return canonicalIPv6(lowered.slice(0, lowered.indexOf('%'))) + scope;
}

/** Dot segments are resolved on the encoded form, as RFC 3986 §5.2.4 does; `/` and nothing mean no segment. */
function splitPath(path: string): string[] {
  if (path === '' || path === '/') return [];
  const out: string[] = [];
  const segments = path.slice(1).split('/');
  segments.forEach((segment, index) => {
    const plain = segment.replace(/%2e/gi, '.');
    const last = index === segments.length - 1;
    if (plain === '..') out.pop();
    if (plain === '.' || plain === '..') {
      if (last && out.length > 0) out.push('');
      return;
    }
    out.push(decodePart(segment));
  });
  return out;
}

function decodePart(part: string): string {
  let decoded: string;
  try {
    decoded = decodeURIComponent(part);
  } catch {
    throw badUri(`"${part}" has a broken percent-encoding`);
  }
  if (Buffer.byteLength(decoded) > MAX_SEGMENT_BYTES) {
    throw badUri(`"${part.slice(0, 40)}..." is longer than the 255 bytes that CoAP allows for one part`);
  }
  return decoded;
}

function badUri(why: string): Error {
  return coapError('coap.bad_uri', `Not a usable CoAP address: ${why}.`);
}

/**
 * Uri-Host for names only: an address is already said by the datagram or connection itself, and Uri-Port likewise
 * (§6.4; RFC 8323 §8.5).
 */
export function uriOptions(uri: CoapUri): CoapOption[] {
  const options: CoapOption[] = [];
  if (!uri.numeric) options.push(textOption(URI_HOST, uri.host));
  for (const segment of uri.segments) options.push(textOption(URI_PATH, segment));
  for (const argument of uri.query) options.push(textOption(URI_QUERY, argument));
  return options;
}

// What §6.5 leaves as it is: unreserved, sub-delims without '&' in a query, ':' and '@'.
const PATH_PLAIN = /^[A-Za-z0-9\-._~!$&'()*+,;=:@]*$/;
const QUERY_PLAIN = /^[A-Za-z0-9\-._~!$'()*+,;=:@/?]*$/;
const HOST_PLAIN = /^[A-Za-z0-9\-._~!$&'()*+,;=]*$/;

function encodePart(text: string, plain: RegExp): string {
  // A segment of dots alone would be taken for a dot segment when read again; it cannot be escaped, so it stays.
  if (plain.test(text)) return text;
  let out = '';
  for (const char of text) out += plain.test(char) ? char : percent(char);
  return out;
}

function percent(char: string): string {
  let out = '';
  for (const byte of Buffer.from(char)) out += `%${byte.toString(16).toUpperCase().padStart(2, '0')}`;
  return out;
}

/**
 * The URI that a link names (RFC 3986 §5.2 for what link lists hold), by the scheme of the base. A relative target without a leading slash is
 * taken from the root: servers that write `<time>` mean `/time` (RFC 6690 §2.1 resolves against the origin).
 * Undefined for a link to another scheme or one that cannot be read.
 */
export function resolveTarget(target: string, base: Authority): CoapUri | undefined {
  try {
    if (/^[a-z][a-z0-9+.-]*:/i.test(target)) return parseCoapUri(target);
    if (target.startsWith('//')) return parseCoapUri(`${base.scheme}:${target}`);
    const rooted = /^[/?]/.test(target) ? target : `/${target}`;
    const { segments, query } = parseCoapUri(`coap://x${rooted}`);
    const { scheme, host, numeric, port } = base;
    return compose({ scheme, host, numeric, port }, segments, query);
  } catch {
    return undefined;
  }
}
