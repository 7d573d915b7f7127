import { existsSync, globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import ts from 'typescript';
import { describe, expect, it } from 'vitest';

/* docs/coap-conformance.md and the tests say the same. */

const TABLE = 'docs/coap-conformance.md';
const FOLDER = 'test/conformance';
const NUMBER = /TD_COAP_(?:CORE|LINK|BLOCK|OBS)_\d\d|RFC 8323 §\d+(?:\.\d+)*/g;
const ROW = /^\| (TD_COAP_[A-Z]+_\d\d|RFC 8323 §[\d.]+)\s*\| (\S.*?)\s*\| (\S.*?)\s*\| (\S.*?)\s*\|$/;

/** How many cases each part of the plugtests has. */
const PARTS = { CORE: 31, LINK: 9, BLOCK: 6, OBS: 14 } as const;

/** `libcoap over UDP, TCP, TLS: coap-core-client.test.ts`; several parted by `; `, or why there is none. */
const SHOWN =
  /^((?:libcoap|node-coap|bytes|ours|curl)(?:, \S+)*) over ((?:UDP|TCP|TLS)(?:, (?:UDP|TCP|TLS))*): (.+)$/;
const FILES = /^coap-[\w-]+\.test\.ts(?:, coap-[\w-]+\.test\.ts)*$/;
const NOT_SHOWN = /^(?:does not apply|not shown|no such case): \S.{9,}$/;

/** What a file must have to be able to show that. */
const NEEDS: Record<string, RegExp> = {
  libcoap: /\b(?:LibcoapServer|runCoapClient)\b/,
  'node-coap': /from 'coap'/,
  bytes: /\bByte(?:Server|Client)\b/,
  ours: /\bPlugtestServer\b/,
  curl: /'curl'/,
  UDP: /\bWAYS\b|'udp'|coap:\/\//,
  TCP: /\bWAYS\b|'tcp'/,
  TLS: /\bWAYS\b|'openssl'[\s\S]*'gnutls'/,
};

interface Claim {
  number: string;
  files: string[];
  /** Peers and transports. */
  by: string[];
}

const rows = readFileSync(TABLE, 'utf8')
  .split('\n')
  .flatMap((line) => {
    const match = ROW.exec(line);
    return match === null ? [] : [{ number: match[1]!, cells: [match[3]!, match[4]!] }];
  });

/** Undefined where a cell is neither a claim nor a reason. */
function claimsOf(number: string, cell: string): Claim[] | undefined {
  if (NOT_SHOWN.test(cell)) return [];
  const claims: Claim[] = [];
  for (const part of cell.split('; ')) {
    if (claims.length > 0 && NOT_SHOWN.test(part)) continue;
    const match = SHOWN.exec(part);
    if (match === null || !FILES.test(match[3]!)) return undefined;
    const by = [...match[1]!.split(', '), ...match[2]!.split(', ')];
    if (by.some((one) => NEEDS[one] === undefined)) return undefined;
    claims.push({ number, by, files: match[3]!.split(', ') });
  }
  return claims;
}

const claims = rows.flatMap(({ number, cells }) => cells.flatMap((cell) => claimsOf(number, cell) ?? []));

/** The cases in the names of a file's tests. */
function namedIn(file: string): Set<string> {
  const numbers = new Set<string>();
  const collect = (node: ts.Node): void => {
    if (ts.isStringLiteralLike(node)) for (const [number] of node.text.matchAll(NUMBER)) numbers.add(number);
    ts.forEachChild(node, collect);
  };
  const visit = (node: ts.Node): void => {
    if (ts.isCallExpression(node) && /^(it|test|describe)\b/.test(node.expression.getText())) {
      if (ts.isCallExpression(node.expression)) node.expression.arguments.forEach(collect);
      if (node.arguments[0] !== undefined) collect(node.arguments[0]);
    }
    ts.forEachChild(node, visit);
  };
  visit(ts.createSourceFile(file, readFileSync(file, 'utf8'), ts.ScriptTarget.Latest, true));
  return numbers;
}

const named = new Map(globSync(`${FOLDER}/coap-*.test.ts`).map((file) => [file, namedIn(file)]));

describe('the table of CoAP conformance', () => {
  it.each(Object.entries(PARTS))('has every case of %s once', (part, count) => {
    const wanted = Array.from(
      { length: count },
      (_, at) => `TD_COAP_${part}_${String(at + 1).padStart(2, '0')}`,
    );
    const there = rows.map(({ number }) => number).filter((number) => number.includes(`_${part}_`));
    expect(there).toEqual(wanted);
  });

  it('has no clause of RFC 8323 twice, and some', () => {
    const clauses = rows.map(({ number }) => number).filter((number) => number.startsWith('RFC'));
    expect(clauses.length).toBeGreaterThan(8);
    expect(clauses).toEqual([...new Set(clauses)]);
  });

  it('says of both roles who shows it, or why nobody does', () => {
    const odd = rows.flatMap(({ number, cells }) =>
      cells.filter((cell) => claimsOf(number, cell) === undefined).map((cell) => `${number}: ${cell}`),
    );
    expect(odd).toEqual([]);
  });

  it('names tests that carry the case in their names and have such a peer', () => {
    const missing: string[] = [];
    for (const { number, files, by } of claims) {
      for (const file of files.map((name) => join(FOLDER, name))) {
        if (!existsSync(file)) missing.push(`${file} is not there (${number})`);
        else if (!named.get(file)!.has(number)) missing.push(`no test of ${file} is called ${number}`);
        else {
          const source = readFileSync(file, 'utf8');
          for (const one of by)
            if (!NEEDS[one]!.test(source)) missing.push(`${file} has no ${one} (${number})`);
        }
      }
    }
    expect(missing).toEqual([]);
  });

  it('knows every case that a conformance test carries', () => {
    const odd = [...named].flatMap(([file, numbers]) =>
      [...numbers]
        .filter(
          (number) =>
            !claims.some(
              (claim) => claim.number === number && claim.files.some((name) => join(FOLDER, name) === file),
            ),
        )
        .map((number) => `${number} is tested in ${file}, and its row does not say so`),
    );
    expect(odd).toEqual([]);
  });
});
