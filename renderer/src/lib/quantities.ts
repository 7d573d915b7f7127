/** Which of a device's series stand for what in a table. */
import type { DeviceRow, SeriesInfo } from '../../../core/contract/devices.ts';

/** The first series of the quantity that has a value; else the first of the quantity; else null. */
export function seriesOf(row: DeviceRow, quantity: string): SeriesInfo | null {
  let empty: SeriesInfo | null = null;
  for (const series of row.series) {
    if (series.quantity !== quantity) continue;
    if (series.last !== null) return series;
    empty ??= series;
  }
  return empty;
}

/** All but the given ones, those with a value first. */
export function otherSeries(row: DeviceRow, shown: readonly (SeriesInfo | null)[]): SeriesInfo[] {
  const rest = row.series.filter((series) => !shown.includes(series));
  return rest.sort((a, b) => Number(a.last === null) - Number(b.last === null));
}

/**
 * Readings per second that a device sends, by the distances of its series; 0 until they are known. Silence counts as
 * the distance that it is by now, so that a device which stopped after a burst does not seem the busiest.
 */
export function readingsPerSecond(row: DeviceRow, nowMs: number): number {
  let sum = 0;
  for (const { intervalMs, last } of row.series) {
    if (intervalMs === null || intervalMs <= 0 || last === null) continue;
    sum += 1000 / Math.max(intervalMs, nowMs - last.receivedMs - intervalMs);
  }
  return sum;
}
