import { Signal } from '../base/events.ts';
import type { Clock } from '../base/clock.ts';
import { CodedError, codeOf, messageOf } from '../base/errors.ts';
import type { Log } from '../base/log.ts';
import type { CoapEndpoint } from '../coap/endpoint.ts';
import type { CoapResponse } from '../coap/client/response.ts';
import type { Observation } from '../coap/client/observation.ts';
import { parseCoapUri } from '../coap/uri.ts';
import type { CoapDiscovery, CoapMethod, CoapResource, CoapResponseView } from '../contract/coap.ts';
import type { DeviceRegistry } from '../devices/registry.ts';
import type { CoapResourceRecord } from '../store/types.ts';
import { linkView, resourceFromRecord, responseView, shortText } from './coap-views.ts';
import type { Intake } from './intake.ts';

const MAX_RESOURCES = 20_000;

export interface CoapRequestInput {
  uri: string;
  method: CoapMethod;
  payload?: string | Uint8Array | { base64: string } | undefined;
  contentFormat?: number | undefined;
  accept?: number | undefined;
}

interface Entry {
  view: CoapResource;
  accept: number | null;
  /** Someone asked for it and did not cancel it: observed whenever the station runs. */
  observed: boolean;
  observation: Observation | null;
}

/**
 * The station's knowledge of CoAP servers: resources found by discovery or asked for by hand, what is observed, and
 * the last representation of each. Observations are kept in the record and start again with the station.
 */
export class CoapDesk {
  /** URI of a resource that changed or was removed. */
  readonly changed = new Signal<string>();
  readonly #entries = new Map<string, Entry>();
  readonly #endpoint: CoapEndpoint;
  readonly #registry: DeviceRegistry;
  readonly #intake: Intake;
  readonly #store: { putResource(record: CoapResourceRecord): void };
  readonly #clock: Clock;
  readonly #log: Log;

  constructor(parts: {
    endpoint: CoapEndpoint;
    registry: DeviceRegistry;
    intake: Intake;
    store: { putResource(record: CoapResourceRecord): void };
    clock: Clock;
    log: Log;
  }) {
    this.#endpoint = parts.endpoint;
    this.#registry = parts.registry;
    this.#intake = parts.intake;
    this.#store = parts.store;
    this.#clock = parts.clock;
    this.#log = parts.log;
  }

