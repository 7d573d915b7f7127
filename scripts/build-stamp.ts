/** Tells whether `dist/` still is what the sources say: a hash of their content, so that a checkout does not matter. */
import { createHash } from 'node:crypto';
import { existsSync, readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { join, relative, sep } from 'node:path';

const FOLDERS = ['core', 'electron', 'renderer', 'resources'];
const FILES = [
  'package.json',
  'package-lock.json',
  'vite.config.ts',
  'svelte.config.js',
  'tsconfig.base.json',
  'scripts/build.ts',
  'scripts/build-stamp.ts',
  'scripts/build-targets.ts',
];

interface Stamp {
  hash: string;
  /** Relative to `dist`. */
  outputs: string[];
}

/** SHA-256 over names and contents of everything that a build reads; tests are not built. */
export function hashSources(root: string): string {
  const hash = createHash('sha256');
  for (const path of [...FOLDERS.flatMap((folder) => filesOf(root, folder)), ...FILES].sort()) {
    const file = join(root, path);
    if (!existsSync(file)) continue;
    const content = readFileSync(file);
    hash.update(`${path}\0${content.byteLength}\0`).update(content);
  }
  return hash.digest('hex');
}

export function isFresh(root: string, hash: string): boolean {
  let stamp: Stamp;
  try {
    stamp = JSON.parse(readFileSync(stampFile(root), 'utf8')) as Stamp;
  } catch {
    return false;
  }
  return stamp.hash === hash && stamp.outputs.every((path) => existsSync(join(root, 'dist', path)));
}

export function writeStamp(root: string, hash: string, outputs: string[]): void {
  writeFileSync(stampFile(root), JSON.stringify({ hash, outputs } satisfies Stamp, null, 2));
}

function stampFile(root: string): string {
  return join(root, 'dist', '.stamp.json');
}

function filesOf(root: string, folder: string): string[] {
  if (!existsSync(join(root, folder))) return [];
  return readdirSync(join(root, folder), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && !/\.test\.ts$/.test(entry.name))
    .map((entry) => relative(root, join(entry.parentPath, entry.name)).split(sep).join('/'));
}
