/** What processes took from the machine, from Linux's /proc: part of one core, and resident memory. */
import { readFileSync, readdirSync } from 'node:fs';

const TICKS_PER_SECOND = 100;

export interface Usage {
  atMs: number;
  /** Seconds of CPU by group. */
  seconds: Record<string, number>;
}

/** Groups of process ids, or of `pid/tid` for one thread. */
export function usageOf(groups: Record<string, string[]>): Usage {
  const seconds: Record<string, number> = {};
  for (const [name, ids] of Object.entries(groups))
    seconds[name] = ids.reduce((sum, id) => sum + cpuSeconds(id), 0);
  return { atMs: performance.now(), seconds };
}

/** Part of one core that each group took between two looks. */
export function sharesOf(from: Usage, to: Usage): Record<string, number> {
  const elapsed = (to.atMs - from.atMs) / 1_000;
  return Object.fromEntries(
    Object.entries(to.seconds).map(([name, after]) => [name, (after - (from.seconds[name] ?? 0)) / elapsed]),
  );
}

export function residentMegabytes(pid: number): number {
  const line = /^VmRSS:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'));
  return Number(line?.[1] ?? 0) / 1_024;
}

/** The process and all that it started, with their command lines. */
export function familyOf(pid: number): { pid: number; command: string }[] {
  const parents = new Map<number, number[]>();
  for (const name of readdirSync('/proc')) {
    if (!/^\d+$/.test(name)) continue;
    const parent = Number(statFields(name)[1] ?? -1);
    parents.set(parent, [...(parents.get(parent) ?? []), Number(name)]);
  }
  const family: { pid: number; command: string }[] = [];
  const visit = (one: number): void => {
    family.push({ pid: one, command: read(`/proc/${one}/cmdline`).replaceAll('\0', ' ') });
    for (const child of parents.get(one) ?? []) visit(child);
  };
  visit(pid);
  return family;
}

function cpuSeconds(id: string): number {
  const [pid, tid] = id.split('/');
  const fields = statFields(tid === undefined ? pid! : `${pid}/task/${tid}`);
  return (Number(fields[11] ?? 0) + Number(fields[12] ?? 0)) / TICKS_PER_SECOND;
}

/** Fields from the third on: the second is a name in brackets that may hold blanks. */
function statFields(id: string): string[] {
  return read(`/proc/${id}/stat`)
    .replace(/^.*\) /, '')
    .split(' ');
}

function read(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return ''; // it ended meanwhile
  }
}
