import { expect, it } from 'vitest';
import { refusal } from './rights.ts';

it('gives a reason exactly where the role may not', () => {
  expect(refusal('admin', 'admin')).toBeUndefined();
  expect(refusal('operate', 'operate')).toBeUndefined();
  expect(refusal('view', 'operate')).toBe('Your role may only look');
  expect(refusal('operate', 'admin')).toBe('Only an administrator may do this');
  expect(refusal(null, 'operate')).toBe('Your role may only look');
});