  /** Takes in what the record knew. Observations start with `resume`. */
  load(records: CoapResourceRecord[]): void {
    for (const record of records) {
      if (record.removed) continue;
      const { uri, accept, observed } = record;
      const view = resourceFromRecord(record);
      if (observed) view.observation = notRunning('starting', this.#clock.now(), null);
      this.#entries.set(uri, { view, accept, observed, observation: null });
    }
  }

  /** Starts every wanted observation, where the endpoint listens. One that cannot start says why, and stays wanted. */
  resume(): void {
    let failed = 0;
    let first = '';
    for (const [uri, entry] of this.#entries) {
      if (!entry.observed) continue;
      try {
        this.#observe(entry);
      } catch (error) {
        if (failed++ === 0) first = `${uri}: ${messageOf(error)}`;
        const observation = notRunning('ended', this.#clock.now(), messageOf(error));
        entry.view = { ...entry.view, observation };
        this.changed.emit(uri);
      }
    }
    // One line, however many there are: with the port taken it is all of them.
    if (failed > 0) this.#log.warn('observations could not be resumed', { count: failed, first });
  }

  get observations(): number {
    let count = 0;
    for (const { observation } of this.#entries.values()) if (observation !== null) count++;
    return count;
  }

  resources(authority?: string): CoapResource[] {
    const views = [...this.#entries.values()].map((entry) => entry.view);
    return authority === undefined ? views : views.filter((view) => view.authority === authority);
  }

  resource(uri: string): CoapResource | undefined {
    return this.#entries.get(uri)?.view;
  }

  /**
   * Reads `/.well-known/core` (RFC 6690) of the server; resources that it no longer lists go, observed ones stay. A
   * URI with a path or query of its own names a part of the list or another one, after which nothing goes. All or
   * nothing: @throws CodedError `coap.too_many_resources`
   */
  async discover(uri: string, signal: AbortSignal): Promise<CoapDiscovery> {
    const { authority, path, query } = parseCoapUri(uri);
    const whole = query.length === 0 && (path === '/' || path === '/.well-known/core');
    const found = await this.#endpoint.discover(uri, { signal });
    const deviceId = this.#seen(authority);
    const links = found.map(linkView);
    const listed = new Set(links.map((link) => link.uri));
    const gone = [...this.#entries].filter(
      ([known, { view, observed }]) =>
        whole && view.authority === authority && !listed.has(known) && !observed,
    );
    const added = links.filter((link) => !this.#entries.has(link.uri));
    if (this.#entries.size - gone.length + added.length > MAX_RESOURCES) throw tooManyResources();
    for (const [known, entry] of gone) this.#remove(known, entry);
    for (const link of links) {
      const entry = this.#ensure(link.uri);
      entry.view = { ...entry.view, attributes: link.attributes, observable: link.observable };
      this.#keep(entry);
    }
    return { authority, deviceId, links };
  }

  async request(input: CoapRequestInput, signal: AbortSignal): Promise<CoapResponseView> {
    const { authority, uri } = parseCoapUri(input.uri);
    const response = await this.#endpoint.request(input.uri, {
      method: input.method,
      signal,
      ...(input.payload === undefined ? {} : { payload: bytesOf(input.payload) }),
      ...(input.contentFormat === undefined ? {} : { contentFormat: input.contentFormat }),
      ...(input.accept === undefined ? {} : { accept: input.accept }),
    });
    const deviceId = this.#seen(authority);
    if (input.method === 'GET' && response.code.startsWith('2.')) {
      this.#represent(this.#ensure(uri), response);
    }
    return responseView(uri, response, deviceId);
  }

  /** Observes (RFC 7641) until it is cancelled, also across restarts of the station. Already observed: no change. */
  observe(uri: string, accept: number | undefined): CoapResource {
    const parsed = parseCoapUri(uri);
    const known = this.#entries.get(parsed.uri);
    const entry = known ?? this.#ensure(parsed.uri);
    if (entry.observation !== null) return entry.view;
    const acceptBefore = entry.accept;
    entry.accept = accept ?? null;
    try {
      this.#observe(entry);
    } catch (error) {
      entry.accept = acceptBefore;
      if (known === undefined) this.#remove(parsed.uri, entry);
      throw error;
    }
    entry.observed = true;
    this.#registry.deviceId(parsed.authority, 'coap');
    this.#keep(entry);
    return entry.view;
  }

  /** @throws CodedError `coap.not_observed` */
  async cancelObserve(uri: string): Promise<CoapResource> {
    const entry = this.#entries.get(parseCoapUri(uri).uri);
    if (entry?.view.observation == null) {
      throw new CodedError('coap.not_observed', `${uri} is not observed.`);
    }
    const { observation } = entry;
    entry.observed = false;
    entry.observation = null;
    entry.view = { ...entry.view, observation: null };
    this.#keep(entry);
    try {
      await observation?.cancel();
    } catch (error) {
      // The server may be gone; it drops the observation itself when its next notification is reset.
      this.#log.info('the server did not confirm a cancelled observation', { uri, code: codeOf(error) });
    }
    return entry.view;
  }

  /** Ends observing without forgetting it. */
  stop(): void {
    this.changed.clear();
    for (const entry of this.#entries.values()) {
      const { observation } = entry;
      // First forgotten, then stopped: its end must not be taken for a refusal, which would end it for good.
      entry.observation = null;
      observation?.stop();
    }
  }

  /** The device of a server that has just answered; null when the station may have no more devices. */
  #seen(authority: string): number | null {
    const deviceId = this.#registry.deviceId(authority, 'coap');
    if (deviceId < 0) return null;
    this.#registry.touch(deviceId, this.#clock.now());
    return deviceId;
  }

  #observe(entry: Entry): void {
    const { uri } = entry.view;
    let observation: Observation | null = null;
    const live = () => observation !== null && entry.observation === observation;
    observation = this.#endpoint.observe(
      uri,
      { ...(entry.accept === null ? {} : { accept: entry.accept }) },
      {
        notification: (response) => {
          if (live()) this.#represent(entry, response);
        },
        state: () => {
          if (live()) this.#showObservation(entry);
        },
      },
    );
    entry.observation = observation;
    this.#showObservation(entry);
  }

  #showObservation(entry: Entry): void {
    const { observation } = entry;
    if (observation === null) return;
    const { state, sinceMs, notifications, problem } = observation;
    entry.view = { ...entry.view, observation: { policy: 'always', state, sinceMs, notifications, problem } };
    // A refusal ends it for now; it stays wanted, and the next start of the station asks again.
    if (state === 'ended') entry.observation = null;
    this.changed.emit(entry.view.uri);
  }

