/** How long a certificate is still good, in words and with what it deserves. Pure. */
import { formatDuration } from './format.ts';

const DAY_MS = 86_400_000;
export const EXPIRY_WARNING_MS = 30 * DAY_MS;

export interface Expiry {
  state: 'valid' | 'soon' | 'expired' | 'not-yet';
  /** `in 43 d`, `expired 3 d 2 h ago`. */
  text: string;
}

export function expiryOf(validToMs: number, nowMs: number, validFromMs = 0): Expiry {
  const left = validToMs - nowMs;
  if (left <= 0) return { state: 'expired', text: `expired ${days(-left)} ago` };
  if (validFromMs > nowMs)
    return { state: 'not-yet', text: `not valid for another ${days(validFromMs - nowMs)}` };
  return { state: left <= EXPIRY_WARNING_MS ? 'soon' : 'valid', text: `in ${days(left)}` };
}

/** Hours matter on the last days only, days not over years. */
function days(ms: number): string {
  if (ms >= 730 * DAY_MS) return `${Math.floor(ms / (365 * DAY_MS))}\u00a0years`;
  return ms >= 3 * DAY_MS ? `${Math.floor(ms / DAY_MS)}\u00a0d` : formatDuration(ms);
}
