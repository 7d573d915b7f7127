/** Content-Type and Content-Encoding to Content-Format, and back (RFC 8075 §6). */
import { CONTENT_FORMAT_NAMES } from '../codec/content-formats.ts';

export interface MediaType {
  /** `application/json`, lower case. */
  type: string;
  /** Names in lower case, values without quotes. */
  parameters: ReadonlyMap<string, string>;
}

export interface HttpMediaType {
  contentType: string;
  contentEncoding: string | null;
}

/** For numbers that are not in the table (§6.2). */
const COAP_PAYLOAD = 'application/coap-payload';
const MAX_PARAMETERS = 20;

// RFC 9110 §5.6.2, §5.6.4.
const TOKEN = "[!#$%&'*+.^_`|~0-9A-Za-z-]+";
const TYPE = new RegExp(`^\\s*(${TOKEN}/${TOKEN})`);
const PARAMETER = new RegExp(`\\s*;\\s*(?:(${TOKEN})=(?:(${TOKEN})|"((?:[^"\\\\]|\\\\.)*)"))?`, 'y');

/** Undefined for what is no media type. */
export function parseMediaType(text: string): MediaType | undefined {
  const type = TYPE.exec(text);
  if (type === null) return undefined;
  const parameters = new Map<string, string>();
  PARAMETER.lastIndex = type[0].length;
  let end = PARAMETER.lastIndex;
  for (let match = PARAMETER.exec(text); match !== null; match = PARAMETER.exec(text)) {
    end = PARAMETER.lastIndex;
    const [, name, token, quoted] = match;
    if (name === undefined) continue;
    if (parameters.size === MAX_PARAMETERS) return undefined;
    const key = name.toLowerCase();
    if (!parameters.has(key)) parameters.set(key, token ?? quoted!.replaceAll(/\\(.)/g, '$1'));
  }
  return text.slice(end).trim() === '' ? { type: type[1]!.toLowerCase(), parameters } : undefined;
}

interface Entry {
  format: number;
  parameters: ReadonlyMap<string, string>;
  coding: string | null;
}

/** By media type without parameters. */
const ENTRIES = new Map<string, Entry[]>();
/** What a number is in HTTP. In the registry a coding stands behind the type: `application/json;deflate`. */
const HTTP_NAMES = new Map<number, HttpMediaType>();

for (const [format, name] of CONTENT_FORMAT_NAMES) {
  const coding = /;\s*deflate$/.test(name) ? 'deflate' : null;
  const contentType = coding === null ? name : name.slice(0, name.lastIndexOf(';'));
  const media = parseMediaType(contentType)!;
  HTTP_NAMES.set(format, { contentType, contentEncoding: coding });
  const entries = ENTRIES.get(media.type) ?? [];
  entries.push({ format, parameters: media.parameters, coding });
  ENTRIES.set(media.type, entries);
}

/** `identity`, nothing, or codings that CoAP has; undefined for any other (several, `gzip`, `br`). */
function codingOf(contentEncoding: string | undefined): string | null | undefined {
  const coding = (contentEncoding ?? '').trim().toLowerCase();
  if (coding === '' || coding === 'identity') return null;
  return coding === 'deflate' ? coding : undefined;
}

/**
 * The number of exactly this type. Parameters must be those of the registry where it has some; where it has none, any
 * are passed over (`application/json;charset=utf-8`). Text without a charset counts as UTF-8.
 */
function exactFormat(media: MediaType, coding: string | null): number | undefined {
  const entries = ENTRIES.get(media.type)?.filter((entry) => entry.coding === coding) ?? [];
  const same = entries.find(
    ({ parameters }) =>
      parameters.size > 0 &&
      [...parameters].every(([name, value]) => sameValue(name, value, media.parameters.get(name))),
  );
  return (same ?? entries.find(({ parameters }) => parameters.size === 0))?.format;
}

function sameValue(name: string, wanted: string, given: string | undefined): boolean {
  if (name !== 'charset') return given === wanted;
  const charset = (given ?? 'utf-8').toLowerCase();
  return charset === wanted || charset === 'utf8' || charset === 'us-ascii';
}

/**
 * Table 1 of §6.3, top to bottom, without its last line: to call anything at all an octet-stream would hide from the
 * client that the device does not know what it got. Whoever means that says `application/octet-stream`.
 */
function generalized({ type, parameters }: MediaType): MediaType | undefined {
  const to = (wanted: string) => (wanted === type ? undefined : { type: wanted, parameters });
  if (/^application\/.+\+xml$/.test(type) || type === 'text/xml') return to('application/xml');
  if (/^application\/.+\+json$/.test(type)) return to('application/json');
  if (/^application\/.+\+cbor$/.test(type)) return to('application/cbor');
  if (type.startsWith('text/')) return to('text/plain');
  return undefined;
}

/** `application/coap-payload;cf=NNN`, which may only stand for numbers that have no name here (§9.2). */
function payloadFormat({ type, parameters }: MediaType): number | undefined {
  const digits = parameters.get('cf') ?? '';
  if (type !== COAP_PAYLOAD || !/^\d{1,5}$/.test(digits)) return undefined;
  const format = Number(digits);
  return format <= 0xffff && !HTTP_NAMES.has(format) ? format : undefined;
}

/**
 * The Content-Format of a request body; undefined where none fits, which is a 415 (§6.1). §6.2 wants numbers that the
 * proxy does not know to be passed on only where that was configured: to switch this proxy on and list the device is
 * that, and who may write through it may send the same number from the console.
 */
export function contentFormatOf(
  contentType: string,
  contentEncoding: string | undefined,
): number | undefined {
  const media = parseMediaType(contentType);
  const coding = codingOf(contentEncoding);
  if (media === undefined || coding === undefined) return undefined;
  if (media.type === COAP_PAYLOAD) return coding === null ? payloadFormat(media) : undefined;
  const exact = exactFormat(media, coding);
  if (exact !== undefined) return exact;
  const general = generalized(media);
  return general === undefined ? undefined : exactFormat(general, coding);
}

/** The number that stands for one media range of Accept, without generalizing: the client would get another type. */
export function acceptFormatOf(range: MediaType, coding: string | null): number | undefined {
  if (range.type === COAP_PAYLOAD) return coding === null ? payloadFormat(range) : undefined;
  return exactFormat(range, coding);
}

/** What a Content-Format is called in HTTP; one that is not known becomes `application/coap-payload` (§6.2). */
export function httpMediaType(contentFormat: number): HttpMediaType {
  const known = HTTP_NAMES.get(contentFormat);
  if (known !== undefined) return known;
  return { contentType: `${COAP_PAYLOAD};cf=${contentFormat}`, contentEncoding: null };
}
