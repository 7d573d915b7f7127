import { describe, expect, it } from 'vitest';
import { Rhythm, staleAfter } from './arrivals.ts';

const START = 1_700_000_000_000;

/** A rhythm after arrivals at these distances (ms), one after the other. */
function after(...distances: number[]): Rhythm {
  const rhythm = new Rhythm();
  let atMs = START;
  rhythm.arrive(atMs);
  for (const distance of distances) rhythm.arrive((atMs += distance));
  return rhythm;
}

const times = (count: number, distance: number) => Array<number>(count).fill(distance);

describe('the rhythm of arrivals', () => {
  it('is not known before the second arrival', () => {
    expect(after().intervalMs).toBeNull();
    expect(after(60_000).intervalMs).toBe(60_000);
  });

  it.each([10, 100, 1_000, 60_000, 86_400_000])('settles on a steady distance of %i ms', (distance) => {
    expect(after(...times(200, distance)).intervalMs).toBeCloseTo(distance, 5);
  });

  it('is not moved by what a device had queued', () => {
    const minutely = after(
      ...times(20, 60_000),
      600_000,
      ...times(500, 0.1),
      ...times(6, 60_000),
    ).intervalMs!;
    expect(minutely).toBeGreaterThan(55_000);
    expect(minutely).toBeLessThan(100_000);
    // Also when the queue is the first that is ever heard of it.
    expect(after(...times(500, 0.1), 60_000).intervalMs).toBe(60_000);
  });

  it('is not moved by packs of readings that arrive together', () => {
    const packs = Array.from({ length: 10 }, () => [60_000, ...times(9, 0)]).flat();
    expect(after(...packs).intervalMs).toBeCloseTo(60_000, 5);
  });

  it('follows a new rhythm, faster or slower, within a few of its reports', () => {
    expect(after(...times(10, 60_000), ...times(60, 1_000)).intervalMs).toBeLessThan(5_000);
    expect(after(...times(60, 1_000), ...times(6, 60_000)).intervalMs).toBeGreaterThan(45_000);
  });

  it('takes a weekend for a pause', () => {
    const rhythm = after(...times(20, 60_000), 2 * 86_400_000);
    expect(staleAfter(rhythm.intervalMs)).toBeLessThan(10 * 60_000);
  });

  it('goes on when the clock of the station is set back', () => {
    const rhythm = after(...times(5, 1_000), -3_600_000, 1_000, 1_000);
    expect(rhythm.intervalMs).toBeCloseTo(1_000, 5);
  });
});
