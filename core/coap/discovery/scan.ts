import { messageOf } from '../../base/errors.ts';
import { Signal } from '../../base/events.ts';
import { coapError } from '../errors.ts';
import type { Link } from '../links/link-format.ts';
import { FoundServers } from './found-servers.ts';
import { LinkAsking } from './link-asking.ts';
import type { AskLinks } from './link-asking.ts';
import { inParallel } from './parallel.ts';
import type { DiscoveredLinks, ScanStep, ScanView } from './scan-state.ts';
import { worksOf } from './scan-ways.ts';
import type { FoundMore, ScanPlan, ScanWaysParts, Work } from './scan-ways.ts';

export interface ScanParts extends ScanWaysParts {
  discover: AskLinks;
  /** 2,000 unless said. */
  maxFound?: number;
}

/** Groups that are listened to at a time: the endpoint takes 16. */
const PARALLEL_STEPS = 12;

/**
 * One search for CoAP servers: all its steps side by side, each found server asked once for its links. Make a new one
 * for each scan.
 */
export class Scan {
  /** Anything in `view` is different; often, to be coalesced by who listens. */
  readonly changed = new Signal<void>();
  /** A server told its links. Before `changed`. */
  readonly discovered = new Signal<DiscoveredLinks>();
  readonly #parts: ScanParts;
  readonly #servers: FoundServers;
  readonly #abort = new AbortController();
  #state: ScanView['state'] = 'idle';
  #startedMs: number | null = null;
  #endedMs: number | null = null;
  #steps: ScanStep[] = [];
  readonly #foundBy = new Map<ScanStep, Set<string>>();
  readonly #asking: LinkAsking;

  constructor(parts: ScanParts) {
    this.#parts = parts;
    this.#servers = new FoundServers(parts.maxFound);
    this.#asking = new LinkAsking({
      clock: parts.clock,
      discover: parts.discover,
      wanted: (authority) => this.#state === 'running' && this.#servers.get(authority)!.links === null,
      told: (authority, links) => this.#told(authority, links),
      failed: (authority, why) => void (this.#servers.get(authority)!.problem = why),
      asked: () => this.#moved(),
      signal: this.#abort.signal,
    });
  }

  /** A picture of now; later changes do not show in it. */
  view(): ScanView {
    return {
      state: this.#state,
      startedMs: this.#startedMs,
      endedMs: this.#endedMs,
      steps: this.#steps.map((step) => ({ ...step })),
      found: this.#servers.list().map((server) => ({ ...server, how: [...server.how] })),
      leftOut: this.#servers.leftOut,
    };
  }

  /**
   * Runs until all is asked or `stop` is called; never rejects. Throws at once, nothing begun, with `coap.bad_range`,
   * `coap.bad_uri`, `coap.no_interface`, or `coap.scan_running` when it was started before.
   */
  start(plan: ScanPlan): Promise<void> {
    if (this.#state !== 'idle') throw coapError('coap.scan_running', 'This scan has been started before.');
    const works = worksOf(plan, this.#parts, {
      found: (step, authority, more) => this.#found(step, authority, more),
      moved: () => this.changed.emit(),
    });
    this.#state = 'running';
    this.#startedMs = this.#parts.clock.now();
    this.#steps = works.map(([step]) => step);
    this.changed.emit();
    return this.#run(works);
  }

  /** What is under way is given up; what was found stays. May be called again. */
  stop(): void {
    if (this.#state !== 'running') return;
    this.#state = 'stopped';
    this.#endedMs = this.#parts.clock.now();
    this.#asking.stop();
    for (const step of this.#steps)
      if (step.state === 'running' || step.state === 'waiting') step.state = 'stopped';
    this.#abort.abort();
    this.changed.emit();
  }

  async #run(works: readonly [ScanStep, Work][]): Promise<void> {
    // Each kind in a line of its own; only machines with very many interfaces ever wait in it.
    const lines = Map.groupBy(works, ([step]) => step.kind);
    await Promise.all(
      [...lines.values()].map((line) => {
        return inParallel(line, PARALLEL_STEPS, this.#abort.signal, ([step, work]) =>
          this.#runStep(step, work),
        );
      }),
    );
    await this.#asking.done();
    if (this.#state !== 'running') return;
    this.#state = 'done';
    this.#endedMs = this.#parts.clock.now();
    this.changed.emit();
  }

  async #runStep(step: ScanStep, work: Work): Promise<void> {
    step.state = 'running';
    try {
      await work(this.#abort.signal);
      if (step.state === 'running') step.state = 'done';
      if (step.state === 'done') step.done = step.total;
    } catch (error) {
      if (step.state !== 'running') return;
      step.state = 'failed';
      step.problem = messageOf(error);
    }
    this.#moved();
  }

  #moved(): void {
    if (this.#state === 'running') this.changed.emit();
  }

  /** `links` where the answer told them; else the server is asked, unless `problem` says why not. */
  #found(step: ScanStep, authority: string, more: FoundMore): void {
    if (this.#state !== 'running') return;
    const { name = null, links, problem, resolver } = more;
    const added = this.#servers.add(authority, step.kind, name, this.#parts.clock.now());
    if (added !== undefined) {
      this.#countFor(step, authority);
      const { server, fresh } = added;
      if (links !== undefined && server.links === null) this.#told(authority, links);
      else if (fresh && problem !== undefined) server.problem = problem;
      else if (fresh) this.#asking.ask(authority, resolver);
    }
    this.changed.emit();
  }

  /** A server that answers one step twice is found by it once. */
  #countFor(step: ScanStep, authority: string): void {
    const found = this.#foundBy.get(step) ?? new Set();
    this.#foundBy.set(step, found.add(authority));
    step.found = found.size;
  }

  #told(authority: string, links: Link[]): void {
    const server = this.#servers.get(authority)!;
    server.links = links.length;
    server.problem = null;
    this.discovered.emit({ authority, name: server.name, how: server.how, links });
  }
}
