import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { checkRuleFilter, covers, isTopicName, overlaps, substituted } from './acl-filter.ts';

const split = (filter: string): string[] => filter.split('/');

/** Written from v5 §4.7, apart from the code under test. */
function matches(filter: string, topic: string): boolean {
  const wanted = split(filter);
  const levels = split(topic);
  if (topic.startsWith('$') && /^[+#]/.test(filter)) return false;
  for (const [index, level] of wanted.entries()) {
    if (level === '#') return true;
    if (index >= levels.length || (level !== '+' && level !== levels[index])) return false;
  }
  return wanted.length === levels.length;
}

/**
 * Every topic of up to four levels over a small alphabet: enough for filters of up to three. The empty topic, which
 * does not exist, counts as one: `/#` and `+` are said to share it, which only refuses more.
 */
const TOPICS: string[] = [];
for (let depth = 1, row = ['']; depth <= 4; depth++) {
  row = row.flatMap((head) =>
    ['', 'a', 'b', '$x'].map((level) => (depth === 1 ? level : `${head}/${level}`)),
  );
  TOPICS.push(...row);
}

const filter = fc
  .tuple(fc.array(fc.constantFrom('', 'a', 'b', '+', '$x'), { minLength: 0, maxLength: 3 }), fc.boolean())
  .map(([levels, hash]) => [...levels, ...(hash ? ['#'] : [])].join('/'))
  .filter((text) => text !== '');

describe('filters and filters', () => {
  it('cover exactly when every topic of the one is one of the other', () => {
    fc.assert(
      fc.property(filter, filter, (rule, wanted) => {
        const every = TOPICS.every((topic) => !matches(wanted, topic) || matches(rule, topic));
        expect([rule, wanted, covers(split(rule), split(wanted))]).toEqual([rule, wanted, every]);
      }),
      { numRuns: 3_000 },
    );
  });

  it('overlap exactly when some topic is one of both', () => {
    fc.assert(
      fc.property(filter, filter, (one, other) => {
        const some = TOPICS.some((topic) => matches(one, topic) && matches(other, topic));
        expect([one, other, overlaps(split(one), split(other))]).toEqual([one, other, some]);
      }),
      { numRuns: 3_000 },
    );
  });

  it.each([
    ['a/#', 'a', true],
    ['a/#', 'a/+/b/#', true],
    ['a/+', 'a/#', false],
    ['a/+', 'a/+', true],
    ['+/a', 'b/a', true],
    ['b/a', '+/a', false],
    ['#', '$SYS/#', false],
    ['+/broker', '$SYS/broker', false],
    ['$SYS/#', '$SYS/broker/+', true],
    ['#', '#', true],
    ['+/#', '#', true],
  ])('[MQTT-4.7.2-1] %s covers %s: %s', (rule, wanted, expected) => {
    expect(covers(split(rule), split(wanted))).toBe(expected);
  });
});

describe('placeholders', () => {
  const subject = { clientId: 'pump-7', username: 'ann' };

  it.each([
    ['%c', 'pump-7'],
    ['%u', 'ann'],
    ['x-%c-%u-y', 'x-pump-7-ann-y'],
    ['%c%c', 'pump-7pump-7'],
    ['%d', '%d'],
  ])('%s becomes %s', (level, text) => expect(substituted(level, subject, false)).toBe(text));

  it.each(['+', '#', 'a/b', 'a+', '#b', '', 'a\0b'])('are not filled with %j', (value) => {
    expect(substituted('%c', { ...subject, clientId: value }, false)).toBeNull();
    expect(substituted('x%u', { ...subject, username: value }, false)).toBeNull();
  });

  it('are not filled where there is no user, nor with what would be filled again', () => {
    expect(substituted('%u', { ...subject, username: null }, false)).toBeNull();
    expect(substituted('%c', { clientId: '%u', username: 'ann' }, false)).toBe('%u');
  });

  it('do not make a reserved topic of the first level', () => {
    const sly = { ...subject, clientId: '$SYS' };
    expect(substituted('%c', sly, true)).toBeNull();
    expect(substituted('%c', sly, false)).toBe('$SYS');
    expect(substituted('$x%c', sly, true)).toBe('$x$SYS');
  });
});

it.each(['', 'a/#/b', 'a#', 'a+/b', '+a', 'a\0', '\ud800', 'a/'.repeat(200), 'x'.repeat(65_536)])(
  'a rule may not have the filter %j',
  (text) => {
    expect(() => checkRuleFilter(text)).toThrow(expect.objectContaining({ code: 'security.bad_filter' }));
  },
);

it('a rule may have any valid filter', () => {
  for (const text of ['#', '+', '/', 'a//b', '+/+/#', '%c/#', '$SYS/#', 'a b/ü']) checkRuleFilter(text);
  expect([isTopicName('a/b'), isTopicName('a/+'), isTopicName('')]).toEqual([true, false, false]);
});
