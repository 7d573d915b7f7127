/** `/.well-known/core` on the HTTP side (RFC 8075 §5.5, RFC 6690 §4.1). */
import type { ServerResponse } from 'node:http';
import { formatLinks } from '../../coap/links/link-format.ts';
import type { ParsedLink } from '../../coap/links/link-format.ts';
import { hcLinks } from '../../coap/proxy/links.ts';
import { plain } from '../answers.ts';

const LINKS = hcLinks();

export function answerDiscovery(response: ServerResponse, enabled: boolean, query: string): void {
  const links = enabled ? LINKS.filter((link) => matches(link, query)) : [];
  plain(response, 200, formatLinks(links), 'application/link-format');
}

/** One `name=value` with `*` at its end for any rest; a query of another form passes all. */
function matches({ target, attributes }: ParsedLink, query: string): boolean {
  const equals = query.indexOf('=');
  if (equals < 0) return true;
  const name = query.slice(0, equals);
  const wanted = decoded(query.slice(equals + 1));
  const values =
    name === 'href' ? [target] : attributes.filter(([own]) => own === name).map(([, own]) => own);
  return values.some((value) =>
    wanted.endsWith('*') ? value.startsWith(wanted.slice(0, -1)) : value === wanted,
  );
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
