/** The decision whether a client comes in: by certificate, by user name and password, by SCRAM, or anonymously. */
import { BackOff } from '../base/back-off.ts';
import type { Clock } from '../base/clock.ts';
import { codeOf } from '../base/errors.ts';
import type { Log } from '../base/log.ts';
import type { StoredUser } from './access-file.ts';
import type { Account, Directory } from './directory.ts';
import { dummyHash, PasswordHasher } from './password.ts';
import type { HasherLimits } from './password.ts';
import { saslPrep, saslPrepBytes } from './saslprep.ts';
import { fakeScramKeys, ScramServer } from './scram.ts';
import type { ScramKeys } from './scram.ts';
import { ANONYMOUS, BUSY, NOT_AUTHORIZED, WRONG, WRONG_CLIENT_ID } from './sign-in-types.ts';
import type { Admitted, Refused, ScramExchange, ScramStep, SignInRequest, Verdict } from './sign-in-types.ts';
import { VerifiedPasswords } from './verified.ts';

/** Longer ones than any that can be set are wrong without a look. */
const MAX_PASSWORD_BYTES = 8_192;

/** Only ever grow. */
export interface SignInCounters {
  /** Wrong passwords and proofs. */
  wrong: number;
  /** Refused unseen because of wrong ones before. */
  throttled: number;
  /** Refused because too many were under way. */
  busy: number;
}

export interface SignInParts {
  clock: Clock;
  log: Log;
  directory: () => Directory;
  fakeSaltSecret: Buffer;
  /** An address has just become one that must wait. */
  onHeldBack: () => void;
  /** A user signed in. */
  onSeen: () => void;
  hasherLimits?: Partial<HasherLimits>;
}

export class SignIn {
  readonly counters: SignInCounters = { wrong: 0, throttled: 0, busy: 0 };
  readonly backOff: BackOff;
  readonly #parts: SignInParts;
  readonly #hasher: PasswordHasher;
  readonly #verified: VerifiedPasswords<StoredUser | typeof NO_USER>;
  readonly #dummy = dummyHash();
  readonly #lastSeenMs = new Map<string, number>();

  constructor(parts: SignInParts) {
    this.#parts = parts;
    this.#hasher = new PasswordHasher(parts.hasherLimits);
    this.backOff = new BackOff(parts.clock);
    this.#verified = new VerifiedPasswords(parts.clock);
  }

  /** ms since the epoch, 0 never. */
  lastSeenMs(name: string): number {
    return this.#lastSeenMs.get(name) ?? 0;
  }

  forget(name: string): void {
    this.#lastSeenMs.delete(name);
  }

