/**
 * Who may use the broker, kept in `<data>/access.json`. The station plugs `authenticate`, `beginAuth` and `authorize`
 * into the broker (core/mqtt/options.ts), closes the connections of a `revoked` user, and tells the broker to forget
 * its verdicts when `changed` fires.
 *
 * Who comes in (docs/security.md):
 * - a client certificate, where the listener says that it names its user: that user must exist and be enabled, a user
 *   name in CONNECT must be the same (else 0x87), a password is not asked for;
 * - a user name: its password must be right (else 0x86), also on listeners that let anonymous clients in. Only where
 *   such a listener has no users at all to ask for, any name and password is let in as anonymous, because many devices
 *   send some whether or not they are wanted;
 * - no user name: where the listener lets anonymous clients in (else 0x87);
 * - AUTH with SCRAM-SHA-256: as a user name.
 *
 * An address with five wrong passwords waits (0x89). A user that is disabled is told 0x87 and one with a client id
 * that is not its own 0x85, both only after the right password.
 */
import type { Clock } from '../base/clock.ts';
import { Signal } from '../base/events.ts';
import type { Log } from '../base/log.ts';
import type { AccessTest, AclRule, RoleRow, SecuritySnapshot, UserRow } from '../contract/security.ts';
import { loadAccess, saveAccess } from './access-file.ts';
import type { AccessState, StoredPassword } from './access-file.ts';
import { Directory } from './directory.ts';
import { PasswordHasher } from './password.ts';
import type { HasherLimits } from './password.ts';
import { roleRows, withAnonymousRole, withoutRole, withRole } from './roles.ts';
import { SCRAM_METHOD } from './scram.ts';
import { SignIn } from './sign-in.ts';
import type { SignInCounters } from './sign-in.ts';
import type { ScramExchange, SignInRequest, Verdict } from './sign-in-types.ts';
import { isTopicFilter, isTopicName } from './acl-filter.ts';
import {
  checkUser,
  keptName,
  makePassword,
  mustLeave,
  userOf,
  userRow,
  withoutUser,
  withUser,
} from './users.ts';
import type { UserInput } from './users.ts';

export interface AccessParts {
  clock: Clock;
  log: Log;
  /** Of sign-ins under way. */
  hasherLimits?: Partial<HasherLimits>;
}

export class MqttAccess {
  /** Users, roles or rules changed: verdicts may differ. */
  readonly changed = new Signal<void>();
  /** A user whose connections must end: removed, disabled, another password, other client ids. After `changed`. */
  readonly revoked = new Signal<string>();
  /** `heldBack` of the snapshot changed. */
  readonly heldBackChanged = new Signal<void>();
  /** Steps with every sign-in, and with it `lastSeenMs` of a user. */
  signIns = 0;
  readonly #folder: string;
  readonly #clock: Clock;
  readonly #log: Log;
  readonly #signIn: SignIn;
  /** Apart from the one of sign-ins: a flood of them must not keep an administrator from changing a password. */
  readonly #hasher = new PasswordHasher({ maxRunning: 1, maxWaiting: 50 });
  #state: AccessState;
  #directory: Directory;

