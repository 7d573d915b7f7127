/** Which clients the table shows, and in which order. Pure: rows in, client ids out. */
import type { ClientRow } from '../../../../core/contract/broker.ts';

export const CLIENT_SORT_KEYS = [
  'state',
  'clientId',
  'protocol',
  'transport',
  'address',
  'user',
  'keepAlive',
  'subscriptions',
  'inFlight',
  'queued',
  'dropped',
  'bytesIn',
  'bytesOut',
  'lastPacket',
] as const;
export type ClientSort = (typeof CLIENT_SORT_KEYS)[number];

export const CLIENT_FILTERS = ['all', 'connected', 'absent', 'slow', 'dropped'] as const;
export type ClientFilter = (typeof CLIENT_FILTERS)[number];

export interface WantedClients {
  search: string;
  filter: ClientFilter;
  sort: ClientSort;
  descending: boolean;
}

export type ClientState = 'slow' | 'connected' | 'absent';

/** A slow one is always connected: an absent one is not slow but away. */
export function stateOf(row: Pick<ClientRow, 'connected' | 'slow'>): ClientState {
  if (!row.connected) return 'absent';
  return row.slow ? 'slow' : 'connected';
}

const STATE_RANK: Record<ClientState, number> = { connected: 0, absent: 1, slow: 2 };
/** Figures whose largest one is looked for first. */
const LARGEST_FIRST: readonly ClientSort[] = [
  'state',
  'subscriptions',
  'inFlight',
  'queued',
  'dropped',
  'bytesIn',
  'bytesOut',
];
const STILL: readonly ClientSort[] = ['clientId', 'protocol', 'transport', 'address', 'user', 'keepAlive'];

/** True where the order follows figures and so changes by itself. */
export function isMovingSort(sort: ClientSort): boolean {
  return !STILL.includes(sort);
}

export function startsDescending(sort: ClientSort): boolean {
  return LARGEST_FIRST.includes(sort);
}

export function fitsFilter(row: ClientRow, filter: ClientFilter): boolean {
  if (filter === 'all') return true;
  if (filter === 'dropped') return row.dropped > 0;
  // "Connected" is all that are, slow ones too; the slow have a filter of their own.
  if (filter === 'connected') return row.connected;
  return stateOf(row) === filter;
}

interface Candidate {
  clientId: string;
  searchText: string;
  latest: ClientRow;
}

/**
 * Ids of the clients to show. `clients` come sorted by id: the sort is stable, so that order decides between equals,
 * and comparing ten thousand ids each second is spared.
 */
export function orderClients(clients: readonly Candidate[], wanted: WantedClients): string[] {
  const words = wanted.search.toLowerCase().split(/\s+/).filter(Boolean);
  const picked: { id: string; rank: number | string | null }[] = [];
  for (const { clientId, searchText, latest } of clients) {
    if (!words.every((word) => searchText.includes(word))) continue;
    if (!fitsFilter(latest, wanted.filter)) continue;
    picked.push({ id: clientId, rank: rankOf(latest, wanted.sort) });
  }
  if (wanted.sort === 'clientId') {
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

function rankOf(row: ClientRow, sort: ClientSort): number | string | null {
  switch (sort) {
    case 'clientId':
      return null; // The order they come in.
    case 'state':
      return STATE_RANK[stateOf(row)];
    case 'protocol':
      return row.protocolLevel;
    case 'transport':
      return row.transport;
    case 'address':
      return addressRank(row.address);
    case 'user':
      return row.username?.toLowerCase() ?? null;
    case 'keepAlive':
      // Without one it may be silent for ever: longer than any.
      return row.keepAliveSeconds === 0 ? Infinity : row.keepAliveSeconds;
    case 'lastPacket':
      // The most recently heard one first when ascending, as an age. Whole seconds keep rows from dancing.
      return row.lastPacketMs === 0 ? null : -Math.floor(row.lastPacketMs / 1000);
    default:
      return row[sort];
  }
}

/** IPv4 in the order of its numbers; anything else as text behind it. */
function addressRank(address: string): string | null {
  if (address === '') return null;
  const match = /^(\d+)\.(\d+)\.(\d+)\.(\d+)(?::(\d+))?$/.exec(address);
  if (match === null) return `z${address}`;
  return match
    .slice(1)
    .map((part) => (part ?? '').padStart(5, '0'))
    .join('.');
}

export interface ClientCounts {
  all: number;
  connected: number;
  absent: number;
  slow: number;
  /** Clients that lost messages. */
  dropped: number;
  inFlight: number;
  queued: number;
  queuedBytes: number;
  subscriptions: number;
}

export function countClients(clients: readonly Pick<Candidate, 'latest'>[]): ClientCounts {
  const counts: ClientCounts = {
    all: clients.length,
    connected: 0,
    absent: 0,
    slow: 0,
    dropped: 0,
    inFlight: 0,
    queued: 0,
    queuedBytes: 0,
    subscriptions: 0,
  };
  for (const { latest } of clients) {
    if (latest.connected) counts.connected++;
    else counts.absent++;
    if (latest.connected && latest.slow) counts.slow++;
    if (latest.dropped > 0) counts.dropped++;
    counts.inFlight += latest.inFlight;
    counts.queued += latest.queued;
    counts.queuedBytes += latest.queuedBytes;
    counts.subscriptions += latest.subscriptions;
  }
  return counts;
}

/** True when both have the same ids in the same order: a list that is the same is not drawn anew. */
export function sameOrder(a: readonly string[], b: readonly string[]): boolean {
  return a.length === b.length && a.every((id, index) => id === b[index]);
}
