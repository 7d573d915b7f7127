import { describe, expect, test } from 'vitest';
import { NOW, bench } from './catalog-for-tests.ts';

describe('a plain number', () => {
  test.each([
    ['plant/room1/sensor7/temperature', '21.5', 'plant/room1/sensor7 temperature 21.5 Cel'],
    ['plant/room1/sensor7/rh', '48', 'plant/room1/sensor7 humidity 48 %RH'],
    ['plant/room1/sensor7', '21.5', 'plant/room1/sensor7 value 21.5'],
    ['plant/room1/outdoor_temp', '21.5', 'plant/room1 outdoor_temp 21.5 Cel'],
    ['temperature', '21.5', 'temperature temperature 21.5 Cel'],
    ['sensor7', '21.5', 'sensor7 value 21.5'],
    ['/temperature', '21.5', '/temperature temperature 21.5 Cel'],
    ['/s7/temperature', '21.5', '/s7 temperature 21.5 Cel'],
    ['s7/', '1', 's7/ value 1'],
    ['s7/t', ' \t-4e1\r\n', 's7 temperature -40 Cel'],
    ['s7/t', '21.5\0', 's7 temperature 21.5 Cel'],
    ['s7/t', '\ufeff21.5', 's7 temperature 21.5 Cel'],
    ['s7/t', '21.5 °C', 's7 temperature 21.5 Cel'],
    ['s7/t', '70.7F', 's7 temperature 70.7 degF'],
    ['s7/hum', '48%', 's7 humidity 48 %RH'],
    ['s7/battery', '87 %', 's7 battery 87 %EL'],
    ['s7/supply', '3300 mV', 's7/supply value 3300 mV'],
  ])('%s %j', (topic, payload, line) => {
    const { outcome, lines } = bench().mqtt(topic, payload);
    expect(lines).toEqual([line]);
    expect(outcome).toMatchObject({ first: 0, count: 1, rawReason: null, leftOut: 0, deviceId: 0 });
  });

  test.each([
    'on',
    '"21.5"',
    'true',
    '21.5 bananas',
    '21,5',
    '1.2.3',
    '12:30',
    '2026-03-01',
    '0x10',
    '1 2',
    '-',
    '\x01\x02',
  ])('%j is kept raw', (payload) => {
    const { raw, outcome } = bench().mqtt('s7/temperature', payload);
    expect([raw, outcome.count]).toEqual(['not_numeric', 0]);
  });
});