  authenticate(request: SignInRequest): Verdict | Promise<Verdict> {
    const { profile } = request.origin;
    const certified = certifiedName(request);
    if (certified !== undefined) return this.#byCertificate(request, certified);
    const directory = this.#parts.directory();
    if (request.username === null || (profile.anonymous && !directory.hasUsers)) {
      return profile.anonymous ? ANONYMOUS : NOT_AUTHORIZED;
    }
    // Nothing was guessed: told at once, and not counted.
    if (request.password === null) return WRONG;
    if (this.#mustWait(request.address)) return BUSY;
    const name = saslPrep(request.username);
    const account = name === null ? undefined : directory.account(name);
    const short = request.password.length <= MAX_PASSWORD_BYTES;
    const password = short ? saslPrepBytes(request.password) : null;
    const hash = password === null ? undefined : account?.stored.password?.scrypt;
    // Without a hash of its own the same work is done on one that fits nothing: the time tells nothing.
    const owner = hash === undefined ? NO_USER : account!.stored;
    const digest = this.#verified.digest(name ?? '', password ?? '');
    if (this.#verified.has(digest, owner)) return this.#rightPassword(request, account!);
    const verify = (): Promise<boolean> =>
      this.#hasher.verify(password ?? '', hash ?? this.#dummy, () => !this.#isHeldBack(request.address));
    const verdict = this.#verified.check(digest, owner, verify);
    return verdict.then(
      (right) => this.#afterHash(request, name, owner, right && hash !== undefined),
      (error: unknown) => this.#afterFault(request, error),
    );
  }

  /** A SCRAM-SHA-256 exchange, for CONNECT or for re-authentication. */
  beginScram(request: SignInRequest): ScramExchange {
    let name = '';
    let stored: StoredUser | undefined;
    const server = new ScramServer((wanted): ScramKeys => {
      name = saslPrep(wanted) ?? wanted;
      stored = this.#parts.directory().account(name)?.stored;
      return stored?.password?.scram ?? fakeScramKeys(name, this.#parts.fakeSaltSecret);
    });
    let next: 'first' | 'final' | 'over' = 'first';
    const step = (data: Uint8Array): ScramStep => {
      const now = next;
      next = now === 'first' ? 'final' : 'over';
      if (this.#mustWait(request.address)) return BUSY;
      if (now === 'over') return NOT_AUTHORIZED;
      if (now === 'first') return { kind: 'continue', data: server.first(data) };
      const answer = server.final(data);
      const account = this.#parts.directory().account(name);
      if (answer === null || account === undefined) return this.#wrong(request, name);
      // Changed between the two messages: the proof was of something that is gone.
      if (account.stored !== stored) return BUSY;
      const certified = certifiedName(request);
      if (certified !== undefined && certified !== name) return NOT_AUTHORIZED;
      if (request.username !== null && saslPrep(request.username) !== name) return NOT_AUTHORIZED;
      const verdict = this.#rightPassword(request, account);
      return 'reasonCode' in verdict ? verdict : { kind: 'done', data: answer, admission: verdict };
    };
    return { step: (data) => withoutThrow(data, step) };
  }

  /** The certificate was checked by the transport and cannot be guessed: no back-off, and no password is asked. */
  #byCertificate(request: SignInRequest, name: string | null): Verdict {
    const account = name === null ? undefined : this.#parts.directory().account(name);
    if (account === undefined) return NOT_AUTHORIZED;
    if (request.username !== null && saslPrep(request.username) !== name) return NOT_AUTHORIZED;
    return this.#admit(request, account);
  }

  #afterHash(
    request: SignInRequest,
    name: string | null,
    owner: StoredUser | typeof NO_USER,
    right: boolean,
  ): Verdict {
    // Of many guesses sent at once only the free ones are answered, right or wrong.
    if (this.#mustWait(request.address)) return BUSY;
    if (!right) return this.#wrong(request, name ?? '');
    const account = this.#parts.directory().account(name ?? '');
    if (account === undefined || account.stored !== owner) return this.#busy();
    return this.#rightPassword(request, account);
  }

  #afterFault(request: SignInRequest, error: unknown): Verdict {
    if (this.#mustWait(request.address)) return BUSY;
    if (!codeOf(error).startsWith('access.'))
      this.#parts.log.error('a password could not be checked', { error });
    return this.#busy();
  }

  #busy(): Refused {
    this.counters.busy++;
    return BUSY;
  }

  #rightPassword(request: SignInRequest, account: Account): Verdict {
    this.backOff.succeeded(hostOf(request.address), account.stored.name);
    return this.#admit(request, account);
  }

  /** Who it is, is proven: what is told from here on, is told to the user itself. */
  #admit(request: SignInRequest, { stored, admission }: Account): Admitted | Refused {
    if (!stored.enabled) return NOT_AUTHORIZED;
    if (!mayUseClientId(stored, request.clientId)) return WRONG_CLIENT_ID;
    this.#lastSeenMs.set(stored.name, this.#parts.clock.now());
    this.#parts.onSeen();
    return admission;
  }

  #wrong(request: SignInRequest, name: string): Refused {
    this.counters.wrong++;
    const address = hostOf(request.address);
    const waitMs = this.backOff.failed(address, name);
    // What was given as a user name may be a password in the wrong field: only known names are told.
    const user = this.#parts.directory().account(name) === undefined ? null : name;
    if (waitMs === 0) this.#parts.log.info('wrong user name or password', { address, user });
    else {
      this.#parts.log.warn('too many wrong passwords: the address must wait', { address, user, waitMs });
      this.#parts.onHeldBack();
    }
    return WRONG;
  }

  #isHeldBack(address: string): boolean {
    return this.backOff.waitMs(hostOf(address)) > 0;
  }

  #mustWait(address: string): boolean {
    if (!this.#isHeldBack(address)) return false;
    this.counters.throttled++;
    return true;
  }
}

/** Owner of what unknown users are checked against. */
const NO_USER = { unknown: true } as const;

/** The user that the certificate names; null when it names none; undefined when certificates do not count here. */
function certifiedName({ origin }: SignInRequest): string | null | undefined {
  if (origin.certificate === null || origin.profile.certificateUser === 'none') return undefined;
  return saslPrep(origin.certificate.commonName);
}

function mayUseClientId(user: StoredUser, clientId: string): boolean {
  if (user.clientIds.length === 0) return true;
  return user.clientIds.some((allowed) => allowed.replaceAll('%u', () => user.name) === clientId);
}

/** `192.0.2.1:50000` or `[2001:db8::1]:50000` without the port, as the back-off wants it. */
function hostOf(address: string): string {
  return address
    .replace(/:\d+$/, '')
    .replace(/^\[(.*)\]$/, '$1')
    .replace(/%.*$/, '');
}

function withoutThrow(data: Uint8Array, step: (data: Uint8Array) => ScramStep): ScramStep {
  try {
    return step(data);
  } catch (error) {
    if (codeOf(error) === 'access.bad_scram') {
      return { reasonCode: NOT_AUTHORIZED.reasonCode, reason: (error as Error).message };
    }
    throw error;
  }
}
