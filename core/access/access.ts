/**
 * Who may do what: one random token per role, kept in the data folder. Whoever holds a token has its role.
 * The file is made once and kept, so that browsers stay signed in over restarts.
 */
import { createHash, randomBytes, timingSafeEqual } from 'node:crypto';
import { join } from 'node:path';
import * as v from 'valibot';
import { ROLES } from '../contract/roles.ts';
import type { Log } from '../base/log.ts';
import type { Role } from '../contract/roles.ts';
import { loadPrivate, writePrivate } from './private-file.ts';

const TOKEN_BYTES = 32;
const FILE = 'tokens.json';
const WHAT = 'the access tokens';

// 256 bits in base64url.
const token = v.pipe(v.string(), v.regex(/^[A-Za-z0-9_-]{43}$/));
const tokenFile = v.strictObject({ view: token, operate: token, admin: token });

type Tokens = Record<Role, string>;

export class Access {
  readonly #tokens: Tokens;
  readonly #digests: { role: Role; digest: Buffer }[];

  private constructor(tokens: Tokens) {
    this.#tokens = tokens;
    this.#digests = ROLES.map((role) => ({ role, digest: digestOf(tokens[role]) }));
  }

  /**
   * Reads the tokens in `folder`, or makes them. A damaged file is set aside, never deleted: everyone then has to
   * sign in anew. Throws `access.unreadable`, `access.unwritable`.
   */
  static open(folder: string, log: Log): Access {
    const path = join(folder, FILE);
    const consequence = 'made anew, everyone has to sign in again';
    const found = loadPrivate(path, { what: WHAT, consequence, log, parse: parseTokens });
    if (found !== undefined) return new Access(found);
    const made: Tokens = { view: newToken(), operate: newToken(), admin: newToken() };
    writePrivate(path, `${JSON.stringify(made, null, 2)}\n`, WHAT);
    return new Access(made);
  }

  /** The token that grants `role`. For the one who started the station; never for a log. */
  tokenOf(role: Role): string {
    return this.#tokens[role];
  }

  /** The role that `token` grants, or null. Takes the same time for every token, right or wrong. */
  roleOf(token: string): Role | null {
    const digest = digestOf(token);
    let granted: Role | null = null;
    for (const entry of this.#digests) {
      if (timingSafeEqual(entry.digest, digest)) granted = entry.role;
    }
    return granted;
  }
}

/** Never with a dash in front: `--token -abc` is no value to most command lines. */
function newToken(): string {
  for (;;) {
    const token = randomBytes(TOKEN_BYTES).toString('base64url');
    if (!token.startsWith('-')) return token;
  }
}

function digestOf(text: string): Buffer {
  return createHash('sha256').update(text).digest();
}

function parseTokens(text: string): Tokens | undefined {
  const result = v.safeParse(tokenFile, JSON.parse(text));
  if (!result.success) return undefined;
  // Two roles with one token would give whoever holds the lesser one the greater.
  return new Set(Object.values(result.output)).size === ROLES.length ? result.output : undefined;
}
