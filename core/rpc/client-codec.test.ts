import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { CodedError } from '../base/errors.ts';
import { CLIENT_INBOUND_LIMITS, HOST_INBOUND_LIMITS, decodeFrame, encodeFrame } from './client-codec.ts';

const decode = (bytes: Uint8Array): unknown => decodeFrame(bytes, CLIENT_INBOUND_LIMITS);

/** A frame with any header, padded as if columns followed, and then whatever follows. */
function handmade(header: unknown, rest: Uint8Array = new Uint8Array(0)): Uint8Array {
  const text = new TextEncoder().encode(typeof header === 'string' ? header : JSON.stringify(header));
  const start = (4 + text.byteLength + 7) & ~7;
  const bytes = new Uint8Array(start + rest.byteLength);
  new DataView(bytes.buffer).setUint32(0, text.byteLength, true);
  bytes.set(text, 4);
  bytes.set(rest, start);
  return bytes;
}

function refusal(run: () => unknown): string {
  try {
    run();
  } catch (error) {
    expect(error).toBeInstanceOf(CodedError);
    return `${(error as CodedError).code} ${(error as CodedError).message}`;
  }
  throw new Error('was not refused');
}

describe('encodeFrame', () => {
  it('lays every column on a multiple of eight, behind the header', () => {
    const bytes = encodeFrame({ a: new Uint8Array([1, 2, 3]), b: [new Float64Array([0.5])] });
    const headerLength = new DataView(bytes.buffer).getUint32(0, true);
    const header: unknown = JSON.parse(new TextDecoder().decode(bytes.subarray(4, 4 + headerLength)));
    expect(header).toEqual({
      frame: { a: null, b: [null] },
      columns: [
        [['a'], 'u8', 3],
        [['b', 0], 'f64', 1],
      ],
    });
    expect(bytes.byteLength % 8).toBe(0);
    expect(new Float64Array(bytes.buffer, bytes.byteLength - 8)).toEqual(new Float64Array([0.5]));
    expect([...bytes.subarray(bytes.byteLength - 16, bytes.byteLength - 8)]).toEqual([
      1, 2, 3, 0, 0, 0, 0, 0,
    ]);
  });

  it('leaves what it is given as it was', () => {
    const list = [new Int32Array([1]), { deep: new Uint8Array(2) }];
    const frame = { kind: 'ok', result: { list } };
    const copy = structuredClone(frame);
    encodeFrame(frame);
    expect(frame).toEqual(copy);
    expect(frame.result.list).toBe(list);
  });

  it('refuses what the other end could not read', () => {
    expect(refusal(() => encodeFrame({ a: new Float32Array(1) }))).toContain('rpc.unsendable');
    expect(refusal(() => encodeFrame({ a: new ArrayBuffer(1) }))).toContain('rpc.unsendable');
    expect(refusal(() => encodeFrame({ a: 1n }))).toContain('rpc.unsendable');
    const circle: { self?: unknown } = {};
    circle.self = circle;
    expect(refusal(() => encodeFrame(circle))).toContain('rpc.unsendable');
    const column = new Float64Array(CLIENT_INBOUND_LIMITS.maxBytes / 8);
    expect(refusal(() => encodeFrame({ column }))).toContain('rpc.too_large');
  });
});

