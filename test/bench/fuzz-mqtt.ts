import { parseArgs } from 'node:util';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { type FuzzCounts, FuzzFailure, Fuzzing, type FuzzOptions } from '../support/mqtt-fuzz/fuzz.ts';
import { median, writeReport } from './support/report.ts';

export const about =
  'broker under broken packets of all versions [--seconds 60] [--seed N] [--from CYCLE] [--cycles N] [--crash-every N]';

/*
 * How to read it.
 * - Everything follows from the seed: a failure tells its seed and cycle, and whether that cycle alone shows it on a
 *   fresh broker (`--from C --cycles 1`). If not, the whole way there does (`--cycles C+1`).
 * - The broker works under small limits, so that it reaches them early. Its heap, after a collection, must then stay
 *   where it is: the median of the last quarter is held against that of the second.
 */

/** Growth of the heap from the second quarter to the last that counts as flat. */
const FLAT_BYTES = 3_000_000;
const SAMPLE_MS = 1_000;

export async function run(args: string[]): Promise<void> {
  const { values } = parseArgs({
    args,
    options: {
      seconds: { type: 'string', default: '60' },
      seed: { type: 'string', default: String(Date.now() % 1_000_000_000) },
      from: { type: 'string', default: '0' },
      cycles: { type: 'string', default: 'Infinity' },
      'crash-every': { type: 'string' },
    },
  });
  const seed = Number(values.seed);
  const seconds = Number(values.seconds);
  const cycles = Number(values.cycles);
  const firstCycle = Number(values.from);
  const each = values['crash-every'];
  console.log(`seed ${seed}`);
  // First a broker that is killed again and again, then one that lives long enough to show a leak.
  const parts =
    each === undefined
      ? [
          { crashEvery: 50, part: 0.2 },
          { crashEvery: 0, part: 0.8 },
        ]
      : [{ crashEvery: Number(each), part: 1 }];
  const results = [];
  for (const { crashEvery, part } of parts) {
    results.push(await fuzz(seed, { firstCycle, crashEvery }, seconds * part, cycles));
  }
  console.log(`written to ${writeReport('fuzz-mqtt', { seed, results })}`);
  if (results.some(({ grownBytes }) => grownBytes > FLAT_BYTES)) throw new Error('The heap grows.');
}

async function fuzz(
  seed: number,
  options: Required<FuzzOptions>,
  seconds: number,
  cycles: number,
): Promise<{ crashEvery: number; counts: FuzzCounts; counters: object; heap: number[]; grownBytes: number }> {
  const { crashEvery } = options;
  const endMs = performance.now() + seconds * 1_000;
  const collect = collector();
  const fuzzing = new Fuzzing(seed, options);
  const heap: number[] = [];
  let nextMs = 0;
  try {
    while (fuzzing.counts.cycles < cycles && performance.now() < endMs) {
      await fuzzing.cycle();
      if (performance.now() < nextMs) continue;
      nextMs = performance.now() + SAMPLE_MS;
      collect();
      heap.push(process.memoryUsage().heapUsed);
    }
  } catch (error) {
    if (error instanceof FuzzFailure) await reproduce(seed, crashEvery, error);
    throw error;
  }
  const { counts } = fuzzing;
  const counters = await fuzzing.stop();
  const quarter = Math.floor(heap.length / 4);
  const early = quarter === 0 ? 0 : median(heap.slice(quarter, quarter * 2));
  const late = quarter === 0 ? 0 : median(heap.slice(-quarter));
  console.log(crashEvery > 0 ? `\nkilled after every ${crashEvery} cycles` : '\nnever killed');
  for (const [name, count] of Object.entries(counts))
    console.log(name.padEnd(12), count.toLocaleString('en'));
  console.log('heap        ', quarter === 0 ? 'too short to tell' : `${mebi(early)} -> ${mebi(late)} MiB`);
  return { crashEvery, counts, counters, heap, grownBytes: late - early };
}

/** Says whether the failing cycle alone, on a fresh broker, fails as well. */
async function reproduce(seed: number, crashEvery: number, failure: FuzzFailure): Promise<void> {
  const base = `--seed ${seed} --crash-every ${crashEvery}`;
  try {
    await new Fuzzing(seed, { firstCycle: failure.cycle }).cycle();
    console.log(`The cycle alone does not show it: ${base} --cycles ${failure.cycle + 1}`);
  } catch {
    console.log(`Once more: ${base} --from ${failure.cycle} --cycles 1`);
  }
}

/** The garbage collector as a function, whether or not Node was started with --expose-gc. */
function collector(): () => void {
  setFlagsFromString('--expose-gc');
  return runInNewContext('gc') as () => void;
}

function mebi(bytes: number): string {
  return (bytes / 1_048_576).toFixed(1);
}
