import { Buffer } from 'node:buffer';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createFrame } from './publish-frame.ts';
import { RetainedStore } from './retained.ts';
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
const qos = fc.constantFrom<Qos>(0, 1, 2);
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
  it('finds whom a scan over all filters finds, with the highest QoS, through any adding and removing', () => {
    const step = fc.record({ add: fc.boolean(), client: fc.constantFrom('x', 'y', 'z'), filter, qos });
    fc.assert(
      fc.property(
        fc.array(step, { maxLength: 30 }),
        fc.array(topic, { minLength: 1, maxLength: 5 }),
        (steps, topics) => {
          const trie = new SubscriptionTrie<string>(roomy);
          const all = new Map<string, { client: string; filter: string; qos: Qos }>();
          for (const { add, client, filter: pattern, qos: granted } of steps) {
            const key = `${client} ${pattern}`;
            if (add) {
              trie.set(pattern, client, granted);
              all.set(key, { client, filter: pattern, qos: granted });
            } else expect(trie.delete(pattern, client)).toBe(all.delete(key));
          }
          expect(trie.size).toBe(all.size);
          for (const name of topics) {
            const found = new Map<string, Qos>();
            trie.match(name, found);
            const wanted = new Map<string, Qos>();
            for (const { client, filter: pattern, qos: granted } of all.values()) {
              if (topicMatches(pattern, name))
                wanted.set(client, Math.max(wanted.get(client) ?? 0, granted) as Qos);
            }
            expect([...found].sort()).toEqual([...wanted].sort());
          }
        },
      ),
      { numRuns: 600 },
    );
  });

  it('matches a topic of 65,535 levels without running out of stack', () => {
    const trie = new SubscriptionTrie<string>(roomy);
    trie.set('+/+/#', 'x', 1);
    const found = new Map<string, Qos>();
    trie.match('/'.repeat(65_534), found);
    expect([...found]).toEqual([['x', 1]]);
  });

  it('counts subscriptions, levels and characters of all clients, and what leaves makes room', () => {
    const none = { maxSubscriptions: 100, maxLevels: 100, maxCharacters: 100 };
    const deep = new SubscriptionTrie<string>({ ...none, maxLevels: 4 });
    expect(deep.set('a/b/c', 'x', 0)).toBe(true);
    expect(deep.set('a/b/d/e', 'x', 0)).toBe(false);
    expect(deep.delete('a/b/d/e', 'x')).toBe(false);
    expect([deep.set('a/b/d', 'x', 0), deep.set('e', 'x', 0), deep.set('a/b', 'y', 0)]).toEqual([
      true,
      false,
      true,
    ]);
    expect(deep.delete('a/b/d', 'x') && deep.set('e', 'x', 0)).toBe(true);

    const long = new SubscriptionTrie<string>({ ...none, maxCharacters: 7 });
    expect([long.set('abcd', 'x', 0), long.set('abcd', 'y', 0), long.set('abcd', 'x', 2)]).toEqual([
      true,
      false,
      true,
    ]);
    expect(long.delete('abcd', 'x') && long.set('abcd', 'y', 0)).toBe(true);

    const few = new SubscriptionTrie<string>({ ...none, maxSubscriptions: 1 });
    expect([few.set('a', 'x', 0), few.set('a', 'y', 0), few.set('a', 'x', 1), few.size]).toEqual([
      true,
      false,
      true,
      1,
    ]);
  });
});

describe('RetainedStore', () => {
  it('finds what a scan over all topics finds, through any setting and deleting', () => {
    const step = fc.record({ set: fc.boolean(), topic });
    fc.assert(
      fc.property(
        fc.array(step, { maxLength: 30 }),
        fc.array(filter, { minLength: 1, maxLength: 5 }),
        (steps, filters) => {
          const store = new RetainedStore({ maxMessages: 1_000, maxBytes: 1_000_000, maxLevels: 1_000 });
          const all = new Set<string>();
          for (const { set, topic: name } of steps) {
            if (set) {
              expect(store.set(name, createFrame(name, Buffer.from('1'), 0))).toBe(true);
              all.add(name);
            } else expect(store.delete(name)).toBe(all.delete(name));
          }
          expect(store.count).toBe(all.size);
          for (const pattern of filters) {
            const found = store.match(pattern).map((message) => message.topic);
            expect(found.sort()).toEqual([...all].filter((name) => topicMatches(pattern, name)).sort());
          }
          for (const name of all) store.delete(name);
          expect([store.count, store.bytes]).toEqual([0, 0]);
        },
      ),
      { numRuns: 600 },
    );
  });

  it('refuses beyond its limits and still replaces what it has', () => {
    const store = new RetainedStore({ maxMessages: 2, maxBytes: 60, maxLevels: 10 });
    const frame = (name: string, bytes: number) => createFrame(name, Buffer.alloc(bytes), 1);
    expect(store.set('a', frame('a', 1))).toBe(true);
    expect(store.set('b', frame('b', 1))).toBe(true);
    expect(store.set('c', frame('c', 1))).toBe(false);
    expect(store.set('b', frame('b', 2))).toBe(true);
    expect(store.set('b', frame('b', 60))).toBe(false);
    expect(store.get('b')!.size).toBe(frame('b', 2).size);
    expect(store.count).toBe(2);
  });

  it('counts levels: a short topic of many levels costs more than its bytes', () => {
    const store = new RetainedStore({ maxMessages: 10, maxBytes: 1_000, maxLevels: 4 });
    const set = (name: string) => store.set(name, createFrame(name, Buffer.from('1'), 0));
    expect([set('a/b/c'), set('a/b/d/e'), set('a/b/d'), set('x')]).toEqual([true, false, true, false]);
    expect([store.count, store.match('#').length]).toEqual([2, 2]);
    expect(store.delete('a/b/c') && set('x')).toBe(true);
    for (const name of ['a/b/d', 'x']) store.delete(name);
    expect(store.bytes).toBe(0);
    expect(set('1/2/3/4')).toBe(true);
  });
});

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
