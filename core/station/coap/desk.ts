import type { Clock } from '../../base/clock.ts';
import { CodedError } from '../../base/errors.ts';
import type { Log } from '../../base/log.ts';
import { addressText } from '../../coap/address.ts';
import type { CoapResponse } from '../../coap/client/response.ts';
import type { CoapEndpoint } from '../../coap/endpoint.ts';
import { parseCoapUri } from '../../coap/uri.ts';
import type { CoapDiscovery, CoapLink, CoapResource, CoapResponseView } from '../../contract/coap.ts';
import type { DeviceRegistry } from '../../devices/registry.ts';
import type { CoapResourceRecord } from '../../store/types.ts';
import type { OwnListeners } from '../coap-server/own-listeners.ts';
import type { Intake } from '../intake.ts';
import type { ExchangeBook } from './exchange-book.ts';
import { Observing } from './observing.ts';
import { requestOptions } from './request-input.ts';
import type { CoapRequestInput } from './request-input.ts';
import { MAX_RESOURCES, ResourceTable } from './resource-table.ts';
import type { Entry, Watcher } from './resource-table.ts';
import { linkView, responseView, shortText } from './views.ts';

/** Of one server, without having been asked by a person. */
const MAX_TOLD_OF_SERVER = 1_000;
/** Of all of them; the rest of the table is for what people ask for. */
const MAX_TOLD = MAX_RESOURCES - 5_000;

export interface CoapDeskParts {
  endpoint: Pick<CoapEndpoint, 'discover' | 'request' | 'ping' | 'observe' | 'traceObservation'>;
  registry: DeviceRegistry;
  intake: Intake;
  exchanges: ExchangeBook;
  own: Pick<OwnListeners, 'mustBeElsewhere' | 'mustLeadElsewhere' | 'resolving'>;
  store: { putResource(record: CoapResourceRecord): void };
  clock: Clock;
  log: Log;
}

/**
 * The station's knowledge of CoAP servers: resources found by discovery or asked for by hand, what is observed, and
 * the last representation of each. Observations are kept in the record and start again with the station.
 */
export class CoapDesk {
  readonly #parts: CoapDeskParts;
  readonly #table: ResourceTable;
  readonly #observing: Observing;
  #leftOut = 0;

