import { describe, expect, it } from 'vitest';
import { encodeBlock } from '../codec/block.ts';
import { CHANGED, CONTENT } from '../codec/codes.ts';
import { BLOCK2, ETAG, SIZE2, findOption, uintOption } from '../codec/options.ts';
import { FakeCarrier, LOOPBACK, ServerBench } from './incoming-for-tests.ts';
import type { Asking } from './incoming-for-tests.ts';
import type { ServerLimits } from './limits.ts';
import type { Resource } from './resource.ts';

/** So that every byte tells where it lies. */
function pattern(length: number, seed = 0): Uint8Array {
  return Uint8Array.from({ length }, (_, at) => (at * 31 + (at >> 8) * 7 + seed) & 0xff);
}

function setUp(length: number, more: Partial<Resource> = {}, limits: Partial<ServerLimits> = {}) {
  const bench = new ServerBench({ limits });
  const state = { body: pattern(length), asked: 0 };
  bench.server.add('big', {
    methods: ['GET', 'POST', 'FETCH'],
    handle() {
      state.asked++;
      return { code: CONTENT, payload: state.body, contentFormat: 42 };
    },
    ...more,
  });
  const block = (number: number, szx: number, asking: Asking = {}): Asking => ({
    path: 'big',
    ...asking,
    more: [{ number: BLOCK2, value: encodeBlock(number, false, szx) }, ...(asking.more ?? [])],
  });
  const get = (asking: Asking = { path: 'big' }): string =>
    bench
      .say('GET', asking)
      .replace(/ETag=\w{16}/, 'ETag')
      .replace(' (application/octet-stream)', '');
  return { bench, state, block, get };
}

describe('a large answer', () => {
  it('goes out in blocks of 1024 bytes over UDP, all of one version', () => {
    const { bench, state, block, get } = setUp(2_500);
    expect(get()).toBe('2.05 ETag Content-Format=42 Block2=0/1/1024 Size2=2500 1024 bytes');
    const before = state.body;
    state.body = pattern(2_500, 1);
    expect(get(block(1, 6))).toBe('2.05 ETag Content-Format=42 Block2=1/1/1024 1024 bytes');
    const { answers } = bench.ask('GET', block(2, 6));
    expect(answers[0]!.payload).toEqual(before.subarray(2_048));
    expect(state.asked).toBe(1);
    const etag = findOption(answers[0]!.options, ETAG);
    const anew = bench.ask('GET', { path: 'big' }).answers[0]!;
    expect(findOption(anew.options, ETAG)).not.toEqual(etag);
    expect(anew.payload).toEqual(state.body.subarray(0, 1_024));
    expect(bench.ask('GET', block(2, 6)).answers[0]!.payload).toEqual(state.body.subarray(2_048));
    expect(state.asked).toBe(2);
  });

  it('goes out whole up to 1024 bytes', () => {
    const { get } = setUp(1_024);
    expect(get()).toBe('2.05 Content-Format=42 1024 bytes');
  });

  it('is cut as the client asks, but not larger than the resource wants', () => {
    const { get, block } = setUp(300);
    expect(get(block(0, 2))).toBe('2.05 ETag Content-Format=42 Block2=0/1/64 Size2=300 64 bytes');
    expect(get(block(1, 2))).toBe('2.05 ETag Content-Format=42 Block2=1/1/64 64 bytes');
    expect(get(block(0, 6))).toBe('2.05 ETag Content-Format=42 Block2=0/0/1024 300 bytes');
    const small = setUp(300, { blockBytes: 128 });
    expect(small.get()).toBe('2.05 ETag Content-Format=42 Block2=0/1/128 Size2=300 128 bytes');
    expect(small.get(small.block(1, 4))).toBe('2.05 ETag Content-Format=42 Block2=2/0/128 44 bytes');
  });

  it('can be read anywhere, also when nothing of it is kept', () => {
    const { bench, state, block } = setUp(2_500);
    const at = (number: number, szx: number) => bench.ask('GET', block(number, szx)).answers[0]!.payload;
    expect(at(2, 6)).toEqual(state.body.subarray(2_048));
    expect(at(3, 4)).toEqual(state.body.subarray(768, 1_024));
    expect(at(1, 6)).toEqual(state.body.subarray(1_024, 2_048));
  });

  it('has no block past its end', () => {
    const { get, block } = setUp(1_024);
    expect(get(block(1, 6))).toBe('4.00 "the body has 1024 bytes"');
    expect(get(block(0xfffff, 6))).toMatch(/^4\.00/);
    expect(get(block(1, 5))).toBe('2.05 ETag Content-Format=42 Block2=1/0/512 512 bytes');
  });

  it('tells its size when asked', () => {
    const { get, block } = setUp(100);
    expect(get(block(0, 6, { more: [uintOption(SIZE2, 0)] }))).toBe(
      '2.05 ETag Content-Format=42 Block2=0/0/1024 Size2=100 100 bytes',
    );
  });

  it('leaves room for its other options', () => {
    const long = { number: 20, value: new Uint8Array(255).fill(97) };
    const { bench } = setUp(1_000, {
      handle: () => ({ code: CONTENT, payload: pattern(1_000), options: [long] }),
    });
    const { answers } = bench.ask('GET', { path: 'big' });
    expect(answers[0]!.payload).toHaveLength(512);
  });

  it('is validated by the ETag that its blocks had', () => {
    const { bench, get } = setUp(2_000);
    const value = findOption(bench.ask('GET', { path: 'big' }).answers[0]!.options, ETAG)!;
    expect(get({ path: 'big', more: [{ number: ETAG, value }] })).toBe('2.03 ETag');
  });

  it('with an exponent that UDP has not is 4.00', () => {
    const { get, block } = setUp(100);
    expect(get(block(0, 7))).toBe('4.00');
  });

  it('is forgotten after a while, and none of another peer or query', () => {
    const { bench, state, block } = setUp(2_000, {}, { keptMs: 10_000 });
    bench.ask('GET', { path: 'big' });
    bench.ask('GET', block(1, 6));
    expect(state.asked).toBe(1);
    bench.ask('GET', block(1, 6, { from: { ...LOOPBACK, port: 9 } }));
    bench.ask('GET', block(1, 6, { query: ['q'] }));
    expect(state.asked).toBe(3);
    bench.clock.advance(10_200);
    expect(bench.server.holdings.keptBytes).toBe(0);
    bench.ask('GET', block(1, 6));
    expect(state.asked).toBe(4);
    bench.clock.advance(20_000);
    expect(bench.clock.pendingTimers).toBe(0);
  });

  it('is kept within bounds of memory and number', () => {
    const { bench } = setUp(2_000, {}, { keptBytes: 5_000, keptBodies: 2 });
    for (let port = 1; port <= 10; port++) bench.ask('GET', { path: 'big', from: { ...LOOPBACK, port } });
    expect(bench.server.holdings.keptBytes).toBe(4_000);
    expect(bench.server.counters.keptBodiesDropped).toBe(8);
    const huge = setUp(6_000, {}, { keptBytes: 5_000 });
    expect(huge.get()).toMatch(/Block2=0\/1\/1024/);
    expect(huge.get(huge.block(1, 6))).toMatch(/Block2=1\/1\/1024/);
    expect(huge.state.asked).toBe(2);
    expect(huge.bench.server.holdings.keptBytes).toBe(0);
  });
});

