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

/** What a file must have to be able to show that; transports count where `each` does not say them. */
const NEEDS: Record<string, RegExp> = {
  libcoap: /\b(?:LibcoapServer|runCoapClient)\b/,
  'node-coap': /from 'coap'/,
  bytes: /\bByte(?:Server|Client)\b/,
  ours: /\bPlugtestServer\b/,
  curl: /'curl'/,
  UDP: /'udp'|coap:\/\//,
  TCP: /'tcp'/,
  TLS: /'openssl'[\s\S]*'gnutls'/,
};

/** What tests are repeated for, by the transport that it shows: TLS is shown by both libraries. */
const WAYS_OF = { UDP: ['udp'], TCP: ['tcp'], TLS: ['openssl', 'gnutls'] } as const;
type Transport = keyof typeof WAYS_OF;
const TRANSPORTS = Object.keys(WAYS_OF) as Transport[];

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

/** Over what the tests show a case that is in their names. */
interface Shown {
  transports: Set<Transport>;
  /** Some test of it is in no `each` of ways: what it goes over is not told by its place. */
  elsewhere: boolean;
}

/** The cases in the names of a file's tests. */
function shownBy(file: string): Map<string, Shown> {
  const source = ts.createSourceFile(file, readFileSync(file, 'utf8'), ts.ScriptTarget.Latest, true);
  const shown = new Map<string, Shown>();
  const collect = (node: ts.Node, transports: readonly Transport[]): void => {
    const numbers = ts.isStringLiteralLike(node) ? [...node.text.matchAll(NUMBER)] : [];
    for (const [number] of numbers) {
      const one = shown.get(number) ?? { transports: new Set(), elsewhere: false };
      for (const transport of transports) one.transports.add(transport);
      shown.set(number, { ...one, elsewhere: one.elsewhere || transports.length === 0 });
    }
    ts.forEachChild(node, (child) => collect(child, transports));
  };
  const visit = (node: ts.Node, around: readonly Transport[]): void => {
    let transports = around;
    if (ts.isCallExpression(node) && /^(it|test|describe)\b/.test(node.expression.getText())) {
      const each = ts.isCallExpression(node.expression) ? node.expression.arguments : [];
      const own = each.flatMap((argument) => transportsIn(argument, source));
      if (own.length > 0) transports = own;
      for (const named of [...each, ...node.arguments.slice(0, 1)]) collect(named, transports);
    }
    ts.forEachChild(node, (child) => visit(child, transports));
  };
  visit(source, []);
  return shown;
}

/** Of `WAYS`, of `['udp', 'tcp']`, or of a constant of the file that is like it; none of any other table. */
function transportsIn(node: ts.Expression, source: ts.SourceFile): Transport[] {
  if (ts.isAsExpression(node)) return transportsIn(node.expression, source);
  if (ts.isIdentifier(node)) {
    if (node.text === 'WAYS') return TRANSPORTS;
    const made = source.statements
      .flatMap((one) => (ts.isVariableStatement(one) ? [...one.declarationList.declarations] : []))
      .find(({ name }) => name.getText() === node.text)?.initializer;
    return made === undefined ? [] : transportsIn(made, source);
  }
  if (!ts.isArrayLiteralExpression(node)) return [];
  const ways = node.elements.map((one) => (ts.isStringLiteral(one) ? one.text : ''));
  return TRANSPORTS.filter((transport) => WAYS_OF[transport].every((way) => ways.includes(way)));
}

const tested = new Map(globSync(`${FOLDER}/coap-*.test.ts`).map((file) => [file, shownBy(file)]));

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
        else if (!tested.get(file)!.has(number)) missing.push(`no test of ${file} is called ${number}`);
        else {
          const source = readFileSync(file, 'utf8');
          const { transports, elsewhere } = tested.get(file)!.get(number)!;
          for (const one of by) {
            if (transports.has(one as Transport)) continue;
            const mayHave = elsewhere || !TRANSPORTS.includes(one as Transport);
            if (!mayHave || !NEEDS[one]!.test(source)) missing.push(`${file} has no ${one} (${number})`);
          }
        }
      }
    }
    expect(missing).toEqual([]);
  });

  it('knows every case that a conformance test carries, and over what', () => {
    const odd: string[] = [];
    for (const [file, shown] of tested) {
      for (const [number, { transports }] of shown) {
        const said = claims.filter(
          (claim) => claim.number === number && claim.files.some((name) => join(FOLDER, name) === file),
        );
        if (said.length === 0) odd.push(`${number} is tested in ${file}, and its row does not say so`);
        for (const transport of transports) {
          if (said.some(({ by }) => !by.includes(transport)))
            odd.push(`${number} is tested in ${file} over ${transport}, and a cell of it does not say so`);
        }
      }
    }
    expect(odd).toEqual([]);
  });
});