describe('numbers in JSON', () => {
  test('both topic styles give one device with two series', () => {
    const { mqtt, catalog } = bench();
    mqtt('plant/room1/sensor7/temperature', '21.5');
    expect(mqtt('plant/room1/sensor7', '{"temp":22.5,"rh":48}').lines).toEqual([
      'plant/room1/sensor7 temperature 22.5 Cel',
      'plant/room1/sensor7 humidity 48 %RH',
    ]);
    expect(catalog.devices).toEqual(['plant/room1/sensor7']);
    expect(catalog.series).toHaveLength(2);
  });

  test.each([
    [
      's7',
      '{"inside":{"temp":1},"outside":{"temp":2}}',
      ['s7 inside.temperature 1 Cel', 's7 outside.temperature 2 Cel'],
    ],
    ['s7', '{"list":[1,2],"temps":[3]}', ['s7 list.0 1', 's7 list.1 2', 's7 temps.0 3']],
    ['s7', '{"temp":[20,21]}', ['s7 temperature.0 20 Cel', 's7 temperature.1 21 Cel']],
    ['s7', '[{"temp":1},{"temp":2}]', ['s7 0.temperature 1 Cel', 's7 1.temperature 2 Cel']],
    ['s7', '{"temperature":{"value":21,"max":25}}', ['s7 temperature 21 Cel', 's7 temperature.max 25 Cel']],
    ['s7', '{"value":5,"v":3.3}', ['s7 value 5', 's7 v 3.3']],
    ['s7/temperature', '{"value":21}', ['s7 temperature 21 Cel']],
    ['s7/temperature', '{"v":21,"quality":1}', ['s7 temperature 21 Cel', 's7 temperature.quality 1']],
    ['s7/temperature', '{"value":70,"unit":"\\u00b0F"}', ['s7 temperature 70 degF']],
    ['s7/temperature', '[20,21]', ['s7 temperature.0 20 Cel', 's7 temperature.1 21 Cel']],
    ['s7/flow', '{"value":4,"unit":"gal/min"}', ['s7 flow 4 gal/min']],
    ['s7/power', '{"voltage":230,"current":2}', ['s7/power voltage 230 V', 's7/power current 2 A']],
    ['s7', '{"1.8.0":123,"a b":1}', ['s7 1.8.0 123', 's7 a b 1']],
    ['s7', '{"name":"x","on":true,"none":null,"temp":1}', ['s7 temperature 1 Cel']],
    ['s7', '{"temp":"21.5","rh":48}', ['s7 humidity 48 %RH']],
    ['s7', '{"__proto__":1,"constructor":{"prototype":2}}', ['s7 __proto__ 1', 's7 constructor.prototype 2']],
  ])('%s %s', (topic, payload, expected) => {
    expect(bench().mqtt(topic, payload).lines).toEqual(expected);
  });

  test('two keys that come to one name stay two series, whatever came before', () => {
    const { mqtt } = bench();
    expect(mqtt('s7', '{"temp":1}').lines).toEqual(['s7 temperature 1 Cel']);
    expect(mqtt('s7', '{"temp":1,"t":2}').lines).toEqual(['s7 temp 1 Cel', 's7 t 2 Cel']);
    expect(mqtt('s7', '{"temp":1,"temperature":2}').lines).toEqual(['s7 temp 1 Cel', 's7 temperature 2 Cel']);
    expect(mqtt('s7', '{"temp_c":20,"temp_f":68}').lines).toEqual(['s7 temp_c 20 Cel', 's7 temp_f 68 degF']);
  });

  test('where even the written names are one, the second value is left out and counted', () => {
    const { outcome, lines } = bench().mqtt('s7', '{"a.b":1,"a":{"b":2}}');
    expect(lines).toEqual(['s7 a.b 1']);
    expect(outcome.leftOut).toBe(1);
  });

  test('a series name may be 256 characters long', () => {
    const { outcome, lines } = bench().mqtt('s7', `{"${'k'.repeat(257)}":1,"${'k'.repeat(256)}":2}`);
    expect(lines).toEqual([`s7 ${'k'.repeat(256)} 2`]);
    expect(outcome.leftOut).toBe(1);
  });

  test('a payload of known shape needs no look-up, also when shapes take turns', () => {
    const { mqtt, catalog } = bench();
    const shapes = ['{"temp":1,"rh":2}', '{"temp":1}', '{"battery":3}', '21.5'];
    for (const payload of shapes) mqtt('s7', payload);
    const before = catalog.lookUps;
    for (let turn = 0; turn < 3; turn++) for (const payload of shapes) mqtt('s7', payload);
    expect(catalog.lookUps).toBe(before);
  });

  test('a value that is not finite is left out and the others stay', () => {
    const { outcome, lines } = bench().mqtt('s7', '{"temp":NaN,"rh":48}');
    expect(lines).toEqual(['s7 humidity 48 %RH']);
    expect(outcome.leftOut).toBe(1);
  });
});

describe('device time', () => {
  const at = (payload: object) => bench().mqtt('s7', JSON.stringify(payload));
  const minuteAgo = NOW - 60_000;

  test.each([
    ['ts', minuteAgo],
    ['timestamp', minuteAgo / 1e3],
    ['Time', new Date(minuteAgo).toISOString()],
    ['datetime', minuteAgo * 1e3],
    ['t', minuteAgo / 1e3],
  ])('%s is the time of every reading beside it and no series', (key, value) => {
    const { outcome, lines } = at({ [key]: value, temp: 21, rh: 48 });
    expect(lines).toEqual(['s7 temperature 21 Cel @-60000', 's7 humidity 48 %RH @-60000']);
    expect(outcome.clockRefused).toBe(0);
  });

  test('it counts wherever it stands in the payload', () => {
    expect(at({ temp: 21, ts: minuteAgo }).lines).toEqual(['s7 temperature 21 Cel @-60000']);
  });

  test('a small t is a temperature', () => {
    expect(at({ t: 21, rh: 4 }).lines).toEqual(['s7 temperature 21 Cel', 's7 humidity 4 %RH']);
  });

  test.each([
    ['1970', 12_345],
    ['the year 2000', Date.UTC(2000, 0, 1)],
    ['2100', Date.UTC(2100, 0, 1)],
    ['two days ahead', NOW + 2 * 86_400_000],
    ['no zone', '2026-03-01T12:00:00'],
    ['no time at all', 'yesterday'],
  ])('a clock that says %s is refused: the readings get the time of receipt, counted', (_name, ts) => {
    const { outcome, lines } = at({ ts, temp: 21, rh: 48 });
    expect(lines).toEqual(['s7 temperature 21 Cel', 's7 humidity 48 %RH']);
    expect(outcome.clockRefused).toBe(2);
  });

  test('an old but possible time is taken as it is', () => {
    const old = Date.UTC(2011, 5, 1);
    expect(at({ ts: old, temp: 21 }).lines).toEqual([`s7 temperature 21 Cel @${old - NOW}`]);
  });

  test('a payload of nothing but a time is kept raw', () =>
    expect(at({ ts: minuteAgo }).raw).toBe('not_numeric'));
});

