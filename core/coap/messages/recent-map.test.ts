import fc from 'fast-check';
import { expect, test } from 'vitest';
import { RecentMap } from './recent-map.ts';

test('it holds what a Map holds, whatever comes and goes', () => {
  const step = fc.record({ key: fc.integer({ min: 0, max: 30 }), put: fc.boolean() });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 200 }), (steps) => {
      const map = new Map<number, number>();
      const recent = new RecentMap<number, number>();
      for (const [index, { key, put }] of steps.entries()) {
        if (put) {
          map.set(key, index);
          recent.set(key, index);
        } else {
          map.delete(key);
          recent.delete(key);
        }
        expect([recent.size, recent.get(key), recent.has(key)]).toEqual([
          map.size,
          map.get(key),
          map.has(key),
        ]);
      }
      for (const [key, value] of map) expect(recent.get(key)).toBe(value);
    }),
  );
});
