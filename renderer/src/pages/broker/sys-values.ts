/** The list of `$SYS`. Pure. */
import { formatCount } from '../../lib/format.ts';

export interface SysValue {
  topic: string;
  value: string;
}

/** Every word must be in the topic or the value. */
export function fitsSearch({ topic, value }: SysValue, search: string): boolean {
  const text = `${topic}\n${value}`.toLowerCase();
  return search
    .toLowerCase()
    .split(/\s+/)
    .every((word) => text.includes(word));
}

/** Long whole numbers in groups of three; everything else as the broker says it. */
export function readableValue(value: string): string {
  return /^\d{4,15}$/.test(value) ? formatCount(Number(value)) : value;
}

const topics = new Intl.Collator('en', { numeric: true });

/** As people count: 1min, 5min, 15min. */
export function sortedByTopic(values: readonly SysValue[]): SysValue[] {
  return [...values].sort((a, b) => topics.compare(a.topic, b.topic));
}
