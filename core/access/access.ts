/**
 * Who may do what: one random token per role, kept in the data folder. Whoever holds a token has its role.
 * The file is made once and kept, so that browsers stay signed in over restarts.
 */
import { createHash, randomBytes, timingSafeEqual } from 'node:crypto';
import {
  closeSync,
  chmodSync,
  fsyncSync,
  openSync,
  readFileSync,
  renameSync,
  statSync,
  writeSync,
} from 'node:fs';
import { join } from 'node:path';
import * as v from 'valibot';
import { CodedError, messageOf } from '../base/errors.ts';
import { ROLES } from '../contract/roles.ts';
import type { Log } from '../base/log.ts';
import type { Role } from '../contract/roles.ts';

const TOKEN_BYTES = 32;
const FILE = 'tokens.json';
/** Nobody but the owner reads or writes. Windows has no such bits; there the folder's own list protects it. */
const OWNER_ONLY = 0o600;

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
    const found = readTokens(path, log);
    if (found !== undefined) {
      repairMode(path, log);
      return new Access(found);
    }
    const made: Tokens = { view: newToken(), operate: newToken(), admin: newToken() };
    writeTokens(path, made);
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

function readTokens(path: string, log: Log): Tokens | undefined {
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw new CodedError(
      'access.unreadable',
      `The access tokens in ${path} cannot be read (${messageOf(error)}). Give the station's user the right to read that file.`,
      { cause: error },
    );
  }
  const tokens = parseTokens(text);
  if (tokens !== undefined) return tokens;
  const aside = `${path}.damaged-${Date.now()}`;
  renameSync(path, aside);
  log.warn('the access tokens were damaged: set aside and made anew, everyone has to sign in again', {
    aside,
  });
  return undefined;
}

function parseTokens(text: string): Tokens | undefined {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return undefined;
  }
  const result = v.safeParse(tokenFile, value);
  if (!result.success) return undefined;
  // Two roles with one token would give whoever holds the lesser one the greater.
  return new Set(Object.values(result.output)).size === ROLES.length ? result.output : undefined;
}

/** Written whole beside its place and then moved there: a power cut leaves the old state or the new one. */
function writeTokens(path: string, tokens: Tokens): void {
  const temporary = `${path}.new`;
  try {
    const file = openSync(temporary, 'w', OWNER_ONLY);
    try {
      writeSync(file, `${JSON.stringify(tokens, null, 2)}\n`);
      fsyncSync(file);
    } finally {
      closeSync(file);
    }
    // The mode above counts only for a file that is new, and the umask is taken off it.
    chmodSync(temporary, OWNER_ONLY);
    renameSync(temporary, path);
  } catch (error) {
    throw new CodedError(
      'access.unwritable',
      `The access tokens cannot be written to ${path} (${messageOf(error)}). Give the station's user the right to write in that folder.`,
      { cause: error },
    );
  }
}

function repairMode(path: string, log: Log): void {
  if (process.platform === 'win32') return;
  const mode = statSync(path).mode & 0o777;
  if (mode === OWNER_ONLY) return;
  try {
    chmodSync(path, OWNER_ONLY);
    if ((mode & 0o077) !== 0) log.warn('others could read the access tokens; that is repaired', { path });
  } catch (error) {
    log.warn('others may read the access tokens, and that could not be changed', { path, error });
  }
}
