import { expect, it } from 'vitest';
import { ManualClock } from '../base/manual-clock.ts';
import { Coalescer } from './coalescer.ts';

function make(
  takes: () => boolean = () => true,
  atMost?: number,
): {
  clock: ManualClock;
  turns: string[][];
  late: Coalescer<string, string>;
} {
  const clock = new ManualClock();
  const turns: string[][] = [];
  const handOver = (rows: Iterable<string>): boolean => {
    if (!takes()) return false;
    turns.push([...rows]);
    return true;
  };
  const bound = atMost === undefined ? {} : { atMost };
  const late = new Coalescer<string, string>({ clock, everyMs: 1000, handOver, ...bound });
  return { clock, turns, late };
}

it('hands over the latest of each key, once per second', () => {
  const { clock, turns, late } = make();
  late.put('a', 'a1');
  late.put('b', 'b1');
  late.put('a', 'a2');
  clock.advance(999);
  expect(turns).toEqual([]);
  clock.advance(1);
  expect(turns).toEqual([['a2', 'b1']]);
  late.put('a', 'a3');
  clock.advance(1000);
  expect(turns).toEqual([['a2', 'b1'], ['a3']]);
});

it('rests when nothing waits', () => {
  const { clock, turns, late } = make();
  late.put('a', 'a1');
  late.drop('a');
  clock.advance(10_000);
  expect(turns).toEqual([]);
  expect(clock.pendingTimers).toBe(0);
});

it('keeps what cannot be taken and offers it again', () => {
  let room = false;
  const { clock, turns, late } = make(() => room);
  late.put('a', 'a1');
  clock.advance(3000);
  expect(turns).toEqual([]);
  room = true;
  clock.advance(1000);
  expect(turns).toEqual([['a1']]);
});

it('hands over at once when flushed', () => {
  const { clock, turns, late } = make();
  late.put('a', 'a1');
  late.flush();
  expect(turns).toEqual([['a1']]);
  expect(clock.pendingTimers).toBe(0);
});

it('hands over no more than it may in one turn, those that wait longest first and as they are by then', () => {
  const { clock, turns, late } = make(() => true, 2);
  for (const row of ['a1', 'b1', 'c1', 'd1', 'e1']) late.put(row[0]!, row);
  late.put('c', 'c2');
  clock.advance(1000);
  expect(turns).toEqual([['a1', 'b1']]);
  late.put('a', 'a2');
  late.put('d', 'd2');
  clock.advance(1000);
  expect(turns.slice(1)).toEqual([['c2', 'd2']]);
  clock.advance(10_000);
  expect(turns.slice(2)).toEqual([['e1', 'a2']]);
  expect(clock.pendingTimers).toBe(0);
});

it('keeps the order of what waits when a turn with a bound is refused, and gives all when flushed', () => {
  let room = false;
  const { clock, turns, late } = make(() => room, 1);
  late.put('a', 'a1');
  late.put('b', 'b1');
  late.put('c', 'c1');
  clock.advance(1000);
  room = true;
  clock.advance(1000);
  late.flush();
  expect(turns).toEqual([['a1'], ['b1', 'c1']]);
});
