import type { Clock } from '../../base/clock.ts';
import { messageOf } from '../../base/errors.ts';
import { Signal } from '../../base/events.ts';
import { code } from '../codec/codes.ts';
import { parseLinkFormat } from '../links/link-format.ts';
import type { ParsedLink } from '../links/link-format.ts';
import type { CoapRandom } from '../random.ts';
import { DEFAULT_DIRECTORY_LIMITS, newDirectoryCounters } from './limits.ts';
import type { DirectoryCounters, DirectoryLimits, Outcome, Refusal } from './limits.ts';
import { lookupEndpoints, lookupResources, readSearch } from './lookup.ts';
import { isOwner, ownerKey, ownership } from './owner.ts';
import { DEFAULT_LIFETIME_S, MAX_ATTRIBUTES } from './parameters.ts';
import type { RegistrationParameters } from './parameters.ts';
import { baseOf, isRegistration, readBase } from './registration.ts';
import type { Registrant, Registration } from './registration.ts';
import { RegistrationTable } from './table.ts';

const BAD_REQUEST = code(4, 0);
const FORBIDDEN = code(4, 3);
const NOT_FOUND = code(4, 4);
const TOO_LARGE = code(4, 13);
const UNAVAILABLE = code(5, 3);

export interface DirectoryChange {
  location: string;
  how: 'registered' | 'updated' | 'removed' | 'expired';
  /** Lookups may answer differently now; false when only its time began anew. */
  visible: boolean;
}

/** A resource directory (RFC 9176): devices leave here what they serve, others look it up. See `owner.ts` for who may. */
export class Directory {
  /** After the fact. For those who keep records, and those who look. */
  readonly changed = new Signal<DirectoryChange>();
  readonly counters: DirectoryCounters = newDirectoryCounters();
  readonly #clock: Clock;
  readonly #limits: DirectoryLimits;
  readonly #table: RegistrationTable;

  constructor(options: { clock: Clock; random: CoapRandom; limits?: Partial<DirectoryLimits> }) {
    this.#clock = options.clock;
    this.#limits = { ...DEFAULT_DIRECTORY_LIMITS, ...options.limits };
    this.#table = new RegistrationTable(options.clock, options.random, this.#limits, (location) => {
      this.counters.expired++;
      this.changed.emit({ location, how: 'expired', visible: true });
    });
  }

  get size(): number {
    return this.#table.size;
  }

  /** In the order of their first registration. */
  list(): Registration[] {
    return this.#table.list();
  }

  get(location: string): Registration | undefined {
    return this.#table.get(location);
  }

  /** §5: a new registration, or a replacement of the one with the same endpoint and sector. */
  register(parameters: RegistrationParameters, linkText: string, by: Registrant): Outcome<Registration> {
    const { endpoint, sector } = parameters;
    if (endpoint === undefined) return this.#bad('ep is missing');
    const base = parameters.base === undefined ? { base: baseOf(by) } : readBase(parameters.base, by);
    if ('problem' in base) return this.#bad(base.problem);
    const links = this.#readLinks(linkText);
    if (!links.ok) return links;

    const old = this.#table.named(endpoint, sector);
    const refusal = this.#admit(old, links.value.length, by);
    if (refusal !== undefined) return refusal;
    const nowMs = this.#clock.now();
    const lifetimeSeconds = parameters.lifetimeSeconds ?? DEFAULT_LIFETIME_S;
    const registration: Registration = {
      location: old?.location ?? this.#table.freshLocation(),
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
    this.#table.put(registration);
    this.counters.registered++;
    this.changed.emit({ location: registration.location, how: 'registered', visible: true });
    return { ok: true, value: registration };
  }

  /** Why such a registration would be refused whatever its links, for those who must still fetch them. */
  refusal({ endpoint, sector }: RegistrationParameters, by: Registrant): Refusal | undefined {
    if (endpoint === undefined) return this.#bad('ep is missing');
    return this.#admit(this.#table.named(endpoint, sector), 0, by);
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
    this.#table.put(registration);
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
    if (!this.#table.drop(location)) return false;
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
      if (registration.expiresMs <= nowMs || this.#table.size >= this.#limits.registrations) continue;
      const taken = this.#table.named(registration.endpoint, registration.sector ?? undefined) !== undefined;
      if (!taken && this.get(registration.location) === undefined) this.#table.put(registration);
    }
  }

  /** Forgets everything, without a word: take `records` first. May be called again. */
  stop(): void {
    this.#table.stop();
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

  #admit(old: Registration | undefined, links: number, by: Registrant): Refusal | undefined {
    if (old !== undefined && !isOwner(old, by)) return this.#foreign();
    const moreLinks = links - (old?.links.length ?? 0);
    if (this.#table.links + moreLinks > this.#limits.links) return this.#full();
    const { owner } = ownership(by);
    const additional = old === undefined || ownerKey(old.owner) !== ownerKey(owner);
    if (additional && this.#table.countOf(owner) >= this.#limits.perPeer) {
      this.counters.refusedFull++;
      const why = `this peer has ${this.#limits.perPeer} registrations already`;
      return { ok: false, code: FORBIDDEN, why };
    }
    if (old === undefined && this.#table.size >= this.#limits.registrations) return this.#full();
    if (this.#table.isFullFor(owner, additional ? 1 : 0, additional ? links : moreLinks)) {
      this.counters.hostShareReached++;
      return this.#full();
    }
    return undefined;
  }

  #owned(location: string, by: Registrant): Outcome<Registration> {
    const registration = this.get(location);
    if (registration === undefined) return { ok: false, code: NOT_FOUND, why: 'no such registration' };
    return isOwner(registration, by) ? { ok: true, value: registration } : this.#foreign();
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

function badPaging(): Refusal {
  return { ok: false, code: BAD_REQUEST, why: 'page and count are whole numbers, and page needs count' };
}
