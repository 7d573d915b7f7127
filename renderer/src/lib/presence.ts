/**
 * Whether a device can be trusted to be there, by what was last heard of it:
 * - live: at least one of its series is within its own stale limit (or, without series, it was heard of lately);
 * - silent: nothing for an hour, or for ten stale limits where that is longer;
 * - stale: everything between.
 */
import type { DeviceRow } from '../../../core/contract/devices.ts';

export type Presence = 'live' | 'stale' | 'silent';
export const PRESENCES: readonly Presence[] = ['live', 'stale', 'silent'];

/** For devices that send nothing readable: long enough for anything that reports every few minutes. */
export const HEARD_LATELY_MS = 5 * 60_000;
const SILENT_AFTER_MS = 3_600_000;
const SILENT_AFTER_LIMITS = 10;

export function presenceOf(row: DeviceRow, nowMs: number): Presence {
  let longestLimitMs = 0;
  let hasValue = false;
  for (const { last, staleAfterMs } of row.series) {
    if (last === null) continue;
    hasValue = true;
    if (nowMs - last.receivedMs <= staleAfterMs) return 'live';
    longestLimitMs = Math.max(longestLimitMs, staleAfterMs);
  }
  const quietMs = nowMs - row.lastSeenMs;
  if (!hasValue && quietMs <= HEARD_LATELY_MS) return 'live';
  return quietMs > Math.max(SILENT_AFTER_MS, SILENT_AFTER_LIMITS * longestLimitMs) ? 'silent' : 'stale';
}
