import { encode as encodeCbor, Tagged } from 'cborg';
import { encode as encodeMsgpack } from '@msgpack/msgpack';
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { base64Of, bytesFromBase64, bytesFromHex, imageType, inflate } from './bytes.ts';
import { decodeCbor } from './cbor.ts';
import { FORMS, likelyForms, treeIn } from './forms.ts';
import { decodeJson, printJson } from './json.ts';
import { decodeMsgpack } from './msgpack.ts';
import { decodeProtobufWire } from './protobuf-wire.ts';
import { decodeSparkplug } from './sparkplug.ts';
import { resolveSenml } from './senml.ts';
import { floatText } from './tree.ts';
import type { TreeNode } from './tree.ts';

const utf8 = (text: string) => new TextEncoder().encode(text);
const hex = (text: string) => bytesFromHex(text)!;
/** Keys and values of the first level. */
const flat = (tree: TreeNode | null) => tree?.children.map(({ key, text }) => [key, text]);

it('keeps numbers of JSON as they were written, also above 2^53, and doubled names', () => {
  const { tree, problem } = decodeJson('{"a":9007199254740993,"b":1.50,"a":-0,"c":1e400}');
  expect(problem).toBeNull();
  expect(flat(tree)).toEqual([['a', '9007199254740993'], ['b', '1.50'], ['a', '-0'], ['c', '1e400']]); // prettier-ignore
});

it('says where JSON is wrong and shows what came before', () => {
  expect(decodeJson('{"a":1,\n "b":x}').problem).toBe('A value is missing: line 2, column 6.');
  const cut = decodeJson('{"a":[1,2,');
  expect(cut.problem).toBe('The JSON breaks off before its end.');
  expect(cut.tree?.children[0]?.children).toHaveLength(2);
  expect(decodeJson('{"a":01}').problem).toBe('“,” or “}” is missing: line 1, column 7.');
  expect(decodeJson('"tab\tinside"').problem).toMatch(/may not have/);
});

it('agrees with JSON.parse about every text', () => {
  fc.assert(
    fc.property(fc.jsonValue(), (value) => {
      const text = JSON.stringify(value);
      const { tree, problem } = decodeJson(text);
      expect(problem).toBeNull();
      expect(JSON.parse(printJson(tree!))).toEqual(JSON.parse(text));
    }),
  );
});

it('writes single floats as short as they are exact', () => {
  fc.assert(
    fc.property(fc.float({ noNaN: true }), (value) => {
      expect(Math.fround(Number(floatText(value)))).toBe(value);
    }),
  );
  expect(decodeCbor(hex('fa41a8cccd')).tree).toMatchObject({ text: '21.1', note: 'single float' });
});

it('stops at a depth that no stack could follow', () => {
  expect(decodeJson('['.repeat(60_000)).problem).toMatch(/levels deep/);
  expect(decodeCbor(new Uint8Array(60_000).fill(0x81)).problem).toMatch(/levels deep/);
  expect(decodeMsgpack(new Uint8Array(60_000).fill(0x91)).problem).not.toBeNull();
});

it('reads CBOR with tags, byte strings and whole numbers of 64 bits', () => {
  const bytes = encodeCbor({ a: 2n ** 63n + 1n, b: hex('0102'), c: [1.5, null] });
  const { tree, problem } = decodeCbor(bytes);
  expect(problem).toBeNull();
  expect(flat(tree)).toEqual([['a', '9223372036854775809'], ['b', '0102'], ['c', '']]); // prettier-ignore
  // RFC 8949 appendix A: 1(1363896240), 0x1a514b67b0.
  expect(decodeCbor(hex('c11a514b67b0')).tree).toMatchObject({
    kind: 'tag',
    note: 'tag 1: epoch time',
    text: '2013-03-21T20:04:00.000Z',
  });
  expect(decodeCbor(hex('c249010000000000000000')).tree?.text).toBe('18446744073709551616');
  expect(decodeCbor(encodeCbor(new Tagged(99_999, 7))).tree?.note).toBe('tag 99999');
  // Appendix A: {_ "a": 1, "b": [_ 2, 3]}
  expect(decodeCbor(hex('bf61610161629f0203ffff')).tree?.children[1]?.children).toHaveLength(2);
  expect(decodeCbor(hex('a201020304')).tree?.children.map((child) => child.key)).toEqual(['1', '3']);
});

it('says where CBOR breaks off', () => {
  expect(decodeCbor(hex('a2616101')).problem).toBe('The CBOR breaks off at byte 4.');
  expect(decodeCbor(hex('0102')).problem).toBe('The value ends at byte 1, and 1 more follow.');
  expect(decodeCbor(hex('ff')).problem).toBeNull();
  expect(decodeCbor(hex('82ff01')).problem).toBe('A break stands at byte 1, where no list ends.');
});

