import { beforeEach, expect, it } from 'vitest';
import { ManualClock } from '../base/manual-clock.ts';
import { Attempts, FORGET_AFTER_MS, FREE_ATTEMPTS } from './attempts.ts';

let clock: ManualClock;
let attempts: Attempts;

beforeEach(() => {
  clock = new ManualClock();
  attempts = new Attempts(clock);
});

const fail = (address: string, times: number): void => {
  for (let time = 0; time < times; time++) attempts.failed(address);
};

it('lets a few slips pass, then doubles the wait up to a minute', () => {
  fail('10.0.0.1', FREE_ATTEMPTS - 1);
  expect(attempts.waitMs('10.0.0.1')).toBe(0);
  const waits = Array.from({ length: 9 }, () => {
    attempts.failed('10.0.0.1');
    return attempts.waitMs('10.0.0.1') / 1000;
  });
  expect(waits).toEqual([1, 2, 4, 8, 16, 32, 60, 60, 60]);
  clock.advance(59_999);
  expect(attempts.waitMs('10.0.0.1')).toBe(1);
  clock.advance(1);
  expect(attempts.waitMs('10.0.0.1')).toBe(0);
});

it('keeps addresses apart', () => {
  fail('10.0.0.1', 20);
  expect(attempts.waitMs('10.0.0.2')).toBe(0);
});

it('counts an IPv6 subscriber as one, however it is written', () => {
  fail('2001:db8:1:2::1', 10);
  expect(attempts.waitMs('2001:db8:1:2:ffff::9')).toBeGreaterThan(0);
  expect(attempts.waitMs('2001:db8:1:3::1')).toBe(0);
  fail('::1', 10);
  expect(attempts.waitMs('0:0:0:0:0:0:0:1')).toBeGreaterThan(0);
});

it('forgets after a success, and after a long time', () => {
  fail('a', 10);
  attempts.succeeded('a');
  expect(attempts.waitMs('a')).toBe(0);
  fail('b', 10);
  clock.advance(FORGET_AFTER_MS + 1);
  attempts.failed('b');
  expect(attempts.waitMs('b')).toBe(0);
});

it('stays small, whoever comes', () => {
  for (let index = 0; index < 5_000; index++) attempts.failed(`10.1.${index >> 8}.${index & 255}`);
  expect(attempts.size).toBe(1_024);
});
