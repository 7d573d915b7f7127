import type { Clock } from '../../base/clock.ts';
import { CodedError, codeOf, messageOf } from '../../base/errors.ts';
import type { Log } from '../../base/log.ts';
import type { Observation } from '../../coap/client/observation.ts';
import type { WireTap } from '../../coap/carrier.ts';
import type { CoapResponse } from '../../coap/client/response.ts';
import type { CoapEndpoint } from '../../coap/endpoint.ts';
import type { CoapResource, ObservePolicy } from '../../contract/coap.ts';
import { cancelled } from '../../coap/errors.ts';
import { observedExchange } from '../../contract/coap-browser.ts';
import type { OwnListeners } from '../coap-server/own-listeners.ts';
import type { ExchangeBook, OpenExchange } from './exchange-book.ts';
import type { Entry, ResourceTable, Watcher } from './resource-table.ts';
import { notRunning } from './views.ts';

const OBSERVED = observedExchange('');

export interface ObservingParts {
  endpoint: Pick<CoapEndpoint, 'observe' | 'traceObservation'>;
  table: ResourceTable;
  exchanges: ExchangeBook;
  /** What is recorded must not be the station's own. */
  own: Pick<OwnListeners, 'mustBeElsewhere' | 'resolving'>;
  /** A representation came; `record`: as a reading too. */
  represent(entry: Entry, response: CoapResponse, record: boolean): void;
  clock: Clock;
  log: Log;
}

/**
 * Which resources are observed and why: always, because somebody asked for it, or while somebody looks on. One
 * observation serves both.
 */
export class Observing {
  readonly #parts: ObservingParts;
  readonly #unsubscribe: () => void;
  /** Their messages where somebody looked at them once; `told`: somebody does now. */
  readonly #traces = new WeakMap<Observation, { open: OpenExchange; told: boolean }>();
  #count = 0;

  constructor(parts: ObservingParts) {
    this.#parts = parts;
    this.#unsubscribe = parts.exchanges.looked.on(({ exchange }) => this.#looked(exchange));
  }

  get count(): number {
    return this.#count;
  }

  load(): void {
    const nowMs = this.#parts.clock.now();
    for (const entry of this.#parts.table.all()) {
      if (entry.observed) entry.view.observation = notRunning('always', 'starting', nowMs, null);
    }
  }

  resume(): void {
    const { table, own, clock, log } = this.#parts;
    let failed = 0;
    let first = '';
    for (const entry of table.all()) {
      if (!entry.observed) continue;
      try {
        own.mustBeElsewhere(entry.view.uri);
        this.#start(entry);
      } catch (error) {
        if (failed++ === 0) first = `${entry.view.uri}: ${messageOf(error)}`;
        table.show(entry, { observation: notRunning('always', 'ended', clock.now(), messageOf(error)) });
      }
    }
    // One line, however many there are: with the port taken it is all of them.
    if (failed > 0) log.warn('observations could not be resumed', { count: failed, first });
  }

  /** From now on and after every restart. Already so: no change. */
  always(uri: string, accept: number | null): CoapResource {
    const { table } = this.#parts;
    const known = table.get(uri);
    const entry = table.ensure(uri);
    if (entry.observation !== null && entry.observed) return entry.view;
    try {
      this.#run(entry, accept);
    } catch (error) {
      if (known === undefined) table.remove(entry);
      throw error;
    }
    entry.observed = true;
    this.#show(entry);
    table.keep(entry);
    return entry.view;
  }

  /** @throws CodedError `coap.not_observed` */
  async cancel(uri: string): Promise<CoapResource> {
    const { table } = this.#parts;
    const entry = table.get(uri);
    if (entry === undefined || !(entry.observed || entry.view.observation !== null)) {
      throw new CodedError('coap.not_observed', `${uri} is not observed.`);
    }
    entry.observed = false;
    if (entry.watchers.size > 0 && entry.observation !== null) {
      this.#show(entry);
      table.keep(entry);
      return entry.view;
    }
    const observation = this.#take(entry);
    entry.view = { ...entry.view, observation: null };
    table.keep(entry);
    await this.#cancelled(uri, observation);
    return entry.view;
  }

  watch(uri: string, accept: number | null, watcher: Watcher): { resource: CoapResource; close: () => void } {
    const { table } = this.#parts;
    const entry = table.ensure(uri, true);
    entry.watchers.add(watcher);
    const close = (): void => {
      if (!entry.watchers.delete(watcher) || entry.watchers.size > 0) return;
      if (entry.observed) this.#retrace(entry);
      else this.#leave(entry);
    };
    try {
      if (entry.observation === null) this.#run(entry, accept);
      else this.#retrace(entry);
    } catch (error) {
      close();
      throw error;
    }
    return { resource: entry.view, close };
  }

  /** Ends it for good, whoever wants it; nobody is waited for. */
  drop(entry: Entry): void {
    entry.observed = false;
    const observation = this.#take(entry);
    // Whoever looks on sees that it is over.
    if (entry.view.observation !== null) this.#parts.table.show(entry, { observation: null });
    entry.watchers.clear();
    void this.#cancelled(entry.view.uri, observation);
  }