  #represent(entry: Entry, response: CoapResponse): void {
    const receivedMs = this.#clock.now();
    const { payload, contentFormat, code } = response;
    const { uri, authority } = entry.view;
    // With its query: what it asks for is another resource, and another series.
    const path = uri.slice(authority.length);
    const taken = this.#intake.takeRepresentation({ authority, path, contentFormat, payload, receivedMs });
    this.#seen(authority);
    const { text, truncated } = shortText(payload);
    entry.view = {
      ...entry.view,
      last: { receivedMs, code, contentFormat, bytes: payload.byteLength, text, truncated },
      seriesIds: taken.seriesIds.length > 0 ? taken.seriesIds : entry.view.seriesIds,
    };
    if (entry.observation !== null) this.#showObservation(entry);
    else this.changed.emit(entry.view.uri);
  }

  #ensure(uri: string): Entry {
    const known = this.#entries.get(uri);
    if (known !== undefined) return known;
    if (this.#entries.size >= MAX_RESOURCES) throw tooManyResources();
    const { authority, path } = parseCoapUri(uri);
    const record = { uri, authority, path, attributes: {}, observed: false, accept: null, removed: false };
    const entry: Entry = {
      view: resourceFromRecord(record),
      accept: null,
      observed: false,
      observation: null,
    };
    this.#entries.set(uri, entry);
    this.#keep(entry);
    return entry;
  }

  #remove(uri: string, entry: Entry): void {
    this.#entries.delete(uri);
    this.#store.putResource({ ...this.#recordOf(entry), removed: true });
    this.changed.emit(uri);
  }

  #keep(entry: Entry): void {
    this.#store.putResource(this.#recordOf(entry));
    this.changed.emit(entry.view.uri);
  }

  #recordOf({ view, accept, observed }: Entry): CoapResourceRecord {
    const { uri, authority, path, attributes } = view;
    return { uri, authority, path, attributes, observed, accept, removed: false };
  }
}

function tooManyResources(): CodedError {
  return new CodedError(
    'coap.too_many_resources',
    `The station keeps at most ${MAX_RESOURCES} CoAP resources.`,
  );
}

/** How a wanted observation stands that the endpoint does not run. */
function notRunning(
  state: 'starting' | 'ended',
  sinceMs: number,
  problem: string | null,
): NonNullable<CoapResource['observation']> {
  return { policy: 'always', state, sinceMs, notifications: 0, problem };
}

function bytesOf(payload: string | Uint8Array | { base64: string }): Uint8Array {
  if (typeof payload === 'string') return Buffer.from(payload, 'utf8');
  return payload instanceof Uint8Array ? payload : Buffer.from(payload.base64, 'base64');
}
