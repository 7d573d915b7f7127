/**
 * Times that devices give. The clock rule (docs/readings.md): a time from 2001 on and at most a day ahead of the
 * receipt is taken as it is, however old; any other is refused and the reading gets the time of receipt.
 */

/** Text of a time longer than this is no time. */
const LONGEST_TEXT = 40;
const ISO = /^(\d{4}-\d{2}-\d{2})[Tt ](\d{2}:\d{2}(?::\d{2})?)([.,]\d+)? ?([Zz]|[+-]\d{2}(?::?\d{2})?)$/;

/**
 * A number as ms since the epoch. Seconds, ms, us or ns are told apart by size: each unit's numbers for the years
 * 1973 to 5138 lie apart from the others'.
 */
export function msOfTimeNumber(value: number): number {
  const size = Math.abs(value);
  if (size < 1e11) return value * 1_000;
  if (size < 1e14) return value;
  if (size < 1e17) return value / 1_000;
  return value / 1_000_000;
}

/**
 * ISO 8601 with a zone, or a number in decimal, as ms since the epoch; NaN for anything else. A time without a zone
 * is NaN too: whether a device means UTC or its own wall clock cannot be known, and being hours off is worse than
 * the time of receipt.
 */
export function msOfTimeText(text: string): number {
  const trimmed = text.trim();
  if (trimmed.length === 0 || trimmed.length > LONGEST_TEXT) return NaN;
  if (/^\d+(\.\d+)?$/.test(trimmed)) return msOfTimeNumber(Number(trimmed));
  const match = ISO.exec(trimmed);
  if (match === null) return NaN;
  const [, date, time, fraction, zone] = match;
  if (!isDay(date!)) return NaN;
  const seconds = time!.length === 5 ? `${time}:00` : time!;
  const wholeMs = Date.parse(`${date}T${seconds}${zoneOf(zone!)}`);
  return fraction === undefined ? wholeMs : wholeMs + Number(`0.${fraction.slice(1)}`) * 1_000;
}

/** `Date.parse` takes the 31st of February for the 3rd of March. */
function isDay(date: string): boolean {
  const ms = Date.parse(date);
  return !Number.isNaN(ms) && new Date(ms).toISOString().startsWith(date);
}

function zoneOf(zone: string): string {
  if (zone.length === 1) return 'Z';
  const hours = zone.slice(0, 3);
  return zone.length === 3 ? `${hours}:00` : `${hours}:${zone.slice(-2)}`;
}

/** True when `ms` may be what the device's clock said at a time that ended in a receipt at `receivedMs`. */
export function isPlausibleTime(
  ms: number,
  receivedMs: number,
  limits: { earliestMs: number; maxAheadMs: number },
): boolean {
  return ms >= limits.earliestMs && ms <= receivedMs + limits.maxAheadMs;
}
