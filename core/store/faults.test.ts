import { expect, it } from 'vitest';
import { faultCodeOf, faultMessage, failureOf, isDamage } from './faults.ts';

it.each([
  ['SQLITE_FULL', 'disk_full'],
  ['ENOSPC', 'disk_full'],
  ['SQLITE_READONLY', 'read_only'],
  ['SQLITE_READONLY_DIRECTORY', 'read_only'],
  ['EROFS', 'read_only'],
  ['SQLITE_IOERR_WRITE', 'io'],
  ['SQLITE_IOERR_FSYNC', 'io'],
  ['SQLITE_CANTOPEN', 'io'],
  ['internal', 'io'],
  ['SQLITE_CORRUPT', 'corrupt'],
  ['SQLITE_CORRUPT_INDEX', 'corrupt'],
  ['SQLITE_NOTADB', 'corrupt'],
])('%s is told as %s', (code, fault) => {
  const failure = { code, message: 'm' };
  expect(faultCodeOf(failure)).toBe(fault);
  expect(isDamage(failure)).toBe(fault === 'corrupt');
});

it.each(['disk_full', 'read_only', 'corrupt', 'io', 'backlog'] as const)(
  'says of %s where it is and what to do',
  (code) => {
    const message = faultMessage(code, '/data/station', { code: 'X', message: 'why' });
    expect(message).toContain('/data/station');
    expect(message.split('. ').length).toBeGreaterThan(1);
  },
);

it('makes a failure of anything thrown', () => {
  expect(failureOf('text')).toEqual({ code: 'internal', message: 'text' });
  expect(failureOf(new TypeError('t'))).toEqual({ code: 'internal', message: 't' });
  expect(failureOf(Object.assign(new Error('e'), { code: 'EROFS' }))).toEqual({
    code: 'EROFS',
    message: 'e',
  });
});
