import { describe, expect, it } from 'vitest';
import { CHANGED } from '../codec/codes.ts';
import { IF_MATCH, IF_NONE_MATCH } from '../codec/options.ts';
import { ServerBench, textResource } from './incoming-for-tests.ts';
import { failedPrecondition } from './precondition.ts';

describe('conditions', () => {
  it('are the business of resources that know them; others refuse them', () => {
    const bench = new ServerBench();
    bench.server.add(
      'plain',
      textResource('', { methods: ['PUT', 'GET'], handle: () => ({ code: CHANGED }) }),
    );
    bench.server.add(
      'careful',
      textResource('', {
        methods: ['PUT'],
        preconditions: true,
        handle: ({ options }) => failedPrecondition(options, Uint8Array.of(1)) ?? { code: CHANGED },
      }),
    );
    const none = [{ number: IF_NONE_MATCH, value: new Uint8Array(0) }];
    expect(bench.say('PUT', { path: 'plain', more: none })).toMatch(/^4\.02/);
    expect(bench.say('PUT', { path: 'plain', more: none, confirmable: false })).toBe('reset');
    expect(bench.say('PUT', { path: 'careful', more: none })).toMatch(/^4\.12/);
    expect(bench.say('PUT', { path: 'careful' })).toBe('2.04');
  });

  it('follow RFC 7252 §5.10.8', () => {
    const etag = Uint8Array.of(1);
    const match = (...value: number[]) => ({ number: IF_MATCH, value: Uint8Array.from(value) });
    const none = { number: IF_NONE_MATCH, value: new Uint8Array(0) };
    const fails = (options: { number: number; value: Uint8Array }[], current: Uint8Array | true | null) =>
      failedPrecondition(options, current) !== undefined;
    expect(fails([], null)).toBe(false);
    expect(fails([match(1)], etag)).toBe(false);
    expect(fails([match(2), match(1)], etag)).toBe(false);
    expect(fails([match(2)], etag)).toBe(true);
    expect(fails([match(1)], null)).toBe(true);
    expect(fails([match()], etag)).toBe(false);
    expect(fails([match()], true)).toBe(false);
    expect(fails([match()], null)).toBe(true);
    expect(fails([none], null)).toBe(false);
    expect(fails([none], true)).toBe(true);
  });
});
