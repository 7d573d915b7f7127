import { expect, it } from 'vitest';
import { fitsSearch, readableValue, sortedByTopic } from './sys-values.ts';

it('finds words in topic and value', () => {
  const value = { topic: '$SYS/broker/version', value: 'fieldstation version 0.1.0' };
  expect(fitsSearch(value, 'VERSION 0.1')).toBe(true);
  expect(fitsSearch(value, 'version mosquitto')).toBe(false);
  expect(fitsSearch(value, '')).toBe(true);
});

it('groups long whole numbers and leaves everything else as the broker says it', () => {
  expect(readableValue('8120441')).toBe('8\u202f120\u202f441');
  expect(readableValue('384112.44')).toBe('384112.44');
  expect(readableValue('180000 seconds')).toBe('180000 seconds');
  expect(readableValue('12345678901234567890')).toBe('12345678901234567890');
});

it('sorts spans of time as people count', () => {
  const list = ['load/15min', 'load/1min', 'load/5min'].map((topic) => ({ topic, value: '' }));
  expect(sortedByTopic(list).map(({ topic }) => topic)).toEqual(['load/1min', 'load/5min', 'load/15min']);
});
