import type { Clock } from '../../base/clock.ts';
import { messageOf } from '../../base/errors.ts';
import { Signal } from '../../base/events.ts';
import { TimerWheel } from '../../base/timer-wheel.ts';
import { addressText } from '../address.ts';
import { code } from '../codec/codes.ts';
import { Deadline } from '../deadline.ts';
import { parseLinkFormat } from '../links/link-format.ts';
import type { ParsedLink } from '../links/link-format.ts';
import type { CoapRandom } from '../random.ts';
import { DEFAULT_DIRECTORY_LIMITS, newDirectoryCounters } from './limits.ts';
import type { DirectoryCounters, DirectoryLimits, Outcome, Refusal } from './limits.ts';
import { lookupEndpoints, lookupResources, readSearch } from './lookup.ts';
import { DEFAULT_LIFETIME_S, MAX_ATTRIBUTES } from './parameters.ts';
import type { RegistrationParameters } from './parameters.ts';
import { baseOf, isRegistration, readBase } from './registration.ts';
import type { Registrant, Registration } from './registration.ts';

const BAD_REQUEST = code(4, 0);
const FORBIDDEN = code(4, 3);
const NOT_FOUND = code(4, 4);
const TOO_LARGE = code(4, 13);
const UNAVAILABLE = code(5, 3);

/** One second is precise enough for lifetimes, and wakes nobody up more often. */
const TICK_MS = 1_000;

export interface DirectoryChange {
  location: string;
  how: 'registered' | 'updated' | 'removed' | 'expired';
  /** Lookups may answer differently now; false when only its time began anew. */
  visible: boolean;
}

interface Entry {
  registration: Registration;
  expiry: Deadline;
}

/**
 * A resource directory (RFC 9176): devices leave here what they serve, others look it up.
 *
 * Who may change a registration (§7.5, First-Come-First-Remembered): the name of an endpoint belongs to whoever
 * registered it, for as long as that registration lives. Whoever proved who it is, by TLS or DTLS, is known by that
 * identity wherever it comes from. Everybody else is known by transport and IP address; the port is left out, since
 * it changes with every restart of a device. That is as weak as the network is: whoever shares or can forge the
 * address can take the name. It keeps honest devices from replacing each other by mistake, and others out without a
 * forged address. UDP and TCP count as different, as an address is forged more easily over the former.
 */
export class Directory {
  /** After the fact. For those who keep records, and those who look. */
  readonly changed = new Signal<DirectoryChange>();
  readonly counters: DirectoryCounters = newDirectoryCounters();
  readonly #clock: Clock;
  readonly #random: CoapRandom;
  readonly #wheel: TimerWheel;
  readonly #limits: DirectoryLimits;
  readonly #entries = new Map<string, Entry>();
  /** Location by endpoint and sector. */
  readonly #byName = new Map<string, string>();
  readonly #perPeer = new Map<string, number>();
  #links = 0;

  constructor(options: { clock: Clock; random: CoapRandom; limits?: Partial<DirectoryLimits> }) {
    this.#clock = options.clock;
    this.#random = options.random;
    this.#wheel = new TimerWheel(options.clock, { tickMs: TICK_MS });
    this.#limits = { ...DEFAULT_DIRECTORY_LIMITS, ...options.limits };
  }

  get size(): number {
    return this.#entries.size;
  }

