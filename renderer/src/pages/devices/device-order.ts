/** Which devices the table shows, and in which order. Pure: rows in, numbers out. */
import type { DeviceRow, Protocol } from '../../../../core/contract/devices.ts';
import { PRESENCES, presenceOf } from '../../lib/presence.ts';
import type { Presence } from '../../lib/presence.ts';
import { seriesOf } from '../../lib/quantities.ts';

export const SORT_KEYS = ['presence', 'name', 'protocol', 'temperature', 'humidity', 'seen'] as const;
export type SortKey = (typeof SORT_KEYS)[number];

export interface Wanted {
  search: string;
  protocol: Protocol | 'all';
  presence: Presence | 'all';
  sort: SortKey;
  descending: boolean;
}

/** True where the order follows values and so changes by itself. */
export function isMovingOrder(sort: SortKey): boolean {
  return sort !== 'name' && sort !== 'protocol';
}

interface Candidate {
  id: number;
  searchText: string;
  peek(): DeviceRow;
}

/**
 * Numbers of the devices to show. `devices` come sorted by name: the sort is stable, so that order decides between
 * equals, and comparing thousands of names each second is spared.
 */
export function orderDevices(devices: readonly Candidate[], wanted: Wanted, nowMs: number): number[] {
  const words = wanted.search.toLowerCase().split(/\s+/).filter(Boolean);
  const picked: { id: number; rank: number | string | null }[] = [];
  for (const device of devices) {
    if (!words.every((word) => device.searchText.includes(word))) continue;
    const row = device.peek();
    if (wanted.protocol !== 'all' && !row.protocols.includes(wanted.protocol)) continue;
    if (wanted.presence !== 'all' && presenceOf(row, nowMs) !== wanted.presence) continue;
    picked.push({ id: device.id, rank: rankOf(row, wanted.sort, nowMs) });
  }
  if (wanted.sort === 'name') {
    if (wanted.descending) picked.reverse();
    return picked.map(({ id }) => id);
  }
  const sign = wanted.descending ? -1 : 1;
  picked.sort((a, b) => {
    if (a.rank === b.rank) return 0;
    // What has no value is last, whichever way the column is sorted.
    if (a.rank === null || b.rank === null) return a.rank === null ? 1 : -1;
    return a.rank < b.rank ? -sign : sign;
  });
  return picked.map(({ id }) => id);
}

function rankOf(row: DeviceRow, sort: SortKey, nowMs: number): number | string | null {
  switch (sort) {
    case 'presence':
      return PRESENCES.indexOf(presenceOf(row, nowMs));
    case 'name':
      return null; // The order they come in.
    case 'protocol':
      return row.protocols.join(' ');
    case 'seen':
      // The most recently heard one comes first when ascending, as an age does. Whole seconds keep rows from dancing.
      return -Math.floor(row.lastSeenMs / 1000);
    default:
      return seriesOf(row, sort)?.last?.v ?? null;
  }
}
