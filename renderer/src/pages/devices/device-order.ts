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

const collator = new Intl.Collator(undefined, { numeric: true, sensitivity: 'base' });

export function orderDevices(devices: readonly Candidate[], wanted: Wanted, nowMs: number): number[] {
  const words = wanted.search.toLowerCase().split(/\s+/).filter(Boolean);
  const picked: { id: number; row: DeviceRow; rank: number | string | null }[] = [];
  for (const device of devices) {
    if (!words.every((word) => device.searchText.includes(word))) continue;
    const row = device.peek();
    if (wanted.protocol !== 'all' && !row.protocols.includes(wanted.protocol)) continue;
    if (wanted.presence !== 'all' && presenceOf(row, nowMs) !== wanted.presence) continue;
    picked.push({ id: device.id, row, rank: rankOf(row, wanted.sort, nowMs) });
  }
  const sign = wanted.descending ? -1 : 1;
  picked.sort((a, b) => {
    // What has no value is last, whichever way the column is sorted.
    if (a.rank === null || b.rank === null) {
      if (a.rank !== b.rank) return a.rank === null ? 1 : -1;
    } else if (a.rank !== b.rank) {
      const order =
        typeof a.rank === 'number' ? a.rank - (b.rank as number) : collator.compare(a.rank, b.rank as string);
      if (order !== 0) return sign * order;
    }
    return collator.compare(a.row.name, b.row.name) || a.id - b.id;
  });
  return picked.map(({ id }) => id);
}

function rankOf(row: DeviceRow, sort: SortKey, nowMs: number): number | string | null {
  switch (sort) {
    case 'presence':
      return PRESENCES.indexOf(presenceOf(row, nowMs));
    case 'name':
      return row.name;
    case 'protocol':
      return row.protocols.join(' ');
    case 'seen':
      // The most recently heard one comes first when ascending, as an age does. Whole seconds keep rows from dancing.
      return -Math.floor(row.lastSeenMs / 1000);
    default:
      return seriesOf(row, sort)?.last?.v ?? null;
  }
}
