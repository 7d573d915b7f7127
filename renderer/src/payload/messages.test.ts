import fc from 'fast-check';
import { expect, it } from 'vitest';
import { bytesFromHex } from './bytes.ts';
import { decodeCbor } from './cbor.ts';
import { decodeJson } from './json.ts';
import { decodeProtobuf } from './protobuf-message.ts';
import { compileProto, messageNames } from './protobuf-types.ts';
import { looksLikeSenml, resolveSenml } from './senml.ts';
import { decodeSparkplug, isSparkplugTopic } from './sparkplug.ts';

const hex = (text: string) => bytesFromHex(text)!;
const NOW = 1_800_000_000_000;
const json = (text: string) => resolveSenml(decodeJson(text).tree, 'json', NOW);

it('resolves base name, time, unit and value (RFC 8428 §5.1.3)', () => {
  const { records, problem } = json(
    '[{"bn":"urn:dev:ow:10e2073a01080063:","bt":1.276020076001e+09,"bu":"A","bver":5,"n":"voltage","u":"V","v":120.1},' +
      '{"n":"current","t":-5,"v":1.2},{"n":"current","t":-4,"v":1.3}]',
  );
  expect(problem).toBeNull();
  expect(records.map(({ name, unit, value, timeMs }) => [name, unit, value, timeMs])).toEqual([
    ['urn:dev:ow:10e2073a01080063:voltage', 'V', '120.1', 1_276_020_076_001],
    ['urn:dev:ow:10e2073a01080063:current', 'A', '1.2', 1_276_020_071_001],
    ['urn:dev:ow:10e2073a01080063:current', 'A', '1.3', 1_276_020_072_001],
  ]);
});

it('counts small times from now, adds base values and keeps exact numbers', () => {
  const { records } = json(
    '[{"n":"a","v":9007199254740993},{"bv":20,"n":"b","t":-60,"v":3},{"n":"c","vb":true}]',
  );
  expect(records.map(({ value, timeMs, now }) => [value, timeMs, now])).toEqual([
    ['9007199254740993', NOW, true],
    ['23', NOW - 60_000, false],
    ['true', NOW, true],
  ]);
});

it('reads the CBOR form by its labels (RFC 8428 §6)', () => {
  // [{-2: "urn:dev:x:", 0: "t", 1: "Cel", 2: 21.5}, {0: "d", 8: h'0102'}]
  const { tree } = decodeCbor(
    hex('82a4216a75726e3a6465763a783a 006174 016343656c 02f94d60 a2006164 08420102'),
  );
  expect(looksLikeSenml(tree, 'cbor')).toBe(true);
  const { records } = resolveSenml(tree, 'cbor', NOW);
  expect(records.map(({ name, unit, value, kind }) => [name, unit, value, kind])).toEqual([
    ['urn:dev:x:t', 'Cel', '21.5', 'number'],
    ['urn:dev:x:d', '', '0102', 'bytes'],
  ]);
});

it('says what breaks the rules of SenML', () => {
  expect(json('[{"v":1}]').problem).toMatch(/name/);
  expect(json('[{"n":"a","v":1,"strange_":2}]').records[0]).toMatchObject({
    must: true,
    others: ['strange_'],
  });
  expect(json('[{"n":"a","v":1},3]')).toMatchObject({ problem: 'Entry 2 is no record.' });
  expect(json('[{"bver":11,"n":"a","v":1}]').problem).toBe('Version 11 is not known here.');
});

const PROTO = `syntax = "proto3"; package site; import "google/protobuf/timestamp.proto";
// reserved words in comments do not count
enum Mode { OFF = 0; HEAT = 2; }
message Reading {
  reserved 9; double value = 1; Mode mode = 2; repeated sint32 steps = 3; map<string, int64> tags = 4;
  oneof place { string room = 5; Point at = 6; }
  message Point { float x = 1; float y = 2; }
  google.protobuf.Timestamp when = 7;
}`;
const types = compileProto([{ name: 'site.proto', text: PROTO }]);

