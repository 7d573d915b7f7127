import { expect, it } from 'vitest';
import { sparkPath } from './spark.ts';

const size = { slots: 3, width: 20, height: 10 };

it('draws from the lowest at the bottom to the highest at the top', () => {
  expect(sparkPath([0, 5, 10], size).line).toBe('M0 8.5L10 5L20 1.5');
});

it('breaks at a gap and keeps a lone value visible', () => {
  expect(sparkPath([0, null, 10], size).line).toBe('M0 8.5h0.01M20 1.5h0.01');
});

it('begins at the right when it is still short', () => {
  expect(sparkPath([0, 10], size).line).toBe('M10 8.5L20 1.5');
});

it('keeps small noise small', () => {
  expect(sparkPath([10, 10.5, 10], { ...size, minSpan: 7 }).line).toBe('M0 5.25L10 4.75L20 5.25');
});

it('has nothing to draw without values and a middle line for a flat one', () => {
  expect(sparkPath([null, null], size)).toEqual({ line: '', area: '' });
  expect(sparkPath([4, 4, 4], size).line).toBe('M0 5L10 5L20 5');
  expect(sparkPath([0, 0, 0], { ...size, floor: 0 }).line).toBe('M0 8.5L10 8.5L20 8.5');
});
