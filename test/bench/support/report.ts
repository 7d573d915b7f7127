import { mkdirSync, writeFileSync } from 'node:fs';
import { cpus, loadavg } from 'node:os';
import { join } from 'node:path';

export function median(values: number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2;
}

/** Lines up rows under their heads, the first column left and the others right. */
export function table(head: string[], rows: string[][]): string {
  const widths = head.map((text, column) => Math.max(text.length, ...rows.map((row) => row[column]!.length)));
  const line = (cells: string[]) =>
    cells
      .map((text, column) => (column === 0 ? text.padEnd(widths[0]!) : text.padStart(widths[column]!)))
      .join('  ');
  return [line(head), widths.map((width) => '-'.repeat(width)).join('  '), ...rows.map(line)].join('\n');
}

/** Writes `results` with the machine and time they come from to test-results/bench/NAME.json; returns the path. */
export function writeReport(name: string, results: unknown): string {
  const folder = join(import.meta.dirname, '../../../test-results/bench');
  mkdirSync(folder, { recursive: true });
  const file = join(folder, `${name}.json`);
  const machine = { cpus: cpus().length, model: cpus()[0]?.model, load: loadavg(), node: process.version };
  writeFileSync(
    file,
    `${JSON.stringify({ name, at: new Date().toISOString(), machine, results }, null, 2)}\n`,
  );
  return file;
}
