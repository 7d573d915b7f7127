import { describe, expect, test } from 'vitest';
import { isPlausibleTime, msOfTimeNumber, msOfTimeText } from './device-time.ts';
import { TELEMETRY_LIMITS } from './limits.ts';

const AT = Date.UTC(2026, 2, 1, 12, 30, 15);

describe('the time a device gives', () => {
  test.each([
    ['seconds', AT / 1e3],
    ['ms', AT],
    ['us', AT * 1e3],
    ['ns', AT * 1e6],
  ])('as a number of %s', (_unit, value) => expect(msOfTimeNumber(value)).toBeCloseTo(AT, 3));

  test('fractions of a second stay', () => expect(msOfTimeNumber(AT / 1e3 + 0.25)).toBe(AT + 250));

  test.each([
    '2026-03-01T12:30:15Z',
    '2026-03-01t12:30:15z',
    '2026-03-01 12:30:15Z',
    '2026-03-01T13:30:15+01:00',
    '2026-03-01T13:30:15+0100',
    '2026-03-01T13:30:15 +01',
    '2026-03-01T12:30:15.000000Z',
    ' 2026-03-01T12:30:15,0Z ',
    String(AT),
    String(AT / 1_000),
  ])('as text: %s', (text) => expect(msOfTimeText(text)).toBe(AT));

  test('fractions of a text are kept to the last digit', () => {
    expect(msOfTimeText('2026-03-01T12:30:15.123456Z')).toBeCloseTo(AT + 123.456, 3);
  });

  test.each([
    '',
    'now',
    '2026-03-01',
    '2026-03-01T12:30:15',
    '2026-13-01T12:30:15Z',
    '2026-02-31T12:30:15Z',
    '2025-02-29T12:30:15Z',
    '2026-03-01T25:30:15Z',
    '01.03.2026 12:30:15Z',
    '1'.repeat(50),
  ])('%j is none: without a zone or a form it cannot be placed', (text) =>
    expect(msOfTimeText(text)).toBeNaN(),
  );

  test('the window runs from 2001 to a day ahead', () => {
    const plausible = (ms: number) => isPlausibleTime(ms, AT, TELEMETRY_LIMITS);
    expect(plausible(0)).toBe(false);
    expect(plausible(Date.UTC(2000, 11, 31, 23, 59, 59, 999))).toBe(false);
    expect(plausible(Date.UTC(2001, 0, 1))).toBe(true);
    expect(plausible(AT + 86_400_000)).toBe(true);
    expect(plausible(AT + 86_400_001)).toBe(false);
    expect(plausible(Date.UTC(2100, 0, 1))).toBe(false);
    expect(plausible(NaN)).toBe(false);
  });
});