  /** Ends all without forgetting what is wanted. */
  stop(): void {
    this.#unsubscribe();
    // First forgotten, then stopped: its end must not be taken for a refusal, which would end it for good.
    for (const entry of this.#parts.table.all()) this.#take(entry)?.stop();
  }

  #leave(entry: Entry): void {
    const { table } = this.#parts;
    const { uri } = entry.view;
    const observation = this.#take(entry);
    if (entry.passing) table.remove(entry);
    else table.show(entry, { observation: null });
    void this.#cancelled(uri, observation);
  }

  /** With this Accept, also when one runs with another. */
  #run(entry: Entry, accept: number | null): void {
    if (entry.observation !== null && entry.accept === accept) return;
    const before = entry.accept;
    const running = this.#take(entry);
    entry.accept = accept;
    try {
      this.#start(entry);
    } catch (error) {
      entry.accept = before;
      throw error;
    } finally {
      void this.#cancelled(entry.view.uri, running);
    }
  }

  #start(entry: Entry): void {
    const { endpoint, own, represent } = this.#parts;
    const { uri } = entry.view;
    // Whoever looks on wants to see it from its first message.
    const open = this.#isLookedAt(entry) ? this.#openExchange(entry) : undefined;
    let observation: Observation | null = null;
    const live = () => observation !== null && entry.observation === observation;
    observation = endpoint.observe(
      uri,
      {
        ...(entry.accept === null ? {} : { accept: entry.accept }),
        ...(open === undefined ? {} : { onWire: wireOf(open) }),
        ...own.resolving(uri, () => entry.observed),
      },
      {
        notification: (response) => {
          if (!live()) return;
          this.#show(entry);
          represent(entry, response, entry.observed);
        },
        state: () => {
          if (live()) this.#show(entry);
        },
      },
    );
    entry.observation = observation;
    if (open !== undefined) this.#traces.set(observation, { open, told: true });
    this.#count++;
    this.#show(entry);
  }

  #openExchange({ view: { uri } }: Entry): OpenExchange {
    return this.#parts.exchanges.begin(observedExchange(uri), uri, 'GET', true);
  }

  #looked(exchange: string): void {
    const { table } = this.#parts;
    if (!exchange.startsWith(OBSERVED)) return;
    const entry = table.get(exchange.slice(OBSERVED.length));
    if (entry !== undefined) this.#retrace(entry);
  }

  /** The messages of an observation are told while somebody looks at them or at it. */
  #retrace(entry: Entry): void {
    const { observation } = entry;
    if (observation === null) return;
    const { endpoint, exchanges } = this.#parts;
    const wanted = this.#isLookedAt(entry);
    const trace = this.#traces.get(observation);
    if (!wanted) {
      if (trace?.told !== true) return;
      trace.told = false;
      endpoint.traceObservation(observation, undefined);
      return;
    }
    // Its steps may have been forgotten meanwhile.
    if (trace?.told === true && exchanges.isRunning(observedExchange(entry.view.uri))) return;
    const open = this.#openExchange(entry);
    this.#traces.set(observation, { open, told: true });
    endpoint.traceObservation(observation, wireOf(open));
  }

  #isLookedAt({ watchers, view }: Entry): boolean {
    return watchers.size > 0 || this.#parts.exchanges.isLookedAt(observedExchange(view.uri));
  }

  #show(entry: Entry): void {
    const { observation, observed } = entry;
    if (observation === null) return;
    const policy: ObservePolicy = observed ? 'always' : 'open';
    const { state, sinceMs, notifications, problem } = observation;
    // A refusal ends it for now; one that is always wanted is asked for again at the next start of the station.
    if (state === 'ended') {
      this.#take(entry);
      this.#ended(observation, coapEnd(observation));
    }
    this.#parts.table.show(entry, { observation: { policy, state, sinceMs, notifications, problem } });
  }

  #take(entry: Entry): Observation | null {
    const { observation } = entry;
    if (observation !== null) this.#count--;
    entry.observation = null;
    return observation;
  }

  async #cancelled(uri: string, observation: Observation | null): Promise<void> {
    try {
      await observation?.cancel();
    } catch (error) {
      // The server may be gone; it drops the observation itself when its next notification is reset.
      this.#parts.log.info('the server did not confirm a cancelled observation', {
        uri,
        code: codeOf(error),
      });
    }
    if (observation !== null) this.#ended(observation, cancelled());
  }

  /** Its messages end with it. */
  #ended(observation: Observation, why: unknown): void {
    this.#traces.get(observation)?.open.failed(why);
    this.#traces.delete(observation);
  }
}

function wireOf(open: OpenExchange): WireTap {
  return (event) => open.wire(event);
}

function coapEnd({ problem, problemCode }: Observation): CodedError {
  return new CodedError(problemCode ?? 'coap.cancelled', problem ?? 'The observation has ended.');
}
