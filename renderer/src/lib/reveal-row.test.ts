import { expect, it } from 'vitest';
import { scrollTopFor } from './reveal-row.ts';

const view = { scrollTop: 300, heightPx: 332, headPx: 32, rowPx: 30 };

it('leaves a row where it is that is in sight', () => {
  expect(scrollTopFor(10, view)).toBe(300);
  expect(scrollTopFor(19, view)).toBe(300);
});

it('shows a row above the view under the head and not behind it, one below at the end', () => {
  expect(scrollTopFor(9, view)).toBe(270);
  expect(scrollTopFor(0, view)).toBe(0);
  expect(scrollTopFor(20, view)).toBe(330);
});
