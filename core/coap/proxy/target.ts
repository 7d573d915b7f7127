/**
 * Which CoAP resource an HTTP request means (RFC 8075 §5), and the way back for Location. All templates are told apart
 * by their first characters, so all of them are understood at the same time.
 */
import { LOCATION_PATH, LOCATION_QUERY } from '../codec/options.ts';
import type { CoapOption } from '../codec/options.ts';
import { coapError } from '../errors.ts';
import { parseCoapUri } from '../uri.ts';
import type { CoapUri } from '../uri.ts';

/** The HC Proxy URI: everything below is a target. */
export const HC_PATH = '/hc/';

/** URI mapping templates besides the default one, which is `{+tu}` (§5.3, §5.4). */
export const HC_TEMPLATES = ['?target_uri={+tu}', '{+s}/{+hp}{+p}{+qq}', '?s={+s}&hp={+hp}&p={+p}&q={+q}'];

const SCHEME = '[a-z][a-z0-9+.-]*';
// Clients and proxies on the way make one slash of two in a path.
const WHOLE = new RegExp(`^(${SCHEME}):/{1,2}(?!/)([^/?]*)(.*)$`, 'is');
const WHOLE_ENCODED = new RegExp(`^(${SCHEME}|[a-z0-9.-]+%2B[a-z0-9.-]+)(%3A|:)(%2F|/){1,2}`, 'i');
/** What resolvers are asked for. Anything else could be read another way by whom the URI is given to next. */
const HOST_NAME = /^[\p{L}\p{M}\p{N}._-]+$/u;
const SPLIT = new RegExp(`^(${SCHEME})/([^/?]+)(.*)$`, 'is');

/**
 * The target of a request for `/hc/...`, given as it stands in the request line. Undefined when it names none (null
 * mapping, §5.2). Fails with `coap.bad_uri`.
 */
export function targetOf(requestTarget: string): CoapUri | undefined {
  const rest = requestTarget.slice(HC_PATH.length);
  if (rest === '' || rest === '?') return undefined;
  if (rest.startsWith('?')) return targetOfQuery(rest.slice(1));
  const [path, query] = cut(rest, '?');
  if (!WHOLE.test(path) && WHOLE_ENCODED.test(path)) {
    const decoded = decodeWhole(path);
    return whole(query === undefined ? decoded : `${decoded}${decoded.includes('?') ? '&' : '?'}${query}`);
  }
  if (WHOLE.test(rest)) return whole(rest);
  const split = SPLIT.exec(rest);
  if (split !== null && /^coaps?(\+[a-z]+)?$/i.test(split[1]!)) {
    return whole(`${split[1]}://${split[2]}${split[3]}`);
  }
  // §5.3.1: no scheme is agreed on, so one has to be given.
  throw coapError(
    'coap.bad_uri',
    'After /hc/ comes a whole CoAP URI with its scheme: /hc/coap://host:port/path?query.',
  );
}

function targetOfQuery(query: string): CoapUri {
  if (query.startsWith('target_uri=')) {
    // {+tu} is written as it is, with `?` and `&`: it takes all that follows.
    const value = query.slice('target_uri='.length);
    if (value === '') throw coapError('coap.bad_uri', 'target_uri is empty.');
    return whole(WHOLE.test(value) ? value : decodeWhole(value.replaceAll('+', ' ')));
  }
  const match = /^s=([^&]*)&hp=([^&]*)(?:&p=([^&]*))?(?:&q=(.*))?$/s.exec(query);
  if (match === null) {
    throw coapError(
      'coap.bad_uri',
      `Not understood: the query is ${HC_TEMPLATES.filter((one) => one.startsWith('?')).join(' or ')}.`,
    );
  }
  const [, s = '', hp = '', p = '', q = ''] = match;
  // {+p} leaves slashes as they are; where all of it is encoded, they are meant too.
  const path = p === '' || p.startsWith('/') ? p : decodeSlashes(p);
  return whole(`${decodeWhole(s)}://${hp.replace(/%3A/gi, ':')}${path}${q === '' ? '' : `?${q}`}`);
}

/** §5.3.2: the brackets of an IPv6 address come percent-encoded; all else is as it stands. */
function whole(uri: string): CoapUri {
  const match = WHOLE.exec(uri);
  if (match === null) throw coapError('coap.bad_uri', 'The target is not of the form coap://host:port/path.');
  const [, scheme, authority, rest] = match;
  const host = authority!.replace(/^%5B/i, '[').replace(/%5D(?=(:\d*)?$)/i, ']');
  const target = parseCoapUri(`${scheme}://${host}${rest}`);
  if (!target.numeric && !HOST_NAME.test(target.host)) {
    throw coapError('coap.bad_uri', 'The host of the target is neither an address nor a name.');
  }
  return target;
}

function decodeWhole(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    throw coapError('coap.bad_uri', 'The target has a broken percent-encoding.');
  }
}

function decodeSlashes(path: string): string {
  return path.replaceAll(/%2F/gi, '/');
}

function cut(text: string, at: string): [string, string | undefined] {
  const index = text.indexOf(at);
  return index < 0 ? [text, undefined] : [text.slice(0, index), text.slice(index + 1)];
}

/** The HTTP path of a target by the default mapping. */
export function hostingPath(target: CoapUri): string {
  return HC_PATH + target.uri.replace('[', '%5B').replace(']', '%5D');
}

/**
 * What Location-Path and Location-Query of a response name (RFC 7252 §5.10.7), as a path of this proxy; undefined
 * without them, or where they cannot be told in a URI.
 */
export function hostingLocation(target: CoapUri, options: readonly CoapOption[]): string | undefined {
  const texts = (number: number) =>
    options.filter((one) => one.number === number).map((one) => new TextDecoder().decode(one.value));
  const path = texts(LOCATION_PATH);
  const query = texts(LOCATION_QUERY);
  if (path.length === 0 && query.length === 0) return undefined;
  if (path.some((segment) => segment === '.' || segment === '..')) return undefined;
  const encode = (text: string) => encodeURIComponent(text.toWellFormed());
  const args = query.length === 0 ? '' : `?${query.map(encode).join('&')}`;
  try {
    return hostingPath(parseCoapUri(`${target.authority}/${path.map(encode).join('/')}${args}`));
  } catch {
    return undefined;
  }
}
