import fc from 'fast-check';
import { expect, it } from 'vitest';
import { diffBytes, diffLines, diffTrees } from './diff.ts';
import { decodeJson } from './json.ts';
import { filterMatches, filterProblem, topicProblem } from './topic-filter.ts';

const tree = (text: string) => decodeJson(text).tree!;

it('tells the paths that changed', () => {
  const { changes } = diffTrees(
    tree('{"t":21,"list":[{"v":1},2],"gone":true,"same":null}'),
    tree('{"t":22,"list":[{"v":3},2,"x"],"new key":{},"same":null}'),
  );
  expect(changes).toEqual([
    { path: 't', before: '21', after: '22' },
    { path: 'list[0].v', before: '1', after: '3' },
    { path: 'list[2]', before: null, after: '"x"' },
    { path: '"new key"', before: null, after: '{ 0 }' },
    { path: 'gone', before: 'true', after: null },
  ]);
});

it('counts what it leaves out', () => {
  const list = (from: number) => tree(JSON.stringify(Array.from({ length: 600 }, (_, i) => from + i)));
  expect(diffTrees(list(0), list(1))).toMatchObject({ leftOut: 100 });
});

it('gives back both texts from the lines of a difference', () => {
  const text = fc
    .array(fc.constantFrom('a', 'b', 'c', ''), { maxLength: 20 })
    .map((lines) => lines.join('\n'));
  fc.assert(
    fc.property(text, text, (before, after) => {
      const lines = diffLines(before, after);
      const side = (left: string) => lines.filter((line) => line.mark !== left).map((line) => line.text).join('\n'); // prettier-ignore
      expect(side('added')).toBe(before);
      expect(side('removed')).toBe(after);
    }),
  );
});

it('shows the rows of bytes that differ', () => {
  const before = new Uint8Array(40);
  const after = new Uint8Array(42);
  after[17] = 9;
  const { rows, differing } = diffBytes(before, after);
  expect(rows.map((row) => row.offset)).toEqual([16, 32]);
  expect(differing).toBe(3);
  expect(rows[0]!.cells[1]).toEqual({ before: '00', after: '09', differs: true });
  expect(rows[1]!.cells[8]).toEqual({ before: '  ', after: '00', differs: true });
});

it('matches topic filters [MQTT-4.7.1-1] [MQTT-4.7.1-2] [MQTT-4.7.2-1]', () => {
  expect(filterMatches('plant/+/t', 'plant/a/t')).toBe(true);
  expect(filterMatches('plant/+', 'plant/a/t')).toBe(false);
  expect(filterMatches('plant/#', 'plant')).toBe(true);
  expect(filterMatches('plant/#', 'plantation')).toBe(false);
  expect(filterMatches('#', '$SYS/x')).toBe(false);
  expect(filterMatches('$SYS/#', '$SYS/x')).toBe(true);
  expect(filterProblem('a/#/b')).not.toBeNull();
  expect(filterProblem('a+/b')).not.toBeNull();
  expect(filterProblem('a/+/#')).toBeNull();
  expect(topicProblem('a/+')).not.toBeNull();
  expect(topicProblem('a/b')).toBeNull();
});
