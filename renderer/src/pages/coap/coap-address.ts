import { COAP_SCHEMES } from '../../../../core/contract/coap.ts';

export type CoapScheme = (typeof COAP_SCHEMES)[number];

/** What a person types into the address bar. */
export type Address =
  | {
      ok: true;
      uri: string;
      scheme: CoapScheme;
      /** With the port written, as the station names servers. */
      authority: string;
      /** With its query; `/` when none was written. */
      path: string;
      /** Only a server was named: no path, not even `/`. */
      bare: boolean;
    }
  | { ok: false; problem: string };

/** RFC 7252 §6.1, RFC 8323 §8. */
const DEFAULT_PORTS: Record<CoapScheme, number> = {
  coap: 5683,
  'coap+tcp': 5683,
  'coaps+tcp': 5684,
  'coap+ws': 80,
  'coaps+ws': 443,
};
const SCHEME = /^([a-z][a-z0-9+.-]*):\/\//i;
const LONGEST = 2_048;

/**
 * Reads `coap://host:port/path`, also without the scheme: `10.0.0.7`, `[fe80::1%eth0]:5683/sensors`. The authority
 * comes out with its port, and the path encoded, as the station names servers and resources.
 */
export function readAddress(text: string): Address {
  const trimmed = text.trim();
  if (trimmed === '') return bad('Enter the address of a CoAP server, for example coap://192.168.1.20.');
  const scheme = SCHEME.exec(trimmed)?.[1]?.toLowerCase() ?? 'coap';
  if (!isScheme(scheme)) return bad(badScheme(scheme));
  const rest = trimmed.replace(SCHEME, '');
  if (/\s/.test(rest)) return bad('An address has no spaces; write %20 for a space in a path.');
  const [, host = '', tail = ''] = /^(\[[^\]]*\]|[^:/?#]*)(.*)$/.exec(rest) ?? [];
  if (host.includes('@')) return bad('A CoAP address has no user name before @.');
  if (host === '' || host === '[]') return bad('The name or IP address of the server is missing.');
  if (rest.startsWith('[') && !/^\[[0-9a-f:.]+(%[\w.%-]+)?\]$/i.test(host)) {
    return bad(`${host} is not an IPv6 address in brackets.`);
  }
  const [, portText, path = ''] = /^(?::(\d*))?([/?][^#]*)?$/.exec(tail) ?? [undefined, undefined, null];
  if (path === null) return bad(badTail(tail));
  const port = portText === undefined || portText === '' ? DEFAULT_PORTS[scheme] : Number(portText);
  if (port < 1 || port > 65_535) return bad('A port is a number from 1 to 65535.');
  const authority = `${scheme}://${canonicalHost(host)}:${port}`;
  const encoded = canonicalPath(path);
  if (encoded === null) return bad('A % in a path is followed by two hex digits; write %25 for % itself.');
  const uri = authority + encoded;
  if (uri.length > LONGEST) return bad(`An address has at most ${LONGEST} characters.`);
  return { ok: true, uri, scheme, authority, path: encoded === '' ? '/' : encoded, bare: encoded === '' };
}

export function isScheme(scheme: string): scheme is CoapScheme {
  return (COAP_SCHEMES as readonly string[]).includes(scheme);
}

/** `coap://host:port` of a URI that the station wrote. */
export function authorityOf(uri: string): string {
  return /^[^:]+:\/\/[^/?#]*/.exec(uri)?.[0] ?? uri;
}

/** Lower case, but the interface of a scoped address as it is, after %25 (RFC 6874). */
function canonicalHost(host: string): string {
  const [address = '', scope] = host.split(/%(?:25(?=.))?/);
  return scope === undefined ? host.toLowerCase() : `${address.toLowerCase()}%25${scope}`;
}

/** Characters that RFC 7252 §6.5 leaves as they are. */
const PATH_PLAIN = /[A-Za-z0-9\-._~!$&'()*+,;=:@]/;
const QUERY_PLAIN = /[A-Za-z0-9\-._~!$'()*+,;=:@/?]/;

/** Path and query in one encoding; null for a broken percent-encoding. */
function canonicalPath(path: string): string | null {
  if (path === '') return '';
  const at = path.indexOf('?');
  const before = at < 0 ? path : path.slice(0, at);
  const query = at < 0 ? null : path.slice(at + 1);
  try {
    const segments = before.split('/').map((part) => encodePart(part, PATH_PLAIN));
    const args = query === null ? [] : query.split('&').map((part) => encodePart(part, QUERY_PLAIN));
    return `${segments.join('/') || '/'}${query === null ? '' : `?${args.join('&')}`}`;
  } catch {
    return null;
  }
}

function encodePart(part: string, plain: RegExp): string {
  return Array.from(decodeURIComponent(part), (char) =>
    plain.test(char) ? char : encodeURIComponent(char),
  ).join('');
}

function badScheme(scheme: string): string {
  if (scheme === 'coaps')
    return 'coaps:// needs DTLS, which this version cannot speak. Use coap://, or coaps+tcp:// over TLS.';
  return `${scheme}:// is not CoAP. An address begins with ${COAP_SCHEMES.map((one) => `${one}://`).join(', ')}.`;
}

function badTail(tail: string): string {
  if (tail.includes('#')) return 'A CoAP address has no part after #.';
  if (/^:[^/]*:/.test(tail)) return 'Write an IPv6 address in brackets: coap://[fe80::1].';
  return 'A port is a number from 1 to 65535.';
}

function bad(problem: string): Address {
  return { ok: false, problem };
}
