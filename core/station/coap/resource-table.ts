import { CodedError } from '../../base/errors.ts';
import { Signal } from '../../base/events.ts';
import type { Observation } from '../../coap/client/observation.ts';
import type { CoapResponse } from '../../coap/client/response.ts';
import { parseCoapUri } from '../../coap/uri.ts';
import type { CoapResource } from '../../contract/coap.ts';
import type { CoapResourceRecord } from '../../store/types.ts';
import { resourceFromRecord } from './views.ts';

export const MAX_RESOURCES = 20_000;

/** Somebody who looks on while a resource is observed. */
export interface Watcher {
  changed(resource: CoapResource): void;
  notified(response: CoapResponse, receivedMs: number): void;
}

export interface Entry {
  view: CoapResource;
  accept: number | null;
  /** Someone asked for it and did not cancel it: observed whenever the station runs, and recorded. */
  observed: boolean;
  observation: Observation | null;
  readonly watchers: Set<Watcher>;
  /** Known only because somebody looks on: not in the record, and gone when nobody does. */
  passing: boolean;
}

/** All resources that the station knows of CoAP servers, by their canonical URI; kept in the record. */
export class ResourceTable {
  /** URI of a resource that changed or was removed. */
  readonly changed = new Signal<string>();
  readonly #entries = new Map<string, Entry>();
  readonly #store: { putResource(record: CoapResourceRecord): void };

  constructor(store: { putResource(record: CoapResourceRecord): void }) {
    this.#store = store;
  }

  /** Takes in what the record knew. */
  load(records: CoapResourceRecord[]): void {
    for (const record of records) {
      if (record.removed) continue;
      const { accept, observed } = record;
      const view = resourceFromRecord(record);
      this.#entries.set(record.uri, {
        ...{ view, accept, observed, observation: null, passing: false },
        watchers: new Set(),
      });
    }
  }

  get size(): number {
    return this.#entries.size;
  }

  get hasRoom(): boolean {
    return this.#entries.size < MAX_RESOURCES;
  }

  has(uri: string): boolean {
    return this.#entries.has(uri);
  }

  get(uri: string): Entry | undefined {
    return this.#entries.get(uri);
  }

  all(): IterableIterator<Entry> {
    return this.#entries.values();
  }

  ofServer(authority: string): Entry[] {
    return [...this.#entries.values()].filter((entry) => entry.view.authority === authority);
  }

  /** @throws CodedError `coap.too_many_resources` */
  ensure(uri: string, passing = false): Entry {
    const known = this.#entries.get(uri);
    if (known !== undefined) {
      if (known.passing && !passing) {
        known.passing = false;
        this.keep(known);
      }
      return known;
    }
    this.mustFit(1);
    const { authority, path } = parseCoapUri(uri);
    const record = { uri, authority, path, attributes: {}, observed: false, accept: null, removed: false };
    const entry: Entry = {
      view: resourceFromRecord(record),
      ...{ accept: null, observed: false, observation: null, passing },
      watchers: new Set(),
    };
    this.#entries.set(uri, entry);
    this.keep(entry);
    return entry;
  }

  /** @throws CodedError `coap.too_many_resources` */
  mustFit(more: number): void {
    if (this.#entries.size + more <= MAX_RESOURCES) return;
    throw new CodedError(
      'coap.too_many_resources',
      `The station keeps at most ${MAX_RESOURCES} CoAP resources. Forget servers that are not needed.`,
    );
  }

  /** The view is another: screens and watchers hear of it, the record does not. */
  show(entry: Entry, change: Partial<CoapResource>): void {
    entry.view = { ...entry.view, ...change };
    this.#told(entry);
  }

  /** Writes it down, unless it is only passing. */
  keep(entry: Entry): void {
    if (!entry.passing) this.#store.putResource(recordOf(entry, false));
    this.#told(entry);
  }

  remove(entry: Entry): void {
    const { uri } = entry.view;
    if (!this.#entries.delete(uri)) return;
    if (!entry.passing) this.#store.putResource(recordOf(entry, true));
    this.changed.emit(uri);
  }

  #told(entry: Entry): void {
    this.changed.emit(entry.view.uri);
    for (const watcher of entry.watchers) watcher.changed(entry.view);
  }
}

function recordOf({ view, accept, observed }: Entry, removed: boolean): CoapResourceRecord {
  const { uri, authority, path, attributes } = view;
  return { uri, authority, path, attributes, observed, accept, removed };
}
