import type { SeriesInfo } from '../../../../core/contract/devices.ts';
import type { ChartSeries } from '../../charts/panels.ts';

/** Quantities that are not written as words. */
const SIGNS: Record<string, string> = {
  co2: 'CO₂',
  dewpoint: 'Dew point',
  ph: 'pH',
  pm1: 'PM1',
  pm25: 'PM2.5',
  pm10: 'PM10',
  rpm: 'RPM',
  rssi: 'RSSI',
  snr: 'SNR',
  tvoc: 'TVOC',
};

/** `Temperature` for a series that is just that quantity; else its name as the device gives it: `inside.temp`. */
export function seriesLabel(series: Pick<SeriesInfo, 'name' | 'quantity'>): string {
  if (series.name !== series.quantity) return series.name;
  const sign = SIGNS[series.name];
  if (sign !== undefined) return sign;
  const words = series.name.replaceAll('_', ' ');
  return words.charAt(0).toUpperCase() + words.slice(1);
}

/** A device's series as a chart takes it; its pen is its place among them, whatever else is shown. */
export function chartSeries(series: SeriesInfo, place: number): ChartSeries {
  const { id, unit, quantity, intervalMs, staleAfterMs } = series;
  return { id, label: seriesLabel(series), unit, quantity, intervalMs, staleAfterMs, pen: place };
}

const MOST_FIRST = 2;

/** What is shown before anybody has chosen: temperature and humidity where there are such, else the first two. */
export function firstShown(all: readonly SeriesInfo[]): number[] {
  const climate = ['temperature', 'humidity'].flatMap((quantity) => {
    const same = all.filter((one) => one.quantity === quantity);
    return (same.find((one) => one.name === quantity) ?? same[0])?.id ?? [];
  });
  if (climate.length > 0) return climate;
  return all.slice(0, MOST_FIRST).map((one) => one.id);
}

/** To two digits: a rhythm that is told to the millisecond changes with every reading and says no more. */
export function roundInterval(intervalMs: number | null): number | null {
  return intervalMs === null ? null : Number(intervalMs.toPrecision(2));
}

/** What is shown first stands first. The choice changes nothing: a tile that is pressed stays under the pointer. */
export function tileOrder(all: readonly SeriesInfo[]): SeriesInfo[] {
  const first = firstShown(all).flatMap((id) => all.find((one) => one.id === id) ?? []);
  return [...first, ...all.filter((one) => !first.includes(one))];
}
