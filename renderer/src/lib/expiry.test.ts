import { expect, it } from 'vitest';
import { expiryOf } from './expiry.ts';

const DAY = 86_400_000;
const NOW = 1_000 * DAY;

it('warns from 30 days before the end, and marks what has ended', () => {
  expect(expiryOf(NOW + 31 * DAY, NOW)).toEqual({ state: 'valid', text: 'in 31\u00a0d' });
  expect(expiryOf(NOW + 30 * DAY, NOW)).toEqual({ state: 'soon', text: 'in 30\u00a0d' });
  expect(expiryOf(NOW + DAY + 3_600_000, NOW)).toEqual({ state: 'soon', text: 'in 1\u00a0d 1\u00a0h' });
  expect(expiryOf(NOW, NOW).state).toBe('expired');
  expect(expiryOf(NOW - 40 * DAY, NOW)).toEqual({ state: 'expired', text: 'expired 40\u00a0d ago' });
});

it('says of a certificate of the future that it is not valid yet', () => {
  expect(expiryOf(NOW + 400 * DAY, NOW, NOW + 5 * DAY)).toEqual({
    state: 'not-yet',
    text: 'not valid for another 5\u00a0d',
  });
});

it('counts distant ends in years', () => {
  expect(expiryOf(NOW + 3_650 * DAY, NOW).text).toBe('in 10\u00a0years');
});
