import { mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { stripVTControlCharacters } from 'node:util';
import { build } from 'vite';
import { hashSources, isFresh, writeStamp } from './build-stamp.ts';
import { buildTargets, missingSources } from './build-targets.ts';

/** A build that failed, in words for people. */
export class BuildError extends Error {}

/**
 * Builds everything into `dist/`. The stamp is written last, so a build that broke off is built again.
 * @throws BuildError that names the target and what is wrong with it
 */
export async function buildAll(root: string, say: (line: string) => void): Promise<void> {
  const startMs = Date.now();
  const hash = hashSources(root);
  const dist = join(root, 'dist');
  rmSync(dist, { recursive: true, force: true });
  mkdirSync(dist, { recursive: true });
  const targets = buildTargets(root);
  for (const target of targets) {
    const missing = missingSources(root, target);
    if (missing.length > 0)
      throw new BuildError(`${target.name} cannot be built, sources are missing: ${missing.join(', ')}`);
    try {
      await build(target.config);
    } catch (error) {
      const why = error instanceof Error ? error.message : String(error);
      throw new BuildError(`${target.name} could not be built: ${stripVTControlCharacters(why)}`);
    }
  }
  writeStamp(
    root,
    hash,
    targets.flatMap((target) => target.makes),
  );
  say(
    `Built ${targets.map((target) => target.name).join(', ')} in ${((Date.now() - startMs) / 1_000).toFixed(1)} s.`,
  );
}

/** Builds when the sources have changed since the last build, or outputs are gone. */
export async function buildIfNeeded(root: string, say: (line: string) => void): Promise<void> {
  if (isFresh(root, hashSources(root))) return;
  say('Building Fieldstation, this takes a few seconds ...');
  await buildAll(root, say);
}
