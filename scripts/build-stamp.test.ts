import { mkdirSync, mkdtempSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { hashSources, isFresh, writeStamp } from './build-stamp.ts';

let root: string;

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'fieldstation-stamp-'));
  for (const folder of ['core/base', 'dist/host']) mkdirSync(join(root, folder), { recursive: true });
  writeFileSync(join(root, 'core/base/a.ts'), 'one');
  writeFileSync(join(root, 'package.json'), '{}');
  writeFileSync(join(root, 'dist/host/host.js'), '');
});
afterEach(() => rmSync(root, { recursive: true, force: true }));

describe('build stamp', () => {
  it('is fresh until a source changes, comes or goes', () => {
    const hash = hashSources(root);
    expect(isFresh(root, hash)).toBe(false);
    writeStamp(root, hash, ['host/host.js']);
    expect(isFresh(root, hashSources(root))).toBe(true);

    writeFileSync(join(root, 'core/base/a.ts'), 'two');
    expect(isFresh(root, hashSources(root))).toBe(false);
    writeFileSync(join(root, 'core/base/a.ts'), 'one');
    expect(isFresh(root, hashSources(root))).toBe(true);
    writeFileSync(join(root, 'core/base/b.ts'), '');
    expect(isFresh(root, hashSources(root))).toBe(false);
  });

  it('does not care for times and tests', () => {
    const hash = hashSources(root);
    utimesSync(join(root, 'core/base/a.ts'), 1, 1);
    writeFileSync(join(root, 'core/base/a.test.ts'), 'x');
    expect(hashSources(root)).toBe(hash);
  });

  it('is stale when an output is gone or the stamp is damaged', () => {
    const hash = hashSources(root);
    writeStamp(root, hash, ['host/host.js']);
    rmSync(join(root, 'dist/host/host.js'));
    expect(isFresh(root, hash)).toBe(false);
    writeFileSync(join(root, 'dist/.stamp.json'), '{');
    expect(isFresh(root, hash)).toBe(false);
  });
});
