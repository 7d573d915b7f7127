import type { Clock } from '../../base/clock.ts';
import { messageOf } from '../../base/errors.ts';
import { Signal } from '../../base/events.ts';
import { coapError } from '../errors.ts';
import type { Link } from '../links/link-format.ts';
import type { CoapRandom } from '../random.ts';
import { parseCoapUri } from '../uri.ts';
import { lookupDirectory } from './directory-lookup.ts';
import type { ReadLinks } from './directory-lookup.ts';
import { FoundServers } from './found-servers.ts';
import type { NetworkInterface } from './interfaces.ts';
import { MDNS_LISTEN_MS, askMdns } from './mdns.ts';
import type { MdnsCounters } from './mdns.ts';
import type { OpenMdnsSocket } from './mdns-socket.ts';
import { MULTICAST_LISTEN_MS, askMulticast, authorityOf, multicastTargets } from './multicast.ts';
import type { AskGroup } from './multicast.ts';
import { inParallel } from './parallel.ts';
import { parseRange, sweep } from './range.ts';
import type { Probe } from './range.ts';
import type { DiscoveredLinks, ScanKind, ScanStep, ScanView } from './scan-state.ts';

export interface ScanParts {
  clock: Clock;
  random: CoapRandom;
  interfaces: () => NetworkInterface[];
  askGroup: AskGroup;
  openMdns: OpenMdnsSocket;
  probe: Probe;
  readLinks: ReadLinks;
  /** The links of a server. Fails with `coap.*`. */
  discover: (authority: string, signal: AbortSignal) => Promise<Link[]>;
  mdnsCounters: MdnsCounters;
  /** 2,000 unless said. */
  maxFound?: number;
  /** 5353 unless a test says otherwise. */
  mdnsPort?: number;
}

export interface ScanPlan {
  /** Names of interfaces for groups and mDNS; all but loopback when left out. */
  interfaces?: readonly string[];
  multicast: boolean;
  mdns: boolean;
  /** A resource directory to ask. */
  directory?: string;
  /** See `parseRange`. */
  range?: string;
  /** Of servers in groups and in the range; 5683 as a rule. */
  port: number;
}

/** How often the waiting for groups shows progress. */
const TICK_MS = 250;
/** Groups that are listened to at a time: the endpoint takes 16. */
const PARALLEL_STEPS = 12;
/** Found servers that are asked for their links at a time. */
const PARALLEL_LINKS = 32;
/** Patience with one of them: directories name servers that are long gone. */
const LINKS_MS = 20_000;

