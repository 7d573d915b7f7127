import { Buffer } from 'node:buffer';
import fc from 'fast-check';
import { describe, expect, it, vi } from 'vitest';
import { ManualClock } from '../base/manual-clock.ts';
import { TimerWheel } from '../base/timer-wheel.ts';
import { createCounters } from './counters.ts';
import type { BrokerJournal, RetainedRow } from './journal.ts';
import { frameOf } from './publish-frame.ts';
import { type RetainedLimits, RetainedStore } from './retained.ts';
import { topicMatches } from './topic.ts';
import { isServerOnly } from './topic.ts';

const level = fc.constantFrom('', 'a', 'b', 'c', '$SYS');
const topic = fc
  .array(level, { minLength: 1, maxLength: 4 })
  .map((levels) => levels.join('/'))
  .filter((text) => text !== '');
const filter = fc
  .tuple(fc.array(fc.oneof(level, fc.constant('+')), { minLength: 0, maxLength: 4 }), fc.boolean())
  .map(([levels, all]) => (all ? [...levels, '#'] : levels).join('/'))
  .filter((text) => text !== '');

/** What the store hands to the journal, as the rows that a restart would find. */
class RowsJournal {
  readonly rows = new Map<string, RetainedRow>();
  putRetained(row: RetainedRow): void {
    this.rows.set(row.topic, row);
  }
  removeRetained(name: string): void {
    this.rows.delete(name);
  }
}

function createStore(limits: Partial<RetainedLimits> = {}) {
  const clock = new ManualClock();
  const rows = new RowsJournal();
  const parts = {
    clock,
    wheel: new TimerWheel(clock),
    journal: rows as unknown as BrokerJournal,
    counters: createCounters(),
  };
  const roomy = { maxMessages: 200_000, maxBytes: 100_000_000, maxLevels: 1_000_000 };
  return { store: new RetainedStore({ ...roomy, ...limits }, parts), clock, rows: rows.rows, parts };
}

function frame(name: string, bytes = 1, expiresMs = 0) {
  return frameOf({
    topic: name,
    payload: Buffer.alloc(bytes),
    qos: 1,
    expiresMs,
    publisher: 'me',
    receivedMs: 5,
  });
}

