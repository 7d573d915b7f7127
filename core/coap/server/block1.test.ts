import { describe, expect, it } from 'vitest';
import { encodeBlock } from '../codec/block.ts';
import { CHANGED, CONTENT } from '../codec/codes.ts';
import { BLOCK1, CONTENT_FORMAT, NO_RESPONSE, REQUEST_TAG, SIZE1, uintOption } from '../codec/options.ts';
import type { CoapOption } from '../codec/options.ts';
import { FakeCarrier, LOOPBACK, ServerBench } from './incoming-for-tests.ts';
import type { Asking } from './incoming-for-tests.ts';
import type { ServerLimits } from './limits.ts';
import type { Resource } from './resource.ts';

function setUp(limits: Partial<ServerLimits> = {}, resource: Partial<Resource> = {}) {
  const bench = new ServerBench({ limits });
  const bodies: string[] = [];
  bench.server.add('f', {
    methods: ['PUT', 'POST'],
    handle({ payload }) {
      bodies.push(payload.length > 100 ? `${payload.length}` : new TextDecoder().decode(payload));
      return { code: CHANGED };
    },
    ...resource,
  });
  /** One block: number, whether more follow, exponent of its size, payload. */
  const put = (number: number, more: boolean, szx: number, body: string | number, asking: Asking = {}) => {
    const options: CoapOption[] = [{ number: BLOCK1, value: encodeBlock(number, more, szx) }];
    const payload = typeof body === 'number' ? new Uint8Array(body) : body;
    return bench.say('PUT', {
      path: 'f',
      body: payload,
      ...asking,
      more: [...options, ...(asking.more ?? [])],
    });
  };
  return { bench, bodies, put };
}

const sixteen = (char: string): string => char.repeat(16);

describe('a body in blocks', () => {
  it('comes whole to the resource, once', () => {
    const { bench, bodies, put } = setUp();
    expect(put(0, true, 0, sixteen('a'))).toBe('2.31 Block1=0/1/16');
    expect(put(1, true, 0, sixteen('b'))).toBe('2.31 Block1=1/1/16');
    expect(bodies).toEqual([]);
    expect(put(2, false, 0, 'end')).toBe('2.04 Block1=2/0/16');
    expect(bodies).toEqual([`${sixteen('a')}${sixteen('b')}end`]);
    expect(bench.server.holdings).toMatchObject({ assemblies: 0, assemblyBytes: 0 });
    expect(bench.clock.pendingTimers).toBe(0);
  });

  it('may be one block, empty, or end with an empty block', () => {
    const { bodies, put } = setUp();
    expect(put(0, false, 2, 'short')).toBe('2.04 Block1=0/0/64');
    expect(put(0, false, 0, '')).toBe('2.04 Block1=0/0/16');
    expect(put(0, true, 0, sixteen('a'))).toBe('2.31 Block1=0/1/16');
    expect(put(1, false, 0, '')).toBe('2.04 Block1=1/0/16');
    expect(bodies).toEqual(['short', '', sixteen('a')]);
  });

  it('may go on in smaller blocks, as the resource asks', () => {
    const { bodies, put } = setUp({}, { blockBytes: 32 });
    expect(put(0, true, 3, 'x'.repeat(128))).toBe('2.31 Block1=0/1/32');
    expect(put(4, true, 1, 'y'.repeat(32))).toBe('2.31 Block1=4/1/32');
    expect(put(5, false, 1, 'z')).toBe('2.04 Block1=5/0/32');
    expect(bodies).toEqual(['161']);
  });

  it('has a block that came again confirmed again', () => {
    const { bodies, put } = setUp();
    put(0, true, 0, sixteen('a'));
    expect(put(1, true, 0, sixteen('b'))).toBe('2.31 Block1=1/1/16');
    expect(put(1, true, 0, sixteen('b'))).toBe('2.31 Block1=1/1/16');
    expect(put(1, true, 0, sixteen('X'))).toBe('4.08');
    expect(put(2, false, 0, 'c')).toBe('2.04 Block1=2/0/16');
    expect(bodies).toEqual([`${sixteen('a')}${sixteen('b')}c`]);
  });

  it('begins anew with block 0', () => {
    const { bench, bodies, put } = setUp();
    put(0, true, 0, sixteen('a'));
    expect(put(0, true, 0, sixteen('b'))).toBe('2.31 Block1=0/1/16');
    expect(put(1, false, 0, '')).toBe('2.04 Block1=1/0/16');
    expect(bodies).toEqual([sixteen('b')]);
    expect(bench.server.counters.assembliesDropped).toBe(1);
  });
});

