import { describe, expect, it } from 'vitest';
import type { SeriesInfo } from '../../../../core/contract/devices.ts';
import { firstShown, roundInterval, seriesLabel, tileOrder } from './series-names.ts';

function series(id: number, name: string, quantity: string | null): SeriesInfo {
  return { id, deviceId: 1, name, quantity, unit: '', last: null, intervalMs: null, staleAfterMs: 1_000 };
}

describe('series on the device page', () => {
  it('are called by their quantity where that is all their name says', () => {
    expect(seriesLabel(series(1, 'temperature', 'temperature'))).toBe('Temperature');
    expect(seriesLabel(series(1, 'air_quality', 'air_quality'))).toBe('Air quality');
    expect(seriesLabel(series(1, 'inside.temp', 'temperature'))).toBe('inside.temp');
    expect(seriesLabel(series(1, 'x', null))).toBe('x');
    expect(seriesLabel(series(1, 'co2', 'co2'))).toBe('CO₂');
    expect(seriesLabel(series(1, 'ph', 'ph'))).toBe('pH');
  });

  it('have a rhythm of two digits', () => {
    expect([999.6, 1_004, 3_812, 61_300, null].map(roundInterval)).toEqual([
      1_000,
      1_000,
      3_800,
      61_000,
      null,
    ]);
  });

  it('begin with temperature and humidity, in this order', () => {
    const all = [
      series(1, 'battery', 'battery'),
      series(2, 'humidity', 'humidity'),
      series(3, 'outdoor_temp', 'temperature'),
      series(4, 'temperature', 'temperature'),
    ];
    expect(firstShown(all)).toEqual([4, 2]);
  });

  it('stand with the first shown in front, each where it was', () => {
    const all = [series(1, 'battery', 'battery'), series(2, 'humidity', 'humidity'), series(3, 'x', null)];
    all.push(series(4, 'temperature', 'temperature'));
    expect(tileOrder(all).map(({ id }) => id)).toEqual([4, 2, 1, 3]);
  });

  it('begin with the first two of a device without climate, and with nothing of one without series', () => {
    expect(firstShown([series(5, 'a', null), series(6, 'b', null), series(7, 'c', null)])).toEqual([5, 6]);
    expect(firstShown([])).toEqual([]);
  });
});
