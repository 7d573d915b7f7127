/** `npm run build`: console, desktop and host into `dist/`. */
import '../core/base/node-version.ts';
import { join } from 'node:path';
import { BuildError, buildAll } from './build-all.ts';

try {
  await buildAll(join(import.meta.dirname, '..'), (line) => process.stderr.write(`${line}\n`));
} catch (error) {
  if (!(error instanceof BuildError)) throw error;
  process.stderr.write(`${error.message}\n`);
  process.exitCode = 1;
}
