import { expect, it } from 'vitest';
import { bridge, toSlots } from './spark-slots.ts';

it('takes the mean of each slot and leaves empty ones out', () => {
  const t = Float64Array.of(0, 5, 25, 40);
  const v = Float64Array.of(1, 3, 7, 9);
  expect(toSlots(t, v, 0, 40, 4)).toEqual([2, null, 7, 9]);
});

it('passes over readings from before the range', () => {
  expect(toSlots(Float64Array.of(-5), Float64Array.of(1), 0, 40, 2)).toEqual([null, null]);
});

it('bridges the pace of a slow device and leaves a true gap open', () => {
  expect(bridge([1, null, 3, null, null, null, 9], 2)).toEqual([1, 2, 3, null, null, null, 9]);
  expect(bridge([null, 4, null], 2)).toEqual([null, 4, null]);
});