describe('decodeFrame', () => {
  it('gives back what was encoded, whatever it is', () => {
    const column = fc.oneof(
      fc.float64Array({ maxLength: 9 }),
      fc.int32Array({ maxLength: 9 }),
      fc.uint8Array({ maxLength: 9 }),
    );
    // -0 is 0 in JSON; as a value of a column it stays.
    const leaf = fc.oneof(
      fc.integer(),
      fc.string({ unit: 'binary' }).map((text) => text.toWellFormed()),
      fc.boolean(),
      fc.constant(null),
      column,
    );
    const { tree } = fc.letrec((tie) => ({
      tree: fc.oneof(
        { maxDepth: 4 },
        leaf,
        fc.array(tie('tree'), { maxLength: 4 }),
        fc.dictionary(
          fc.string({ maxLength: 5 }).filter((key) => key !== '__proto__'),
          tie('tree'),
          {
            maxKeys: 4,
            noNullPrototype: true,
          },
        ),
      ),
    }));
    fc.assert(
      fc.property(fc.record({ data: tree }), fc.integer({ min: 0, max: 9 }), (frame, shift) => {
        const bytes = encodeFrame(frame);
        expect(decode(bytes)).toEqual(frame);
        // As it lies in a socket's read buffer: at any offset, with strangers around.
        const pool = new Uint8Array(bytes.byteLength + 20).fill(0xaa);
        pool.set(bytes, shift);
        expect(decode(pool.subarray(shift, shift + bytes.byteLength))).toEqual(frame);
      }),
      { numRuns: 300 },
    );
  });

  it('lays columns over a buffer that is its own and copies out of one that is not', () => {
    const bytes = encodeFrame({ t: new Float64Array([1, 2]) });
    expect((decode(bytes) as { t: Float64Array }).t.buffer).toBe(bytes.buffer);
    const pool = Buffer.alloc(bytes.byteLength + 8);
    pool.set(bytes, 8);
    expect((decode(pool.subarray(8)) as { t: Float64Array }).t.buffer.byteLength).toBe(16);
  });

  it('refuses every truncation and every longer one', () => {
    const bytes = encodeFrame({
      kind: 'ok',
      id: 1,
      t: new Float64Array([1, 2]),
      b: new Uint8Array([1, 2, 3]),
    });
    for (let length = 0; length < bytes.byteLength; length++) {
      expect(refusal(() => decode(bytes.subarray(0, length)))).toContain('rpc.bad_frame');
    }
    const longer = new Uint8Array(bytes.byteLength + 1);
    longer.set(bytes);
    expect(refusal(() => decode(longer))).toContain('left over');
  });

  it('refuses or reads random bytes, and throws nothing else', () => {
    const noise = fc.oneof(
      fc.uint8Array({ maxLength: 64 }),
      fc
        .tuple(fc.nat(400), fc.integer({ min: 0, max: 255 }))
        .map(([at, value]) =>
          encodeFrame({ kind: 'ok', t: new Float64Array([1, 2]), i: new Int32Array([3]) }).with(
            at % 100,
            value,
          ),
        ),
    );
    let refused = 0;
    fc.assert(
      fc.property(noise, (bytes) => {
        try {
          decode(bytes);
        } catch (error) {
          if (!(error instanceof CodedError) || error.code !== 'rpc.bad_frame') throw error;
          refused++;
        }
      }),
      { numRuns: 3_000 },
    );
    expect(refused).toBeGreaterThan(1_000);
  });

  const frame = { a: null, list: [null], text: 'x', nested: { deep: null } };
  const listing = (...columns: unknown[]): Uint8Array => handmade({ frame, columns });
  const hostile: [string, Uint8Array, string][] = [
    ['no header', new Uint8Array(4), 'not JSON'],
    ['text that is not JSON', handmade('{'), 'not JSON'],
    ['bytes that are not UTF-8', handmade('"x"').with(5, 0xff), 'not JSON'],
    ['a header that is null', handmade('null'), 'not an object'],
    ['a header that is a list', handmade('[]'), 'lists no columns'],
    ['columns that are no list', handmade({ frame, columns: {} }), 'lists no columns'],
    ['an entry of two', listing([['a'], 'u8']), 'wrong shape'],
    ['an empty path', listing([[], 'u8', 0]), 'has no path'],
    ['an endless path', listing([Array(33).fill('a'), 'u8', 0]), 'has no path'],
    ['a path of objects', listing([[{}], 'u8', 0]), 'path is damaged'],
    ['a path to nowhere', listing([['b'], 'u8', 0]), 'leads nowhere'],
    ['a path through text', listing([['text', 0, 1], 'u8', 0]), 'leads nowhere'],
    ['a path to a value', listing([['text'], 'u8', 0]), 'something else'],
    ['a path to the prototype', listing([['__proto__'], 'u8', 0]), 'leads nowhere'],
    ['a path into the prototype', listing([['__proto__', 'x'], 'u8', 0]), 'leads nowhere'],
    ['a path to the length of a list', listing([['list', 'length'], 'u8', 0]), 'something else'],
    [
      'an own __proto__',
      handmade('{"frame":{"__proto__":null},"columns":[[["__proto__"],"u8",0]]}'),
      'something else',
    ],
    ['an unknown type', listing([['a'], 'f32', 0]), 'unknown type'],
    ['a type of every object', listing([['a'], 'constructor', 0]), 'unknown type'],
    ['a negative length', listing([['a'], 'u8', -1]), 'no length'],
    ['half a length', listing([['a'], 'u8', 0.5]), 'no length'],
    ['a length past all numbers', listing([['a'], 'f64', 2 ** 53]), 'no length'],
    ['a length past the end', listing([['a'], 'f64', 1e9]), 'past the end'],
    ['two columns in one place', listing([['a'], 'u8', 0], [['a'], 'u8', 0]), 'something else'],
    ['a path into a column', listing([['a'], 'u8', 0], [['a', 'length'], 'u8', 0]), 'leads nowhere'],
    ['bytes that nobody listed', handmade({ frame, columns: [] }, new Uint8Array(3)), 'left over'],
  ];

  it.each(hostile)('refuses %s', (_what, bytes, why) => {
    expect(refusal(() => decode(bytes))).toMatch(new RegExp(`^rpc\\.bad_frame .*${why}`));
    expect(({} as Record<string, unknown>).x).toBeUndefined();
  });

  it('refuses padding that carries something', () => {
    let padded = 0;
    for (let length = 1; length <= 8; length++) {
      const good = encodeFrame({ ['x'.repeat(length)]: new Uint8Array([1]) });
      const headerEnd = 4 + new DataView(good.buffer).getUint32(0, true);
      if (headerEnd % 8 === 0) continue;
      padded++;
      expect(decode(good)).toEqual({ ['x'.repeat(length)]: new Uint8Array([1]) });
      expect(refusal(() => decode(good.with(headerEnd, 7)))).toContain('padding');
    }
    expect(padded).toBeGreaterThan(2);
  });

  it('keeps its limits', () => {
    const many = Array.from({ length: 65 }, () => new Uint8Array(0));
    const frame = encodeFrame({ many });
    expect(refusal(() => decodeFrame(frame, HOST_INBOUND_LIMITS))).toContain('more than 64 columns');
    expect(decode(frame)).toEqual({ many });
    const long = encodeFrame({ blob: new Uint8Array(HOST_INBOUND_LIMITS.maxBytes) });
    expect(refusal(() => decodeFrame(long, HOST_INBOUND_LIMITS))).toContain('8388608 bytes');
  });

  it('turns numbers that JSON has not into null, outside of columns', () => {
    expect(decode(encodeFrame({ a: NaN, b: [Infinity] }))).toEqual({ a: null, b: [null] });
  });
});
