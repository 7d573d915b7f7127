/**
 * Passwords that were found right a short while ago. Five hundred devices that come back at once would otherwise cost
 * half a minute of hashing. Only a keyed digest of user and password is kept, in memory, and the key is of this process.
 */
import { createHmac, randomBytes } from 'node:crypto';
import type { Clock } from '../base/clock.ts';

export const REMEMBER_VERIFIED_MS = 5 * 60_000;
export const MAX_VERIFIED = 4_096;

interface Entry<T> {
  owner: T;
  untilMs: number;
}

/** `T` is the user as it was when the password was checked: any change of the user makes a new object. */
export class VerifiedPasswords<T extends object> {
  readonly #clock: Clock;
  readonly #key = randomBytes(32);
  /** The one remembered longest ago comes first. */
  readonly #entries = new Map<string, Entry<T>>();
  readonly #underWay = new Map<string, { owner: T; verdict: Promise<boolean> }>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  get size(): number {
    return this.#entries.size;
  }

  /** What a user and a prepared password are known by here. */
  digest(name: string, password: string): string {
    return createHmac('sha256', this.#key).update(`${name}\0${password}`).digest('base64');
  }

  has(digest: string, owner: T): boolean {
    const entry = this.#entries.get(digest);
    return entry !== undefined && entry.owner === owner && entry.untilMs > this.#clock.monotonic();
  }

  /** Runs `verify`, once for all who ask the same at the same time, and remembers a yes. */
  check(digest: string, owner: T, verify: () => Promise<boolean>): Promise<boolean> {
    const same = this.#underWay.get(digest);
    if (same !== undefined && same.owner === owner) return same.verdict;
    const verdict = verify()
      .then((right) => {
        if (right) this.#remember(digest, owner);
        return right;
      })
      .finally(() => {
        if (this.#underWay.get(digest)?.verdict === verdict) this.#underWay.delete(digest);
      });
    this.#underWay.set(digest, { owner, verdict });
    return verdict;
  }

  #remember(digest: string, owner: T): void {
    this.#entries.delete(digest);
    this.#entries.set(digest, { owner, untilMs: this.#clock.monotonic() + REMEMBER_VERIFIED_MS });
    if (this.#entries.size > MAX_VERIFIED) this.#entries.delete(this.#entries.keys().next().value!);
  }
}
