/** Accept and Accept-Encoding to what is asked of CoAP, which knows one wanted format or none (RFC 8075 §6.1). */
import { acceptFormatOf, parseMediaType } from './media-types.ts';
import type { MediaType } from './media-types.ts';

export const EVENT_STREAM = 'text/event-stream';

/** One request each, the next one where the last was answered with 4.06. Undefined asks for no format. */
export type AcceptAttempts = readonly (number | undefined)[];

export interface Accepting {
  /** `text/event-stream` is among the ranges: the client wants to observe. */
  eventStream: boolean;
  attempts: AcceptAttempts;
}

const MAX_ATTEMPTS = 4;
const MAX_RANGES = 64;

/**
 * The formats to ask for, best first. Ranges that have no number are passed over, as §6.1 wants it, and where none has
 * one nothing is asked for. Where everything is acceptable, only formats that the client likes better are asked for
 * first: a browser, which likes web pages, costs the device one request and not three.
 */
export function acceptAttempts(accept: string | undefined, acceptEncoding: string | undefined): Accepting {
  const ranges = readAccept(accept ?? '');
  const eventStream = ranges.some(({ media }) => media.type === EVENT_STREAM);
  const wanted = ranges.filter(({ media }) => media.type !== EVENT_STREAM);
  const best = wanted[0]?.q ?? 0;
  const anything = wanted.find(({ media }) => media.type === '*/*');
  const coding = wantedCoding(acceptEncoding);
  const attempts: (number | undefined)[] = [];
  for (const { media, q } of wanted) {
    if (anything !== undefined && (q < best || q <= anything.q)) continue;
    const format = acceptFormatOf(media, coding);
    if (format !== undefined && !attempts.includes(format)) attempts.push(format);
  }
  if (anything === undefined && attempts.length > 0) {
    return { eventStream, attempts: attempts.slice(0, MAX_ATTEMPTS) };
  }
  return { eventStream, attempts: [...attempts.slice(0, MAX_ATTEMPTS - 1), undefined] };
}

/** Codings are asked for only where the client takes nothing else: they cost the device more than they save. */
function wantedCoding(acceptEncoding: string | undefined): string | null {
  const codings = (acceptEncoding ?? '').toLowerCase();
  return /(?:^|[\s,])identity\s*;\s*q=0(?:\.0*)?\s*(?:,|$)/.test(codings) &&
    /(?:^|[\s,])deflate\b(?!\s*;\s*q=0(?:\.0*)?\s*(?:,|$))/.test(codings)
    ? 'deflate'
    : null;
}

interface Range {
  media: MediaType;
  q: number;
}

/** By weight, then as written; those with weight 0 and what cannot be read are left out. */
function readAccept(accept: string): Range[] {
  const ranges: Range[] = [];
  for (const part of splitList(accept).slice(0, MAX_RANGES)) {
    const media = parseMediaType(part);
    if (media === undefined) continue;
    const weight = media.parameters.get('q') ?? '1';
    const q = /^(0(\.\d{0,3})?|1(\.0{0,3})?)$/.test(weight) ? Number(weight) : 0;
    if (q > 0) ranges.push({ media, q });
  }
  return ranges.sort((a, b) => b.q - a.q);
}

/** At commas that are not in quotes (RFC 9110 §5.6.1); a quote that is not closed takes the rest. */
export function splitList(text: string): string[] {
  const parts: string[] = [];
  let quoted = false;
  let from = 0;
  for (let at = 0; at <= text.length; at++) {
    const char = text[at];
    if (char === '"') quoted = !quoted;
    else if (char === '\\' && quoted) at++;
    else if (char === undefined || (char === ',' && !quoted)) {
      const part = text.slice(from, at).trim();
      if (part !== '') parts.push(part);
      from = at + 1;
    }
  }
  // An escape at the very end jumps over it.
  const rest = text.slice(from).trim();
  return rest === '' ? parts : [...parts, rest];
}
