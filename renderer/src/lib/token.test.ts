import { expect, it } from 'vitest';
import { tokenOf } from './token.ts';

it('takes the token out of a link, or as it stands', () => {
  expect(tokenOf(' http://127.0.0.1:8080/?token=abc-DEF_123 \n')).toBe('abc-DEF_123');
  expect(tokenOf('http://127.0.0.1:8080/?a=1&token=abc12345#/devices')).toBe('abc12345');
  expect(tokenOf('abc-DEF_123')).toBe('abc-DEF_123');
});

it('finds none in other text', () => {
  for (const text of ['', 'short', 'two words here', 'http://127.0.0.1:8080/'])
    expect(tokenOf(text)).toBeNull();
});
