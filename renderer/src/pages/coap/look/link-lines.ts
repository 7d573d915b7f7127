/** A link-format payload (RFC 6690 §2) as rows of a table. Pure. */
export interface LinkLine {
  /** As it stands in the payload. */
  target: string;
  /** Resolved against the request; null for what is no CoAP address. */
  uri: string | null;
  attributes: { name: string; value: string }[];
}

export interface LinkLines {
  links: LinkLine[];
  /** Links past the bound. */
  leftOut: number;
  /** Where the text stops being link-format, one line; null when all of it is. */
  problem: string | null;
}

const MOST_LINKS = 2_000;
const TARGET = /\s*<([^>]*)>/y;
const ATTRIBUTE = /\s*;\s*([^\s=;,"<>]+)(?:\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s;,"]*)))?/y;
const COMMA = /\s*,/y;

export function readLinks(text: string, requestUri: string): LinkLines {
  const links: LinkLine[] = [];
  let leftOut = 0;
  let at = 0;
  const take = (pattern: RegExp): RegExpExecArray | null => {
    pattern.lastIndex = at;
    const match = pattern.exec(text);
    if (match !== null) at = pattern.lastIndex;
    return match;
  };
  const broken = (): LinkLines => ({
    links,
    leftOut,
    problem: `The text is no link-format from character ${at + 1} on.`,
  });
  if (text.trim() === '') return { links, leftOut, problem: null };
  for (;;) {
    const target = take(TARGET)?.[1];
    if (target === undefined) return broken();
    const attributes: LinkLine['attributes'] = [];
    for (let match = take(ATTRIBUTE); match !== null; match = take(ATTRIBUTE)) {
      attributes.push({ name: match[1]!, value: (match[2] ?? match[3] ?? '').replace(/\\(.)/g, '$1') });
    }
    if (links.length < MOST_LINKS) links.push({ target, uri: resolveTarget(target, requestUri), attributes });
    else leftOut++;
    if (text.slice(at).trim() === '') return { links, leftOut, problem: null };
    if (take(COMMA) === null) return broken();
  }
}

/** A reference against the URI that was asked: `/a`, `a`, `?q`, or a whole address. Null for what is no CoAP. */
export function resolveTarget(reference: string, requestUri: string): string | null {
  if (/^coaps?(\+(tcp|ws))?:\/\//i.test(reference)) return reference;
  if (/^[a-z][a-z\d+.-]*:/i.test(reference)) return null;
  const match = /^([^:]+:\/\/[^/?#]+)([^?#]*)/.exec(requestUri);
  if (match === null) return null;
  const [, authority = '', path = ''] = match;
  if (reference.startsWith('//')) return authority.slice(0, authority.indexOf(':') + 1) + reference;
  if (reference.startsWith('/')) return authority + reference;
  if (reference === '' || reference.startsWith('?')) return authority + path + reference;
  return `${authority}${path.slice(0, path.lastIndexOf('/') + 1) || '/'}${reference}`;
}
