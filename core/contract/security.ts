/** Who may use the broker: users, roles and their rules. Passwords go in and never come out. */
import * as v from 'valibot';
import { boundedList } from './lists.ts';

export const RULE_EFFECTS = ['allow', 'deny'] as const;
export const RULE_ACTIONS = ['publish', 'subscribe', 'both'] as const;

/** The first rule that fits decides; where none fits, the answer is no. */
export interface AclRule {
  effect: (typeof RULE_EFFECTS)[number];
  action: (typeof RULE_ACTIONS)[number];
  /** Topic filter; `%c` stands for the client id and `%u` for the user name, each as one whole level or part of one. */
  filter: string;
}

export interface RoleRow {
  name: string;
  rules: AclRule[];
  /** Names of the users that have it. */
  users: string[];
}

export interface UserRow {
  name: string;
  enabled: boolean;
  roles: string[];
  /** Client ids that it may use; empty: any. `%u` stands for its name. */
  clientIds: string[];
  hasPassword: boolean;
  createdMs: number;
  changedMs: number;
  /** Last successful sign-in; 0 never. Not kept over a restart. */
  lastSeenMs: number;
  /** Messages a second; 0: as its listener says. */
  publishRate: number;
}

export interface SecuritySnapshot {
  users: UserRow[];
  roles: RoleRow[];
  /** Role of clients that do not say who they are; null: everything is allowed to them. */
  anonymousRole: string | null;
  /** Addresses that must wait after wrong passwords. */
  heldBack: { address: string; untilMs: number; failures: number }[];
}

/** What a client may do, and which rule says so. */
export interface AccessTest {
  allowed: boolean;
  role: string | null;
  rule: AclRule | null;
}

const name = v.pipe(
  v.string(),
  v.trim(),
  v.minLength(1),
  v.maxLength(120),
  v.regex(/^[^+#/\p{Cc}]+$/u, 'no wildcards, slashes or control characters'),
);
export const userName = name;
export const roleName = name;
export const password = v.pipe(v.string(), v.minLength(8), v.maxLength(1_024));
const filter = v.pipe(v.string(), v.minLength(1), v.maxLength(65_535));

export const userInput = v.strictObject({
  name: userName,
  /** A new one; left out to keep the present one. `null` takes it away: only a certificate lets the user in. */
  password: v.optional(v.nullable(password)),
  enabled: v.optional(v.boolean(), true),
  roles: boundedList(roleName, 0, 50),
  clientIds: v.optional(boundedList(v.pipe(v.string(), v.minLength(1), v.maxLength(256)), 0, 100), []),
  publishRate: v.optional(v.pipe(v.number(), v.integer(), v.minValue(0), v.maxValue(10_000_000)), 0),
});

export const roleInput = v.strictObject({
  name: roleName,
  rules: boundedList(
    v.strictObject({ effect: v.picklist(RULE_EFFECTS), action: v.picklist(RULE_ACTIONS), filter }),
    0,
    1_000,
  ),
});

export const accessTestInput = v.strictObject({
  /** null: an anonymous client. */
  user: v.nullable(userName),
  clientId: v.optional(v.pipe(v.string(), v.maxLength(65_535)), ''),
  action: v.picklist(['publish', 'subscribe']),
  topic: filter,
});
