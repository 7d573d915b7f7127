import { expect, it } from 'vitest';
import type { RetainedMessage } from './retained-tree.ts';
import { RetainedWaiting } from './retained-waiting.ts';

it('what was sent takes no room from what comes: a slow client may subscribe to everything again and again', () => {
  const messages = Array.from(
    { length: 100_000 },
    (_, index) => ({ topic: String(index) }) as RetainedMessage,
  );
  const waiting = new RetainedWaiting();
  for (let round = 0; round < 5; round++) {
    expect(waiting.add(messages, 1, null)).toBe(0);
    while (waiting.size > 10) waiting.shift();
    expect(waiting.first!.message.topic).toBe('99990');
  }
  expect(waiting.add(messages, 1, null) + waiting.add(messages, 1, null)).toBe(0);
  expect(waiting.add(messages, 1, null)).toBe(50_010);
});
