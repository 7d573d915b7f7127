/** Asking another resource directory which endpoints it knows (RFC 9176 §4.3, §6.4). */
import { isThisMachine } from '../address.ts';
import { coapError } from '../errors.ts';
import { attributeRecord, parseLinkFormat, resolveLinks } from '../links/link-format.ts';
import { systemResolver } from '../resolve.ts';
import type { HostResolver } from '../resolve.ts';
import { parseCoapUri } from '../uri.ts';
import { whereabouts } from './elsewhere.ts';
import type { Whereabouts } from './elsewhere.ts';

/**
 * The link-format text at a URI, whose name `resolver` looks up. Fails with `coap.*`, `coap.refused` for an answer other
 * than 2.05.
 */
export type ReadLinks = (uri: string, signal: AbortSignal, resolver: HostResolver) => Promise<string>;

export interface DirectoryEndpoint {
  authority: string;
  /** `ep`, where the directory tells it. */
  name: string | null;
}

/**
 * The CoAP servers that the directory at `uri` knows, each authority once. Without an endpoint lookup they are taken
 * from the resource lookup. Servers of this machine only from a directory on it: what listens to this machine alone
 * trusts it, and nobody elsewhere makes it ask there. Their names are looked up when they are asked, which is to be done
 * by the resolver of `place`, the directory's. Fails like `readLinks`, with `coap.links_malformed`, or
 * `coap.refused` where there is no directory.
 */
export async function lookupDirectory(
  uri: string,
  readLinks: ReadLinks,
  signal: AbortSignal,
  place?: Whereabouts,
): Promise<DirectoryEndpoint[]> {
  const directory = parseCoapUri(uri);
  const { here, resolver } = place ?? (await whereabouts(directory, systemResolver));
  const mayAsk = (authority: string): boolean => here || !isThisMachine(parseCoapUri(authority).host);
  const core = parseCoapUri(`${directory.authority}/.well-known/core?rt=core.rd*`);
  const own = resolveLinks(parseLinkFormat(await readLinks(core.uri, signal, resolver)), core);
  // A directory that does not filter tells of other resources, too.
  const find = (type: string) =>
    own.find(({ attributes, authority }) => attributes['rt']?.split(' ').includes(type) && mayAsk(authority));
  const endpoints = find('core.rd-lookup-ep');
  const resources = find('core.rd-lookup-res');
  const lookup = endpoints ?? resources;
  if (lookup === undefined) {
    throw coapError('coap.refused', `${directory.authority} is no resource directory that can be looked up.`);
  }
  const links = parseLinkFormat(await readLinks(lookup.uri, signal, resolver));
  const found = new Map<string, DirectoryEndpoint>();
  for (const { target, attributes } of links) {
    const { base, con, ep } = attributeRecord(attributes);
    // `con` is what drafts of the RFC called the base.
    const authority = authorityIn(endpoints === undefined ? target : (base ?? con));
    const name = endpoints === undefined ? null : (ep ?? null);
    if (authority === undefined || !mayAsk(authority)) continue;
    if (!found.has(authority)) found.set(authority, { authority, name });
  }
  return [...found.values()];
}

function authorityIn(uri: string | undefined): string | undefined {
  if (uri === undefined) return undefined;
  try {
    return parseCoapUri(uri).authority;
  } catch {
    return undefined; // An HTTP server, or nothing that can be read.
  }
}
