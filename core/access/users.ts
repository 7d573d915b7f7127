/** Changes of users, as functions from one state to the next. */
import { CodedError } from '../base/errors.ts';
import type { UserRow } from '../contract/security.ts';
import type { AccessState, StoredPassword, StoredUser } from './access-file.ts';
import type { PasswordHasher } from './password.ts';
import { checkRole } from './roles.ts';
import { saslPrep } from './saslprep.ts';
import { makeScramKeys } from './scram.ts';

export const MAX_USERS = 1_000;

/** As `security.putUser` takes it in. */
export interface UserInput {
  name: string;
  /** undefined: as it is; null: none. */
  password?: string | null | undefined;
  enabled?: boolean | undefined;
  roles: readonly string[];
  clientIds?: readonly string[] | undefined;
  publishRate?: number | undefined;
}

/** The form in which a name is kept and looked up. */
export function keptName(name: string): string {
  return saslPrep(name) ?? name;
}

/** What is checked before the work of hashing is done, and again after it. Returns the name as it is kept. */
export function checkUser(state: AccessState, input: UserInput): string {
  const name = keptName(input.name);
  // Looked at again: NFKC makes a slash of a full-width one, and spaces of other spaces.
  if (saslPrep(input.name) === null || name === '' || name !== name.trim() || /[+#/]/.test(name)) {
    throw new CodedError(
      'security.bad_name',
      'A user name has no wildcards, slashes, control characters or spaces around it.',
    );
  }
  for (const role of input.roles) checkRole(state, role);
  if (state.users.length >= MAX_USERS && userOf(state, name) === undefined) {
    throw new CodedError('security.too_many', `There are ${MAX_USERS} users already. Remove one first.`);
  }
  return name;
}

/** @throws CodedError `security.bad_password` (which never says the password), `access.busy` */
export async function makePassword(password: string, hasher: PasswordHasher): Promise<StoredPassword> {
  const prepared = saslPrep(password);
  if (prepared === null || prepared === '') {
    throw new CodedError(
      'security.bad_password',
      'This password has characters that no device could send, such as control characters.',
    );
  }
  const [scrypt, scram] = await Promise.all([hasher.hash(prepared), makeScramKeys(prepared)]);
  return { scrypt, scram };
}

/**
 * Adds a user or changes it. `password` undefined keeps the present one.
 * @throws CodedError `security.unknown_role`, `security.too_many`, `security.bad_name`
 */
export function withUser(
  state: AccessState,
  input: UserInput,
  password: StoredPassword | null | undefined,
  nowMs: number,
): AccessState {
  const name = checkUser(state, input);
  const before = userOf(state, name);
  const user: StoredUser = {
    name,
    enabled: input.enabled ?? true,
    roles: [...new Set(input.roles)],
    clientIds: [...new Set(input.clientIds)],
    publishRate: input.publishRate ?? 0,
    createdMs: before?.createdMs ?? nowMs,
    changedMs: nowMs,
    password: password === undefined ? (before?.password ?? null) : password,
  };
  return { ...state, users: [...state.users.filter((other) => other.name !== name), user] };
}

/** @throws CodedError `security.unknown_user` */
export function withoutUser(state: AccessState, name: string): AccessState {
  if (userOf(state, name) === undefined) {
    throw new CodedError('security.unknown_user', `There is no user "${name}".`);
  }
  return { ...state, users: state.users.filter((user) => user.name !== name) };
}

export function userOf(state: AccessState, name: string): StoredUser | undefined {
  return state.users.find((user) => user.name === name);
}

/** Whether a connection that `before` was let in with may no longer be there. Rules and rates work without that. */
export function mustLeave(before: StoredUser | undefined, after: StoredUser | undefined): boolean {
  if (before === undefined) return false;
  if (after === undefined || !after.enabled || after.password !== before.password) return true;
  return after.clientIds.length > 0 && after.clientIds.join('\n') !== before.clientIds.join('\n');
}

export function userRow(user: StoredUser, lastSeenMs: number): UserRow {
  const { name, enabled, roles, clientIds, createdMs, changedMs, publishRate } = user;
  return {
    name,
    enabled,
    roles: [...roles],
    clientIds: [...clientIds],
    hasPassword: user.password !== null,
    createdMs,
    changedMs,
    lastSeenMs,
    publishRate,
  };
}
