import { describe, expect, it } from 'vitest';
import {
  formatAge,
  formatBytes,
  formatCount,
  formatDuration,
  formatNumber,
  formatRate,
  formatValue,
  formatWhen,
  unitSign,
} from './format.ts';

const plain = (text: string) => text.replaceAll(/[\u202f\u00a0]/g, ' ');

describe('numbers', () => {
  it('shows a dash, never a zero, for what is not there', () => {
    for (const missing of [null, undefined, NaN]) {
      expect(formatNumber(missing)).toBe('–');
      expect(formatValue(missing, 'Cel')).toBe('–');
      expect(formatCount(missing)).toBe('–');
      expect(formatRate(missing)).toBe('–');
      expect(formatBytes(missing)).toBe('–');
      expect(formatAge(missing)).toBe('–');
    }
    expect(formatNumber(0)).toBe('0');
  });

  it('gives units the decimals they deserve', () => {
    expect(plain(formatValue(21.4999, 'Cel'))).toBe('21.5 °C');
    expect(plain(formatValue(48, '%RH'))).toBe('48.0 % RH');
    expect(plain(formatValue(101_325, 'Pa'))).toBe('101 325 Pa');
    expect(plain(formatValue(3.3, 'V'))).toBe('3.30 V');
    expect(plain(formatValue(7, 'furlong'))).toBe('7 furlong');
    expect(plain(formatValue(812.4, 'ppm'))).toBe('812 ppm');
    expect(plain(formatValue(0.4, 'ppm'))).toBe('0.4 ppm');
    expect(plain(formatValue(-62, 'dBm'))).toBe('−62 dBm');
  });

  it('writes a true minus and no minus zero', () => {
    expect(formatNumber(-3.25, 'Cel')).toBe('−3.3');
    expect(formatNumber(-0.01, 'Cel')).toBe('0.0');
  });

  it('keeps very large and very small numbers readable', () => {
    expect(formatNumber(1.23456e15)).toBe('1.235e+15');
    expect(formatNumber(0.00001)).toBe('1e-5');
    expect(plain(formatCount(1048))).toBe('1 048');
    expect(plain(formatNumber(1234567.5))).toBe('1 234 567.5');
    expect(formatNumber(3.14159265)).toBe('3.1416');
    expect(formatNumber(Infinity)).toBe('+∞');
  });
});

describe('ages, lengths of time and sizes', () => {
  it('rounds ages down and never shows the future', () => {
    expect(plain(formatAge(-500))).toBe('0 s');
    expect(plain(formatAge(3_999))).toBe('3 s');
    expect(plain(formatAge(60_000))).toBe('1 min');
    expect(plain(formatAge(47 * 3_600_000))).toBe('47 h');
    expect(plain(formatAge(48 * 3_600_000))).toBe('2 d');
  });

  it('shows lengths in at most two units', () => {
    expect(plain(formatDuration(850))).toBe('850 ms');
    expect(plain(formatDuration(999.7))).toBe('1 s');
    expect(plain(formatDuration(200_000))).toBe('3 min 20 s');
    expect(plain(formatDuration(7_200_000))).toBe('2 h');
  });

  it('steps through the sizes without a 1000 KB', () => {
    expect(plain(formatBytes(312))).toBe('312 B');
    expect(plain(formatBytes(999_600))).toBe('1.0 MB');
    expect(plain(formatBytes(4_200))).toBe('4.2 KB');
  });

  it('names the day only when it is not today', () => {
    const noon = new Date(2026, 2, 9, 12, 0, 0).getTime();
    expect(formatWhen(noon - 60_000, noon)).toBe('11:59:00');
    expect(formatWhen(noon - 86_400_000, noon)).toBe('2026-03-08 12:00:00');
  });
});

describe('units', () => {
  it('turns SenML names into signs and leaves others alone', () => {
    expect(unitSign('Cel')).toBe('°C');
    expect(unitSign('%RH')).toBe('% RH');
    expect(unitSign('')).toBe('');
  });
});