  private constructor(folder: string, state: AccessState, parts: AccessParts) {
    this.#folder = folder;
    this.#clock = parts.clock;
    this.#log = parts.log;
    this.#state = state;
    this.#directory = new Directory(state);
    this.#signIn = new SignIn({
      ...parts,
      directory: () => this.#directory,
      fakeSaltSecret: Buffer.from(state.fakeSaltSecret, 'base64'),
      onHeldBack: () => this.heldBackChanged.emit(),
      onSeen: () => this.signIns++,
    });
  }

  /**
   * Reads the users and roles of `folder`. A damaged file is set aside, and the broker then stays closed to everyone
   * until users and roles are made anew. Throws `access.unreadable`, `access.unwritable`.
   */
  static open(folder: string, parts: AccessParts): MqttAccess {
    return new MqttAccess(folder, loadAccess(folder, parts.log), parts);
  }

  get counters(): Readonly<SignInCounters> {
    return this.#signIn.counters;
  }

  hasUsers(): boolean {
    return this.#directory.hasUsers;
  }

  /** `name` as it is kept. */
  hasUser(name: string): boolean {
    return this.#directory.account(name) !== undefined;
  }

  authenticate(request: SignInRequest): Verdict | Promise<Verdict> {
    return this.#signIn.authenticate(request);
  }

  /** null for a method that is not spoken here. */
  beginAuth(method: string, request: SignInRequest): ScramExchange | null {
    return method === SCRAM_METHOD ? this.#signIn.beginScram(request) : null;
  }

  authorize(request: {
    clientId: string;
    username: string | null;
    action: 'publish' | 'subscribe';
    topic: string;
  }): boolean {
    return this.#directory.allows(request.action, request.topic, request);
  }

  /** Whether no rule speaks of what these clients publish. */
  mayPublishAll(username: string | null): boolean {
    return this.#directory.allowsAll(username);
  }

  snapshot(): SecuritySnapshot {
    const nowMs = this.#clock.now();
    return {
      users: this.#state.users
        .map((user) => userRow(user, this.#signIn.lastSeenMs(user.name)))
        .sort((one, other) => (one.name < other.name ? -1 : 1)),
      roles: roleRows(this.#state),
      anonymousRole: this.#state.anonymousRole,
      heldBack: this.#signIn.backOff
        .heldBack()
        .map(({ address, failures, waitMs }) => ({ address, failures, untilMs: nowMs + waitMs })),
    };
  }

  /**
   * Adds a user or changes it.
   * @throws CodedError `security.unknown_role`, `security.too_many`, `security.bad_name`, `security.bad_password`,
   * `access.unwritable`
   */
  async putUser(input: UserInput): Promise<UserRow> {
    checkUser(this.#state, input);
    let password: StoredPassword | null | undefined = null;
    if (typeof input.password === 'string') password = await makePassword(input.password, this.#hasher);
    else if (input.password === undefined) password = undefined;
    // Others may have changed the roles meanwhile: `withUser` looks again, at the state of now.
    const name = checkUser(this.#state, input);
    const before = userOf(this.#state, name);
    this.#adopt(withUser(this.#state, input, password, this.#clock.now()));
    const after = userOf(this.#state, name)!;
    if (mustLeave(before, after)) this.revoked.emit(name);
    return userRow(after, this.#signIn.lastSeenMs(name));
  }

  /** @throws CodedError `security.unknown_user`, `access.unwritable` */
  removeUser(asked: string): void {
    const name = keptName(asked);
    this.#adopt(withoutUser(this.#state, name));
    this.#signIn.forget(name);
    this.revoked.emit(name);
  }

  /** @throws CodedError `security.bad_filter`, `security.too_many`, `access.unwritable` */
  putRole(input: { name: string; rules: readonly AclRule[] }): RoleRow {
    this.#adopt(withRole(this.#state, input.name, input.rules));
    return roleRows(this.#state).find((role) => role.name === input.name)!;
  }

  /** @throws CodedError `security.unknown_role`, `security.role_in_use`, `access.unwritable` */
  removeRole(name: string): void {
    this.#adopt(withoutRole(this.#state, name));
  }

  /** @throws CodedError `security.unknown_role`, `access.unwritable` */
  setAnonymousRole(role: string | null): SecuritySnapshot {
    this.#adopt(withAnonymousRole(this.#state, role));
    return this.snapshot();
  }

  /** What the client may do, and which rule says so. `$share/NAME/` before a filter is left out of the question. */
  test(input: {
    user: string | null;
    clientId?: string | undefined;
    action: 'publish' | 'subscribe';
    topic: string;
  }): AccessTest {
    const { action } = input;
    const user = input.user === null ? null : keptName(input.user);
    const topic = action === 'publish' ? input.topic : input.topic.replace(/^\$share\/[^/]+\//, '');
    const valid = action === 'publish' ? isTopicName(topic) : isTopicFilter(topic);
    if (!valid) return { allowed: false, role: null, rule: null };
    return this.#directory.explain(action, topic, { clientId: input.clientId ?? '', username: user });
  }

  /** Written first: what does not last is not in force. */
  #adopt(state: AccessState): void {
    saveAccess(this.#folder, state);
    this.#state = state;
    this.#directory = new Directory(state);
    this.#log.info('users and roles changed', { users: state.users.length, roles: state.roles.length });
    this.changed.emit();
  }
}
