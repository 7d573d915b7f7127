import { expect, it } from 'vitest';
import type { TopicNode } from '../../../../core/contract/topics.ts';
import { ancestorsOf, mergeNodes, topicLines } from './topic-lines.ts';

function node(topic: string, children = 0, messages = 1): TopicNode {
  const levels = topic.split('/');
  return {
    topic,
    level: levels.at(-1)!,
    depth: levels.length - 1,
    children,
    topics: 1,
    messages,
    last: null,
    deviceId: null,
  };
}

it('tells what was left out below the last shown child', () => {
  const nodes = [node('a', 5), node('a/b', 1), node('a/b/c'), node('a/d'), node('z')];
  const lines = topicLines({ nodes, leftOut: { a: 3, '': 2 } }, new Set(['a', 'a/b']), false);
  expect(
    lines.map((line) => (line.kind === 'node' ? line.node.topic : `${line.count} below "${line.parent}"`)),
  ).toEqual(['a', 'a/b', 'a/b/c', 'a/d', '3 below "a"', 'z', '2 below ""']);
});

it('knows which lines are open', () => {
  const nodes = [node('a', 2), node('b', 1), node('c')];
  const open = (searching: boolean) =>
    topicLines({ nodes, leftOut: {} }, new Set(['a', 'c']), searching).map(
      (line) => line.kind === 'node' && line.expanded,
    );
  expect(open(false)).toEqual([true, false, false]);
  expect(open(true)).toEqual([true, true, false]);
});

it('finds the levels above a topic, empty ones too', () => {
  expect(ancestorsOf('plant/room1/a')).toEqual(['plant', 'plant/room1']);
  expect(ancestorsOf('/a')).toEqual(['']);
  expect(ancestorsOf('a')).toEqual([]);
});

it('puts new numbers on old lines and adds none', () => {
  const merged = mergeNodes([node('a'), node('b')], [node('b', 0, 7), node('new')]);
  expect(merged.map(({ topic, messages }) => [topic, messages])).toEqual([
    ['a', 1],
    ['b', 7],
  ]);
});
