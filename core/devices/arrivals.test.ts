import { expect, test } from 'vitest';
import { SHORTEST_STALE_MS, UNKNOWN_STALE_MS, smoothedInterval, staleAfter } from './arrivals.ts';

test('a steady rhythm is that rhythm', () => {
  let interval: number | null = null;
  for (let index = 0; index < 10; index++) interval = smoothedInterval(interval, 1_000);
  expect(interval).toBe(1_000);
});

test('a weekend without readings hardly moves it, a new rhythm takes over within twenty readings', () => {
  expect(smoothedInterval(1_000, 60 * 3_600_000)).toBe(1_250);
  let interval = 1_000;
  for (let index = 0; index < 20; index++) interval = smoothedInterval(interval, 30_000);
  expect(interval).toBeGreaterThan(25_000);
  for (let index = 0; index < 20; index++) interval = smoothedInterval(interval, 1_000);
  expect(interval).toBeLessThan(1_200);
});

test('a value is stale after three intervals, never before 30 s, and after five minutes when the rhythm is unknown', () => {
  expect(staleAfter(100)).toBe(SHORTEST_STALE_MS);
  expect(staleAfter(10_000)).toBe(30_000);
  expect(staleAfter(60_000)).toBe(180_000);
  expect(staleAfter(null)).toBe(UNKNOWN_STALE_MS);
});
