/**
 * `npm test`: everything, in the order in which a failure is cheapest to learn. Stops at the first step that fails.
 * It looks for a Chromium before it starts, because learning that at the end would waste the run.
 */
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { findChromium } from '../test/support/chromium.ts';

function run(command: string, args: string[]): boolean {
  console.log(`\n> ${command} ${args.join(' ')}`);
  return spawnSync(command, args, { stdio: 'inherit' }).status === 0;
}

function provideChromium(): boolean {
  const found = findChromium();
  if (found !== null) {
    console.log(`Chromium: ${found}`);
    return true;
  }
  if (existsSync('/etc/debian_version') && process.getuid?.() === 0) {
    console.log('No Chromium on PATH and none of Playwright: installing the Debian package with apt-get.');
    if (run('apt-get', ['update', '-q']) && run('apt-get', ['install', '-y', '-q', 'chromium'])) {
      return findChromium() !== null;
    }
  }
  console.error(
    'No Chromium found. Install one (Debian: apt-get install chromium; elsewhere: npx playwright install chromium).',
  );
  return false;
}

const STEPS: [string, () => boolean][] = [
  ['chromium', provideChromium],
  ['lint', () => run('npm', ['run', '-s', 'lint'])],
  ['types', () => run('npm', ['run', '-s', 'types'])],
  ['build', () => run('npm', ['run', '-s', 'build'])],
  ['unit, contract, peers and faults', () => run('npm', ['run', '-s', 'unit'])],
  ['end to end', () => run('npm', ['run', '-s', 'e2e'])],
];

let passed = 0;
for (const [name, step] of STEPS) {
  const startMs = Date.now();
  if (!step()) {
    console.error(`\nFailed at: ${name}`);
    console.log(`steps: ${passed} passed, 1 failed`);
    process.exit(1);
  }
  passed++;
  console.log(`\n${name}: ok (${((Date.now() - startMs) / 1_000).toFixed(0)} s)`);
}
console.log(`\nsteps: ${passed} passed, 0 failed`);
