/** The form of a user. Pure. */
import type { UserRow } from '../../../../core/contract/security.ts';
import type { FieldProblems } from './listener-form.ts';

export interface UserForm {
  name: string;
  /** Empty: keeps the one that there is. */
  password: string;
  /** Only a certificate lets the user in. */
  certificateOnly: boolean;
  enabled: boolean;
  roles: string[];
  /** One a line. */
  clientIds: string;
  publishRate: string;
}

export type UserField = 'name' | 'password' | 'clientIds' | 'publishRate' | 'roles';

/** What `security.putUser` takes. */
export interface UserInput {
  name: string;
  password?: string | null;
  enabled: boolean;
  roles: string[];
  clientIds: string[];
  publishRate: number;
}

export const LEAST_PASSWORD = 8;

export function userFormOf(user: UserRow | null): UserForm {
  return {
    name: user?.name ?? '',
    password: '',
    certificateOnly: user !== null && !user.hasPassword,
    enabled: user?.enabled ?? true,
    roles: [...(user?.roles ?? [])],
    clientIds: (user?.clientIds ?? []).join('\n'),
    publishRate: String(user?.publishRate ?? 0),
  };
}

/** `user` is the one that is changed, null for a new one; `taken` are the names that there are. */
export function readUserForm(
  form: UserForm,
  user: UserRow | null,
  taken: readonly string[],
): { ok: true; input: UserInput } | { ok: false; problems: FieldProblems<UserField> } {
  const problems: FieldProblems<UserField> = {};
  const name = form.name.trim();
  // eslint-disable-next-line no-control-regex -- control characters are what must not be in a name
  if (name === '' || /[+#/\u0000-\u001f]/.test(name)) {
    problems.name = 'A name without wildcards (+ #), slashes and control characters.';
  } else if (user === null && taken.includes(name)) problems.name = 'There is a user with this name.';
  const input: UserInput = { name, enabled: form.enabled, roles: form.roles, clientIds: [], publishRate: 0 };
  if (form.certificateOnly) input.password = null;
  else if (form.password !== '') {
    if (form.password.length < LEAST_PASSWORD) problems.password = `At least ${LEAST_PASSWORD} characters.`;
    input.password = form.password;
  } else if (user === null || !user.hasPassword) {
    problems.password = 'A password, or choose that only a certificate lets the user in.';
  }
  input.clientIds = form.clientIds
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '');
  if (input.clientIds.length > 100) problems.clientIds = 'At most 100 client ids.';
  const rate = Number(form.publishRate);
  if (!/^\d+$/.test(form.publishRate.trim()) || rate > 10_000_000) {
    problems.publishRate = 'A whole number from 0 to 10000000.';
  }
  input.publishRate = rate;
  return Object.keys(problems).length > 0 ? { ok: false, problems } : { ok: true, input };
}
