import { expect, it } from 'vitest';
import { RateMeter } from './rates.ts';

it('is the mean over the window and falls to zero when nothing comes', () => {
  const meter = new RateMeter(3_000);
  expect(meter.perSecond()).toBe(0);
  for (let second = 0; second <= 10; second++) meter.sample(second * 1_000, second * 50);
  expect(meter.perSecond()).toBeCloseTo(50);
  for (let second = 11; second <= 15; second++) meter.sample(second * 1_000, 500);
  expect(meter.perSecond()).toBe(0);
});