  /** In the order of their first registration. */
  list(): Registration[] {
    return [...this.#entries.values()].map((entry) => entry.registration);
  }

  get(location: string): Registration | undefined {
    return this.#entries.get(location)?.registration;
  }

  /** §5: a new registration, or a replacement of the one with the same endpoint and sector. */
  register(parameters: RegistrationParameters, linkText: string, by: Registrant): Outcome<Registration> {
    const { endpoint, sector } = parameters;
    if (endpoint === undefined) return this.#bad('ep is missing');
    const base = parameters.base === undefined ? { base: baseOf(by) } : readBase(parameters.base, by);
    if ('problem' in base) return this.#bad(base.problem);
    const links = this.#readLinks(linkText);
    if (!links.ok) return links;

    const old = this.#named(endpoint, sector);
    const refusal = this.#admit(old, links.value.length, by);
    if (refusal !== undefined) return refusal;
    const nowMs = this.#clock.now();
    const lifetimeSeconds = parameters.lifetimeSeconds ?? DEFAULT_LIFETIME_S;
    const registration: Registration = {
      location: old?.location ?? this.#freshLocation(),
      endpoint,
      sector: sector === undefined || sector === '' ? null : sector,
      ...base,
      baseGiven: parameters.base !== undefined,
      attributes: parameters.attributes,
      lifetimeSeconds,
      registeredMs: nowMs,
      updatedMs: nowMs,
      expiresMs: nowMs + lifetimeSeconds * 1_000,
      links: links.value,
      linkChars: linkText.length,
      ...ownership(by),
    };
    this.#put(registration);
    this.counters.registered++;
    this.changed.emit({ location: registration.location, how: 'registered', visible: true });
    return { ok: true, value: registration };
  }

  /** Why such a registration would be refused whatever its links, for those who must still fetch them. */
  refusal({ endpoint, sector }: RegistrationParameters, by: Registrant): Refusal | undefined {
    if (endpoint === undefined) return this.#bad('ep is missing');
    return this.#admit(this.#named(endpoint, sector), 0, by);
  }

  /** §5.3.1: the lifetime begins anew, whatever else is said. */
  update(location: string, parameters: RegistrationParameters, by: Registrant): Outcome<Registration> {
    const found = this.#owned(location, by);
    if (!found.ok) return found;
    const old = found.value;
    const { endpoint = old.endpoint, sector = old.sector ?? '' } = parameters;
    if (endpoint !== old.endpoint || sector !== (old.sector ?? ''))
      return this.#bad('ep and d do not change');
    const base = parameters.base === undefined ? undefined : readBase(parameters.base, by);
    if (base !== undefined && 'problem' in base) return this.#bad(base.problem);
    const { attributes } = parameters;
    // A name that is said replaces all its values; one that is not said stays.
    const kept = old.attributes.filter(([name]) => !attributes.some(([said]) => said === name));
    if (kept.length + attributes.length > MAX_ATTRIBUTES) return this.#bad('too many parameters');
    const nowMs = this.#clock.now();
    const lifetimeSeconds = parameters.lifetimeSeconds ?? old.lifetimeSeconds;
    const registration: Registration = {
      ...old,
      base: base?.base ?? (old.baseGiven ? old.base : baseOf(by)),
      baseGiven: old.baseGiven || base !== undefined,
      attributes: [...kept, ...attributes],
      lifetimeSeconds,
      updatedMs: nowMs,
      expiresMs: nowMs + lifetimeSeconds * 1_000,
      ...ownership(by),
    };
    this.#put(registration);
    this.counters.updated++;
    const visible = registration.base !== old.base || attributes.length > 0;
    this.changed.emit({ location, how: 'updated', visible });
    return { ok: true, value: registration };
  }

  /** §5.3.2, by a peer. */
  deregister(location: string, by: Registrant): Outcome<Registration> {
    const found = this.#owned(location, by);
    if (found.ok) this.remove(location);
    return found;
  }

  /** By the operator. False when there is no such registration. */
  remove(location: string): boolean {
    if (!this.#drop(location)) return false;
    this.counters.removed++;
    this.changed.emit({ location, how: 'removed', visible: true });
    return true;
  }

  /** Links to registrations for `GET /rd-lookup/ep`. */
  lookupEndpoints(query: readonly string[], by: Registrant): Outcome<ParsedLink[]> {
    const search = readSearch(query);
    if (search === undefined) return badPaging();
    return { ok: true, value: lookupEndpoints(this.list(), search, by) };
  }

  /** Links to resources for `GET /rd-lookup/res`. */
  lookupResources(query: readonly string[], by: Registrant): Outcome<ParsedLink[]> {
    const search = readSearch(query);
    if (search === undefined) return badPaging();
    return { ok: true, value: lookupResources(this.list(), search, by) };
  }

  /** What is to be kept over a restart. Registrations are never changed, only replaced: no copy is needed. */
  records(): Registration[] {
    return this.list();
  }

  /** Takes back what `records` gave, without what has expired since or is none. Nothing is told. */
  load(records: readonly Registration[]): void {
    const nowMs = this.#clock.now();
    for (const registration of records) {
      if (!isRegistration(registration)) continue;
      if (registration.expiresMs <= nowMs || this.#entries.size >= this.#limits.registrations) continue;
      const taken = this.#byName.has(nameKey(registration.endpoint, registration.sector ?? undefined));
      if (!taken && !this.#entries.has(registration.location)) this.#put(registration);
    }
  }

  /** Forgets everything, without a word: take `records` first. May be called again. */
  stop(): void {
    this.#wheel.stop();
    this.#entries.clear();
    this.#byName.clear();
    this.#perPeer.clear();
    this.#links = 0;
  }

  #readLinks(text: string): Outcome<ParsedLink[]> {
    if (text.length > this.#limits.charsPerRegistration) return this.#tooLarge();
    let links: ParsedLink[];
    try {
      links = parseLinkFormat(text);
    } catch (error) {
      return this.#bad(messageOf(error));
    }
    return links.length > this.#limits.linksPerRegistration ? this.#tooLarge() : { ok: true, value: links };
  }

  #named(endpoint: string, sector: string | undefined): Registration | undefined {
    return this.get(this.#byName.get(nameKey(endpoint, sector)) ?? '');
  }

  #admit(old: Registration | undefined, links: number, by: Registrant): Refusal | undefined {
    if (old !== undefined && !isOwner(old, by)) return this.#foreign();
    if (this.#links - (old?.links.length ?? 0) + links > this.#limits.links) return this.#full();
    const peer = peerKey(ownership(by).owner);
    const additional = old === undefined || peerKey(old.owner) !== peer;
    if (additional && (this.#perPeer.get(peer) ?? 0) >= this.#limits.perPeer) {
      this.counters.refusedFull++;
      const why = `this peer has ${this.#limits.perPeer} registrations already`;
      return { ok: false, code: FORBIDDEN, why };
    }
    if (old === undefined && this.#entries.size >= this.#limits.registrations) return this.#full();
    return undefined;
  }

  #owned(location: string, by: Registrant): Outcome<Registration> {
    const registration = this.get(location);
    if (registration === undefined) return { ok: false, code: NOT_FOUND, why: 'no such registration' };
    return isOwner(registration, by) ? { ok: true, value: registration } : this.#foreign();
  }

  #put(registration: Registration): void {
    const { location, endpoint, sector, owner, links, expiresMs } = registration;
    const old = this.#entries.get(location);
    if (old !== undefined) this.#account(old.registration, -1);
    const expiry = old?.expiry ?? new Deadline(this.#wheel, () => this.#expire(location));
    this.#entries.set(location, { registration, expiry });
    this.#byName.set(nameKey(endpoint, sector ?? undefined), location);
    this.#account({ owner, links }, 1);
    expiry.set(expiresMs - this.#clock.now());
  }

  #account({ owner, links }: Pick<Registration, 'owner' | 'links'>, sign: 1 | -1): void {
    const peer = peerKey(owner);
    const count = (this.#perPeer.get(peer) ?? 0) + sign;
    if (count === 0) this.#perPeer.delete(peer);
    else this.#perPeer.set(peer, count);
    this.#links += sign * links.length;
  }

  #drop(location: string): boolean {
    const entry = this.#entries.get(location);
    if (entry === undefined) return false;
    const { registration, expiry } = entry;
    expiry.clear();
    this.#entries.delete(location);
    this.#byName.delete(nameKey(registration.endpoint, registration.sector ?? undefined));
    this.#account(registration, -1);
    return true;
  }

  #expire(location: string): void {
    if (!this.#drop(location)) return;
    this.counters.expired++;
    this.changed.emit({ location, how: 'expired', visible: true });
  }

  #freshLocation(): string {
    for (;;) {
      const location = `/rd/${Buffer.from(this.#random.bytes(4)).toString('hex')}`;
      if (!this.#entries.has(location)) return location;
    }
  }

  #bad(why: string): Refusal {
    this.counters.refusedBad++;
    return { ok: false, code: BAD_REQUEST, why };
  }

  #foreign(): Refusal {
    this.counters.refusedForeign++;
    return { ok: false, code: FORBIDDEN, why: 'another peer registered this endpoint' };
  }

  #full(): Refusal {
    this.counters.refusedFull++;
    return { ok: false, code: UNAVAILABLE, why: 'the directory is full' };
  }

  #tooLarge(): Refusal {
    this.counters.refusedTooLarge++;
    const { linksPerRegistration, charsPerRegistration } = this.#limits;
    const why = `at most ${linksPerRegistration} links in ${charsPerRegistration} characters`;
    return { ok: false, code: TOO_LARGE, why };
  }
}

function nameKey(endpoint: string, sector: string | undefined): string {
  // Neither can hold a control character. An empty sector is none (§5).
  return `${endpoint}\0${sector ?? ''}`;
}

function ownership({ transport, from, identity }: Registrant): Pick<Registration, 'owner' | 'from'> {
  const owner = { transport, address: from.address, identity };
  return { owner, from: `${transport} ${addressText(from)}` };
}

function peerKey({ transport, address, identity }: Registration['owner']): string {
  return identity === null ? `${transport} ${address}` : `= ${identity}`;
}

function isOwner({ owner }: Registration, { transport, from, identity }: Registrant): boolean {
  if (owner.identity !== null) return owner.identity === identity;
  return owner.transport === transport && owner.address === from.address;
}

function badPaging(): Refusal {
  return { ok: false, code: BAD_REQUEST, why: 'page and count are whole numbers, and page needs count' };
}
