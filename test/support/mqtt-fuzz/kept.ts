import type { BrokerState } from '../../../core/mqtt/journal.ts';

/**
 * What one state keeps and the other does not, in words; null when both keep the same. The order is of no matter, and
 * neither is what has expired by `nowMs`: it may go at any time.
 */
export function differenceOf(broker: BrokerState, disk: BrokerState, nowMs: number): string | null {
  const textsOf = (rows: readonly object[]): Set<string> =>
    new Set(
      rows
        .filter((row) => !('expiresMs' in row && Number(row.expiresMs) > 0 && Number(row.expiresMs) <= nowMs))
        .map(textOf),
    );
  for (const table of Object.keys(broker) as (keyof BrokerState)[]) {
    const held = textsOf(broker[table]);
    const written = textsOf(disk[table]);
    for (const row of held) if (!written.has(row)) return `only the broker has, of ${table}, ${row}`;
    for (const row of written) if (!held.has(row)) return `only the disk has, of ${table}, ${row}`;
  }
  return null;
}

function textOf(value: unknown): string {
  if (value instanceof Uint8Array) return Buffer.from(value).toString('base64');
  if (typeof value !== 'object' || value === null) return String(value);
  if (Array.isArray(value)) return `[${value.map(textOf).join(', ')}]`;
  const entries = Object.entries(value).sort(([one], [other]) => (one < other ? -1 : 1));
  return `{${entries.map(([name, content]) => `${name}: ${textOf(content)}`).join(', ')}}`;
}
