import { afterEach, expect, it } from 'vitest';
import { startLineChild } from '../support/child-lines.ts';
import { cleanUp, later, openRecord, recordFolder } from '../support/records.ts';

afterEach(cleanUp);

const CHILD = new URL('../support/record-child.ts', import.meta.url);
const ROUNDS = 20;

it('keeps every acknowledged reading through kill -9, again and again', { timeout: 90_000 }, async () => {
  const folder = recordFolder();
  let acknowledged = -1;
  for (let round = 0; round < ROUNDS; round++) {
    const child = startLineChild(CHILD, [folder, 'append']);
    later(() => child.kill9());
    // A different place in the stream of commits each time.
    await child.line((line) => line.startsWith('ack ') && Number(line.slice(4)) > acknowledged + round * 37);
    await child.kill9();
    const acks = child.lines.filter((line) => line.startsWith('ack '));
    acknowledged = Math.max(acknowledged, ...acks.map((line) => Number(line.slice(4))));
  }
  const record = await openRecord(folder);
  const [found] = await record.query({
    series: [1],
    from: 0,
    to: acknowledged,
    maxPoints: acknowledged + 10,
  });
  expect(found!.total).toBe(acknowledged + 1);
  expect(found!.v.every((v, i) => v === i)).toBe(true);
  expect(record.status()).toMatchObject({ state: 'ok', setAside: null });
});
