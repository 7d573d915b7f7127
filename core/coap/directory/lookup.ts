/** The two lookups of a resource directory: pure functions over its registrations (RFC 9176 §6). */
import { attributeMeets, linkMeets, pageOf, parseCriterion, splitPaging } from '../links/filter.ts';
import type { LinkCriterion, LinkPage } from '../links/filter.ts';
import type { ParsedLink } from '../links/link-format.ts';
import type { Registrant, Registration } from './registration.ts';
import { scopeOf, scopeOfUri, withoutScope } from './scope.ts';

interface Search extends LinkPage {
  criteria: LinkCriterion[];
}

/** Undefined for a query that cannot be read: 4.00. */
export function readSearch(query: readonly string[]): Search | undefined {
  const split = splitPaging(query);
  if (split === undefined) return undefined;
  const { page, count, search } = split;
  return { page, count, criteria: search.map(parseCriterion).filter((one) => one !== undefined) };
}

/** §6.4: one link per registration resource. */
export function lookupEndpoints(
  registrations: Iterable<Registration>,
  search: Search,
  registrant: Registrant,
): ParsedLink[] {
  const found: ParsedLink[] = [];
  for (const registration of registrations) {
    if (!mayBeShown(registration, registrant)) continue;
    const link = endpointLink(registration);
    const origin = originOf(withoutScope(registration.base));
    const meets = search.criteria.every((criterion) => {
      if (endpointMeets(link, criterion)) return true;
      // §6.2: an endpoint is also found by any of its resources.
      return registration.links.some((resource) => resourceMeets(resource, origin, criterion));
    });
    if (meets) found.push(link);
  }
  return pageOf(found, search);
}

/** §6.3: all links of all registrations, their targets and anchors resolved. */
export function lookupResources(
  registrations: Iterable<Registration>,
  search: Search,
  registrant: Registrant,
): ParsedLink[] {
  const found: ParsedLink[] = [];
  const enough = search.count === undefined ? Infinity : (search.page + 1) * search.count;
  for (const registration of registrations) {
    if (found.length >= enough) break;
    if (!mayBeShown(registration, registrant)) continue;
    // §6.2: a resource is also found by what its endpoint is.
    const endpoint = endpointLink(registration);
    const open = search.criteria.filter((criterion) => !endpointMeets(endpoint, criterion));
    const origin = originOf(withoutScope(registration.base));
    for (const link of registration.links) {
      if (open.every((criterion) => resourceMeets(link, origin, criterion)))
        found.push(resolved(link, origin));
    }
  }
  return pageOf(found, search);
}

function endpointLink({ location, endpoint, sector, base, attributes }: Registration): ParsedLink {
  const own: [string, string][] = [['ep', endpoint]];
  if (sector !== null) own.push(['d', sector]);
  own.push(['base', withoutScope(base)]);
  return { target: location, attributes: [...own, ...attributes, ['rt', 'core.rd-ep']] };
}

function endpointMeets(link: ParsedLink, criterion: LinkCriterion): boolean {
  if (criterion.name !== 'href') {
    return link.attributes.some(([name, value]) => {
      return name === criterion.name && attributeMeets(value, criterion);
    });
  }
  // §6.2: as a path, or as the whole URI by which the directory is known.
  const value = criterion.value.replace(/^[a-z][a-z0-9+.-]*:\/\/[^/]*(?=\/rd\/)/i, '');
  return linkMeets(link, { ...criterion, value });
}

/** Only what a search may name is resolved first: most links are not chosen. */
function resourceMeets(link: ParsedLink, origin: string, criterion: LinkCriterion): boolean {
  const { name } = criterion;
  return linkMeets(name === 'href' || name === 'anchor' ? resolved(link, origin) : link, criterion);
}

/** §6.1: the target is resolved, an anchor where one was registered; the rest stays as it was. */
function resolved({ target, attributes }: ParsedLink, origin: string): ParsedLink {
  const anchored = attributes.some(([name]) => name === 'anchor');
  return {
    target: resolve(target, origin),
    attributes: anchored
      ? attributes.map(([name, value]) => [name, name === 'anchor' ? resolve(value, origin) : value])
      : attributes,
  };
}

function originOf(base: string): string {
  return /^[^:]+:\/\/[^/]*/.exec(base)?.[0] ?? base;
}

/** Against the origin: a registered list speaks of that alone (RFC 6690 §2.1, RFC 9176 appendix C.4). */
function resolve(reference: string, origin: string): string {
  if (/^[a-z][a-z0-9+.-]*:/i.test(reference)) return reference;
  if (reference.startsWith('//')) return origin.slice(0, origin.indexOf(':') + 1) + reference;
  if (reference === '') return origin;
  return origin + (/^[/?]/.test(reference) ? '' : '/') + reference;
}

/** §6.1, §6.4: what is reachable on one link only is told on that link only. */
function mayBeShown({ base }: Registration, { from }: Registrant): boolean {
  const scope = scopeOfUri(base);
  return scope === undefined || scope === scopeOf(from.address);
}
