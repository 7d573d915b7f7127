// Starts a TypeScript entry under the right Node: `node scripts/launch.mjs core/cli.ts serve`.
// Plain JavaScript on purpose: an old Node must be able to read this far and say what is missing.
import { pathToFileURL } from 'node:url';
import { resolve } from 'node:path';

const major = Number(process.versions.node.split('.')[0]);
if (major < 24) {
  process.stderr.write(
    `Fieldstation needs Node 24 or newer and this is ${process.version}. Run "npm ci" first (it installs one), ` +
      'then start through npm: npm start, npm test, npm run station.\n',
  );
  process.exit(1);
}
const [node, , target, ...rest] = process.argv;
if (target === undefined) {
  process.stderr.write('usage: node scripts/launch.mjs ENTRY.ts [arguments]\n');
  process.exit(2);
}
const entry = resolve(target);
process.argv = [node, entry, ...rest];
await import(pathToFileURL(entry).href);
