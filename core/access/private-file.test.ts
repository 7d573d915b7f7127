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
import { createLog } from '../base/log.ts';
import { loadPrivate, readPrivate, writePrivate } from './private-file.ts';

let folder: string;
let path: string;
let lines: string[];
const log = createLog('access', (line) => lines.push(line));

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'fieldstation-private-'));
  path = join(folder, 'users.json');
  lines = [];
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const load = () =>
  loadPrivate(path, {
    what: 'the users',
    consequence: 'there are none now',
    log,
    parse: (text) => JSON.parse(text) as unknown,
  });

describe('a private file', () => {
  it('is written whole, for its owner only, and read back', () => {
    expect(readPrivate(path)).toBeUndefined();
    writePrivate(path, 'first');
    chmodSync(path, 0o644);
    const long = 'ä'.repeat(300_000);
    writePrivate(path, long);
    expect(readPrivate(path)).toBe(long);
    expect(statSync(path).mode & 0o777).toBe(0o600);
    expect(readdirSync(folder)).toEqual(['users.json']);
  });

  it('is for its owner only also where a file that a crash left is written over', () => {
    writeFileSync(`${path}.new`, 'half', { mode: 0o644 });
    writePrivate(path, 'whole');
    expect(readPrivate(path)).toBe('whole');
    expect(statSync(path).mode & 0o777).toBe(0o600);
  });

  it('keeps the old text when the new one cannot be written', () => {
    writePrivate(path, 'old');
    mkdirSync(`${path}.new`);
    expect(() => writePrivate(path, 'new', 'the users')).toThrow(/^The users cannot be written/);
    expect(readPrivate(path)).toBe('old');
  });

  it('leaves nothing beside it when it cannot be moved to its place', () => {
    mkdirSync(path);
    expect(() => writePrivate(path, 'geheim')).toThrow(/cannot be written/);
    expect(readdirSync(folder)).toEqual(['users.json']);
  });

  it('is set aside when it is damaged, without its text in the log', () => {
    writeFileSync(path, '{"password":"geheim"', { mode: 0o644 });
    expect(load()).toBeUndefined();
    const [aside] = readdirSync(folder);
    expect(aside).toMatch(/^users\.json\.damaged-\d+$/);
    expect(readFileSync(join(folder, aside!), 'utf8')).toBe('{"password":"geheim"');
    // It may be whole but for a comma.
    expect(statSync(join(folder, aside!)).mode & 0o777).toBe(0o600);
    expect(lines).toHaveLength(2);
    expect(lines[1]).toContain('the users were damaged: set aside, there are none now');
    expect(lines.join()).not.toContain('geheim');
  });

  it('loses the rights of others when it is loaded, and that is said', () => {
    writeFileSync(path, '[1]', { mode: 0o644 });
    expect(load()).toEqual([1]);
    expect(statSync(path).mode & 0o777).toBe(0o600);
    expect(lines.join()).toContain('others could read the users');
  });
});