describe('a CoAP representation', () => {
  test.each([
    ['/temperature', '21.5', null, ['coap://h:5683 temperature 21.5 Cel']],
    ['/sensors/temp', '21.5 C', 0, ['coap://h:5683 sensors.temperature 21.5 Cel']],
    ['/room1/x', '1', 0, ['coap://h:5683 room1.x 1']],
    ['/time?ticks', '99', null, ['coap://h:5683 time?ticks 99']],
    ['/sensors/temp?id=2', '21.5', 0, ['coap://h:5683 sensors.temperature?id=2 21.5 Cel']],
    ['/s?id=2', '{"temp":1}', 50, ['coap://h:5683 s?id=2.temperature 1 Cel']],
    ['/3303/0?x', '[{"n":"/3303/0/5700","v":1}]', 110, ['coap://h:5683 3303.0?x.5700 1']],
    ['', '7', null, ['coap://h:5683 value 7']],
    ['/s', '{"temp":1,"value":2}', 50, ['coap://h:5683 s.temperature 1 Cel', 'coap://h:5683 s 2']],
    ['/s/temp', '{"value":1}', 50, ['coap://h:5683 s.temperature 1 Cel']],
    ['/s', '[{"n":"temp","v":1}]', 110, ['coap://h:5683 s.temperature 1 Cel']],
    ['/3303/0', '[{"bn":"/3303/0/","n":"5700","v":1}]', 110, ['coap://h:5683 3303.0.5700 1']],
    ['/3303/0/5700', '[{"bn":"/3303/0/5700","v":1}]', 110, ['coap://h:5683 3303.0.5700 1']],
  ])('%s %s as %s', (path, payload, format, expected) => {
    expect(bench().coap(path, payload, format).lines).toEqual(expected);
  });

  test.each([
    ['Mar 01 12:00:00', null, 'not_numeric'],
    ['</time>;obs', 40, 'not_numeric'],
    ['21.5', 42, 'not_numeric'],
    ['', 60, 'empty'],
    ['', 110, 'empty'],
    ['{"temp":1}', 110, 'malformed_senml'],
    ['[{', 110, 'malformed_senml'],
  ])('%j as %s is kept raw', (payload, format, reason) => {
    expect(bench().coap('/x', payload, format).raw).toBe(reason);
  });
});

test('counters say what became of everything', () => {
  const { mqtt, telemetry } = bench();
  mqtt('s7', '{"temp":1,"rh":NaN,"ts":5}');
  mqtt('s7', 'x');
  mqtt('s7', '');
  expect(telemetry.counters).toMatchObject({ payloads: 3, readings: 1, leftOut: 1, clockRefused: 1 });
  expect(telemetry.counters.raw).toMatchObject({ not_numeric: 1, empty: 1, too_large: 0 });
});

test('a raw payload still tells the device that its topic fed before', () => {
  const { mqtt } = bench();
  expect(mqtt('s7', 'offline').outcome.deviceId).toBeNull();
  mqtt('s7', '1');
  expect(mqtt('s7', 'offline').outcome).toMatchObject({ deviceId: 0, count: 0, rawReason: 'not_numeric' });
});

test('seriesOfMqtt names the series of a payload and leaves no trace', () => {
  const { mqtt, telemetry } = bench();
  mqtt('s7', '{"temp":1,"rh":2}');
  const before = structuredClone(telemetry.counters);
  const { raw } = telemetry.counters;
  expect(telemetry.seriesOfMqtt('s7', Buffer.from('{"temp":5,"rh":6}'))).toEqual([0, 1]);
  expect(telemetry.seriesOfMqtt('s7', Buffer.from('nothing'))).toEqual([]);
  expect(telemetry.columns.length).toBe(0);
  expect(telemetry.counters).toEqual(before);
  expect(telemetry.counters.raw).toBe(raw);
});

test('readings wait in the columns until they are cleared', () => {
  const { telemetry } = bench();
  const payload = Buffer.from('{"temp":1,"rh":2}');
  for (let index = 0; index < 5_000; index++) {
    expect(telemetry.ingestMqtt('s7', payload, index).first).toBe(index * 2);
  }
  expect(telemetry.columns.length).toBe(10_000);
  expect(telemetry.columns.t[9_999]).toBe(4_999);
  telemetry.clear();
  expect(telemetry.columns.length).toBe(0);
});
