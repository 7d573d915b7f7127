import { describe, expect, it } from 'vitest';
import { ColumnBuffer } from './column-buffer.ts';
import { stepCursor } from './cursor-steps.ts';

function rows(...times: number[]): ColumnBuffer {
  const buffer = new ColumnBuffer();
  for (const t of times) buffer.append(t, 1);
  return buffer;
}

describe('the cursor by keys', () => {
  const range = { from: 0, to: 1_000 };

  it('goes from row to row of any series', () => {
    const both = [rows(100, 200, 300), rows(150, 900)];
    expect(stepCursor(both, range, 100, 10)).toBe(150);
    expect(stepCursor(both, range, 300, 10)).toBe(900);
    expect(stepCursor(both, range, 300, -10)).toBe(200);
  });

  it('skips rows that are closer than a pixel', () => {
    expect(stepCursor([rows(100, 101, 102, 140)], range, 100, 20)).toBe(140);
    expect(stepCursor([rows(60, 99, 100)], range, 100, -20)).toBe(60);
  });

  it('finds the first and the last row', () => {
    expect(stepCursor([rows(40, 50, 700)], range, range.from, 0)).toBe(40);
    expect(stepCursor([rows(40, 50, 700)], range, range.to, -0.001)).toBe(700);
  });

  it('stays inside the range and where there is nothing to go to', () => {
    expect(stepCursor([rows(500, 5_000)], range, 500, 10)).toBe(500);
    expect(stepCursor([rows(-50, 500)], range, 500, -10)).toBe(500);
    expect(stepCursor([], range, 7_000, 10)).toBe(1_000);
  });
});
