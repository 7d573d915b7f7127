/** `npm run bench -- NAME [arguments]`: runs test/bench/NAME.ts; without a name lists what there is. */
import { readdirSync } from 'node:fs';
import { messageOf } from '../../core/base/errors.ts';

/** What a benchmark module exports. */
interface Benchmark {
  /** One line for the list. */
  about: string;
  run(args: string[]): Promise<void>;
}

const names = readdirSync(import.meta.dirname)
  .filter((file) => file.endsWith('.ts') && !file.endsWith('.test.ts') && file !== 'run.ts')
  .map((file) => file.slice(0, -3))
  .sort();

const [name, ...args] = process.argv.slice(2);
if (name === undefined || !names.includes(name)) {
  if (name !== undefined) console.error(`There is no benchmark ${name}.`);
  console.log('usage: npm run bench -- NAME [arguments]');
  for (const known of names) console.log(`  ${known.padEnd(12)} ${(await load(known)).about}`);
  process.exitCode = name === undefined ? 0 : 2;
} else {
  try {
    await (await load(name)).run(args);
  } catch (error) {
    console.error(messageOf(error));
    process.exitCode = 1;
  }
}

async function load(module: string): Promise<Benchmark> {
  return (await import(`./${module}.ts`)) as Benchmark;
}
