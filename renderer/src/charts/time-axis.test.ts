import { describe, expect, it } from 'vitest';
import { TIME_STEPS, timeLabels } from './time-axis.ts';

const local = (...at: [number, number, number, number?, number?, number?]) => new Date(...at).getTime();

describe('the time axis', () => {
  it('writes the date at the first mark and at midnight', () => {
    const marks = [local(2026, 2, 9, 23, 30), local(2026, 2, 9, 23, 45), local(2026, 2, 10, 0, 0)];
    expect(timeLabels(marks, 15 * 60_000)).toEqual(['23:30\nMon 9 Mar', '23:45', '00:00\nTue 10 Mar']);
  });

  it('shows seconds and tenths only where the marks are that close', () => {
    const mark = local(2026, 2, 9, 14, 3, 27) + 250;
    expect(timeLabels([mark], 30_000)[0]).toContain('14:03:27');
    expect(timeLabels([mark], 30_000)[0]).not.toContain('14:03:27.');
    expect(timeLabels([mark], 200)[0]).toContain('14:03:27.2');
  });

  it('goes from days to months to years', () => {
    const day = 86_400_000;
    expect(timeLabels([local(2025, 11, 31), local(2026, 0, 1)], day)).toEqual([
      '31 Dec\n2025',
      '1 Jan\n2026',
    ]);
    expect(timeLabels([local(2026, 0, 1), local(2026, 1, 1)], 30 * day)).toEqual(['Jan\n2026', 'Feb']);
    expect(timeLabels([local(2025, 0, 1), local(2026, 0, 1)], 365 * day)).toEqual(['2025', '2026']);
  });

  it('has steps that rise', () => {
    expect(TIME_STEPS).toEqual([...TIME_STEPS].sort((a, b) => a - b));
    expect(new Set(TIME_STEPS).size).toBe(TIME_STEPS.length);
  });
});
