import { describe, expect, it } from 'vitest';
import { MOST_KEPT, NO_TRAIL, readHistory, step, suggestions, visit, withNewest } from './address-history.ts';

describe('the history of addresses', () => {
  it('keeps each once, the newest first, and no more than its bound', () => {
    expect(withNewest(['a', 'b', 'c'], 'b')).toEqual(['b', 'a', 'c']);
    const many = Array.from({ length: 300 }, (_, i) => `a${i}`);
    expect(withNewest(many, 'new')).toHaveLength(MOST_KEPT);
    expect(readHistory(JSON.stringify(many))).toHaveLength(MOST_KEPT);
  });

  it('reads only what is a history', () => {
    expect(readHistory(null)).toEqual([]);
    expect(readHistory('{"a":1}')).toEqual([]);
    expect(readHistory('[broken')).toEqual([]);
    expect(readHistory('["a",5,"a",null,"b"]')).toEqual(['a', 'b']);
  });
});

describe('back and forward', () => {
  it('walks, and a new place cuts off what lay ahead', () => {
    let trail = ['a', 'b', 'c'].reduce(visit, NO_TRAIL);
    trail = step(step(trail, -1), -1);
    expect(trail.uris[trail.at]).toBe('a');
    expect(step(trail, -1)).toBe(trail);
    trail = visit(step(trail, 1), 'd');
    expect(trail).toEqual({ uris: ['a', 'b', 'd'], at: 2 });
    expect(step(trail, 1)).toBe(trail);
  });

  it('takes the same place again for no step, and forgets the oldest', () => {
    expect(visit(visit(NO_TRAIL, 'a'), 'a')).toEqual({ uris: ['a'], at: 0 });
    const long = Array.from({ length: 150 }, (_, i) => `a${i}`).reduce(visit, NO_TRAIL);
    expect([long.uris.length, long.uris[0], long.at]).toEqual([100, 'a50', 99]);
  });
});

describe('suggestions', () => {
  const known = [
    { value: 'coap://h:5683/temp', note: 'Supply' },
    { value: 'coap://h:5683/time', note: '' },
  ];

  it('finds by any part, asked before first, each once', () => {
    expect(suggestions('TEM', ['coap://h:5683/temp', 'coap://x/door'], known)).toEqual([
      { value: 'coap://h:5683/temp', note: 'asked before' },
    ]);
    expect(suggestions('h:', [], known)).toEqual(known);
  });

  it('does not offer what is written already, and keeps room for resources', () => {
    expect(suggestions('coap://h:5683/time', [], known)).toEqual([]);
    const history = Array.from({ length: 50 }, (_, i) => `coap://h:5683/t${i}`);
    const found = suggestions('/t', history, known);
    expect(found).toHaveLength(9);
    expect(found.slice(-2)).toEqual(known);
    expect(suggestions('', history, known)).toHaveLength(14);
  });
});
