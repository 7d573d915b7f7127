/**
 * Choosing among links: `?rt=temperature*` on `/.well-known/core` (RFC 6690 §4.1) and the lookups of a resource
 * directory (RFC 9176 §6.2).
 */
import type { ParsedLink } from './link-format.ts';

/** One search criterion. */
export interface LinkCriterion {
  /** `href`, or the name of an attribute in lower case. */
  name: string;
  value: string;
  /** `value` is only the beginning: it was written with a `*` at its end. */
  prefix: boolean;
  /** `?obs` without `=`: only whether the attribute is there. */
  presence: boolean;
}

/**
 * Attributes with several values, parted by spaces: each counts alone (RFC 6690 §4.1; ct: RFC 7252 §7.2.1). Not et,
 * which is said several times instead (RFC 9176 §9.3.1).
 */
const LISTS = new Set(['rt', 'if', 'rel', 'rev', 'ct']);
/** Of these only the first in a link means anything (RFC 6690 §3, RFC 8288 §3). */
const ONCE = new Set(['rt', 'if', 'sz', 'title', 'title*', 'rel', 'media', 'type', 'anchor']);

/** The criterion in one decoded Uri-Query; undefined for one without a name, which asks for nothing. */
export function parseCriterion(query: string): LinkCriterion | undefined {
  const equals = query.indexOf('=');
  const name = (equals < 0 ? query : query.slice(0, equals)).toLowerCase();
  if (name === '') return undefined;
  const pattern = equals < 0 ? '' : query.slice(equals + 1);
  const prefix = pattern.endsWith('*');
  return { name, value: prefix ? pattern.slice(0, -1) : pattern, prefix, presence: equals < 0 };
}

/**
 * The links that meet every criterion of `query` (the decoded Uri-Query options), in their order. RFC 6690 allows
 * one criterion only, RFC 9176 §6.2 any number, all of which must be met. An attribute that no link has meets nothing.
 */
export function filterLinks(links: readonly ParsedLink[], query: readonly string[]): ParsedLink[] {
  const criteria = query.map(parseCriterion).filter((one) => one !== undefined);
  return links.filter((link) => criteria.every((criterion) => linkMeets(link, criterion)));
}

export function linkMeets(link: ParsedLink, criterion: LinkCriterion): boolean {
  const { name } = criterion;
  if (name === 'href') return valueMeets(link.target, criterion);
  let named = false;
  for (const [attribute, value] of link.attributes) {
    if (attribute !== name || (named && ONCE.has(name))) continue;
    named = true;
    if (attributeMeets(value, criterion)) return true;
  }
  // A link that names no relation is a "hosts" link (RFC 6690 §2.2).
  return !named && name === 'rel' && attributeMeets('hosts', criterion);
}

/** Whether the value of an attribute of that name meets it. */
export function attributeMeets(value: string, criterion: LinkCriterion): boolean {
  if (valueMeets(value, criterion)) return true;
  return LISTS.has(criterion.name) && value.split(' ').some((member) => valueMeets(member, criterion));
}

function valueMeets(value: string, { value: wanted, prefix, presence }: LinkCriterion): boolean {
  return presence || (prefix ? value.startsWith(wanted) : value === wanted);
}

/** A part of a long list: `count` links from link `page * count` on, all of them while `count` is not said. */
export interface LinkPage {
  page: number;
  count: number | undefined;
}

/**
 * Takes `page` and `count` out of a lookup's query (RFC 9176 §6.2). Undefined when they are no whole numbers, said
 * twice, or a page without a count: 4.00.
 */
export function splitPaging(query: readonly string[]): (LinkPage & { search: string[] }) | undefined {
  const search = query.filter((one) => !/^(page|count)(=|$)/.test(one));
  const page = pagingNumber(query, 'page');
  const count = pagingNumber(query, 'count');
  if (page === null || count === null || (page !== undefined && count === undefined)) return undefined;
  return { page: page ?? 0, count, search };
}

/** Undefined when it is not said, null when it is wrong. */
function pagingNumber(query: readonly string[], name: string): number | undefined | null {
  const said = query.filter((one) => one === name || one.startsWith(`${name}=`));
  if (said.length === 0) return undefined;
  const text = said[0]!.slice(name.length + 1);
  return said.length === 1 && /^\d{1,10}$/.test(text) ? Number(text) : null;
}

export function pageOf<T>(items: readonly T[], { page, count }: LinkPage): T[] {
  return count === undefined ? [...items] : items.slice(page * count, (page + 1) * count);
}
