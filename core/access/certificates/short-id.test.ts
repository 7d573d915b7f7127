import { expect, it } from 'vitest';
import { shortId } from './short-id.ts';

const ids = (name: string, ...taken: string[]) => shortId(name, 'server', (id) => taken.includes(id));

it('is what people recognise of a name, and a number where it is taken', () => {
  expect(ids('Büro 2, Halle')).toBe('buro-2-halle');
  expect(ids('plant', 'plant', 'plant-2')).toBe('plant-3');
  expect(ids('💥')).toBe('server');
});

it('leads nowhere as a file name', () => {
  expect(ids('../../etc/passwd')).toBe('etc-passwd');
  expect(ids('..')).toBe('server');
  expect(ids('__proto__')).toBe('proto');
  expect(ids('a'.repeat(100))).toHaveLength(34);
  // Devices of Windows, whatever ending they are given.
  expect(['CON', 'nul', 'Com1', 'console'].map((name) => ids(name))).toEqual([
    'server-con',
    'server-nul',
    'server-com1',
    'console',
  ]);
});
