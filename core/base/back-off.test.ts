import { beforeEach, expect, it } from 'vitest';
import { BackOff, DEFAULT_BACK_OFF } from './back-off.ts';
import { ManualClock } from './manual-clock.ts';

const { freeAttempts, forgetAfterMs } = DEFAULT_BACK_OFF;

let clock: ManualClock;
let attempts: BackOff;

beforeEach(() => {
  clock = new ManualClock();
  attempts = new BackOff(clock);
});

const fail = (address: string, times: number): void => {
  for (let time = 0; time < times; time++) attempts.failed(address);
};

it('lets a few slips pass, then doubles the wait up to a minute', () => {
  fail('10.0.0.1', freeAttempts - 1);
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
  clock.advance(forgetAfterMs + 1);
  attempts.failed('b');
  expect(attempts.waitMs('b')).toBe(0);
});

it('stays small, whoever comes', () => {
  for (let index = 0; index < 5_000; index++) attempts.failed(`10.1.${index >> 8}.${index & 255}`);
  expect(attempts.size).toBe(1_024);
});

it('tells who must wait, with the network of an IPv6 address', () => {
  fail('2001:db8:1:2::1', 6);
  fail('::ffff:10.0.0.7', 5);
  fail('10.0.0.8', 4);
  expect(attempts.heldBack()).toEqual([
    { address: '2001:db8:1:2::/64', failures: 6, waitMs: 2_000 },
    { address: '10.0.0.7', failures: 5, waitMs: 1_000 },
  ]);
  clock.advance(1_500);
  expect(attempts.heldBack().map(({ address }) => address)).toEqual(['2001:db8:1:2::/64']);
});

it('is not reset by the success of another than the one that failed', () => {
  fail('a', 4);
  attempts.succeeded('a', 'eve');
  attempts.failed('a', 'admin');
  attempts.succeeded('a', 'admin');
  expect(attempts.waitMs('a')).toBe(1_000);
  attempts.failed('b', 'tom');
  attempts.succeeded('b', 'tom');
  expect(attempts.size).toBe(1);
});
