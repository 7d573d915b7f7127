import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { leastCpuMs } from '../../../test/support/cost.ts';
import { codeOf } from '../../base/errors.ts';
import { attributeRecord, formatLinks, parseLinkFormat, resolveLinks } from './link-format.ts';
import type { ParsedLink } from './link-format.ts';
import { parseCoapUri } from '../uri.ts';

const link = (target: string, ...attributes: [string, string][]): ParsedLink => ({ target, attributes });

describe('the grammar of RFC 6690', () => {
  test('the list of its section 5', () => {
    const text =
      '</sensors>;ct=40;title="Sensor Index",</sensors/temp>;rt="temperature-c";if="sensor",' +
      '</sensors/light>;rt="light-lux core.rd";if="sensor",' +
      '<http://www.example.com/sensors/t123>;anchor="/sensors/temp";rel="describedby",' +
      '</t>;anchor="/sensors/temp";rel="alternate"';
    expect(parseLinkFormat(text)).toEqual([
      link('/sensors', ['ct', '40'], ['title', 'Sensor Index']),
      link('/sensors/temp', ['rt', 'temperature-c'], ['if', 'sensor']),
      link('/sensors/light', ['rt', 'light-lux core.rd'], ['if', 'sensor']),
      link('http://www.example.com/sensors/t123', ['anchor', '/sensors/temp'], ['rel', 'describedby']),
      link('/t', ['anchor', '/sensors/temp'], ['rel', 'alternate']),
    ]);
  });
  test('separators inside quotes and targets are text', () => {
    expect(parseLinkFormat('</a,b;c>;title="x, \\"y\\"; <z> \\\\";obs')).toEqual([
      link('/a,b;c', ['title', 'x, "y"; <z> \\'], ['obs', '']),
    ]);
  });
  test('an empty list', () => expect(parseLinkFormat('')).toEqual([]));
});

describe('what real servers get wrong', () => {
  test.each([
    [
      'white space and line ends',
      ' </a> ; rt = "x" ,\r\n</b>;obs ',
      [link('/a', ['rt', 'x']), link('/b', ['obs', ''])],
    ],
    ['empty members', ',</a>,,</b>,', [link('/a'), link('/b')]],
    ['NUL padding', '</a>;ct=0\0\0\0', [link('/a', ['ct', '0'])]],
    ['a byte order mark', '\uFEFF</a>', [link('/a')]],
    ['semicolons too many', '</a>;;obs;,</b>;', [link('/a', ['obs', '']), link('/b')]],
    ['unquoted values with spaces', '</a>;ct=0 41;rt=a b', [link('/a', ['ct', '0 41'], ['rt', 'a b'])]],
    ['an empty value', '</a>;rt=;if=""', [link('/a', ['rt', ''], ['if', ''])]],
    ['names in capitals', '</a>;OBS;Title="T"', [link('/a', ['obs', ''], ['title', 'T'])]],
  ])('%s', (_what, text, links) => expect(parseLinkFormat(text)).toEqual(links));
});

test.each(['a', '</a', '</a>x', '</a>;t="x', '</a>;t="x\\', '</a>;t="x"y', '</a>;=1', '{"a":1}'])(
  '%s is refused with a code',
  (text) => {
    let code = 'accepted';
    try {
      parseLinkFormat(text);
    } catch (error) {
      code = codeOf(error);
    }
    expect(code).toBe('coap.links_malformed');
  },
);

test('too many links are refused', () => {
  expect(parseLinkFormat('</a>,'.repeat(10_000)).length).toBe(10_000);
  expect(() => parseLinkFormat('</a>,'.repeat(10_001))).toThrow(
    expect.objectContaining({ code: 'coap.too_large', message: expect.stringMatching(/10000 links/) }),
  );
});

test.each<[[string, string], string]>([
  [['ct', '40'], 'ct=40'],
  [['ct', '0 41'], 'ct="0 41"'],
  [['sz', '1280'], 'sz=1280'],
  [['rt', '123'], 'rt="123"'],
  [['title', '7'], 'title="7"'],
  [['title', 'say "x\\"'], 'title="say \\"x\\\\\\""'],
  [['title*', "UTF-8'de'%C3%9Cber"], "title*=UTF-8'de'%C3%9Cber"],
  [['title*', 'a b'], 'title*="a b"'],
  [['obs', ''], 'obs'],
  [['ep', 'node 5'], 'ep="node 5"'],
])('%j is written as %s', (attribute, text) => {
  expect(formatLinks([link('/a', attribute)])).toBe(`</a>;${text}`);
});

