/**
 * A client as a process: `asker.ts KIND PORTS PATH SECONDS`. Warms up, counts for SECONDS, and prints one line of JSON.
 * Started with --expose-gc it also tells how the heap grew over the counted time.
 */
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { ASKERS } from './askers.ts';
import type { Asked } from './askers.ts';
import { pass } from './processes.ts';

const WARM_UP_MS = 1_500;
const RESOLUTION_MS = 5;

export interface AskerResult {
  rate: number;
  total: number;
  wrong: number;
  /** Processor time of this process for each answer, µs, all its threads. */
  micros: number;
  loopDelayP99Ms: number;
  /** After a full collection, bytes; null without --expose-gc. */
  heapBefore: number | null;
  heapAfter: number | null;
}

const [kind, portList, path, seconds] = process.argv.slice(2);
const asker = ASKERS[kind!];
if (asker === undefined) throw new Error(`There is no asker ${kind}.`);
const asked: Asked = { done: 0, wrong: 0 };
const ports = portList!.split(',').map(Number);
await asker.start(ports, path!, asked);
await pass(WARM_UP_MS);
const heapBefore = heapBytes();
const delay = monitorEventLoopDelay({ resolution: RESOLUTION_MS });
delay.enable();
const before = asked.done;
const startedMs = performance.now();
const cpuBefore = process.cpuUsage();
await pass(Number(seconds) * 1_000);
const done = asked.done - before;
const elapsedMs = performance.now() - startedMs;
const cpu = process.cpuUsage(cpuBefore);
const result: AskerResult = {
  rate: (done / elapsedMs) * 1_000,
  total: asked.done,
  wrong: asked.wrong,
  micros: (cpu.user + cpu.system) / done,
  // What the histogram holds is from one look to the next.
  loopDelayP99Ms: Math.max(0, delay.percentile(99) / 1e6 - RESOLUTION_MS),
  heapBefore,
  heapAfter: heapBytes(),
};
process.stdout.write(`${JSON.stringify(result)}\n`, () => process.exit(0));

function heapBytes(): number | null {
  if (globalThis.gc === undefined) return null;
  void globalThis.gc();
  void globalThis.gc();
  const { heapUsed, external } = process.memoryUsage();
  return heapUsed + external;
}
