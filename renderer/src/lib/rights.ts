import type { Role } from '../../../core/contract/roles.ts';
import { roleAllows } from '../../../core/contract/roles.ts';

const NEEDS: Record<Role, string> = {
  view: '',
  operate: 'Your role may only look',
  admin: 'Only an administrator may do this',
};

/** Why a button is disabled, for its title; undefined where the role may press it. No role yet: no right yet. */
export function refusal(role: Role | null, needs: Role): string | undefined {
  return role !== null && roleAllows(role, needs) ? undefined : NEEDS[needs];
}
