/** What a registration holds, and where it says that its device serves (RFC 9176 §5). */
import { isIPv6 } from 'node:net';
import type { CoapTransport } from '../carrier.ts';
import { isLoopback, isThisMachine } from '../address.ts';
import type { PeerAddress } from '../address.ts';
import { messageOf } from '../../base/errors.ts';
import { resolveLinks } from '../links/link-format.ts';
import type { Link, ParsedLink } from '../links/link-format.ts';
import { numericPeer } from '../resolve.ts';
import { SCHEMES, parseCoapUri } from '../uri.ts';
import { addressText, isLinkLocal, scopeOf } from './scope.ts';

/** Who sends a request to the directory. */
export interface Registrant {
  transport: CoapTransport;
  from: PeerAddress;
  /** Who it proved to be by TLS or DTLS, else null. */
  identity: string | null;
}

/** One registered endpoint. Plain data: what is kept over a restart. */
export interface Registration {
  /** Path of its registration resource: `/rd/3f9a01c2`. */
  location: string;
  /** `ep` */
  endpoint: string;
  /** `d`, null without one. */
  sector: string | null;
  /** Absolute, without query: `coap://10.0.0.7:5683`; a link-local address carries its scope for our own use. */
  base: string;
  /** False when `base` is only where the last request came from. */
  baseGiven: boolean;
  /** All further parameters in the order in which they came, `et` (maybe several) among them. */
  attributes: [name: string, value: string][];
  lifetimeSeconds: number;
  /** Wall times, ms since the epoch. */
  registeredMs: number;
  updatedMs: number;
  expiresMs: number;
  /** As registered: not resolved. */
  links: ParsedLink[];
  /** Characters of the list that `links` was read from. */
  linkChars: number;
  owner: { transport: CoapTransport; address: string; identity: string | null };
  /** For people: `udp 10.0.0.7:5683`. */
  from: string;
}

const SCHEME_OF: Record<CoapTransport, string> = {
  udp: 'coap',
  dtls: 'coaps',
  tcp: 'coap+tcp',
  tls: 'coaps+tcp',
  ws: 'coap+ws',
  wss: 'coaps+ws',
};

/** Where a registrant serves that does not say it (§5): where its request came from. */
export function baseOf({ transport, from }: Registrant): string {
  return `${SCHEME_OF[transport]}://${addressText(from)}`;
}

const BASE =
  /^([a-z][a-z0-9+.-]*):\/\/(\[[0-9a-f:.]+\]|[^\s/?#<>"'\\^`{|}@[\]:%]+)(:\d{1,5})?(\/[^\s?#<>"\\]*)?$/i;

/**
 * A `base` that was given, ready to be kept. A link-local one belongs to the link on which the request came in
 * (§5), and says so from here on.
 */
export function readBase(text: string, registrant: Registrant): { base: string } | { problem: string } {
  const match = BASE.exec(text);
  if (match === null) return { problem: 'base must be scheme://host:port without scope, query and fragment' };
  const [, scheme, host] = match;
  let base = text.endsWith('/') ? text.slice(0, -1) : text;
  const literal = host!.startsWith('[') ? host!.slice(1, -1) : host!;
  if (isIPv6(literal) && isLinkLocal(literal)) {
    const zone = scopeOf(registrant.from.address);
    if (zone === undefined) return { problem: 'a link-local base must be registered over its own link' };
    base = base.replace(host!, `[${literal}%25${zone}]`);
  }
  if (!SCHEMES.some((one) => one === scheme!.toLowerCase())) return { base };
  try {
    const uri = parseCoapUri(base);
    numericPeer(uri);
    if (isThisMachine(uri.host) && !isLoopback(registrant.from)) {
      return { problem: 'base means another machine to whoever looks it up' };
    }
    return { base };
  } catch (error) {
    return { problem: `base: ${messageOf(error)}` };
  }
}

/** The links that lead to CoAP servers, ready to be asked; none where `base` is no CoAP server. */
export function registrationLinks({ base, links }: Registration): Link[] {
  try {
    return resolveLinks(links, parseCoapUri(base));
  } catch {
    return [];
  }
}

/** First value of an attribute, null without one. */
export function registrationAttribute(registration: Registration, name: string): string | null {
  return registration.attributes.find(([attribute]) => attribute === name)?.[1] ?? null;
}

/** Whether a record read from disk is whole: other versions may have written it. */
export function isRegistration(record: unknown): record is Registration {
  if (typeof record !== 'object' || record === null) return false;
  const { location, endpoint, sector, base, expiresMs, owner, links, attributes } =
    record as Partial<Registration>;
  const isText = (value: unknown) => typeof value === 'string';
  return (
    [location, endpoint, base, owner?.transport, owner?.address].every(isText) &&
    (sector === null || isText(sector)) &&
    Number.isFinite(expiresMs) &&
    Array.isArray(attributes) &&
    Array.isArray(links) &&
    links.every((link) => isText(link?.target) && Array.isArray(link.attributes))
  );
}
