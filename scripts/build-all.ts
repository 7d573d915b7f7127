import { mkdirSync, readdirSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { stripVTControlCharacters } from 'node:util';
import { build } from 'vite';
import { hashSources, writeStamp } from './build-stamp.ts';
import { buildTargets, missingSources } from './build-targets.ts';
import type { BuildTarget } from './build-targets.ts';

/** A build that failed, in words for people. */
export class BuildError extends Error {}

/**
 * Builds everything into `dist/`. It is built beside and moved in when all of it is there: a build that fails, or a
 * second one at the same time, leaves what ran before. The stamp is written last.
 * @throws BuildError that names the target and what is wrong with it
 */
export async function buildAll(root: string, say: (line: string) => void): Promise<void> {
  const startMs = Date.now();
  const hash = hashSources(root);
  const dist = join(root, 'dist');
  const fresh = join(dist, `.new-${process.pid}`);
  rmSync(fresh, { recursive: true, force: true });
  mkdirSync(fresh, { recursive: true });
  try {
    const targets = buildTargets(root, fresh);
    for (const target of targets) await buildTarget(root, target);
    for (const name of readdirSync(fresh)) {
      rmSync(join(dist, name), { recursive: true, force: true });
      renameSync(join(fresh, name), join(dist, name));
    }
    writeStamp(
      root,
      hash,
      targets.flatMap((target) => target.makes),
    );
    const names = targets.map((target) => target.name).join(', ');
    say(`Built ${names} in ${((Date.now() - startMs) / 1_000).toFixed(1)} s.`);
  } finally {
    rmSync(fresh, { recursive: true, force: true });
  }
}

async function buildTarget(root: string, target: BuildTarget): Promise<void> {
  const missing = missingSources(root, target);
  if (missing.length > 0) {
    throw new BuildError(`${target.name} cannot be built, sources are missing: ${missing.join(', ')}`);
  }
  try {
    await build(target.config);
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    throw new BuildError(`${target.name} could not be built: ${stripVTControlCharacters(why)}`);
  }
}