type Work = (step: ScanStep, signal: AbortSignal) => Promise<void>;

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
  /** Found, not asked for its links yet. */
  readonly #toAsk: string[] = [];
  readonly #asking = new Set<Promise<void>>();
  /** Of `#asking`, those that look for more to ask. */
  #askers = 0;

  constructor(parts: ScanParts) {
    this.#parts = parts;
    this.#servers = new FoundServers(parts.maxFound);
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
    const works = this.#worksOf(plan);
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
    this.#toAsk.length = 0;
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
    while (this.#asking.size > 0) await Promise.all(this.#asking);
    if (this.#state !== 'running') return;
    this.#state = 'done';
    this.#endedMs = this.#parts.clock.now();
    this.changed.emit();
  }

  async #runStep(step: ScanStep, work: Work): Promise<void> {
    step.state = 'running';
    try {
      await work(step, this.#abort.signal);
      if (step.state === 'running') step.state = 'done';
      if (step.state === 'done') step.done = step.total;
    } catch (error) {
      if (step.state !== 'running') return;
      step.state = 'failed';
      step.problem = messageOf(error);
    }
    if (this.#state === 'running') this.changed.emit();
  }

  #worksOf(plan: ScanPlan): [ScanStep, Work][] {
    const works: [ScanStep, Work][] = [];
    if (plan.multicast || plan.mdns) {
      const interfaces = this.#chosen(plan.interfaces);
      if (plan.multicast) works.push(...this.#multicast(interfaces, plan.port));
      if (plan.mdns) works.push(...interfaces.map((on) => this.#mdns(on)));
    }
    if (plan.directory !== undefined) works.push(this.#directory(plan.directory));
    if (plan.range !== undefined) works.push(this.#range(plan.range, plan.port));
    return works;
  }

  #chosen(names: readonly string[] | undefined): NetworkInterface[] {
    const all = this.#parts.interfaces();
    const chosen = all.filter(({ name, loopback }) =>
      names === undefined ? !loopback : names.includes(name),
    );
    const missing = names?.find((name) => !all.some((one) => one.name === name));
    if (chosen.length > 0 && missing === undefined) return chosen;
    const which =
      missing === undefined ? 'network interface with an address' : `network interface ${missing}`;
    throw coapError('coap.no_interface', `This machine has no ${which}.`, {
      interfaces: all.map((one) => one.name),
    });
  }

  #multicast(interfaces: readonly NetworkInterface[], port: number): [ScanStep, Work][] {
    return multicastTargets(interfaces, port).map((target) => {
      const step = newStep('multicast', `${target.interfaceName} ${target.group}`, MULTICAST_LISTEN_MS);
      const work: Work = (_step, signal) => {
        const ask = askMulticast(
          target,
          this.#parts.askGroup,
          ({ authority, links }) => this.#found(step, authority, { links }),
          signal,
        );
        return this.#withTime(step, ask);
      };
      return [step, work];
    });
  }

  #mdns(on: NetworkInterface): [ScanStep, Work] {
    const { clock, random, openMdns: open, mdnsCounters: counters, mdnsPort: port } = this.#parts;
    const parts = { clock, random, open, counters, ...(port === undefined ? {} : { port }) };
    const step = newStep('mdns', `${on.name} mDNS`, MDNS_LISTEN_MS);
    const work: Work = (_step, signal) => {
      const ask = askMdns(
        on,
        parts,
        ({ scheme, name, address }) => {
          const authority = authorityOf(address).replace('coap:', `${scheme}:`);
          const problem =
            scheme === 'coap' ? {} : { problem: `Found by mDNS; ${scheme} servers are not asked in a scan.` };
          this.#found(step, authority, { name, ...problem });
        },
        signal,
      );
      return this.#withTime(step, ask);
    };
    return [step, work];
  }

  #directory(uri: string): [ScanStep, Work] {
    const { authority } = parseCoapUri(uri);
    const work: Work = async (step, signal) => {
      const endpoints = await lookupDirectory(uri, this.#parts.readLinks, signal);
      for (const one of endpoints) this.#found(step, one.authority, { name: one.name });
    };
    return [newStep('directory', authority, 1), work];
  }

  #range(text: string, port: number): [ScanStep, Work] {
    const addresses = parseRange(text);
    const work: Work = (step, signal) => {
      const told = {
        found: (authority: string) => this.#found(step, authority, {}),
        asked: (count: number) => {
          step.done = count;
          this.changed.emit();
        },
      };
      return sweep(addresses, port, this.#parts, told, signal);
    };
    return [newStep('range', text, addresses.length), work];
  }

  /** Shows the time that passes until `ask` ends. */
  async #withTime(step: ScanStep, ask: Promise<void>): Promise<void> {
    const { clock } = this.#parts;
    const startMs = clock.monotonic();
    const tick = (): void => {
      step.done = Math.min(step.total, Math.round(clock.monotonic() - startMs));
      this.changed.emit();
      timer = clock.after(TICK_MS, tick);
    };
    let timer = clock.after(TICK_MS, tick);
    try {
      await ask;
    } finally {
      timer.cancel();
    }
  }

  /** `links` where the answer told them; else the server is asked, unless `problem` says why not. */
  #found(
    step: ScanStep,
    authority: string,
    more: { name?: string | null; links?: Link[] | undefined; problem?: string },
  ): void {
    if (this.#state !== 'running') return;
    const { name = null, links, problem } = more;
    const added = this.#servers.add(authority, step.kind, name, this.#parts.clock.now());
    if (added !== undefined) {
      this.#countFor(step, authority);
      const { server, fresh } = added;
      if (links !== undefined && server.links === null) this.#told(authority, links);
      else if (fresh && problem !== undefined) server.problem = problem;
      else if (fresh) this.#ask(authority);
    }
    this.changed.emit();
  }

  /** A server that answers one step twice is found by it once. */
  #countFor(step: ScanStep, authority: string): void {
    const found = this.#foundBy.get(step) ?? new Set();
    this.#foundBy.set(step, found.add(authority));
    step.found = found.size;
  }

  #ask(authority: string): void {
    this.#toAsk.push(authority);
    if (this.#askers >= PARALLEL_LINKS) return;
    this.#askers++;
    const asking = this.#askAll().finally(() => this.#asking.delete(asking));
    this.#asking.add(asking);
  }

  async #askAll(): Promise<void> {
    for (let authority = this.#toAsk.shift(); authority !== undefined; authority = this.#toAsk.shift()) {
      const server = this.#servers.get(authority)!;
      // Another way may have brought them meanwhile.
      if (server.links !== null) continue;
      const { clock, discover } = this.#parts;
      const enough = new AbortController();
      const timer = clock.after(LINKS_MS, () => enough.abort());
      try {
        const links = await discover(authority, AbortSignal.any([this.#abort.signal, enough.signal]));
        if (this.#state === 'running' && server.links === null) this.#told(authority, links);
      } catch (error) {
        const why = enough.signal.aborted
          ? `It did not tell its links in ${LINKS_MS / 1_000} s.`
          : messageOf(error);
        if (this.#state === 'running' && server.links === null) server.problem = why;
      } finally {
        timer.cancel();
      }
      if (this.#state === 'running') this.changed.emit();
    }
    this.#askers--;
  }

  #told(authority: string, links: Link[]): void {
    const server = this.#servers.get(authority)!;
    server.links = links.length;
    server.problem = null;
    this.discovered.emit({ authority, name: server.name, how: server.how, links });
  }
}

function newStep(kind: ScanKind, label: string, total: number): ScanStep {
  return { kind, label, state: 'waiting', done: 0, total, found: 0, problem: null };
}
