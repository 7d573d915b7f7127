import { parseArgs } from 'node:util';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { FuzzFailure, Fuzzing } from '../support/coap-fuzz/fuzz.ts';
import { median, writeReport } from './support/report.ts';

export const about =
  "the station's CoAP among peers, servers, scans that mean ill [SECONDS 60] [SEED] [--cycles N]";

/*
 * How to read it.
 * - Real sockets on loopback, in real time: what is said follows from the seed, when it arrives does not. A failure tells
 *   seed and cycle; the same seed comes near to it again.
 * - Bounds and times are small, so that every table is full and emptied many times. Of each the highest is told.
 * - A witness that behaves asks over UDP, TCP and WebSockets, observes and is observed all the time. One exchange that
 *   fails, one wrong value or 15 s without a notification end the run.
 * - The heap, after a collection, must stay where it is: the median of the last quarter against that of the second.
 * - The delay of the event loop is that of the whole process, with all who attack it, and the collections in between.
 */

/** Growth of the heap from the second quarter to the last that counts as flat. */
const FLAT_BYTES = 4_000_000;
const SAMPLE_MS = 2_000;
const MAX_LOOP_DELAY_MS = 2_000;

export async function run(args: string[]): Promise<void> {
  const { values, positionals } = parseArgs({
    args,
    allowPositionals: true,
    options: { cycles: { type: 'string', default: 'Infinity' } },
  });
  const seconds = Number(positionals[0] ?? 60);
  const seed = Number(positionals[1] ?? Date.now() % 1_000_000_000);
  const cycles = Number(values.cycles);
  console.log(`seed ${seed}`);
  const collect = collector();
  const fuzzing = new Fuzzing(seed);
  await fuzzing.start();
  const endMs = performance.now() + seconds * 1_000;
  const heap: number[] = [];
  let nextMs = 0;
  try {
    while (fuzzing.cycles < cycles && performance.now() < endMs) {
      await fuzzing.cycle();
      if (performance.now() < nextMs) continue;
      nextMs = performance.now() + SAMPLE_MS;
      collect();
      heap.push(process.memoryUsage().heapUsed);
    }
  } catch (error) {
    if (error instanceof FuzzFailure)
      console.log(`Once more: ${seconds} ${seed} --cycles ${error.cycle + 1}`);
    console.log(fuzzing.counts());
    // What it holds open would keep the process.
    await fuzzing.stop().catch(() => undefined);
    throw error;
  }
  const { loop } = fuzzing;
  const loopMs = { p99: loop.percentile(99) / 1e6, max: loop.max / 1e6 };
  const counts = fuzzing.counts();
  await fuzzing.stop();
  const quarter = Math.floor(heap.length / 4);
  const early = quarter === 0 ? 0 : median(heap.slice(quarter, quarter * 2));
  const late = quarter === 0 ? 0 : median(heap.slice(-quarter));
  const times = fuzzing.witnessTimes.toSorted((a, b) => a - b);
  const witnessMs = { median: at(times, 0.5), p99: at(times, 0.99), max: at(times, 1) };
  const highest = Object.fromEntries(fuzzing.highest);
  const ends = Object.fromEntries([...fuzzing.ends].toSorted(([a], [b]) => a.localeCompare(b)));

  for (const [name, count] of Object.entries(counts)) line(name, count.toLocaleString('en'));
  console.log('\nhighest, of at most');
  for (const [name, { most, bound }] of fuzzing.highest) line(name, `${most} of ${bound}`);
  console.log('\nhow the requests of the station ended');
  for (const [name, count] of Object.entries(ends)) line(name, String(count));
  console.log('');
  line('witness', `${ms(witnessMs.median)} median, ${ms(witnessMs.p99)} p99, ${ms(witnessMs.max)} max`);
  for (const [name, count] of fuzzing.witnessSlow) line(`witness, over 2 s: ${name}`, String(count));
  line('event loop', `${ms(loopMs.p99)} p99, ${ms(loopMs.max)} max`);
  line('heap', quarter === 0 ? 'too short to tell' : `${mebi(early)} -> ${mebi(late)} MiB`);
  const results = { seed, seconds, counts, highest, ends, witnessMs, loopMs, heap };
  console.log(`written to ${writeReport('fuzz-coap', results)}`);
  if (late - early > FLAT_BYTES) throw new Error('The heap grows.');
  if (loopMs.max > MAX_LOOP_DELAY_MS) throw new Error('The event loop stood still.');
}

/** The garbage collector as a function, whether or not Node was started with --expose-gc. */
function collector(): () => void {
  setFlagsFromString('--expose-gc');
  return runInNewContext('gc') as () => void;
}

function at(sorted: number[], part: number): number {
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * part))] ?? 0;
}

function line(name: string, text: string): void {
  console.log(`${name.padEnd(34)} ${text}`);
}

function ms(value: number): string {
  return `${value.toFixed(1)} ms`;
}

function mebi(bytes: number): string {
  return (bytes / 1_048_576).toFixed(1);
}
