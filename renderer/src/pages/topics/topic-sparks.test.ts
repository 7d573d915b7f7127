import { expect, it } from 'vitest';
import type { TopicNode } from '../../../../core/contract/topics.ts';
import { SPARK_POINTS, sparkValue, TopicSparks } from './topic-sparks.ts';

function node(topic: string, text: string | null, receivedMs = 0): TopicNode {
  const last = { receivedMs, bytes: 1, qos: 0 as const, retain: false, client: null, text, truncated: false };
  return { topic, level: topic, depth: 0, children: 0, topics: 1, messages: 1, last, deviceId: null };
}
const valueOf = (text: string | null) => sparkValue(node('a', text).last);

it('finds the number of a payload', () => {
  expect(valueOf(' 21.5 ')).toEqual({ value: 21.5, field: '' });
  expect(valueOf('{"ts":1763,"temperature":-3e1,"h":4}')).toEqual({ value: -30, field: 'temperature' });
  expect(valueOf('{"name":"x 1"}')).toBeNull();
  expect(valueOf('open')).toBeNull();
  expect(valueOf(null)).toBeNull();
});

it('follows a topic from when its row is drawn, by what is new only', () => {
  const sparks = new TopicSparks();
  sparks.take([node('a', '1', 1)]);
  expect(sparks.of(node('a', '2', 2))?.values).toEqual([2]);
  sparks.take([node('a', '3', 3), node('b', '9', 3)]);
  sparks.take([node('a', '3', 3)]);
  expect(sparks.of(node('a', '3', 3))?.values).toEqual([2, 3]);
  for (let n = 0; n < 100; n++) sparks.take([node('a', String(n), 10 + n)]);
  expect(sparks.of(node('a', '', 0))?.values).toHaveLength(SPARK_POINTS);
  expect(sparks.of(node('a', '', 0))?.values.at(-1)).toBe(99);
});

it('begins anew when another field is the number', () => {
  const sparks = new TopicSparks();
  sparks.of(node('a', '{"t1":1}', 1));
  sparks.take([node('a', '{"t2":5}', 2)]);
  expect(sparks.of(node('a', ''))).toMatchObject({ field: 't2', values: [5] });
});