describe('blocks that do not fit together', () => {
  it('are 4.08: gaps, strangers, other options, other tags, other peers', () => {
    const { bench, bodies, put } = setUp();
    const tag = (...value: number[]) => ({ number: REQUEST_TAG, value: Uint8Array.from(value) });
    expect(put(1, false, 0, 'x')).toBe('4.08');
    put(0, true, 0, sixteen('a'));
    expect(put(2, false, 0, 'x')).toBe('4.08');
    expect(put(1, false, 0, 'x', { more: [uintOption(CONTENT_FORMAT, 50)] })).toBe('4.08');
    expect(put(1, false, 0, 'x', { more: [tag(1)] })).toBe('4.08');
    expect(put(1, false, 0, 'x', { query: ['q'] })).toBe('4.08');
    expect(put(1, false, 0, 'x', { from: { ...LOOPBACK, port: 9 } })).toBe('4.08');
    expect(bodies).toEqual([]);
    expect(put(1, false, 0, 'x')).toBe('2.04 Block1=1/0/16');
    expect(bench.server.counters.blocksRefused).toBe(6);
  });

  it('of two bodies at a time are told apart by Request-Tag (RFC 9175 §3)', () => {
    const { bodies, put } = setUp();
    const tag = (...value: number[]) => ({ more: [{ number: REQUEST_TAG, value: Uint8Array.from(value) }] });
    put(0, true, 0, sixteen('a'), tag(1));
    put(0, true, 0, sixteen('b'), tag(2));
    put(0, true, 0, sixteen('c'), tag());
    expect(put(1, false, 0, '1', tag(1))).toBe('2.04 Block1=1/0/16');
    expect(put(1, false, 0, '2', tag(2))).toBe('2.04 Block1=1/0/16');
    expect(put(1, false, 0, '3', tag())).toBe('2.04 Block1=1/0/16');
    expect(bodies).toEqual([`${sixteen('a')}1`, `${sixteen('b')}2`, `${sixteen('c')}3`]);
  });

  it('are 4.00 when the payload has another size than the block', () => {
    const { put } = setUp();
    expect(put(0, true, 0, 'short')).toMatch(/^4\.00/);
    expect(put(0, false, 0, 'x'.repeat(17))).toMatch(/^4\.00/);
    expect(put(0, true, 7, 'x'.repeat(1_024))).toMatch(/^4\.00/);
  });

  it('are forgotten when the next one does not come', () => {
    const { bench, put } = setUp({ assemblyTimeoutMs: 10_000 });
    put(0, true, 0, sixteen('a'));
    bench.clock.advance(9_000);
    put(1, true, 0, sixteen('a'));
    bench.clock.advance(9_000);
    expect(bench.server.holdings.assemblies).toBe(1);
    bench.clock.advance(2_000);
    expect(bench.server.holdings).toMatchObject({ assemblies: 0, assemblyBytes: 0 });
    expect(put(2, false, 0, '')).toBe('4.08');
    expect(bench.server.counters.assembliesDropped).toBe(1);
  });
});

