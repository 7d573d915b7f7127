import { Buffer } from 'node:buffer';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type Grant, grantOf } from './subscription.ts';
import { SubscriptionTrie } from './subscription-trie.ts';
import { checkTopicFilter, checkTopicName, topicMatches } from './topic.ts';
import { entryOf, sameBytes, TopicCache } from './topic-cache.ts';
import type { Qos } from './types.ts';

const level = fc.constantFrom('', 'a', 'b', 'c', '$SYS');
const topic = fc
  .array(level, { minLength: 1, maxLength: 4 })
  .map((levels) => levels.join('/'))
  .filter((text) => text !== '');
const filter = fc
  .tuple(fc.array(fc.oneof(level, fc.constant('+')), { minLength: 0, maxLength: 4 }), fc.boolean())
  .map(([levels, all]) => (all ? [...levels, '#'] : levels).join('/'))
  .filter((text) => text !== '');
const options = fc.record({
  qos: fc.constantFrom<Qos>(0, 1, 2),
  noLocal: fc.boolean(),
  retainAsPublished: fc.boolean(),
  subscriptionId: fc.integer({ min: 0, max: 3 }),
});
type Options = { qos: Qos; noLocal: boolean; retainAsPublished: boolean; subscriptionId: number };
const granted = (filter: string, of: Options): Grant => grantOf({ filter, retainHandling: 0, ...of });
const plain = granted('', { qos: 1, noLocal: false, retainAsPublished: false, subscriptionId: 0 });
const roomy = { maxSubscriptions: 1_000, maxLevels: 1_000, maxCharacters: 10_000 };

describe('topicMatches', () => {
  it.each([
    ['sport/#', 'sport', true],
    ['sport/#', 'sport/tennis/final', true],
    ['sport/+', 'sport', false],
    ['sport/+', 'sport/', true],
    ['+/+', '/finance', true],
    ['/+', '/finance', true],
    ['+', '/finance', false],
    ['#', '$SYS/uptime', false],
    ['+/uptime', '$SYS/uptime', false],
    ['$SYS/#', '$SYS/uptime', true],
    ['$SYS/+', '$SYS/uptime', true],
  ])('%s and %s: %s (MQTT 3.1.1 §4.7)', (pattern, name, matches) => {
    expect(topicMatches(pattern, name)).toBe(matches);
  });

  it('is asked about valid names and filters only', () => {
    const deep = '/'.repeat(200);
    for (const bad of ['', 'a/#/b', 'a#', '#/a', 'a+', '+a/b', deep])
      expect(() => checkTopicFilter(bad)).toThrow();
    for (const good of ['#', '+', 'a/+/#', '/', '/'.repeat(199)])
      expect(() => checkTopicFilter(good)).not.toThrow();
    for (const bad of ['', 'a/#', '+', deep]) expect(() => checkTopicName(bad)).toThrow();
    expect(() => checkTopicName('x'.repeat(65_535))).not.toThrow();
  });
});

