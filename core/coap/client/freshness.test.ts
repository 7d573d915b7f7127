import fc from 'fast-check';
import { expect, test } from 'vitest';
import { NotificationOrder } from './freshness.ts';

const after = (first: number, second: number, laterMs: number): boolean => {
  const order = new NotificationOrder();
  order.accept(first, 0);
  return order.accept(second, laterMs);
};

test('RFC 7641 §3.4: newer, older, the same, around the end, and after 128 s', () => {
  expect(after(5, 6, 1)).toBe(true);
  expect(after(6, 5, 1)).toBe(false);
  expect(after(6, 6, 1)).toBe(false);
  expect(after(0xff_ffff, 0, 1)).toBe(true);
  expect(after(0, 0xff_ffff, 1)).toBe(false);
  expect(after(0, 2 ** 23 - 1, 1)).toBe(true);
  expect(after(0, 2 ** 23, 1)).toBe(false);
  expect(after(2 ** 23 + 1, 0, 1)).toBe(true);
  expect(after(6, 5, 128_000)).toBe(false);
  expect(after(6, 5, 128_001)).toBe(true);
});

test('of two different numbers at most one order is possible', () => {
  const value = fc.integer({ min: 0, max: 0xff_ffff });
  fc.assert(
    fc.property(value, value, (a, b) => {
      if (after(a, b, 1)) expect(after(b, a, 1)).toBe(false);
    }),
  );
});

test('an older one does not move the time of the newest', () => {
  const order = new NotificationOrder();
  order.accept(10, 0);
  expect(order.accept(9, 100_000)).toBe(false);
  expect(order.accept(9, 128_001)).toBe(true);
});

test('an answer to a registration begins anew', () => {
  const order = new NotificationOrder();
  order.accept(1_000, 0);
  order.restart(2, 10);
  expect(order.accept(3, 20)).toBe(true);
});
