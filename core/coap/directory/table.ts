import type { Clock } from '../../base/clock.ts';
import { TimerWheel } from '../../base/timer-wheel.ts';
import { Deadline } from '../deadline.ts';
import { HostShares, hostOf } from '../host-shares.ts';
import type { CoapRandom } from '../random.ts';
import { ownerKey } from './owner.ts';
import type { Registration } from './registration.ts';

/** One second is precise enough for lifetimes, and wakes nobody up more often. */
const TICK_MS = 1_000;

interface Entry {
  registration: Registration;
  expiry: Deadline;
}

/** Registrations by location and by name, each until its lifetime ends, and counted by owner. */
export class RegistrationTable {
  readonly #clock: Clock;
  readonly #random: CoapRandom;
  readonly #wheel: TimerWheel;
  readonly #onExpired: (location: string) => void;
  readonly #entries = new Map<string, Entry>();
  /** Location by endpoint and sector. */
  readonly #byName = new Map<string, string>();
  readonly #perOwner = new Map<string, number>();
  readonly #hosts: HostShares;
  readonly #hostLinks: HostShares;
  #links = 0;

  constructor(
    clock: Clock,
    random: CoapRandom,
    limits: { registrations: number; links: number },
    onExpired: (location: string) => void,
  ) {
    this.#clock = clock;
    this.#random = random;
    this.#wheel = new TimerWheel(clock, { tickMs: TICK_MS });
    this.#onExpired = onExpired;
    this.#hosts = new HostShares(limits.registrations);
    this.#hostLinks = new HostShares(limits.links);
  }

  get size(): number {
    return this.#entries.size;
  }

  /** Of all registrations together. */
  get links(): number {
    return this.#links;
  }

  /** In the order of their first registration. */
  list(): Registration[] {
    return [...this.#entries.values()].map((entry) => entry.registration);
  }

  get(location: string): Registration | undefined {
    return this.#entries.get(location)?.registration;
  }

  named(endpoint: string, sector: string | undefined): Registration | undefined {
    return this.get(this.#byName.get(nameKey(endpoint, sector)) ?? '');
  }

  /** How many that owner has. */
  countOf(owner: Registration['owner']): number {
    return this.#perOwner.get(ownerKey(owner)) ?? 0;
  }

  /** Whether so many more registrations and links are past the share of the owner's host. */
  isFullFor(owner: Registration['owner'], registrations: number, links: number): boolean {
    const place = placeOf(owner);
    if (place === undefined) return false;
    return (
      this.#hosts.isFull(place, this.size, registrations) || this.#hostLinks.isFull(place, this.#links, links)
    );
  }

  /** In place of what is at that location, if anything. */
  put(registration: Registration): void {
    const { location, endpoint, sector, owner, links, expiresMs } = registration;
    const old = this.#entries.get(location);
    if (old !== undefined) this.#account(old.registration, -1);
    const expiry = old?.expiry ?? new Deadline(this.#wheel, () => this.#expire(location));
    this.#entries.set(location, { registration, expiry });
    this.#byName.set(nameKey(endpoint, sector ?? undefined), location);
    this.#account({ owner, links }, 1);
    expiry.set(expiresMs - this.#clock.now());
  }

  /** False when nothing is there. */
  drop(location: string): boolean {
    const entry = this.#entries.get(location);
    if (entry === undefined) return false;
    const { registration, expiry } = entry;
    expiry.clear();
    this.#entries.delete(location);
    this.#byName.delete(nameKey(registration.endpoint, registration.sector ?? undefined));
    this.#account(registration, -1);
    return true;
  }

  freshLocation(): string {
    for (;;) {
      const location = `/rd/${Buffer.from(this.#random.bytes(4)).toString('hex')}`;
      if (!this.#entries.has(location)) return location;
    }
  }

  /** Forgets everything; nothing expires any more. May be called again. */
  stop(): void {
    this.#wheel.stop();
    this.#entries.clear();
    this.#byName.clear();
    this.#perOwner.clear();
    this.#hosts.clear();
    this.#hostLinks.clear();
    this.#links = 0;
  }

  #expire(location: string): void {
    if (this.drop(location)) this.#onExpired(location);
  }

  #account({ owner, links }: Pick<Registration, 'owner' | 'links'>, sign: 1 | -1): void {
    const count = this.countOf(owner) + sign;
    if (count === 0) this.#perOwner.delete(ownerKey(owner));
    else this.#perOwner.set(ownerKey(owner), count);
    this.#links += sign * links.length;
    const place = placeOf(owner);
    const host = place === undefined ? undefined : hostOf(place);
    const change = sign === 1 ? 'take' : 'give';
    this.#hosts[change](host);
    this.#hostLinks[change](host, links.length);
  }
}

/** Who proved who it is is no stranger, wherever it is. */
function placeOf({ address, identity }: Registration['owner']) {
  return identity === null ? ({ address, family: address.includes(':') ? 6 : 4 } as const) : undefined;
}

function nameKey(endpoint: string, sector: string | undefined): string {
  // Neither can hold a control character. An empty sector is none (§5).
  return `${endpoint}\0${sector ?? ''}`;
}