describe('SubscriptionTrie', () => {
  it('finds whom a scan over all filters finds, with what they grant together [MQTT-3.3.4-2, MQTT-3.3.4-3, MQTT-3.8.3-3]', () => {
    const step = fc.record({ add: fc.boolean(), client: fc.constantFrom('x', 'y', 'z'), filter, options });
    fc.assert(
      fc.property(
        fc.array(step, { maxLength: 30 }),
        fc.array(topic, { minLength: 1, maxLength: 5 }),
        (steps, topics) => {
          const trie = new SubscriptionTrie<string>(roomy);
          const all = new Map<string, { client: string; filter: string; options: Options }>();
          for (const { add, client, filter: pattern, options: asked } of steps) {
            const key = `${client} ${pattern}`;
            if (add) {
              trie.set(pattern, client, granted(pattern, asked));
              all.set(key, { client, filter: pattern, options: asked });
            } else expect(trie.delete(pattern, client)).toBe(all.delete(key));
          }
          expect(trie.size).toBe(all.size);
          for (const name of topics) {
            const matching = [...all.values()].filter((one) => topicMatches(one.filter, name));
            const found = new Map<string, Grant>();
            trie.match(name, found);
            expect([...found.keys()].sort()).toEqual([...new Set(matching.map((one) => one.client))].sort());
            for (const [client, grant] of found) {
              const asked = matching.filter((one) => one.client === client).map((one) => one.options);
              expect(told(grant)).toEqual(together(asked));
              const own = grant.noLocal ? grant.own : grant;
              const forOwn = asked.filter((one) => !one.noLocal);
              expect(own === null ? null : told(own)).toEqual(forOwn.length === 0 ? null : together(forOwn));
            }
            const byFilter = [...trie.matches(name)].map((one) => `${one.subscriber} ${one.filter}`);
            expect(byFilter.sort()).toEqual(matching.map((one) => `${one.client} ${one.filter}`).sort());
          }
        },
      ),
      { numRuns: 600 },
    );
  });

  it('matches a topic of 65,535 levels without running out of stack', () => {
    const trie = new SubscriptionTrie<string>(roomy);
    trie.set('+/+/#', 'x', plain);
    const found = new Map<string, Grant>();
    trie.match('/'.repeat(65_534), found);
    expect([...found]).toEqual([['x', plain]]);
  });

  it('counts subscriptions, levels and characters of all clients, and what leaves makes room', () => {
    const none = { maxSubscriptions: 100, maxLevels: 100, maxCharacters: 100 };
    const deep = new SubscriptionTrie<string>({ ...none, maxLevels: 4 });
    expect(deep.set('a/b/c', 'x', plain)).toBe(true);
    expect(deep.set('a/b/d/e', 'x', plain)).toBe(false);
    expect(deep.delete('a/b/d/e', 'x')).toBe(false);
    expect([deep.set('a/b/d', 'x', plain), deep.set('e', 'x', plain), deep.set('a/b', 'y', plain)]).toEqual([
      true,
      false,
      true,
    ]);
    expect(deep.delete('a/b/d', 'x') && deep.set('e', 'x', plain)).toBe(true);

    const long = new SubscriptionTrie<string>({ ...none, maxCharacters: 7 });
    expect([
      long.set('abcd', 'x', plain),
      long.set('abcd', 'y', plain),
      long.set('abcd', 'x', plain),
    ]).toEqual([true, false, true]);
    expect(long.delete('abcd', 'x') && long.set('abcd', 'y', plain)).toBe(true);

    const few = new SubscriptionTrie<string>({ ...none, maxSubscriptions: 1 });
    expect([few.set('a', 'x', plain), few.set('a', 'y', plain), few.set('a', 'x', plain), few.size]).toEqual([
      true,
      false,
      true,
      1,
    ]);
  });
});

function told(grant: Grant) {
  const { qos, retainAsPublished, ids } = grant;
  return { qos, retainAsPublished, ids: ids === null ? [] : [...ids].sort() };
}

/** One message for several subscriptions, by the words of §3.3.4. */
function together(asked: Options[]) {
  return {
    qos: Math.max(...asked.map((one) => one.qos)),
    retainAsPublished: asked.some((one) => one.retainAsPublished),
    ids: asked.flatMap((one) => (one.subscriptionId === 0 ? [] : [one.subscriptionId])).sort(),
  };
}

describe('TopicCache', () => {
  const find = (cache: TopicCache, text: string) => {
    const bytes = Buffer.from(`..${text}..`);
    return cache.find(bytes, 2, bytes.length - 2);
  };

  it('gives one entry per topic, and its own copy of the bytes', () => {
    const cache = new TopicCache(64);
    const bytes = Buffer.from('plant/räum');
    const entry = cache.find(bytes, 0, bytes.length);
    bytes.fill(0x78);
    expect(entry.topic).toBe('plant/räum');
    expect(find(cache, 'plant/räum')).toBe(entry);
    expect(sameBytes(entry.bytes, bytes, 0, bytes.length)).toBe(false);
  });

  it('stays right when far more topics come than fit', () => {
    const cache = new TopicCache(64);
    for (let round = 0; round < 2; round++) {
      for (let i = 0; i < 2_000; i++) expect(find(cache, `plant/${i}`).topic).toBe(`plant/${i}`);
    }
    const long = 'x'.repeat(65_535);
    expect(find(cache, long).topic).toBe(long);
    expect(find(cache, long)).not.toBe(find(cache, long));
  });

  it('knows the topics that only the station may publish to', () => {
    expect([
      entryOf('$SYS/x').serverOnly,
      entryOf('$SYS').serverOnly,
      entryOf('$SYSTEM/x').serverOnly,
    ]).toEqual([true, true, false]);
  });
});
