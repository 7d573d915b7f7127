import { existsSync, globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import ts from 'typescript';
import { describe, expect, it } from 'vitest';

/* docs/mqtt-conformance.md and the tests say the same. */

const TABLE = 'docs/mqtt-conformance.md';
const ROW = /^\| \[(MQTT(?:311)?-\d+\.\d+\.\d+-\d+)\]\s*\|\s*(\S.*?)\s*\|\s*(\S.*?)\s*\|$/;
const NUMBER = /MQTT(?:311)?-\d+\.\d+\.\d+-\d+/g;

/** Appendix B of each standard: section, first and last number. */
const V5 = `
  1.5.4:1-3 1.5.5:1-1 1.5.7:1-1 2.1.3:1-1 2.2.1:2-6 2.2.2:1-1
  3.1.0:1-2 3.1.2:1-30 3.1.3:1-12 3.1.4:1-6 3.2.0:1-2 3.2.2:1-22 3.3.1:1-13 3.3.2:1-20 3.3.4:1-10
  3.4.2:1-3 3.5.2:1-3 3.6.1:1-1 3.6.2:1-3 3.7.2:1-3 3.8.1:1-1 3.8.3:1-5 3.8.4:1-8 3.9.2:1-2 3.9.3:1-2
  3.10.1:1-1 3.10.3:1-2 3.10.4:1-6 3.11.2:1-2 3.11.3:1-2 3.12.4:1-1 3.14.0:1-1 3.14.1:1-1 3.14.2:1-4 3.14.4:1-3
  3.15.1:1-1 3.15.2:1-3 4.1.0:1-2 4.2.0:1-1 4.3.1:1-1 4.3.2:1-5 4.3.3:1-13 4.4.0:1-2 4.5.0:1-2 4.6.0:1-6
  4.7.0:1-1 4.7.1:1-2 4.7.2:1-1 4.7.3:1-4 4.8.2:1-6 4.9.0:1-3 4.12.0:1-7 4.12.1:1-2 4.13.1:1-1 4.13.2:1-1
  6.0.0:1-4`;
const V311 = `
  1.5.3:1-3 2.2.2:1-2 2.3.1:1-7 3.1.0:1-2 3.1.2:1-24 3.1.3:1-11 3.1.4:1-5 3.2.0:1-1 3.2.2:1-6 3.3.1:1-12
  3.3.2:1-3 3.3.4:1-1 3.3.5:1-2 3.6.1:1-1 3.8.1:1-1 3.8.3:1-4 3.8.4:1-6 3.9.3:1-2 3.10.1:1-1 3.10.3:1-2
  3.10.4:1-6 3.12.4:1-1 3.14.1:1-1 3.14.4:1-3 4.1.0:1-2 4.3.1:1-1 4.3.2:1-2 4.3.3:1-2 4.4.0:1-1 4.5.0:1-2
  4.6.0:1-6 4.7.1:1-3 4.7.2:1-1 4.7.3:1-4 4.8.0:1-2 6.0.0:1-4 7.0.0:1-2 7.1.1:1-1 7.1.2:1-1`;

interface Row {
  number: string;
  state: string;
}

const rows: Row[] = readFileSync(TABLE, 'utf8')
  .split('\n')
  .flatMap((line) => {
    const match = ROW.exec(line);
    return match === null ? [] : [{ number: match[1]!, state: match[3]! }];
  });

function numbersOf(prefix: string, ranges: string): string[] {
  return [...ranges.matchAll(/(\S+):(\d+)-(\d+)/g)].flatMap(([, section, first, last]) =>
    Array.from(
      { length: Number(last) - Number(first) + 1 },
      (_, index) => `${prefix}-${section}-${Number(first) + index}`,
    ),
  );
}

/** The numbers in the names of a file's tests: titles of `it` and `describe`, and the rows of `it.each`. */
function namedIn(file: string): Set<string> {
  const numbers = new Set<string>();
  const collect = (node: ts.Node): void => {
    if (ts.isStringLiteralLike(node)) for (const [number] of node.text.matchAll(NUMBER)) numbers.add(number);
    ts.forEachChild(node, collect);
  };
  const visit = (node: ts.Node): void => {
    if (ts.isCallExpression(node) && /^(it|test|describe)\b/.test(node.expression.getText())) {
      // it.each([...])('title', test): the rows are arguments of the inner call, the title of the outer one.
      if (ts.isCallExpression(node.expression)) node.expression.arguments.forEach(collect);
      if (node.arguments[0] !== undefined) collect(node.arguments[0]);
    }
    ts.forEachChild(node, visit);
  };
  visit(ts.createSourceFile(file, readFileSync(file, 'utf8'), ts.ScriptTarget.Latest, true));
  return numbers;
}

function fileOf(name: string): string {
  return name.includes('/') ? name : join('test/conformance', name);
}

describe('the table of MQTT conformance', () => {
  it('has every numbered statement of both standards once, and no other', () => {
    const wanted = [...numbersOf('MQTT', V5), ...numbersOf('MQTT311', V311)];
    expect([wanted.length, new Set(wanted).size]).toEqual([251 + 141, 251 + 141]);
    expect(rows.map(({ number }) => number).sort()).toEqual(wanted.sort());
  });

  it('says of each that it is tested, a client’s, or why it cannot be tested', () => {
    const odd = rows.filter(
      ({ state }) =>
        !/^(tested: [\w./-]+\.test\.ts(, [\w./-]+\.test\.ts)*|client|not testable: .{10,})$/.test(state),
    );
    expect(odd).toEqual([]);
  });

  it('names tests that carry the number in their names', () => {
    const known = new Map<string, Set<string>>();
    const missing: string[] = [];
    for (const { number, state } of rows) {
      if (!state.startsWith('tested: ')) continue;
      for (const name of state.slice('tested: '.length).split(', ')) {
        const file = fileOf(name);
        if (!known.has(file)) known.set(file, existsSync(file) ? namedIn(file) : new Set());
        if (!known.get(file)!.has(number)) missing.push(`${number} in ${file}`);
      }
    }
    expect(missing).toEqual([]);
  });

  it('knows every number that a test carries, and every conformance test as such', () => {
    const states = new Map(rows.map(({ number, state }) => [number, state]));
    const files = globSync(['core/**/*.test.ts', 'test/**/*.test.ts']);
    expect(files.length).toBeGreaterThan(100);
    const odd: string[] = [];
    for (const file of files) {
      for (const number of namedIn(file)) {
        const state = states.get(number);
        if (state === undefined) odd.push(`${number} in ${file} is not in the table`);
        else if (file.startsWith('test/conformance/') && !state.startsWith('tested: '))
          odd.push(`${number} is tested in ${file}, and the table says: ${state}`);
      }
    }
    expect(odd).toEqual([]);
  });
});
