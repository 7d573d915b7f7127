/** Changes of roles, as functions from one state to the next. */
import { CodedError } from '../base/errors.ts';
import type { AclRule, RoleRow } from '../contract/security.ts';
import type { AccessState } from './access-file.ts';
import { checkRuleFilter } from './acl-filter.ts';

export const MAX_ROLES = 200;
export const MAX_RULES = 1_000;
/** Of the filters of all roles together. */
export const MAX_RULE_CHARACTERS = 1_048_576;

/** Adds a role or replaces its rules. @throws CodedError `security.bad_filter`, `security.too_many` */
export function withRole(state: AccessState, name: string, rules: readonly AclRule[]): AccessState {
  for (const rule of rules) checkRuleFilter(rule.filter);
  const kept = rules.map(({ effect, action, filter }) => ({ effect, action, filter }));
  const roles = [...state.roles.filter((role) => role.name !== name), { name, rules: kept }];
  if (roles.length > MAX_ROLES) throw tooMany(`There are ${MAX_ROLES} roles already.`);
  if (rules.length > MAX_RULES) throw tooMany(`A role has at most ${MAX_RULES} rules.`);
  let characters = 0;
  for (const role of roles) for (const rule of role.rules) characters += rule.filter.length;
  if (characters > MAX_RULE_CHARACTERS) {
    throw tooMany(`The filters of all roles together have at most ${MAX_RULE_CHARACTERS} characters.`);
  }
  return { ...state, roles };
}

/** @throws CodedError `security.unknown_role`, `security.role_in_use` */
export function withoutRole(state: AccessState, name: string): AccessState {
  checkRole(state, name);
  const users = usersWith(state, name);
  if (users.length > 0 || state.anonymousRole === name) {
    const who = users.length > 0 ? users.slice(0, 3).join(', ') : 'anonymous clients';
    throw new CodedError(
      'security.role_in_use',
      `The role "${name}" is in use by ${who}. Take it away from them first.`,
    );
  }
  return { ...state, roles: state.roles.filter((role) => role.name !== name) };
}

/** @throws CodedError `security.unknown_role` */
export function withAnonymousRole(state: AccessState, role: string | null): AccessState {
  if (role !== null) checkRole(state, role);
  return { ...state, anonymousRole: role };
}

/** @throws CodedError `security.unknown_role` */
export function checkRole(state: AccessState, name: string): void {
  if (state.roles.some((role) => role.name === name)) return;
  throw new CodedError('security.unknown_role', `There is no role "${name}". Make it first.`);
}

/** Sorted by name. */
export function roleRows(state: AccessState): RoleRow[] {
  return state.roles
    .map(({ name, rules }) => ({ name, rules: structuredClone(rules), users: usersWith(state, name) }))
    .sort((one, other) => (one.name < other.name ? -1 : 1));
}

function usersWith(state: AccessState, role: string): string[] {
  return state.users.filter((user) => user.roles.includes(role)).map((user) => user.name);
}

function tooMany(message: string): CodedError {
  return new CodedError('security.too_many', message);
}