test('what is written reads back', () => {
  const name = fc.stringMatching(/^[a-z][a-z0-9-]{0,8}$/);
  const target = fc.stringMatching(/^\/[a-z0-9,;/]{0,12}$/);
  const anyLink = fc.record({
    target,
    attributes: fc.array(fc.tuple(name, fc.string({ unit: 'grapheme', maxLength: 12 })), { maxLength: 4 }),
  });
  fc.assert(
    fc.property(fc.array(anyLink, { maxLength: 6 }), (links) => {
      expect(parseLinkFormat(formatLinks(links))).toEqual(links);
    }),
    { numRuns: 300 },
  );
});

test('any text gives links or a coded error', () => {
  const noise = fc.array(fc.constantFrom('<', '>', ';', ',', '"', '=', '\\', '/', 'a', ' ', '\n'), {
    maxLength: 40,
  });
  fc.assert(
    fc.property(noise, (parts) => {
      try {
        parseLinkFormat(parts.join(''));
      } catch (error) {
        expect(codeOf(error)).toBe('coap.links_malformed');
      }
    }),
    { numRuns: 2_000 },
  );
});

test('attributes: the first rt counts, others are joined, and __proto__ is a name like any other', () => {
  const record = attributeRecord([
    ['rt', 'a'],
    ['rt', 'b'],
    ['ct', '0'],
    ['ct', '41'],
    ['__proto__', 'x'],
    ['obs', ''],
  ]);
  expect(Object.entries(record)).toEqual([
    ['rt', 'a'],
    ['ct', '0 41'],
    ['__proto__', 'x'],
    ['obs', ''],
  ]);
});

test('links are resolved against the server, other schemes and repeats left out', () => {
  const base = parseCoapUri('coap://[::1]:61616/.well-known/core');
  const parsed = parseLinkFormat('</time>;obs,<temp>,<http://example.net/>,</time>;rt="again"');
  expect(resolveLinks(parsed, base)).toMatchObject([
    { uri: 'coap://[::1]:61616/time', authority: 'coap://[::1]:61616', path: '/time', observable: true },
    { uri: 'coap://[::1]:61616/temp', path: '/temp', observable: false },
  ]);
});

test('a resource that is also an alternate of another one keeps its own attributes', () => {
  const base = parseCoapUri('coap://10.0.0.1');
  const parsed = parseLinkFormat('</t>;anchor="/s";rel="alternate",</t>;rt="x",</t>;rel="item";rt="y"');
  expect(resolveLinks(parsed, base).map((one) => ({ ...one.attributes }))).toEqual([{ rt: 'x' }]);
});

test('a list within a list: what it names is taken from the root (TD_COAP_LINK_09)', () => {
  const list = parseCoapUri('coap://10.0.0.1/path');
  const parsed = parseLinkFormat('</path/sub1>;ct=0,</path/sub2>;ct=0');
  expect(resolveLinks(parsed, list).map((one) => one.uri)).toEqual([
    'coap://10.0.0.1:5683/path/sub1',
    'coap://10.0.0.1:5683/path/sub2',
  ]);
});

test('a megabyte of white space is read in one go, wherever it stands', () => {
  const blank = ' \0'.repeat(500_000);
  const costMs = leastCpuMs(() => {
    expect(parseLinkFormat(`</a>${blank}`)).toEqual([link('/a')]);
    for (const text of [`</a>${blank}x`, `</a>;b=c${blank}x<`, `<${blank}`]) {
      try {
        parseLinkFormat(text);
      } catch (error) {
        expect(codeOf(error)).toBe('coap.links_malformed');
      }
    }
  });
  // Looked at anew from each space it would be ten minutes.
  expect(costMs).toBeLessThan(10_000);
});

test('a list of more than 2 Mi characters is refused before it is read', () => {
  expect(parseLinkFormat(`</${'x'.repeat(2 * 1024 * 1024 - 3)}>`)).toHaveLength(1);
  expect(() => parseLinkFormat(`</${'x'.repeat(2 * 1024 * 1024)}>`)).toThrow(
    expect.objectContaining({ code: 'coap.too_large' }) as Error,
  );
});
