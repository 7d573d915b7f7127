/** Notifications as a list and as figures. Pure. */
import type { CoapResponseView } from '../../../../../core/contract/coap.ts';
import type { CoapNotification } from '../../../../../core/contract/coap-browser.ts';
import { formatBytes, formatValue } from '../../../lib/format.ts';
import { decodeText } from '../../../lib/payload.ts';
import { numberOf } from '../payload-view.ts';

export const MOST_LISTED = 500;

export interface ListedNotification extends CoapNotification {
  /** Steps with each; the key of its row. */
  number: number;
  /** It is older than one that came before it (RFC 7641 §3.4). */
  reordered: boolean;
}

const HALF = 2 ** 23;
const FRESH_MS = 128_000;

/** Whether `next` comes after `before` by their Observe values (RFC 7641 §3.4). */
export function isNewer(
  before: Pick<CoapNotification, 'observe' | 'receivedMs'>,
  next: Pick<CoapNotification, 'observe' | 'receivedMs'>,
): boolean {
  if (before.observe === null || next.observe === null) return true;
  const [v1, v2] = [before.observe, next.observe];
  return (
    (v1 < v2 && v2 - v1 < HALF) ||
    (v1 > v2 && v1 - v2 > HALF) ||
    next.receivedMs > before.receivedMs + FRESH_MS
  );
}

/** The list with new ones in front, the oldest let go past the bound. */
export function withNew(
  list: readonly ListedNotification[],
  more: readonly CoapNotification[],
  firstNumber: number,
): ListedNotification[] {
  let newest: CoapNotification | undefined = list.find(({ reordered }) => !reordered);
  const added = more.map((one, i): ListedNotification => {
    const reordered = newest !== undefined && !isNewer(newest, one) && one.observe !== newest.observe;
    if (!reordered) newest = one;
    return { ...one, number: firstNumber + i, reordered };
  });
  return [...added.reverse(), ...list].slice(0, MOST_LISTED);
}

const LEAST_SPAN_MS = 5_000;

/** Notifications per minute over the last minute, or since the first of them; null while it cannot be told. */
export function perMinute(
  list: readonly Pick<CoapNotification, 'receivedMs'>[],
  nowMs: number,
): number | null {
  const recent = list.filter(({ receivedMs }) => receivedMs > nowMs - 60_000);
  const oldest = recent.at(-1);
  if (recent.length < list.length) return recent.length;
  // Of two or three that came at once no rate can be told.
  if (oldest === undefined || recent.length < 2 || nowMs - oldest.receivedMs < LEAST_SPAN_MS) return null;
  return ((recent.length - 1) * 60_000) / (nowMs - oldest.receivedMs);
}

/** One line of what it says: its numbers, else its text, else its first bytes. */
export function shortText({ values, payload, bytes }: CoapNotification): string {
  if (values.length > 0) {
    return values.map(({ name, unit, value }) => `${name} ${formatValue(value, unit)}`.trim()).join(', ');
  }
  if (bytes === 0) return 'no payload';
  const head = payload.subarray(0, 200);
  const text = decodeText(head, head.byteLength === bytes);
  if (text !== null) return text.replace(/\s+/g, ' ');
  return Array.from(head.subarray(0, 24), (byte) => byte.toString(16).padStart(2, '0')).join(' ');
}

/** An answer to a GET, listed among notifications. */
export function fromAnswer(answer: CoapResponseView, receivedMs: number): CoapNotification {
  const value = numberOf(answer.text);
  return {
    receivedMs,
    code: answer.code,
    codeName: answer.codeName,
    observe: null,
    contentFormat: answer.contentFormat,
    maxAgeSeconds: answer.maxAgeSeconds,
    payload: answer.payload,
    bytes: answer.payload.length + answer.leftOutBytes,
    values: value === null || !answer.code.startsWith('2.') ? [] : [{ name: '', unit: '', value }],
  };
}

/** What is said of a size where it matters. */
export function sizeText({ bytes }: CoapNotification): string {
  return bytes === 0 ? '' : formatBytes(bytes);
}
