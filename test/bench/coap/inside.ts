/**
 * Loaded into a process before its own program (`--import`), with --expose-gc and an IPC channel: every message `measure`
 * is answered with what that process says of itself since the last one.
 */
import { monitorEventLoopDelay } from 'node:perf_hooks';

export interface Inside {
  /** Processor time since the last measure, seconds, all threads. */
  cpuSeconds: number;
  seconds: number;
  /** After a full collection, without what worker threads hold. */
  heapBytes: number;
  residentBytes: number;
  loopDelayP50Ms: number;
  loopDelayP99Ms: number;
  loopDelayMaxMs: number;
}

const RESOLUTION_MS = 5;
const delay = monitorEventLoopDelay({ resolution: RESOLUTION_MS });
delay.enable();
let cpuBefore = process.cpuUsage();
let startedMs = performance.now();

process.on('message', (word) => {
  if (word !== 'measure') return;
  const cpu = process.cpuUsage(cpuBefore);
  const inside = {
    cpuSeconds: (cpu.user + cpu.system) / 1e6,
    seconds: (performance.now() - startedMs) / 1_000,
    loopDelayP50Ms: lateMs(delay.percentile(50)),
    loopDelayP99Ms: lateMs(delay.percentile(99)),
    loopDelayMaxMs: lateMs(delay.max),
  };
  void globalThis.gc?.();
  void globalThis.gc?.();
  const { heapUsed, external, rss } = process.memoryUsage();
  const answer: Inside = { ...inside, heapBytes: heapUsed + external, residentBytes: rss };
  process.send?.(answer);
  // The collection above is the measure's own, and is seen by the histogram only a turn later.
  setTimeout(() => {
    delay.reset();
    cpuBefore = process.cpuUsage();
    startedMs = performance.now();
  }, 100).unref();
});
process.channel?.unref();

/** What the histogram holds is from one look to the next. */
function lateMs(nanoseconds: number): number {
  return Math.max(0, nanoseconds / 1e6 - RESOLUTION_MS);
}
