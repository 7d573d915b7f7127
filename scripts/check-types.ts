/**
 * Types of every world, each compiled with only its own globals, then a canary: a file with a known type error and
 * a component with another must both be refused, so that a check which looks at nothing cannot pass.
 */
import { spawnSync } from 'node:child_process';

const WORLDS = [
  'core/tsconfig.json',
  'core/contract/tsconfig.json',
  'electron/tsconfig.json',
  'electron/tsconfig.preload.json',
  'scripts/tsconfig.json',
  'test/tsconfig.json',
];

function run(command: string, args: string[]): { ok: boolean; output: string } {
  const result = spawnSync(command, args, { encoding: 'utf8' });
  return { ok: result.status === 0, output: `${result.stdout}${result.stderr}` };
}

let failed = false;
function expect(
  what: string,
  result: { ok: boolean; output: string },
  wanted: boolean,
  pattern?: RegExp,
): void {
  const good = result.ok === wanted && (pattern === undefined || pattern.test(result.output));
  console.log(`${good ? 'ok  ' : 'FAIL'} ${what}`);
  if (!good) {
    failed = true;
    console.log(result.output);
  }
}

for (const world of WORLDS) expect(`types ${world}`, run('tsc', ['-p', world]), true);
expect(
  'types renderer (svelte-check)',
  run('svelte-check', ['--tsconfig', 'renderer/tsconfig.json', '--fail-on-warnings', '--output', 'human']),
  true,
);
expect('canary: tsc refuses a type error', run('tsc', ['-p', 'test/canary/tsconfig.json']), false, /TS2322/);
expect(
  'canary: svelte-check refuses a type error',
  run('svelte-check', ['--tsconfig', 'test/canary/tsconfig.json', '--output', 'human']),
  false,
  /canary\.svelte[\s\S]*not assignable/,
);
process.exit(failed ? 1 : 0);
