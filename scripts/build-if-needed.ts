import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { hashSources, isFresh } from './build-stamp.ts';

/**
 * Builds when the sources have changed since the last build, or outputs are gone; false when that failed, which the
 * build has then told on stderr. It runs in a process of its own: a bundler's memory must not stay with a station that
 * runs for months.
 */
export function buildIfNeeded(root: string, say: (line: string) => void): boolean {
  if (isFresh(root, hashSources(root))) return true;
  say('Building Fieldstation, this takes a few seconds ...');
  const build = [join(root, 'scripts', 'launch.mjs'), join(root, 'scripts', 'build.ts')];
  return (
    spawnSync(process.execPath, build, { cwd: root, stdio: ['ignore', 'ignore', 'inherit'] }).status === 0
  );
}