  constructor(parts: CoapDeskParts) {
    this.#parts = parts;
    this.#table = new ResourceTable(parts.store);
    this.#observing = new Observing({
      ...parts,
      table: this.#table,
      represent: (entry, response, record) => this.#represent(entry.view.uri, entry, response, record),
    });
  }

  /** URI of a resource that changed or was removed. */
  get changed(): ResourceTable['changed'] {
    return this.#table.changed;
  }

  /** Takes in what the record knew. Observations start with `resume`. */
  load(records: CoapResourceRecord[]): void {
    this.#table.load(records);
    this.#observing.load();
  }

  /** Starts every wanted observation, where the endpoint listens. One that cannot start says why, and stays wanted. */
  resume(): void {
    this.#observing.resume();
  }

  /** Resources that were told of, or asked for, and are not kept because the table has no room for them. */
  get leftOut(): number {
    return this.#leftOut;
  }

  get observations(): number {
    return this.#observing.count;
  }

  resources(authority?: string): CoapResource[] {
    const entries = authority === undefined ? [...this.#table.all()] : this.#table.ofServer(authority);
    return entries.map((entry) => entry.view);
  }

  resource(uri: string): CoapResource | undefined {
    return this.#table.get(uri)?.view;
  }

  /**
   * Reads `/.well-known/core` (RFC 6690) of the server; resources that it no longer lists go, observed ones stay. A
   * URI with a path or query of its own names a part of the list or another one, after which nothing goes. All or
   * nothing: @throws CodedError `coap.too_many_resources`
   */
  async discover(uri: string, signal: AbortSignal): Promise<CoapDiscovery> {
    const { authority, path, query } = parseCoapUri(uri);
    const whole = query.length === 0 && (path === '/' || path === '/.well-known/core');
    const found = await this.#parts.endpoint.discover(uri, { signal });
    const deviceId = this.#seen(authority);
    const links = found.map(linkView);
    const listed = new Set(links.map((link) => link.uri));
    const gone = whole
      ? this.#table
          .ofServer(authority)
          .filter(({ view, observed, watchers }) => !listed.has(view.uri) && !observed && watchers.size === 0)
      : [];
    const added = links.filter((link) => this.#table.get(link.uri) === undefined);
    this.#table.mustFit(added.length - gone.length);
    for (const entry of gone) this.#table.remove(entry);
    for (const link of links) this.#list(authority, link);
    return { authority, deviceId, links };
  }

  /**
   * What a server told of itself without having been asked by a person: in a scan, by registering. Of a long list, and
   * of many lists, only the beginning is kept, so that nobody can fill the table with what does not exist; and nothing
   * that it says of other servers.
   */
  told(authority: string, links: readonly CoapLink[]): void {
    const own = links.filter((link) => isOf(link.uri, authority));
    let kept = this.#table.ofServer(authority).length;
    for (const link of own) {
      const isNew = this.#table.get(link.uri) === undefined;
      if (isNew && (kept >= MAX_TOLD_OF_SERVER || this.#table.size >= MAX_TOLD)) {
        this.#leftOut++;
        continue;
      }
      if (isNew) kept++;
      this.#list(authority, link);
    }
  }

  /** @throws CodedError as the CoAP client does */
  async request(input: CoapRequestInput, signal: AbortSignal): Promise<CoapResponseView> {
    const { authority, uri } = parseCoapUri(input.uri);
    const { exchange, method } = input;
    const open = exchange === undefined ? undefined : this.#parts.exchanges.begin(exchange, uri, method);
    let response: CoapResponse;
    try {
      response = await this.#parts.endpoint.request(input.uri, {
        ...requestOptions(input),
        signal,
        ...(open === undefined
          ? {}
          : { onWire: (event) => open.wire(event), onWaiting: (waitMs) => open.waiting(waitMs) }),
      });
    } catch (error) {
      open?.failed(error);
      throw error;
    }
    open?.answered();
    const deviceId = this.#seen(authority);
    if (method === 'GET' && response.code.startsWith('2.')) {
      const entry = this.#table.has(uri) || this.#table.hasRoom ? this.#table.ensure(uri) : undefined;
      if (entry === undefined) this.#leftOut++;
      this.#represent(uri, entry, response, true);
    }
    return responseView(uri, response, deviceId);
  }

  async ping(uri: string, signal: AbortSignal): Promise<{ rttMs: number; peer: string }> {
    const { rttMs, peer } = await this.#parts.endpoint.ping(uri, { signal });
    this.#seen(parseCoapUri(uri).authority);
    return { rttMs, peer: addressText(peer) };
  }

  /**
   * Observes (RFC 7641) until it is cancelled, also across restarts of the station. Already observed: no change.
   * @throws CodedError `coap.own_resource`, and as the CoAP client does
   */
  async observe(given: string, accept: number | undefined): Promise<CoapResource> {
    const { authority, uri } = parseCoapUri(given);
    await this.#parts.own.mustLeadElsewhere(uri);
    const view = this.#observing.always(uri, accept ?? null);
    this.#parts.registry.deviceId(authority, 'coap');
    return view;
  }

  /** @throws CodedError `coap.not_observed` */
  cancelObserve(uri: string): Promise<CoapResource> {
    return this.#observing.cancel(parseCoapUri(uri).uri);
  }

  /** Observes as long as somebody looks on. Returns how to stop looking. */
  watch(
    uri: string,
    accept: number | undefined,
    watcher: Watcher,
  ): { resource: CoapResource; close: () => void } {
    return this.#observing.watch(parseCoapUri(uri).uri, accept ?? null, watcher);
  }

  /** Forgets a server with all its resources. @throws CodedError `coap.unknown_server` */
  forget(authority: string): number {
    const entries = this.#table.ofServer(authority);
    if (entries.length === 0) {
      throw new CodedError('coap.unknown_server', `The station knows no resources of ${authority}.`);
    }
    for (const entry of entries) {
      this.#observing.drop(entry);
      this.#table.remove(entry);
    }
    return entries.length;
  }

  /** Ends observing without forgetting it. */
  stop(): void {
    this.#table.changed.clear();
    this.#observing.stop();
  }

  /** The device of a server that has just answered; null when the station may have no more devices. */
  #seen(authority: string): number | null {
    const { registry, clock } = this.#parts;
    const deviceId = registry.deviceId(authority, 'coap');
    if (deviceId < 0) return null;
    registry.touch(deviceId, clock.now());
    return deviceId;
  }

  /** What a list of that server says. Of another server's resources it says only that they are there. */
  #list(by: string, { uri, attributes, observable }: CoapLink): void {
    if (!isOf(uri, by) && this.#table.has(uri)) return;
    const entry = this.#table.ensure(uri);
    entry.view = { ...entry.view, attributes, observable };
    this.#table.keep(entry);
  }

  /** Without an entry, where the table is full, only the readings are kept. */
  #represent(uri: string, entry: Entry | undefined, response: CoapResponse, record: boolean): void {
    const receivedMs = this.#parts.clock.now();
    const { payload, contentFormat, code } = response;
    const authority = entry?.view.authority ?? parseCoapUri(uri).authority;
    let seriesIds = entry?.view.seriesIds ?? [];
    if (record) {
      // With its query: what it asks for is another resource, and another series.
      const path = uri.slice(authority.length);
      const taken = this.#parts.intake.takeRepresentation({
        ...{ authority, path, contentFormat, payload, receivedMs },
      });
      if (taken.seriesIds.length > 0) seriesIds = taken.seriesIds;
      this.#seen(authority);
    }
    if (entry === undefined) return;
    const { text, truncated } = shortText(payload);
    const last = { receivedMs, code, contentFormat, bytes: payload.byteLength, text, truncated };
    for (const watcher of entry.watchers) watcher.notified(response, receivedMs);
    this.#table.show(entry, { last, seriesIds });
  }
}

/** Both are canonical. */
function isOf(uri: string, authority: string): boolean {
  return uri.startsWith(`${authority}/`);
}