it('reads MessagePack with its order, its 64 bits and its timestamps', () => {
  const map = hex('8302a17801a179a161cf8000000000000001'); // {2: "x", 1: "y", "a": 2^63 + 1}
  expect(flat(decodeMsgpack(map).tree)).toEqual([['2', 'x'], ['1', 'y'], ['a', '9223372036854775809']]); // prettier-ignore
  expect(decodeMsgpack(hex('d6ff514b67b0')).tree?.text).toBe('2013-03-21T20:04:00.000Z');
  expect(decodeMsgpack(encodeMsgpack(JSON.parse('{"__proto__":1}'))).problem).toMatch(
    /__proto__ is not allowed/,
  );
  expect(decodeMsgpack(hex('82a161')).problem).toBe('Not MessagePack: it breaks off before its end.');
  expect(decodeMsgpack(hex('ddffffffff')).problem).toMatch(/Max length/);
});

it('shows Protocol Buffers by field without a schema', () => {
  // 1: 150 (protobuf.dev, encoding), 2: "testing", 3: {1: 150}
  const { tree, problem } = decodeProtobufWire(hex('089601 120774657374696e67 1a03089601'));
  expect(problem).toBeNull();
  expect(flat(tree)).toEqual([['1', '150'], ['2', 'testing'], ['3', '']]); // prettier-ignore
  expect(tree?.children[2]?.children[0]?.text).toBe('150');
  expect(decodeProtobufWire(hex('0dcdccb141')).tree?.children[0]?.note).toContain('22.2');
  expect(decodeProtobufWire(hex('0896')).problem).toMatch(/breaks off|byte 0/);
});

it('knows pictures by their first bytes and unpacks gzip', async () => {
  expect(imageType(hex('89504e470d0a1a0a00'))).toBe('image/png');
  expect(imageType(utf8('<svg xmlns="http://www.w3.org/2000/svg"/>'))).toBeNull();
  const packed = hex('1f8b0800000000000003cb48cdc9c9070086a6103605000000'); // "hello"
  expect(new TextDecoder().decode((await inflate(packed)).bytes!)).toBe('hello');
  expect((await inflate(packed.subarray(0, 14))).problem).toMatch(/damaged/);
});

it('turns base64 and hex into bytes and back', () => {
  fc.assert(
    fc.property(fc.uint8Array(), (bytes) => {
      expect(bytesFromBase64(base64Of(bytes))).toEqual(bytes);
    }),
  );
  expect(bytesFromHex('0x01, 0xFF')).toEqual(Uint8Array.of(1, 255));
  expect(bytesFromHex('012')).toBeNull();
  expect(bytesFromBase64('a')).toBeNull();
});

it('finds the form of a payload', () => {
  const best = (bytes: Uint8Array, more = {}) => likelyForms({ bytes, whole: true, topic: null, ...more })[0];
  expect(best(utf8('{"t":21.5}'))).toBe('json');
  expect(best(utf8('[{"n":"urn:dev:a","v":1}]'))).toBe('senml');
  expect(best(utf8('[{"name":"a"}]'))).toBe('json');
  expect(best(utf8('21.5'))).toBe('text');
  expect(best(encodeCbor({ t: 21.5 }))).toBe('cbor');
  expect(best(encodeCbor([{ x: 1 }]))).toBe('cbor');
  expect(best(hex('82a27431cb4035800000000000a2683128'))).toBe('msgpack');
  expect(best(hex('89504e470d0a1a0a00'))).toBe('image');
  expect(best(hex('00ff13'))).toBe('hex');
  expect(best(utf8('{"t":21.5'), { whole: false })).toBe('json');
  expect(best(utf8('{"t":21.5'))).toBe('text');
  expect(best(hex('0801'), { hasProtoType: true })).toBe('protobuf');
  expect(likelyForms({ bytes: new Uint8Array(), whole: true, topic: 'a' })).toEqual(['text', 'hex']);
});

it('throws at no bytes in any form', () => {
  const some = fc.oneof(
    fc.uint8Array({ maxLength: 200 }),
    fc.json().map(utf8),
    fc.jsonValue().map((value) => encodeMsgpack(value)),
    fc.jsonValue().map((value) => encodeCbor(value)),
  );
  fc.assert(
    fc.property(some, fc.nat(20), fc.boolean(), (bytes, cut, whole) => {
      const part = bytes.subarray(0, Math.max(0, bytes.byteLength - cut));
      likelyForms({ bytes: part, whole, topic: 'spBv1.0/g/DDATA/e/d' });
      for (const form of FORMS) treeIn(form, part, whole);
      decodeProtobufWire(part);
      decodeSparkplug(part);
      for (const form of ['json', 'cbor'] as const) {
        const decoded = treeIn(form, part, whole);
        resolveSenml(decoded?.tree ?? null, form, 0);
      }
    }),
    { numRuns: 500 },
  );
});
