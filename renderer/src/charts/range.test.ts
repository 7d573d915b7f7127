import { describe, expect, it } from 'vitest';
import {
  customRange,
  draggedRange,
  MIN_SPAN_MS,
  needsFetch,
  panRange,
  pointsForWidth,
  readMoment,
  sameRange,
  zoomRange,
  wholeMs,
} from './range.ts';

const HOUR = 3_600_000;

describe('zoom and pan', () => {
  it('keeps the centre at its place on the screen', () => {
    const zoomed = zoomRange({ from: 0, to: 1_000_000 }, 250_000, 0.5);
    expect(zoomed).toEqual({ from: 125_000, to: 625_000 });
  });

  it('never zooms closer than a second', () => {
    const zoomed = zoomRange({ from: 0, to: 1_500 }, 750, 0.01);
    expect(zoomed.to - zoomed.from).toBe(MIN_SPAN_MS);
  });

  it('pans by a share of the span', () => {
    expect(panRange({ from: 1_000, to: 2_000 }, -0.25)).toEqual({ from: 750, to: 1_750 });
  });

  it('takes a drag in either direction and ignores a twitch', () => {
    expect(draggedRange(9_000, 2_000)).toEqual({ from: 2_000, to: 9_000 });
    expect(draggedRange(9_000, 9_100)).toBeNull();
  });

  it('calls ranges the same within the tolerance', () => {
    expect(sameRange({ from: 0, to: 10 }, { from: 0.6, to: 10 })).toBe(true);
    expect(sameRange({ from: 0, to: 10 }, { from: 3, to: 10 })).toBe(false);
  });
});

describe('what is asked for', () => {
  it('asks for one row per pixel, in steps, within bounds', () => {
    expect([120, 1001, 1100, 9_000].map(pointsForWidth)).toEqual([300, 1_100, 1_100, 4_000]);
  });

  it('asks when nothing is loaded or the range reaches outside', () => {
    const loaded = { from: 0, to: HOUR, bucketMs: 0 };
    expect(needsFetch(null, { from: 0, to: 1_000 }, 1_000)).toBe(true);
    expect(needsFetch(loaded, { from: -1, to: 1_000 }, 1_000)).toBe(true);
    expect(needsFetch(loaded, { from: 0, to: HOUR + 1 }, 1_000)).toBe(true);
  });

  it('does not ask again for a part of raw readings', () => {
    expect(needsFetch({ from: 0, to: HOUR, bucketMs: 0 }, { from: 5, to: 2_000 }, 1_000)).toBe(false);
  });

  it('asks for finer buckets on zoom, coarser ones only when far apart', () => {
    const loaded = { from: 0, to: 1_000 * HOUR, bucketMs: HOUR };
    expect(needsFetch(loaded, { from: 0, to: 1_000 * HOUR }, 1_000)).toBe(false);
    expect(needsFetch(loaded, { from: 0, to: 700 * HOUR }, 1_000)).toBe(false);
    expect(needsFetch(loaded, { from: 0, to: 100 * HOUR }, 1_000)).toBe(true);
    expect(needsFetch({ ...loaded, bucketMs: HOUR / 20 }, { from: 0, to: 1_000 * HOUR }, 1_000)).toBe(true);
  });
});

describe('the custom range', () => {
  const now = new Date(2026, 2, 9, 15, 0).getTime();
  const at = (...parts: [number, number, number, number, number, number?]) => new Date(...parts).getTime();

  it('reads moments as people write them', () => {
    expect(readMoment('2026-03-09 14:03:27', now)).toBe(at(2026, 2, 9, 14, 3, 27));
    expect(readMoment(' 2026-3-9T4:03 ', now)).toBe(at(2026, 2, 9, 4, 3));
    expect(readMoment('2025-12-31', now)).toBe(at(2025, 11, 31, 0, 0));
    expect(readMoment('14:03', now)).toBe(at(2026, 2, 9, 14, 3));
  });

  it('refuses what is no day or time', () => {
    for (const text of ['', ' ', 'soon', '2026-02-31', '2026-13-01', '25:00', '12:60', '1:2', '09.03.2026']) {
      expect(readMoment(text, now), text).toBeNaN();
    }
  });

  it('says what is wrong', () => {
    const problem = (from: string, to: string) => {
      const read = customRange(from, to, now);
      return read.ok ? '' : read.problem;
    };
    expect(problem('', '14:00')).toMatch(/beginning/);
    expect(problem('13:00', 'soon')).toMatch(/end/);
    expect(problem('14:00', '13:00')).toMatch(/after/);
    expect(problem('1900-01-01', '2026-01-01')).toMatch(/20 years/);
    expect(customRange('13:00', '14:00', now)).toEqual({
      ok: true,
      range: { from: at(2026, 2, 9, 13, 0), to: at(2026, 2, 9, 14, 0) },
    });
  });
});

it('counts time marks from whole milliseconds', () => {
  expect(wholeMs({ from: 1_000.4, to: 1_999.6 })).toEqual({ from: 1_000, to: 2_000 });
});