describe('RetainedStore', () => {
  it('finds what a scan over all topics finds, through any setting and deleting', () => {
    const step = fc.record({ set: fc.boolean(), topic });
    fc.assert(
      fc.property(
        fc.array(step, { maxLength: 30 }),
        fc.array(filter, { minLength: 1, maxLength: 5 }),
        (steps, filters) => {
          const { store } = createStore();
          const all = new Set<string>();
          for (const { set, topic: name } of steps) {
            if (set) {
              expect(store.set(name, frame(name))).toBe(true);
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
    const { store } = createStore({ maxMessages: 2, maxBytes: 60, maxLevels: 10 });
    expect(store.set('a', frame('a', 1))).toBe(true);
    expect(store.set('b', frame('b', 1))).toBe(true);
    expect(store.set('c', frame('c', 1))).toBe(false);
    expect(store.set('b', frame('b', 2))).toBe(true);
    expect(store.set('b', frame('b', 60))).toBe(false);
    expect(store.get('b')!.size).toBe(frame('b', 2).size);
    expect(store.count).toBe(2);
  });

  it('counts levels: a short topic of many levels costs more than its bytes', () => {
    const { store } = createStore({ maxMessages: 10, maxBytes: 1_000, maxLevels: 4 });
    const set = (name: string) => store.set(name, frame(name));
    expect([set('a/b/c'), set('a/b/d/e'), set('a/b/d'), set('x')]).toEqual([true, false, true, false]);
    expect([store.count, store.match('#').length]).toEqual([2, 2]);
    expect(store.delete('a/b/c') && set('x')).toBe(true);
    for (const name of ['a/b/d', 'x']) store.delete(name);
    expect(store.bytes).toBe(0);
    expect(set('1/2/3/4')).toBe(true);
  });

  it('gives nobody a message that has expired, and clears its place in steps', () => {
    const { store, clock, rows, parts } = createStore();
    for (let i = 0; i < 2_500; i++) store.set(`e/${i}`, frame(`e/${i}`, 1, clock.now() + 5_000));
    store.set('stays', frame('stays'));
    clock.advance(4_999);
    expect(store.match('e/1')).toHaveLength(1);
    clock.advance(1);
    expect(store.get('e/1')).toBe(null);
    expect(store.match('e/+')).toEqual([]);
    expect([store.count, parts.counters.expiredMessages]).toEqual([1, 2_500]);
    for (let i = 0; i < 2_500; i++) store.set(`f/${i}`, frame(`f/${i}`, 1, clock.now() + 1));
    clock.advance(11_000);
    expect([store.count, store.bytes, rows.size]).toEqual([1, frame('stays').size, 1]);
    expect(parts.counters.expiredMessages).toBe(5_000);
    // Nothing is left to wait for.
    expect(parts.wheel.size).toBe(0);
  });

  it('journals every change but those of $SYS, and comes back from the rows', () => {
    const { store, rows, clock } = createStore();
    store.set('a', frame('a', 3));
    store.set('b', frame('b', 3, clock.now() + 1_000));
    store.set('c', frame('c'));
    store.set('$SYS/uptime', frame('$SYS/uptime'));
    store.delete('c');
    store.delete('$SYS/uptime');
    const kept = store.rows().sort((one, other) => (one.topic < other.topic ? -1 : 1));
    expect([...rows.values()]).toEqual(kept);
    expect(kept).toMatchObject([
      { topic: 'a', payload: Buffer.alloc(3), qos: 1, expiresMs: 0, client: 'me', receivedMs: 5 },
      { topic: 'b', expiresMs: clock.now() + 1_000 },
    ]);
    const again = createStore({ maxMessages: 1 });
    again.clock.advance(2_000);
    for (const row of rows.values()) again.rows.set(row.topic, row);
    again.store.load([...rows.values()].reverse());
    expect(again.store.rows()).toEqual([rows.get('a')]);
    expect([...again.rows.keys()]).toEqual(['a']);
    expect(again.store.get('a')).toMatchObject({ publisher: 'me', receivedMs: 5, expiresMs: 0 });
  });

  it('steps its revision with every change', () => {
    const { store } = createStore();
    const seen = [store.revision];
    store.set('a', frame('a'));
    seen.push(store.revision);
    store.set('a', frame('a'));
    seen.push(store.revision);
    store.delete('a');
    seen.push(store.revision);
    store.delete('a');
    expect(new Set(seen).size).toBe(4);
    expect(store.revision).toBe(seen[3]);
  });

  it('is read page by page in the order of topics, through any setting and deleting', () => {
    const step = fc.record({ set: fc.boolean(), topic, look: fc.boolean() });
    fc.assert(
      fc.property(
        fc.array(step, { maxLength: 40 }),
        fc.constantFrom('', 'A', '/b', 'sys'),
        (steps, search) => {
          const { store } = createStore();
          const all = new Set<string>();
          for (const { set, topic: name, look } of steps) {
            if (set) {
              store.set(name, frame(name));
              all.add(name);
            } else {
              store.delete(name);
              all.delete(name);
            }
            if (look) store.page({ search: '', after: '', limit: 1 });
          }
          const isAskedFor = (name: string) => search.includes('$') || !isServerOnly(name);
          const wanted = [...all]
            .filter((name) => name.toLowerCase().includes(search.toLowerCase()) && isAskedFor(name))
            .sort();
          const seen: string[] = [];
          for (let after: string | null = ''; after !== null;) {
            const page = store.page({ search, after, limit: 3 });
            expect(page.total).toBe(wanted.length);
            seen.push(...page.frames.map((one) => one.topic));
            after = page.next;
          }
          expect(seen).toEqual(wanted);
          expect(store.below('').sort()).toEqual([...all].sort());
          expect(store.below('a').sort()).toEqual(
            [...all].filter((name) => topicMatches('a/#', name)).sort(),
          );
        },
      ),
      { numRuns: 400 },
    );
  });

  it('reads a page of 100,000 topics that change without sorting them anew', () => {
    const { store } = createStore();
    const one = frame('x');
    for (let i = 0; i < 100_000; i++) store.set(`plant/${i % 97}/device/${i}`, one);
    const sort = vi.spyOn(Array.prototype, 'sort');
    const sorted = (): number[] => sort.mock.contexts.map((list) => (list as unknown[]).length);
    store.page({ search: '', after: '', limit: 100 });
    expect(sorted()).toEqual([100_000]);
    for (let round = 0; round < 8; round++) {
      sort.mockClear();
      for (let i = 0; i < 100; i++) store.set(`new/${round}/${i}`, one);
      store.delete(`plant/${round}/device/${round}`);
      expect(store.page({ search: '', after: 'plant/5', limit: 100 }).frames).toHaveLength(100);
      expect(store.page({ search: 'DEVICE/999', after: '', limit: 100 }).total).toBe(111);
      // What came since the last look, and nothing else.
      expect(sorted()).toEqual([100]);
    }
  });
});
