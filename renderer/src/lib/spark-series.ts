import type { DeviceRow, SeriesInfo } from '../../../core/contract/devices.ts';
import { seriesOf } from './quantities.ts';

/** The series whose trend stands for a device in a list: its temperature, else the first that it has. */
export function sparkSeries(row: DeviceRow): SeriesInfo | null {
  return seriesOf(row, 'temperature') ?? row.series[0] ?? null;
}
