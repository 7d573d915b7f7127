/** What a piece of work costs, told so that a busy machine does not change the answer. */
import process from 'node:process';

/**
 * The CPU time of this thread alone, in ms, at best of `rounds`: neither the other core's work nor being put aside by
 * the system counts. For bounds that tell a few ms from seconds; never for ratios, which the compiler's mood decides.
 */
export function leastCpuMs(work: () => void, rounds = 1): number {
  let least = Infinity;
  for (let round = 0; round < rounds; round++) {
    const before = process.threadCpuUsage();
    work();
    const { user, system } = process.threadCpuUsage(before);
    least = Math.min(least, (user + system) / 1_000);
  }
  return least;
}