it('compiles .proto files and says what they lack', () => {
  expect(types.problems).toEqual([]);
  expect(messageNames(types)).toEqual(['site.Reading', 'site.Reading.Point']);
  const bad = compileProto([{ name: 'a.proto', text: 'message A { Missing m = 1; }' }]);
  expect(bad.problems).toEqual(['a.proto: A.m is a Missing, which no loaded file defines.']);
  expect(compileProto([{ name: 'b.proto', text: 'message A { reserved 1 }' }]).problems[0]).toMatch(
    /semicolon/,
  );
  expect(compileProto([{ name: 'c.proto', text: 'message A {' }]).problems).toHaveLength(1);
});

it('reads a message by its type', () => {
  const bytes = hex('090000000000803540 1002 1a03010304 2209 0a0568756d6964 1028 3a0608b0cfad8a05');
  const { tree, problem } = decodeProtobuf(bytes, types, 'site.Reading');
  expect(problem).toBeNull();
  const at = (key: string) => tree!.children.find((child) => child.key === key)!;
  expect(at('value').text).toBe('21.5');
  expect(at('mode').text).toBe('HEAT');
  expect(at('steps').children.map((child) => child.text)).toEqual(['-1', '-2', '2']);
  expect(at('tags').children.map(({ key, text }) => [key, text])).toEqual([['humid', '40']]);
  expect(at('when').text).toBe('2013-03-21T20:04:00.000Z');
});

it('shows fields that the type does not have, and what came before a fault', () => {
  const { tree } = decodeProtobuf(hex('5001 1002'), types, 'site.Reading');
  expect(tree?.children.map(({ key, note }) => [key, note])).toEqual([
    ['#10', 'not in the type, varint'],
    ['mode', 'site.Mode 2'],
  ]);
  const cut = decodeProtobuf(hex('1002 2a0a41'), types, 'site.Reading');
  expect(cut.tree?.children).toHaveLength(1);
  expect(cut.problem).toBe('The message breaks off at byte 2.');
  expect(decodeProtobuf(hex(''), types, 'no.Such').problem).toMatch(/No loaded/);
});

it('reads the metrics of Sparkplug B', () => {
  // timestamp 1, metric {name "T", alias 3, timestamp 2, datatype Float, 21.5}, metric {alias 4, Int32, -5}, null, seq 7
  const { metrics, seq, timeMs, problem } = decodeSparkplug(
    hex('0801 120e 0a0154 1003 1802 2009 650000ac41 120a 1004 2003 50fbffffff0f 1206 1005 200c 3801 1807'),
  );
  expect(problem).toBeNull();
  expect([seq, timeMs]).toEqual(['7', 1]);
  expect(metrics.map(({ name, alias, type, value, isNull }) => [name, alias, type, value, isNull])).toEqual([
    ['T', '3', 'Float', '21.5', false],
    [null, '4', 'Int32', '-5', false],
    [null, '5', 'String', null, true],
  ]);
});

it('knows Sparkplug topics', () => {
  expect(isSparkplugTopic('spBv1.0/plant/DDATA/edge/press')).toBe(true);
  expect(isSparkplugTopic('spBv1.0/plant/NBIRTH/edge')).toBe(true);
  expect(isSparkplugTopic('spBv1.0/STATE/host')).toBe(false);
});

it('throws at no bytes and no schema', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 120 }), (bytes) => {
      decodeProtobuf(bytes, types, 'site.Reading');
    }),
    { numRuns: 500 },
  );
  const words = fc.constantFrom('message', 'A', '{', '}', ';', '=', '1', 'repeated', 'reserved', 'oneof', 'enum', 'map', '<', '>', ',', 'string', '[', ']', '"x"', 'option', 'import', '//', '\n', 'extend', 'service', 'rpc'); // prettier-ignore
  fc.assert(
    fc.property(fc.array(words, { maxLength: 25 }), (list) => {
      compileProto([{ name: 'x.proto', text: list.join(' ') }]);
    }),
    { numRuns: 1_000 },
  );
});
