import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { JsonWalker } from './json-walker.ts';
import { KeyNode } from './key-tree.ts';

const limits = { maxDepth: 8, maxValues: 256 };

function numbersBy(walker: JsonWalker): Record<string, number> {
  const found = Object.create(null) as Record<string, number>;
  for (let row = 0; row < walker.count; row++) {
    const path = walker.leaves[row]!.path().map((node) => node.key);
    found[JSON.stringify(path)] = walker.values[row]!;
  }
  return found;
}

function numbersOf(
  value: unknown,
  path: string[] = [],
  found = Object.create(null) as Record<string, number>,
) {
  if (typeof value === 'number') found[JSON.stringify(path)] = value;
  else if (typeof value === 'object' && value !== null) {
    for (const [key, inner] of Object.entries(value)) numbersOf(inner, [...path, key], found);
  }
  return found;
}

function walk(text: string | Uint8Array, root = KeyNode.root(), walker = new JsonWalker(limits)) {
  return { problem: walker.walk(root, Buffer.from(text), 0), walker, numbers: numbersBy(walker) };
}

const container = fc.oneof(
  fc.dictionary(fc.string(), fc.jsonValue({ maxDepth: 4 }), { maxKeys: 8 }),
  fc.array(fc.jsonValue({ maxDepth: 4 }), { maxLength: 8 }),
);

describe('numbers of a JSON text', () => {
  test('are the numbers that JSON.parse finds, at the same places', () => {
    const walker = new JsonWalker(limits);
    const root = KeyNode.root();
    fc.assert(
      fc.property(container, fc.boolean(), (value, spaced) => {
        const text = JSON.stringify(value, null, spaced ? 2 : 0);
        const { problem, numbers } = walk(text, root, walker);
        expect(problem).toBeNull();
        // A number under a top-level time key is a time.
        const isTime = (place: string) => /^\["(ts|time|timestamp|datetime)"\]$/i.test(place);
        const expected = Object.entries(numbersOf(JSON.parse(text))).filter(([place]) => !isTime(place));
        expect(Object.entries(numbers).sort()).toEqual(expected.sort());
      }),
      { numRuns: 300 },
    );
  });

  test('what JSON.parse refuses is refused, for every change of one byte', () => {
    const good = '{"a": [1, -2.5e3, {"b\\u0041": true}], "c": null, "d": "x\\n"}';
    for (let at = 1; at < good.length; at++) {
      for (const byte of ['', ' ', '"', '{', ']', ',', '0', '-', 'e', '\\', '\t', '\u0001']) {
        const text = good.slice(0, at) + byte + good.slice(at + 1);
        let parses = true;
        try {
          JSON.parse(text);
        } catch {
          parses = false;
        }
        expect([text, walk(text).problem === null]).toEqual([text, parses]);
      }
    }
  });

  test('every truncation is malformed', () => {
    const good = '{"temp":21.5,"in":{"rh":[48,"x"]}}';
    for (let end = 1; end < good.length; end++)
      expect(walk(good.slice(0, end)).problem).toBe('malformed_json');
  });

  test('a second payload of the same keys adds none and finds the same leaves', () => {
    const walker = new JsonWalker(limits);
    const root = KeyNode.root();
    walk('{"temp":1,"in":{"rh":2},"l":[3,4]}', root, walker);
    expect(walker.newKeys).toBe(6);
    const leaves = walker.leaves.slice(0, 4) as KeyNode[];
    walk('{"temp":5,"in":{"rh":6},"l":[7,8]}', root, walker);
    expect(walker.newKeys).toBe(0);
    expect(walker.hasLeaves(leaves)).toBe(true);
    walk('{"in":{"rh":6},"temp":5,"l":[7,8]}', root, walker);
    expect(walker.newKeys).toBe(0);
    expect(walker.hasLeaves(leaves)).toBe(false);
  });

  test('a key spelled with an escape is the same key', () => {
    const root = KeyNode.root();
    const walker = new JsonWalker(limits);
    walk('{"temp":1}', root, walker);
    const [leaf] = walker.leaves;
    walk('{"te\\u006dp":2}', root, walker);
    expect(walker.leaves[0]).toBe(leaf);
  });

  test('of a doubled key the last number is taken and the other counted', () => {
    const { walker, numbers } = walk('{"a":1,"b":2,"a":3}');
    expect(numbers).toEqual({ '["a"]': 3, '["b"]': 2 });
    expect(walker.leftOut).toBe(1);
  });

  test('NaN and infinities are left out, the others stay', () => {
    const { problem, walker, numbers } = walk('{"a":NaN,"b":-Infinity,"c":Infinity,"d":1e999,"e":5}');
    expect(problem).toBeNull();
    expect(numbers).toEqual({ '["e"]': 5 });
    expect([walker.leftOut, walker.notFinite]).toEqual([4, 4]);
  });

  test('depth 8 is read, depth 9 is too deep, and so are 100,000 brackets', () => {
    expect(walk(`${'['.repeat(8)}1${']'.repeat(8)}`)).toMatchObject({ problem: null, walker: { count: 1 } });
    expect(walk(`${'['.repeat(9)}1${']'.repeat(9)}`).problem).toBe('too_deep');
    expect(walk('['.repeat(100_000)).problem).toBe('too_deep');
    expect(walk('{"a":'.repeat(100_000)).problem).toBe('too_deep');
  });

  test('values past the limit are left out and counted', () => {
    const { walker } = walk(JSON.stringify(Array.from({ length: 1_000 }, (_, index) => index)));
    expect([walker.count, walker.leftOut]).toEqual([256, 744]);
  });

  test('keys that never come again do not grow the tree without bound', () => {
    const keys = Array.from({ length: 20_000 }, (_, index) => `"k${index}":"x"`);
    const { problem, walker } = walk(`{${keys.join(',')},"temp":1}`);
    expect(problem).toBeNull();
    expect(walker.newKeys).toBe(3_000);
    expect([walker.count, walker.leftOut]).toEqual([0, 1]);
  });

  test('a key that is not UTF-8 is malformed, a text that is not is passed over', () => {
    expect(walk(Buffer.from([0x7b, 0x22, 0xff, 0x22, 0x3a, 0x31, 0x7d])).problem).toBe('malformed_json');
    const text = Buffer.concat([
      Buffer.from('{"name":"'),
      Buffer.from([0xff, 0xfe]),
      Buffer.from('","temp":1}'),
    ]);
    expect(walk(text).numbers).toEqual({ '["temp"]': 1 });
  });

  test('random bytes never throw', () => {
    const walker = new JsonWalker(limits);
    const root = KeyNode.root();
    const alphabet = fc.constantFrom(...Array.from('{}[]",:\\0123eE+-.untf \u0000é'));
    fc.assert(
      fc.property(fc.array(alphabet, { maxLength: 60 }), (parts) => {
        walk(`{${parts.join('')}`, root, walker);
      }),
      { numRuns: 2_000 },
    );
  });
});
