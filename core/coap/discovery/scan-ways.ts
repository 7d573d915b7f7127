/** The ways in which a scan looks for servers, each as steps that are shown and the work that each of them is. */
import type { Clock } from '../../base/clock.ts';
import { coapError } from '../errors.ts';
import type { Link } from '../links/link-format.ts';
import type { CoapRandom } from '../random.ts';
import { systemResolver } from '../resolve.ts';
import type { HostResolver } from '../resolve.ts';
import { parseCoapUri } from '../uri.ts';
import { lookupDirectory } from './directory-lookup.ts';
import type { ReadLinks } from './directory-lookup.ts';
import { whereabouts } from './elsewhere.ts';
import type { NetworkInterface } from './interfaces.ts';
import { MDNS_LISTEN_MS, askMdns } from './mdns.ts';
import type { MdnsCounters } from './mdns.ts';
import type { OpenMdnsSocket } from './mdns-socket.ts';
import { MULTICAST_LISTEN_MS, askMulticast, authorityOf, multicastTargets } from './multicast.ts';
import type { AskGroup } from './multicast.ts';
import { parseRange, sweep } from './range.ts';
import type { Probe } from './range.ts';
import type { ScanKind, ScanStep } from './scan-state.ts';

export interface ScanWaysParts {
  clock: Clock;
  random: CoapRandom;
  interfaces: () => NetworkInterface[];
  askGroup: AskGroup;
  openMdns: OpenMdnsSocket;
  probe: Probe;
  readLinks: ReadLinks;
  /** The operating system's unless given. */
  resolver?: HostResolver;
  mdnsCounters: MdnsCounters;
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

/** What is known of a server beside its authority; `problem`: it is not to be asked for its links, and why. */
export interface FoundMore {
  name?: string | null;
  links?: Link[] | undefined;
  problem?: string;
  /** Looks its name up when it is asked for its links; the common one unless given. */
  resolver?: HostResolver;
}

/** Who hears of what the steps find and how far they are. */
export interface ScanWatch {
  found(step: ScanStep, authority: string, more: FoundMore): void;
  /** The numbers of a step are different. */
  moved(): void;
}

export type Work = (signal: AbortSignal) => Promise<void>;

/** How often the waiting for groups shows progress. */
const TICK_MS = 250;

/** Throws `coap.bad_range`, `coap.bad_uri` or `coap.no_interface`; nothing is begun before the works are run. */
export function worksOf(plan: ScanPlan, parts: ScanWaysParts, watch: ScanWatch): [ScanStep, Work][] {
  const works: [ScanStep, Work][] = [];
  if (plan.multicast || plan.mdns) {
    const interfaces = chosenOf(parts.interfaces(), plan.interfaces);
    if (plan.multicast) works.push(...multicast(interfaces, plan.port, parts, watch));
    if (plan.mdns) works.push(...interfaces.map((on) => mdns(on, parts, watch)));
  }
  if (plan.directory !== undefined) works.push(directory(plan.directory, parts, watch));
  if (plan.range !== undefined) works.push(range(plan.range, plan.port, parts, watch));
  return works;
}

function chosenOf(
  all: readonly NetworkInterface[],
  names: readonly string[] | undefined,
): NetworkInterface[] {
  const chosen = all.filter(({ name, loopback }) => (names === undefined ? !loopback : names.includes(name)));
  const missing = names?.find((name) => !all.some((one) => one.name === name));
  if (chosen.length > 0 && missing === undefined) return chosen;
  const which = missing === undefined ? 'network interface with an address' : `network interface ${missing}`;
  throw coapError('coap.no_interface', `This machine has no ${which}.`, {
    interfaces: all.map((one) => one.name),
  });
}

function multicast(
  interfaces: readonly NetworkInterface[],
  port: number,
  { clock, askGroup }: ScanWaysParts,
  watch: ScanWatch,
): [ScanStep, Work][] {
  return multicastTargets(interfaces, port).map((target) => {
    const step = newStep('multicast', `${target.interfaceName} ${target.group}`, MULTICAST_LISTEN_MS);
    const work: Work = (signal) => {
      const ask = askMulticast(
        target,
        askGroup,
        ({ authority, links }) => watch.found(step, authority, { links }),
        signal,
      );
      return withTime(step, ask, clock, watch);
    };
    return [step, work];
  });
}

function mdns(on: NetworkInterface, parts: ScanWaysParts, watch: ScanWatch): [ScanStep, Work] {
  const { clock, random, openMdns: open, mdnsCounters: counters, mdnsPort: port } = parts;
  const mdnsParts = { clock, random, open, counters, ...(port === undefined ? {} : { port }) };
  const step = newStep('mdns', `${on.name} mDNS`, MDNS_LISTEN_MS);
  const work: Work = (signal) => {
    const ask = askMdns(
      on,
      mdnsParts,
      ({ scheme, name, address }) => {
        const authority = authorityOf(address).replace('coap:', `${scheme}:`);
        const problem =
          scheme === 'coap' ? {} : { problem: `Found by mDNS; ${scheme} servers are not asked in a scan.` };
        watch.found(step, authority, { name, ...problem });
      },
      signal,
    );
    return withTime(step, ask, clock, watch);
  };
  return [step, work];
}

function directory(
  uri: string,
  { readLinks, resolver: common }: ScanWaysParts,
  watch: ScanWatch,
): [ScanStep, Work] {
  const { authority } = parseCoapUri(uri);
  const step = newStep('directory', authority, 1);
  const work: Work = async (signal) => {
    const place = await whereabouts(parseCoapUri(uri), common ?? systemResolver);
    const { resolver } = place;
    const endpoints = await lookupDirectory(uri, readLinks, signal, place);
    for (const { authority: at, name } of endpoints) watch.found(step, at, { name, resolver });
  };
  return [step, work];
}

function range(text: string, port: number, parts: ScanWaysParts, watch: ScanWatch): [ScanStep, Work] {
  const addresses = parseRange(text);
  const step = newStep('range', text, addresses.length);
  const told = {
    found: (authority: string) => watch.found(step, authority, {}),
    asked: (count: number) => {
      step.done = count;
      watch.moved();
    },
  };
  return [step, (signal) => sweep(addresses, port, parts, told, signal)];
}

/** Shows the time that passes until `ask` ends. */
async function withTime(step: ScanStep, ask: Promise<void>, clock: Clock, watch: ScanWatch): Promise<void> {
  const startMs = clock.monotonic();
  const tick = (): void => {
    step.done = Math.min(step.total, Math.round(clock.monotonic() - startMs));
    watch.moved();
    timer = clock.after(TICK_MS, tick);
  };
  let timer = clock.after(TICK_MS, tick);
  try {
    await ask;
  } finally {
    timer.cancel();
  }
}

function newStep(kind: ScanKind, label: string, total: number): ScanStep {
  return { kind, label, state: 'waiting', done: 0, total, found: 0, problem: null };
}
