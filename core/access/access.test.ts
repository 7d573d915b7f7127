import {
  chmodSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { CodedError } from '../base/errors.ts';
import { createLog } from '../base/log.ts';
import { ROLES } from '../contract/roles.ts';
import { Access } from './access.ts';

let folder: string;
let lines: string[];
const log = createLog('access', (line) => lines.push(line), 'debug');
const file = (): string => join(folder, 'tokens.json');
const mode = (): number => statSync(file()).mode & 0o777;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'fieldstation-access-'));
  lines = [];
});

afterEach(() => rmSync(folder, { recursive: true, force: true }));

describe('Access', () => {
  it('makes one token of 256 bits per role, readable by its owner only', () => {
    const access = Access.open(folder, log);
    const tokens = ROLES.map((role) => access.tokenOf(role));
    expect(new Set(tokens).size).toBe(3);
    for (const token of tokens) expect(Buffer.from(token, 'base64url')).toHaveLength(32);
    expect(mode()).toBe(0o600);
    expect(readdirSync(folder)).toEqual(['tokens.json']);
  });

  it('knows the role of each token and no other', () => {
    const access = Access.open(folder, log);
    for (const role of ROLES) expect(access.roleOf(access.tokenOf(role))).toBe(role);
    const admin = access.tokenOf('admin');
    for (const wrong of ['', 'x', admin.slice(1), `${admin} `, admin.toLowerCase(), 'ä'.repeat(43)]) {
      expect(access.roleOf(wrong)).toBeNull();
    }
  });

  it('keeps them over restarts', () => {
    const first = Access.open(folder, log);
    const second = Access.open(folder, log);
    expect(ROLES.map((role) => second.tokenOf(role))).toEqual(ROLES.map((role) => first.tokenOf(role)));
    expect(lines).toEqual([]);
  });

  it('repairs the rights of the file and says so', () => {
    const admin = Access.open(folder, log).tokenOf('admin');
    chmodSync(file(), 0o644);
    expect(Access.open(folder, log).tokenOf('admin')).toBe(admin);
    expect(mode()).toBe(0o600);
    expect(lines.join()).toContain('others could read');
  });

  const damages: [string, (text: string) => string][] = [
    ['cut short', (text) => text.slice(0, 40)],
    ['empty', () => ''],
    ['of zeros', (text) => '\0'.repeat(text.length)],
    ['another JSON', () => '[]'],
    ['without a role', (text) => JSON.stringify({ ...JSON.parse(text), admin: undefined })],
    ['with a weak token', (text) => JSON.stringify({ ...JSON.parse(text), admin: 'admin' })],
    [
      'with one token for two roles',
      (text) => JSON.stringify({ ...JSON.parse(text), admin: JSON.parse(text).view }),
    ],
  ];

  it.each(damages)('sets a file aside that is %s, and makes new tokens', (_what, damage) => {
    const before = Access.open(folder, log);
    const text = damage(readFileSync(file(), 'utf8'));
    writeFileSync(file(), text);
    const after = Access.open(folder, log);
    expect(ROLES.map((role) => after.roleOf(before.tokenOf(role)))).toEqual([null, null, null]);
    expect(after.roleOf(after.tokenOf('admin'))).toBe('admin');
    const aside = readdirSync(folder).filter((name) => name.includes('damaged'));
    expect(aside).toHaveLength(1);
    expect(readFileSync(join(folder, aside[0]!), 'utf8')).toBe(text);
    expect(lines).toHaveLength(1);
    expect(lines[0]).toContain('warn');
  });

  it('never writes a token to the log', () => {
    const first = Access.open(folder, log);
    chmodSync(file(), 0o666);
    const damaged = readFileSync(file(), 'utf8').slice(0, -4);
    Access.open(folder, log);
    writeFileSync(file(), damaged);
    const second = Access.open(folder, log);
    expect(lines.length).toBeGreaterThan(1);
    for (const access of [first, second]) {
      for (const role of ROLES) expect(lines.join('\n')).not.toContain(access.tokenOf(role));
    }
  });

  it('replaces a half-written file of a power cut', () => {
    writeFileSync(`${file()}.new`, '{"view":', { mode: 0o644 });
    Access.open(folder, log);
    expect(mode()).toBe(0o600);
    expect(readdirSync(folder)).toEqual(['tokens.json']);
  });

  it('says what to do when it cannot read or write', () => {
    mkdirSync(file());
    expect(codeOf(() => Access.open(folder, log))).toBe('access.unreadable');
    expect(codeOf(() => Access.open(join(folder, 'nowhere'), log))).toBe('access.unwritable');
  });
});

function codeOf(run: () => unknown): string {
  try {
    run();
  } catch (error) {
    if (error instanceof CodedError) return error.code;
  }
  return 'none';
}
