/**
 * CoRE Link Format (RFC 6690 §2):
 *
 *     Link            = link-value-list
 *     link-value      = "<" URI-Reference ">" *( ";" link-param )
 *     link-param      = parmname [ "=" ( ptoken / quoted-string ) ]
 *
 * The whole grammar is read; where real servers are sloppy the parser is not strict: white space and line ends
 * around separators, empty list members, NUL padding at the end, characters in an unquoted value that a ptoken may
 * not have. What would change the meaning is refused: text outside `<...>`, an unclosed `<` or quote.
 */
import { coapError } from '../errors.ts';
import { resolveTarget } from '../uri.ts';
import type { CoapUri } from '../uri.ts';

export interface ParsedLink {
  /** Between `<` and `>`, as written. */
  target: string;
  /** In order of appearance, names in lower case; a flag has an empty value. */
  attributes: [name: string, value: string][];
}

/** More links in one list are refused. */
export const MAX_LINKS = 10_000;
/** So are more characters: the event loop has other things to do than to read 16 MiB of them in one go. */
export const MAX_LIST_CHARS = 2 * 1024 * 1024;
const MAX_ATTRIBUTES = 100;

const PADDING = /[\0\s]/;

/** Fails with `coap.links_malformed`, `detail.at` being the offset in characters, or `coap.too_large`. */
export function parseLinkFormat(text: string): ParsedLink[] {
  if (text.length > MAX_LIST_CHARS) {
    throw coapError('coap.too_large', `The link list has more than ${MAX_LIST_CHARS} characters.`, {
      limit: MAX_LIST_CHARS,
    });
  }
  const reader = new Reader(withoutPadding(text.replace(/^\uFEFF/, '')));
  const links: ParsedLink[] = [];
  for (;;) {
    while (reader.skip(',')) continue;
    if (reader.ended) return links;
    if (links.length === MAX_LINKS) {
      throw coapError('coap.too_large', `The link list has more than ${MAX_LINKS} links; no more are read.`, {
        limit: MAX_LINKS,
      });
    }
    links.push(readLink(reader));
    if (!reader.ended && !reader.skip(',')) throw malformed('a comma is expected between links', reader.at);
  }
}

/** By hand: a pattern that ends in `$` begins anew at each space, and takes hours for a body of spaces alone. */
function withoutPadding(text: string): string {
  let end = text.length;
  while (end > 0 && PADDING.test(text[end - 1]!)) end--;
  return text.slice(0, end);
}

function readLink(reader: Reader): ParsedLink {
  if (!reader.skip('<')) throw malformed('a link begins with "<"', reader.at);
  const target = reader.until('>');
  if (target === undefined) throw malformed('"<" is not closed', reader.at);
  const attributes: [string, string][] = [];
  while (reader.skip(';')) {
    const name = reader.word(/[;,=\s]/y);
    // `;;` and a `;` before the comma are seen in the field and mean nothing.
    if (name === '' && !reader.peek('=')) continue;
    if (name === '') throw malformed('an attribute without a name', reader.at);
    if (attributes.length === MAX_ATTRIBUTES) {
      throw malformed(`more than ${MAX_ATTRIBUTES} attributes in one link`, reader.at);
    }
    attributes.push([name.toLowerCase(), reader.skip('=') ? readValue(reader) : '']);
  }
  return { target: target.trim(), attributes };
}

function readValue(reader: Reader): string {
  if (!reader.skip('"')) return reader.word(/[;,]/y).trimEnd();
  const value = reader.quoted();
  if (value === undefined) throw malformed('a quote is not closed', reader.at);
  return value;
}

class Reader {
  readonly #text: string;
  at = 0;

  constructor(text: string) {
    this.#text = text;
    this.#space();
  }

  get ended(): boolean {
    return this.at >= this.#text.length;
  }

  peek(char: string): boolean {
    return this.#text[this.at] === char;
  }

  /** Takes `char` and the white space around it; nothing is taken when something else comes. */
  skip(char: string): boolean {
    this.#space();
    if (!this.peek(char)) return false;
    this.at++;
    if (char !== '"') this.#space();
    return true;
  }

  until(char: string): string | undefined {
    const end = this.#text.indexOf(char, this.at);
    if (end < 0) return undefined;
    const taken = this.#text.slice(this.at, end);
    this.at = end + 1;
    return taken;
  }