describe('the answer to a change', () => {
  it('is fetched without carrying it out again (RFC 7959 §3.3)', () => {
    const { bench, state, block } = setUp(2_000);
    bench.ask('POST', { path: 'big', body: 'do it' });
    expect(bench.ask('POST', block(1, 6)).answers[0]!.payload).toEqual(state.body.subarray(1_024));
    expect(bench.ask('POST', block(1, 6, { body: 'do it' })).answers[0]!.payload).toHaveLength(976);
    expect(state.asked).toBe(1);
  });

  it('is 4.08 when nothing of it is left', () => {
    const { bench, state, block } = setUp(2_000);
    expect(bench.say('POST', block(1, 6))).toBe('4.08');
    bench.ask('POST', { path: 'big', body: 'do it' });
    expect(bench.say('POST', block(1, 6, { body: 'do something else' }))).toBe('4.08');
    expect(state.asked).toBe(1);
    expect(bench.server.counters.blocksRefused).toBe(2);
  });

  it('without a body needs no blocks', () => {
    const { bench, block } = setUp(0, { handle: () => ({ code: CHANGED }) });
    expect(bench.say('POST', block(0, 6))).toBe('2.04');
  });
});

it('FETCH of different bodies is told apart', () => {
  const { bench, block } = setUp(0, {
    handle: ({ payload }) => ({ code: CONTENT, payload: pattern(2_000, payload[0]) }),
  });
  bench.ask('FETCH', { path: 'big', body: 'a' });
  const later = (body: string) => bench.ask('FETCH', block(1, 6, { body })).answers[0]!.payload;
  expect(later('a')).toEqual(pattern(2_000, 97).subarray(1_024));
  expect(later('b')).toEqual(pattern(2_000, 98).subarray(1_024));
});

describe('over a connection', () => {
  const connect = (bench: ServerBench, bytes: number, szx: number): Asking => {
    const carrier = new FakeCarrier(bench.clock, 'tcp', LOOPBACK);
    carrier.maxMessageBytes = bytes;
    carrier.largestSzx = szx;
    return { path: 'big', transport: 'tcp', carrier };
  };

  it('all that the peer takes goes out in one message', () => {
    const { bench, get } = setUp(50_000);
    expect(get(connect(bench, 60_000, 6))).toBe('2.05 Content-Format=42 50000 bytes');
  });

  it('more goes out in as many blocks as the peer takes (BERT)', () => {
    const { bench, get, block } = setUp(50_000);
    const bert = connect(bench, 10_000, 7);
    expect(get(bert)).toBe('2.05 ETag Content-Format=42 Block2=0/1/BERT Size2=50000 9216 bytes');
    expect(get(block(9, 7, bert))).toBe('2.05 ETag Content-Format=42 Block2=9/1/BERT 9216 bytes');
    expect(get(block(45, 7, bert))).toBe('2.05 ETag Content-Format=42 Block2=45/0/BERT 3920 bytes');
    expect(get(block(45, 6, bert))).toBe('2.05 ETag Content-Format=42 Block2=45/1/1024 1024 bytes');
  });

  it('without BERT in blocks of 1024, or what fits', () => {
    const { bench, get } = setUp(50_000);
    expect(get(connect(bench, 10_000, 6))).toMatch(/Block2=0\/1\/1024/);
    expect(get(connect(bench, 700, 7))).toMatch(/Block2=0\/1\/512/);
  });
});
