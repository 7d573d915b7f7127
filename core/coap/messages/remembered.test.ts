import { expect, test } from 'vitest';
import { RememberedIds, fingerprint } from './remembered.ts';

test('an id is known until it expires, with what was answered', () => {
  const ids = new RememberedIds(10, 1_000, () => undefined);
  ids.remember(1, 7, 99, 100);
  expect(ids.find(1, 7, 99, 50)).toBe('none');
  ids.answered(1, 7, 'ack');
  expect(ids.find(1, 7, 99, 99)).toBe('ack');
  expect(ids.find(2, 7, 99, 50)).toBeUndefined();
  expect(ids.find(1, 7, 98, 50)).toBeUndefined();
  expect(ids.find(1, 7, 99, 100)).toBeUndefined();
  ids.sweep(100);
  expect(ids.size).toBe(0);
});

test('past its bounds the oldest go, and are counted', () => {
  let dropped = 0;
  const ids = new RememberedIds(3, 100, () => dropped++);
  for (let id = 0; id < 5; id++) ids.remember(1, id, 0, 100);
  expect([ids.size, dropped, ids.find(1, 1, 0, 0), ids.find(1, 2, 0, 0)]).toEqual([3, 2, undefined, 'none']);
  ids.answered(1, 3, new Uint8Array(60));
  ids.answered(1, 4, new Uint8Array(60));
  expect([ids.size, ids.bytes, ids.find(1, 3, 0, 0)]).toEqual([1, 60, undefined]);
});

test('fingerprints tell messages apart', () => {
  expect(fingerprint(Uint8Array.of(1, 2, 3))).not.toBe(fingerprint(Uint8Array.of(1, 2, 4)));
});
