import { expect, it } from 'vitest';
import type { DeviceRow, SeriesInfo } from '../../../core/contract/devices.ts';
import { presenceOf } from './presence.ts';

const NOW = 1_700_000_000_000;

function series(ageMs: number | null, staleAfterMs = 10_000): SeriesInfo {
  const last = ageMs === null ? null : { t: NOW - ageMs, v: 1, receivedMs: NOW - ageMs };
  return { id: 1, deviceId: 1, name: 'a', quantity: null, unit: '', last, intervalMs: 1000, staleAfterMs };
}

function device(lastSeenAgeMs: number, ...list: SeriesInfo[]): DeviceRow {
  const lastSeenMs = NOW - lastSeenAgeMs;
  return { id: 1, key: 'k', name: 'k', protocols: ['mqtt'], firstSeenMs: 0, lastSeenMs, series: list };
}

it('is live while one series is within its limit', () => {
  expect(presenceOf(device(5_000, series(60_000), series(5_000)), NOW)).toBe('live');
  expect(presenceOf(device(10_001, series(10_001)), NOW)).toBe('stale');
});

it('is silent after an hour, or later where the device reports rarely', () => {
  expect(presenceOf(device(3_600_001, series(3_600_001)), NOW)).toBe('silent');
  expect(presenceOf(device(7_200_000, series(7_200_000, 1_800_000)), NOW)).toBe('stale');
});

it('judges a device without values by when it was heard of', () => {
  expect(presenceOf(device(60_000), NOW)).toBe('live');
  expect(presenceOf(device(60_000, series(null)), NOW)).toBe('live');
  expect(presenceOf(device(6 * 60_000), NOW)).toBe('stale');
});