  /** Everything up to a character of `stop`, which is a sticky pattern for one character. */
  word(stop: RegExp): string {
    const from = this.at;
    while (this.at < this.#text.length) {
      stop.lastIndex = this.at;
      if (stop.test(this.#text)) break;
      this.at++;
    }
    return this.#text.slice(from, this.at);
  }

  /** The rest of a quoted string, `\x` standing for `x`; the opening quote is taken already. */
  quoted(): string | undefined {
    let value = '';
    while (this.at < this.#text.length) {
      const char = this.#text[this.at++]!;
      if (char === '"') return value;
      if (char === '\\' && this.at < this.#text.length) value += this.#text[this.at++]!;
      else value += char;
    }
    return undefined;
  }

  #space(): void {
    while (this.at < this.#text.length && ' \t\r\n'.includes(this.#text[this.at]!)) this.at++;
  }
}

function malformed(why: string, at: number): Error {
  return coapError('coap.links_malformed', `The link list cannot be read at character ${at}: ${why}.`, {
    at,
  });
}

/** RFC 6690 §3: later ones in the same link are ignored. Anything else repeated is joined with spaces. */
const ONCE = new Set(['rt', 'if', 'sz', 'title', 'title*', 'rel', 'media', 'type', 'anchor']);

export function attributeRecord(attributes: readonly [string, string][]): Record<string, string> {
  // No prototype: an attribute may be called `__proto__`.
  const record = Object.create(null) as Record<string, string>;
  for (const [name, value] of attributes) {
    if (record[name] === undefined) record[name] = value;
    else if (!ONCE.has(name) && value !== '') record[name] = `${record[name]} ${value}`.trim();
  }
  return record;
}

/** Writes a list that `parseLinkFormat` reads back to the same links. */
export function formatLinks(links: readonly ParsedLink[]): string {
  let text = '';
  for (const { target, attributes } of links) {
    text += `${text === '' ? '' : ','}<${target}>`;
    for (const attribute of attributes) text += formatAttribute(attribute);
  }
  return text;
}

/** Never numbers, even where they look like one: §2 gives them quotes. */
const TEXTS = new Set(['rt', 'if', 'rel', 'rev', 'title', 'anchor']);

function formatAttribute([name, value]: [string, string]): string {
  if (value === '') return `;${name}`;
  // §2: sz is a cardinal and ct a number, several of which need quotes (RFC 7252 §7.2.1).
  if (/^\d+$/.test(value) && !TEXTS.has(name)) return `;${name}=${value}`;
  // `title*=UTF-8'de'%C3%9C` is never quoted (RFC 5987 §3.2.1).
  if (name.endsWith('*') && /^[\w'%!#$&+.^`|~-]+$/.test(value)) return `;${name}=${value}`;
  const escaped = /["\\]/.test(value) ? value.replaceAll(/["\\]/g, '\\$&') : value;
  return `;${name}="${escaped}"`;
}

/** One resource of a server, ready to be asked. */
export interface Link {
  /** As the server wrote it. */
  target: string;
  /** Absolute and canonical. */
  uri: string;
  /** `coap://host:port` of `uri`: another server than the one asked, where the list says so. */
  authority: string;
  path: string;
  /** rt, if, ct, sz, obs, title and the rest; a flag has an empty value. */
  attributes: Record<string, string>;
  observable: boolean;
}

/**
 * Links that lead to CoAP servers, relative ones resolved against `base`; each URI once: as what the server hosts,
 * where it also stands in another relation (RFC 6690 §2.2). Links to other schemes (a manual on the web) and targets
 * that are no URI are left out.
 */
export function resolveLinks(links: readonly ParsedLink[], base: CoapUri): Link[] {
  const resolved = new Map<string, Link>();
  for (const { target, attributes } of links) {
    const uri = resolveTarget(target, base);
    if (uri === undefined) continue;
    const record = attributeRecord(attributes);
    const earlier = resolved.get(uri.uri);
    if (earlier !== undefined && (isHosted(earlier.attributes) || !isHosted(record))) continue;
    resolved.set(uri.uri, {
      target,
      uri: uri.uri,
      authority: uri.authority,
      path: uri.path,
      attributes: record,
      observable: record['obs'] !== undefined,
    });
  }
  return [...resolved.values()];
}

function isHosted({ rel, anchor }: Record<string, string>): boolean {
  return rel === undefined ? anchor === undefined : rel.split(' ').includes('hosts');
}
