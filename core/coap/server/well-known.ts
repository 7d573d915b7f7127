import { CONTENT, NOT_ACCEPTABLE } from '../codec/codes.ts';
import { LINK_FORMAT } from '../codec/content-formats.ts';
import { filterLinks } from '../links/filter.ts';
import { formatLinks } from '../links/link-format.ts';
import type { ParsedLink } from '../links/link-format.ts';
import type { Resource } from './resource.ts';

export const WELL_KNOWN_CORE = '.well-known/core';

/** What this server has (RFC 6690 §4), filtered by the query (§4.1). It does not list itself. */
export function wellKnownCore(links: () => ParsedLink[]): Resource {
  return {
    methods: ['GET'],
    handle({ accept, query }) {
      if (accept !== null && accept !== LINK_FORMAT) return { code: NOT_ACCEPTABLE };
      const chosen = filterLinks(links(), query);
      return {
        code: CONTENT,
        contentFormat: LINK_FORMAT,
        payload: new TextEncoder().encode(formatLinks(chosen)),
      };
    },
  };
}
