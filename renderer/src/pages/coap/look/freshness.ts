/** How long an answer may be used (Max-Age, RFC 7252 §5.10.5). Pure. */
export interface Freshness {
  /** ms until it is stale; 0 when it is. */
  leftMs: number;
  /** 1 when it came, 0 when it is stale. */
  share: number;
  stale: boolean;
  /** `fresh for 42 s`, `stale for 3 min`, `not to be kept`. */
  words: string;
}

const YEAR_SECONDS = 365 * 86_400;

export function freshnessOf(receivedMs: number, maxAgeSeconds: number, nowMs: number): Freshness {
  if (maxAgeSeconds <= 0) return { leftMs: 0, share: 0, stale: true, words: 'good for this moment only' };
  const ageMs = Math.max(0, nowMs - receivedMs);
  const leftMs = Math.max(0, maxAgeSeconds * 1000 - ageMs);
  const stale = leftMs === 0;
  const words = stale
    ? `stale for ${lengthText(ageMs - maxAgeSeconds * 1000)}`
    : maxAgeSeconds > YEAR_SECONDS
      ? 'fresh for more than a year'
      : `fresh for ${lengthText(leftMs)}`;
  return { leftMs, share: leftMs / (maxAgeSeconds * 1000), stale, words };
}

function lengthText(ms: number): string {
  const seconds = Math.ceil(ms / 1000);
  if (seconds < 60) return `${seconds}\u00a0s`;
  if (seconds < 3600) return `${Math.floor(seconds / 60)}\u00a0min ${seconds % 60}\u00a0s`;
  if (seconds < 172_800) return `${Math.floor(seconds / 3600)}\u00a0h`;
  return `${Math.floor(seconds / 86_400)}\u00a0d`;
}
