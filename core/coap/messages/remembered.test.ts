import { expect, test } from 'vitest';
import { RememberedIds, fingerprint } from './remembered.ts';

test('an id is known until it expires, with what was answered', () => {
  const ids = new RememberedIds(10, 1_000, () => undefined);
  const seven = ids.remember(1, 7, 99, 100);
  expect(ids.find(1, 7, 99, 50)?.reply).toBe('none');
  ids.answered(seven, 'ack');
  expect(ids.find(1, 7, 99, 99)?.reply).toBe('ack');
  expect(ids.find(2, 7, 99, 50)).toBeUndefined();
  expect(ids.find(1, 7, 98, 50)).toBeUndefined();
  expect(ids.find(1, 7, 99, 100)).toBeUndefined();
  ids.sweep(100);
  expect(ids.size).toBe(0);
});

test('past its bounds the oldest go, and are counted', () => {
  let dropped = 0;
  const ids = new RememberedIds(3, 100, () => dropped++);
  const entries = [0, 1, 2, 3, 4].map((id) => ids.remember(1, id, 0, 100));
  expect([ids.size, dropped, ids.find(1, 1, 0, 0), ids.find(1, 2, 0, 0)?.reply]).toEqual([
    3,
    2,
    undefined,
    'none',
  ]);
  ids.answered(entries[3]!, new Uint8Array(60));
  ids.answered(entries[4]!, new Uint8Array(60));
  expect([ids.size, ids.bytes, ids.find(1, 3, 0, 0)]).toEqual([1, 60, undefined]);
});

test('fingerprints tell messages apart', () => {
  expect(fingerprint(Uint8Array.of(1, 2, 3))).not.toBe(fingerprint(Uint8Array.of(1, 2, 4)));
});

test('the answer to a message is not taken for that of a newer one with its id', () => {
  const ids = new RememberedIds(10, 1_000, () => undefined);
  const old = ids.remember(1, 7, 99, 100);
  ids.remember(1, 7, 98, 100);
  ids.answered(old, new Uint8Array(10));
  expect([ids.find(1, 7, 98, 0)?.reply, ids.bytes]).toEqual(['none', 0]);
});
