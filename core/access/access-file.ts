/** What is kept of users and roles, in `access.json` of the data folder, for its owner alone. */
import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import * as v from 'valibot';
import type { Log } from '../base/log.ts';
import { RULE_ACTIONS, RULE_EFFECTS } from '../contract/security.ts';
import { isTopicFilter } from './acl-filter.ts';
import { loadPrivate, writePrivate } from './private-file.ts';

const FILE = 'access.json';
const WHAT = 'the users and roles of the broker';
/** Role without rules that closes the broker when the file was damaged. */
const NOBODY = 'nobody';

const base64 = v.pipe(v.string(), v.regex(/^[A-Za-z0-9+/]+={0,2}$/));
const count = v.pipe(v.number(), v.integer(), v.minValue(0));
const name = v.pipe(v.string(), v.minLength(1));

const storedUser = v.strictObject({
  name,
  enabled: v.boolean(),
  roles: v.array(name),
  clientIds: v.array(name),
  publishRate: count,
  createdMs: count,
  changedMs: count,
  /** null: only a certificate lets it in. */
  password: v.nullable(
    v.strictObject({
      scrypt: v.strictObject({ n: count, r: count, p: count, salt: base64, hash: base64 }),
      scram: v.strictObject({
        iterations: v.pipe(count, v.minValue(4_096)),
        salt: base64,
        storedKey: base64,
        serverKey: base64,
      }),
    }),
  ),
});

const storedRole = v.strictObject({
  name,
  rules: v.array(
    v.strictObject({
      effect: v.picklist(RULE_EFFECTS),
      action: v.picklist(RULE_ACTIONS),
      // Written by hand, `a/#/b` would otherwise allow everything below `a`.
      filter: v.pipe(name, v.check(isTopicFilter)),
    }),
  ),
});

const accessState = v.strictObject({
  version: v.literal(1),
  /** Of the salts that unknown users are answered with (SCRAM). */
  fakeSaltSecret: base64,
  anonymousRole: v.nullable(name),
  roles: v.array(storedRole),
  users: v.array(storedUser),
});

/** All of these are never changed in place: a change makes a new object, by which it is noticed. */
export type StoredUser = v.InferOutput<typeof storedUser>;
export type StoredPassword = NonNullable<StoredUser['password']>;
export type StoredRole = v.InferOutput<typeof storedRole>;
export type AccessState = v.InferOutput<typeof accessState>;

/**
 * Reads the file, or begins anew. A damaged one is set aside, and then nobody may do anything until an administrator
 * says so: to go on without users would open what was closed. Throws `access.unreadable`, `access.unwritable`.
 */
export function loadAccess(folder: string, log: Log): AccessState {
  const path = join(folder, FILE);
  let damaged = false;
  const found = loadPrivate(path, {
    what: WHAT,
    consequence: 'nobody may publish or subscribe until users and roles are made anew',
    log,
    parse: (text) => {
      damaged = true;
      const state = v.parse(accessState, JSON.parse(text));
      damaged = false;
      return state;
    },
  });
  if (found !== undefined) return found;
  const state: AccessState = {
    version: 1,
    fakeSaltSecret: randomBytes(32).toString('base64'),
    anonymousRole: null,
    roles: [],
    users: [],
  };
  if (!damaged) return state;
  const closed = { ...state, anonymousRole: NOBODY, roles: [{ name: NOBODY, rules: [] }] };
  saveAccess(folder, closed);
  return closed;
}

/** Throws `access.unwritable`; the old file is then untouched. */
export function saveAccess(folder: string, state: AccessState): void {
  writePrivate(join(folder, FILE), `${JSON.stringify(state, null, 1)}\n`, WHAT);
}
