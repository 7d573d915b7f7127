/**
 * All sessions of the broker while its page is open. Each client has its own signal: a delta of a thousand clients
 * redraws the few of them that are on the screen, and no list.
 */
import type { ClientRow } from '../../../core/contract/broker.ts';
import { getClient } from './station.svelte.ts';

const ids = new Intl.Collator(undefined, { numeric: true, sensitivity: 'base' });

export class Client {
  readonly clientId: string;
  /** Reactive: whoever reads it is drawn anew when the client changes. */
  row: ClientRow = $state.raw()!;
  /** The same without a dependency: ten thousand are looked through each second. */
  latest!: ClientRow;
  /** Lower-case client id, address and user, for searching. */
  searchText = '';

  constructor(row: ClientRow) {
    this.clientId = row.clientId;
    this.take(row);
  }

  take(row: ClientRow): void {
    const before = this.latest as ClientRow | undefined;
    this.row = row;
    this.latest = row;
    if (before?.address !== row.address || before.username !== row.username) {
      this.searchText = `${row.clientId}\n${row.address}\n${row.username ?? ''}`.toLowerCase();
    }
  }
}

class Clients {
  /** False until the first snapshot. */
  loaded = $state(false);
  problem = $state<string | null>(null);
  /** Steps when clients come or go; not when their figures change. */
  version = $state(0);
  readonly #byId = new Map<string, Client>();
  /** Kept in order, so that a newcomer costs one pass and not a whole sort. */
  #sorted: Client[] = [];
  #sortedVersion = -1;
  #stop: (() => void) | undefined;

  start(): void {
    this.#stop ??= getClient().subscribe(
      'clients',
      {},
      {
        snapshot: ({ clients }) => this.#replace(clients),
        delta: ({ upsert, removed }) => this.#change(upsert, removed),
        error: ({ message }) => (this.problem = message),
      },
      { maxHz: 4 },
    );
  }

  /** What is known stays until the next snapshot, so that Back shows the table at once. */
  stop(): void {
    this.#stop?.();
    this.#stop = undefined;
  }

  /** Sorted by client id as people count; reactive in who is there. Do not change the list. */
  byId(): readonly Client[] {
    if (this.version === this.#sortedVersion) return this.#sorted;
    const known = new Set(this.#sorted);
    const kept = this.#sorted.filter((client) => this.#byId.get(client.clientId) === client);
    for (const client of this.#byId.values()) if (!known.has(client)) kept.push(client);
    this.#sorted = kept.sort(
      (a, b) => ids.compare(a.clientId, b.clientId) || (a.clientId < b.clientId ? -1 : 1),
    );
    this.#sortedVersion = this.version;
    return this.#sorted;
  }

  get count(): number {
    void this.version;
    return this.#byId.size;
  }

  get(clientId: string): Client | undefined {
    void this.version;
    return this.#byId.get(clientId);
  }

  #replace(rows: ClientRow[]): void {
    const kept = new Set(rows.map((row) => row.clientId));
    for (const id of this.#byId.keys()) if (!kept.has(id)) this.#byId.delete(id);
    this.#upsert(rows);
    this.version++;
    this.loaded = true;
    this.problem = null;
  }

  #change(upsert: ClientRow[], removed: string[]): void {
    let changed = this.#upsert(upsert);
    for (const id of removed) changed = this.#byId.delete(id) || changed;
    if (changed) this.version++;
  }

  /** True when one of them is new. */
  #upsert(rows: ClientRow[]): boolean {
    let changed = false;
    for (const row of rows) {
      const client = this.#byId.get(row.clientId);
      if (client !== undefined) client.take(row);
      else {
        this.#byId.set(row.clientId, new Client(row));
        changed = true;
      }
    }
    return changed;
  }
}

export const clients = new Clients();
