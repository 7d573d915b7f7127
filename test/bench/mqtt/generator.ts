/**
 * The load generator, a process of its own: `generator.ts LOAD PORT SECONDS`. Warms up, counts for SECONDS, lets
 * everything arrive, and prints one line of JSON: `{rate, total, missing, generatorLoad}`:
 * what was counted a second, in all (warm-up included), what was owed and did not come, and the part of one core that
 * the generator itself took.
 */
import { LOADS } from './loads.ts';

const WARM_UP_MS = 400;
const ARRIVAL_MS = 5_000;

const [name, port, seconds] = process.argv.slice(2);
const load = LOADS[name!];
if (load === undefined) throw new Error(`There is no load ${name}.`);

let stopped = false;
const progress = await load.start(Number(port), () => stopped);
await pass(WARM_UP_MS);
const startedMs = performance.now();
const before = progress.done;
const cpuBefore = process.cpuUsage();
await pass(Number(seconds) * 1_000);
const elapsedMs = performance.now() - startedMs;
const rate = ((progress.done - before) / elapsedMs) * 1_000;
const cpu = process.cpuUsage(cpuBefore);
stopped = true;
for (let waitedMs = 0; progress.missing() > 0 && waitedMs < ARRIVAL_MS; waitedMs += 20) await pass(20);
const result = {
  rate,
  total: progress.done,
  missing: progress.missing(),
  generatorLoad: (cpu.user + cpu.system) / 1_000 / elapsedMs,
};
process.stdout.write(`${JSON.stringify(result)}\n`, () => process.exit(0));

function pass(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