describe('the limits of bodies', () => {
  it('are said with 4.13 and Size1, by the first block where it can be known', () => {
    const { bench, put } = setUp({ bodyBytes: 40 });
    expect(put(0, true, 0, sixteen('a'), { more: [uintOption(SIZE1, 41)] })).toBe('4.13 Size1=40');
    expect(put(0, true, 0, sixteen('a'), { more: [uintOption(SIZE1, 40)] })).toBe('2.31 Block1=0/1/16');
    put(1, true, 0, sixteen('a'));
    expect(put(2, false, 0, 'x'.repeat(9))).toBe('4.13 Size1=40');
    expect(bench.server.holdings.assemblies).toBe(0);
    expect(bench.say('PUT', { path: 'f', body: new Uint8Array(41) })).toBe('4.13 Size1=40');
    expect(bench.server.counters.bodiesTooLarge).toBe(3);
  });

  it('let the body that waits longest go when there are too many', () => {
    const { bench, bodies, put } = setUp({ assemblies: 2 });
    put(0, true, 0, sixteen('a'), { query: ['a'] });
    put(0, true, 0, sixteen('b'), { query: ['b'] });
    put(1, true, 0, sixteen('a'), { query: ['a'] });
    put(0, true, 0, sixteen('c'), { query: ['c'] });
    expect(bench.server.holdings.assemblies).toBe(2);
    expect(put(1, false, 0, '', { query: ['b'] })).toBe('4.08');
    expect(put(2, false, 0, '', { query: ['a'] })).toBe('2.04 Block1=2/0/16');
    expect(bodies).toHaveLength(1);
  });

  it('bound the memory of one peer without touching that of others', () => {
    const { bench, put } = setUp({ assemblyBytesPerPeer: 8_192 });
    const other = { from: { ...LOOPBACK, port: 9 } };
    put(0, true, 6, 1_024, other);
    for (const query of ['a', 'b', 'c', 'd']) put(0, true, 6, 1_024, { query: [query] });
    expect(bench.server.holdings).toMatchObject({ assemblies: 3, assemblyBytes: 3 * 4_096 });
    expect(put(1, false, 6, 0, other)).toBe('2.04 Block1=1/0/1024');
    expect(put(1, false, 6, 0, { query: ['a'] })).toBe('4.08');
    expect(put(1, false, 6, 0, { query: ['d'] })).toBe('2.04 Block1=1/0/1024');
  });

  it('bound the memory of all', () => {
    const { bench, put } = setUp({ assemblyBytes: 10_000 });
    for (let port = 1; port <= 20; port++) put(0, true, 6, 1_024, { from: { ...LOOPBACK, port } });
    expect(bench.server.holdings.assemblyBytes).toBeLessThanOrEqual(10_000);
    expect(bench.server.counters.assembliesDropped).toBe(18);
  });

  it('refuse with 5.03 what alone needs more memory than there is', () => {
    const { bench, put } = setUp({ assemblyBytes: 5_000 });
    for (let number = 0; number < 2; number++) expect(put(number, true, 6, 1_024)).toMatch(/^2\.31/);
    expect(put(2, true, 6, 1_024)).toBe('5.03 Max-Age=5');
    expect(bench.server.holdings).toMatchObject({ assemblies: 0, assemblyBytes: 0 });
  });
});

it('No-Response leaves out only the answer to the whole', () => {
  const { put } = setUp();
  const quiet = { more: [uintOption(NO_RESPONSE, 2)] };
  expect(put(0, true, 0, sixteen('a'), quiet)).toBe('2.31 Block1=0/1/16');
  expect(put(1, false, 0, 'b', quiet)).toBe('silence');
});

describe('over a connection', () => {
  it('several blocks come in one message (BERT, RFC 8323 §6)', () => {
    const { bench, bodies, put } = setUp();
    const carrier = new FakeCarrier(bench.clock, 'tcp', LOOPBACK);
    carrier.largestSzx = 7;
    const tcp: Asking = { transport: 'tcp', carrier };
    expect(put(0, true, 7, 3_072, tcp)).toBe('2.31 Block1=0/1/BERT');
    expect(put(3, true, 7, 1_024, tcp)).toBe('2.31 Block1=3/1/BERT');
    expect(put(4, false, 7, 1_500, tcp)).toBe('2.04 Block1=4/0/BERT');
    expect(bodies).toEqual(['5596']);
    expect(put(0, true, 7, 1_000, tcp)).toMatch(/^4\.00/);
    carrier.largestSzx = 6;
    expect(put(0, true, 7, 1_024, tcp)).toMatch(/^4\.00/);
  });
});

it('a resource that answers much to a body in blocks is asked once', () => {
  const { bench, put } = setUp({}, { handle: () => ({ code: CONTENT, payload: new Uint8Array(2_000) }) });
  put(0, true, 0, sixteen('a'));
  expect(put(1, false, 0, 'b')).toMatch(
    /^2\.05 ETag=\w{16} Block2=0\/1\/1024 Block1=1\/0\/16 Size2=2000 1024 bytes$/,
  );
  expect(bench.server.holdings.keptBytes).toBe(2_000);
});
