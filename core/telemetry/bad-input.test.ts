import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { leastCpuMs } from '../../test/support/cost.ts';
import { bench } from './catalog-for-tests.ts';

describe('bad input', () => {
  test('a unit is cut at 32 characters, told in JSON as in SenML', () => {
    for (const payload of [
      { value: 5, unit: 'u'.repeat(100_000) },
      [{ n: 'x', u: 'u'.repeat(100_000), v: 1 }],
    ]) {
      const { mqtt, catalog } = bench();
      mqtt('s7', JSON.stringify(payload));
      expect(catalog.series.map(({ unit }) => unit)).toEqual(['u'.repeat(32)]);
    }
  });

  test('a key too long for any name is left out with all below it, and not remembered', () => {
    const { mqtt, catalog } = bench();
    const key = 'k'.repeat(257);
    expect(mqtt('s7', `{"${key}":1,"${key.slice(1)}":2}`)).toMatchObject({
      outcome: { count: 1, leftOut: 1 },
    });
    expect(mqtt('s7', `{"${key}":{"a":1}}`).raw).toBe('series_limit');
    expect(catalog.series).toHaveLength(1);
  });

  test('a remembered key keeps its own bytes and not the read buffer that it came in', () => {
    const { telemetry, mqtt } = bench();
    const payload = Buffer.from('{"aaa":1}');
    mqtt('s7', payload);
    payload.write('bbb', 2);
    expect(mqtt('s7', payload).lines).toEqual(['s7 bbb 1']);
    payload.write('aaa', 2);
    expect(mqtt('s7', payload).lines).toEqual(['s7 aaa 1']);
    expect(telemetry.counters.leftOut).toBe(0);
  });

  test.each([
    ['nothing', 's7', '', 'empty'],
    ['blanks', 's7', ' \r\n\0', 'empty'],
    ['NaN', 's7', 'NaN', 'not_finite'],
    ['-inf', 's7', ' -inf\n', 'not_finite'],
    ['Infinity', 's7', 'Infinity', 'not_finite'],
    ['1e999', 's7', '1e999', 'not_finite'],
    ['only NaN in JSON', 's7', '{"temp":NaN}', 'not_finite'],
    ['1e999 in JSON', 's7', '{"temp":-1e999}', 'not_finite'],
    ['an infinite sum in SenML', 's7', '[{"n":"x","bv":1e308,"v":1e308}]', 'not_finite'],
    ['broken JSON', 's7', '{"temp":21', 'malformed_json'],
    ['two JSON values', 's7', '{"temp":21}{"temp":22}', 'malformed_json'],
    ['deep JSON', 's7', '{"a":'.repeat(9), 'too_deep'],
    ['$SYS', '$SYS/broker/uptime', '1', 'reserved_topic'],
    ['a topic that looks like a CoAP server', 'CoAP://10.0.0.7:5683/temperature', '1', 'reserved_topic'],
    ['a topic of 65,535 bytes', 't'.repeat(65_535), '1', 'topic_too_long'],
    ['a topic of 1,025 bytes', 'é'.repeat(512) + 'e', '1', 'topic_too_long'],
  ])('%s is kept raw under a reason, makes no device and is counted', (_name, topic, payload, reason) => {
    const { mqtt, catalog, telemetry } = bench();
    const { outcome } = mqtt(topic, payload);
    expect(outcome).toMatchObject({ count: 0, rawReason: reason, deviceId: null });
    expect(telemetry.counters.raw).toMatchObject({ [reason]: 1 });
    expect(telemetry.columns.length).toBe(0);
    expect(catalog.devices).toEqual([]);
  });

  test('a topic of 1,024 bytes still becomes a device', () => {
    expect(bench().mqtt('é'.repeat(512), '1').outcome.count).toBe(1);
  });

  test('256 KiB are decoded, one byte more is not, and 10 MB cost nothing', () => {
    const { mqtt } = bench();
    const json = '{"temp":1}'.padEnd(256 * 1_024);
    expect(mqtt('s7', json).outcome.count).toBe(1);
    expect(mqtt('s7', `${json} `).raw).toBe('too_large');
    const line = Buffer.alloc(10_000_000, '{"temp":1,');
    const costMs = leastCpuMs(() => expect(mqtt('s7', line).raw).toBe('too_large'), 3);
    expect(costMs).toBeLessThan(50);
  });

  test('of a payload with 1,000 values 256 are taken and the rest is counted', () => {
    const values = Array.from({ length: 1_000 }, (_, index) => `"k${index}":${index}`);
    const { outcome } = bench().mqtt('s7', `{${values.join(',')}}`);
    expect(outcome).toMatchObject({ count: 256, leftOut: 744 });
    const records = Array.from({ length: 300 }, (_, index) => ({ n: `x${index}`, v: index }));
    expect(bench().mqtt('s7', JSON.stringify(records)).outcome).toMatchObject({ count: 256, leftOut: 44 });
  });

  test('a catalog that is full leaves values out; a payload of nothing else is kept raw', () => {
    const { mqtt, catalog, telemetry } = bench();
    catalog.maxSeries = 1;
    expect(mqtt('s7', '{"temp":1,"rh":2}').outcome).toMatchObject({ count: 1, leftOut: 1, rawReason: null });
    expect(mqtt('s8', '5').outcome).toMatchObject({ count: 0, leftOut: 1, rawReason: 'series_limit' });
    expect(telemetry.counters).toMatchObject({ leftOut: 2, raw: { series_limit: 1 } });
  });

  test('a long run of digits is one number', () => {
    const { mqtt } = bench();
    expect(mqtt('s7', `0.${'3'.repeat(200_000)}`).lines).toEqual([`s7 value ${1 / 3}`]);
    expect(mqtt('s7', '9'.repeat(200_000)).raw).toBe('not_finite');
  });

  test('a very long SenML name is left out, however often the base name is repeated', () => {
    const { mqtt } = bench();
    const records = `[{"bn":"${'x'.repeat(200_000)}","n":"a","v":1}${',{"n":"a","v":1}'.repeat(3_000)}]`;
    expect(mqtt('s7', records).outcome).toMatchObject({ rawReason: 'series_limit', leftOut: 3_001 });
    expect(mqtt('s7', `[{"n":"${'x'.repeat(1_025)}","v":1},{"n":"ok","v":2}]`).lines).toEqual(['s7 ok 2']);
  });

  test('names keep no control characters and no broken surrogates', () => {
    expect(bench().mqtt('s7', '{"a\\u0000b":1,"\\ud800":2}').lines).toEqual(['s7 a\ufffdb 1', 's7 \ufffd 2']);
  });

  test('keys that change with every payload do not pile up', () => {
    const { telemetry, catalog } = bench();
    catalog.maxSeries = 10;
    for (let index = 0; index < 5_000; index++) {
      telemetry.ingestMqtt('s7', Buffer.from(`{"key${index}":1}`), 0);
    }
    expect(telemetry.counters.readings).toBe(10);
    expect(telemetry.plannedKeys).toBeLessThan(1_100);
  });

  test('topics that never come again do not pile up', () => {
    const { telemetry } = bench({ plannedTopics: 100 });
    for (let index = 0; index < 1_000; index++) telemetry.ingestMqtt(`x${index}`, Buffer.from('x'), 0);
    expect(telemetry.plannedTopics).toBeLessThanOrEqual(202);
  });

  test('no payload throws, and none leaves a reading that is not finite', () => {
    const { telemetry } = bench();
    const piece = fc.oneof(
      fc.constantFrom(
        '{',
        '}',
        '[',
        ']',
        '"',
        ':',
        ',',
        'NaN',
        '1e999',
        '21.5',
        ' C',
        '%',
        '\0',
        '\ufeff',
        'true',
      ),
      fc.constantFrom(
        '"ts":',
        '"t":',
        '"value":',
        '"unit":"C"',
        '"bn":"a"',
        '"n":"b"',
        '"v":1',
        '"bver":11',
        '"x_":1',
      ),
      fc.string({ unit: 'binary', maxLength: 5 }),
    );
    const text = fc.array(piece, { maxLength: 20 }).map((pieces) => Buffer.from(pieces.join('')));
    const json = fc.jsonValue().map((value) => Buffer.from(JSON.stringify(value)));
    const senml = fc
      .array(
        fc.record(
          { n: fc.string(), v: fc.double(), t: fc.double(), bt: fc.double(), u: fc.string() },
          { requiredKeys: [] },
        ),
      )
      .map((records) => Buffer.from(JSON.stringify(records)));
    const payload = fc.oneof(text, json, senml, fc.uint8Array({ maxLength: 64 }));
    const topic = fc.constantFrom('s7', 's7/temperature', '/', '', '//', 'a/__proto__', '$x');
    const format = fc.constantFrom(null, 0, 50, 110, 60);
    fc.assert(
      fc.property(payload, topic, format, (bytes, name, contentFormat) => {
        telemetry.clear();
        const receivedMs = 1_750_000_000_000;
        const mqtt = telemetry.ingestMqtt(name, bytes, receivedMs);
        expect(mqtt.rawReason === null).toBe(mqtt.count > 0);
        telemetry.ingestCoap('coap://h', name, contentFormat, bytes, receivedMs);
        const { length, t, v } = telemetry.columns;
        expect(v.subarray(0, length).every(Number.isFinite)).toBe(true);
        expect(t.subarray(0, length).every((ms) => ms > 9e11 && ms < receivedMs + 9e7)).toBe(true);
      }),
      { numRuns: 2_000 },
    );
  });
});
