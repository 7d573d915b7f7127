import { describe, expect, test } from 'vitest';
import { ManualClock } from '../base/manual-clock.ts';
import { Telemetry } from '../telemetry/telemetry.ts';
import { MemorySink, columnsOf } from './memory-sink-for-tests.ts';
import { DeviceRegistry } from './registry.ts';

function setUp(limits: { maxDevices?: number; maxSeries?: number; maxSeriesPerDevice?: number } = {}) {
  const clock = new ManualClock(1_000_000);
  const sink = new MemorySink();
  return { clock, sink, registry: new DeviceRegistry({ clock, sink, ...limits }) };
}

const noTopics = { topicsOf: () => ({ topics: [], total: 0 }) };

describe('devices and series', () => {
  test('are made on first sight, told to the sink at once, and found again', () => {
    const { registry, sink } = setUp();
    const device = registry.deviceId('plant/s7', 'mqtt');
    const series = registry.seriesId(device, 'temperature', 'temperature', 'Cel');
    expect(registry.deviceId('plant/s7', 'mqtt')).toBe(device);
    expect(registry.seriesId(device, 'temperature', 'temperature', 'Cel')).toBe(series);
    expect([...sink.devices.values()]).toEqual([
      {
        id: device,
        key: 'plant/s7',
        name: 'plant/s7',
        protocols: ['mqtt'],
        coapAuthority: null,
        firstSeenMs: 1_000_000,
        lastSeenMs: 1_000_000,
      },
    ]);
    expect([...sink.series.values()]).toEqual([
      { id: series, deviceId: device, name: 'temperature', quantity: 'temperature', unit: 'Cel' },
    ]);
    expect(sink.puts).toBe(2);
  });

  test('a CoAP device knows its authority, also when MQTT spoke of it first', () => {
    const { registry } = setUp();
    const id = registry.deviceId('coap://h:5683', 'mqtt');
    registry.deviceId('coap://h:5683', 'coap');
    expect(registry.detail(id, noTopics)).toMatchObject({
      protocols: ['mqtt', 'coap'],
      coapAuthority: 'coap://h:5683',
    });
  });

  test('a series keeps its unit; another unit is another series, always the same one', () => {
    const { registry } = setUp();
    const device = registry.deviceId('s7', 'mqtt');
    const cel = registry.seriesId(device, 'temperature', 'temperature', 'Cel');
    const far = registry.seriesId(device, 'temperature', 'temperature', 'degF');
    expect(far).not.toBe(cel);
    expect(registry.seriesId(device, 'temperature', 'temperature', 'degF')).toBe(far);
    expect(registry.seriesId(device, 'temperature', null, '')).toBe(cel);
    expect(registry.seriesInfos(device).map(({ name, unit }) => [name, unit])).toEqual([
      ['temperature', 'Cel'],
      ['temperature_degF', 'degF'],
    ]);
  });

  test('a series without unit or quantity takes the first one told, and the sink hears of it', () => {
    const { registry, sink } = setUp();
    const device = registry.deviceId('s7', 'mqtt');
    const id = registry.seriesId(device, 'value', null, '');
    expect(registry.seriesId(device, 'value', null, 'mV')).toBe(id);
    expect(registry.seriesId(device, 'value', 'voltage', 'mV')).toBe(id);
    expect(sink.series.get(id)).toMatchObject({ unit: 'mV', quantity: 'voltage' });
  });

  test('limits refuse with -1 and are counted by name', () => {
    const { registry } = setUp({ maxDevices: 2, maxSeries: 3, maxSeriesPerDevice: 2 });
    const a = registry.deviceId('a', 'mqtt');
    const b = registry.deviceId('b', 'mqtt');
    expect(registry.deviceId('c', 'mqtt')).toBe(-1);
    expect(registry.deviceId('a', 'mqtt')).toBe(a);
    registry.seriesId(a, 'x', null, '');
    registry.seriesId(a, 'y', null, '');
    expect(registry.seriesId(a, 'z', null, '')).toBe(-1);
    registry.seriesId(b, 'x', null, '');
    expect(registry.seriesId(b, 'y', null, '')).toBe(-1);
    expect(registry.seriesId(-1, 'x', null, '')).toBe(-1);
    expect(registry.counters).toEqual({ devices_limit: 1, series_limit: 1, device_series_limit: 1 });
    expect([registry.deviceCount, registry.seriesCount]).toEqual([2, 3]);
  });

  test('renaming keeps the key and is kept', () => {
    const { registry, sink } = setUp();
    const id = registry.deviceId('plant/s7', 'mqtt');
    expect(registry.rename(id, 'Boiler')).toMatchObject({ name: 'Boiler', key: 'plant/s7' });
    expect(sink.devices.get(id)?.name).toBe('Boiler');
    expect(registry.deviceId('plant/s7', 'mqtt')).toBe(id);
    const puts = sink.puts;
    registry.rename(id, 'Boiler');
    expect(sink.puts).toBe(puts);
  });

  test('what it calls itself counts until a person names it', () => {
    const { registry } = setUp();
    const id = registry.deviceId('coap://10.0.0.7:5683', 'coap');
    registry.introduce(id, '  ');
    expect(registry.list()[0]!.name).toBe('coap://10.0.0.7:5683');
    registry.introduce(id, 'node7');
    registry.introduce(id, 'node8');
    expect(registry.list()[0]!.name).toBe('node7');
    registry.rename(id, 'Boiler');
    registry.introduce(id, 'node9');
    expect(registry.list()[0]!.name).toBe('Boiler');
  });

  test.each(['rename', 'detail', 'seriesInfos'] as const)(
    '%s of an unknown device says so by code',
    (method) => {
      const { registry } = setUp();
      const run = () =>
        method === 'rename'
          ? registry.rename(5, 'x')
          : method === 'detail'
            ? registry.detail(5, noTopics)
            : registry.seriesInfos(5);
      expect(run).toThrow(expect.objectContaining({ code: 'devices.unknown' }));
    },
  );
});

describe('a series by reference', () => {
  test('is found by number, by number as text and by DEVICE_KEY/NAME', () => {
    const { registry } = setUp();
    const outer = registry.deviceId('plant', 'mqtt');
    const inner = registry.deviceId('plant/s7', 'mqtt');
    const coap = registry.deviceId('coap://[::1]:5683', 'coap');
    const odd = registry.seriesId(outer, 's7/x', null, '');
    const temperature = registry.seriesId(inner, 'temperature', null, '');
    const nested = registry.seriesId(coap, 'in.temperature', null, '');
    expect(registry.resolveSeries(temperature)).toBe(temperature);
    expect(registry.resolveSeries(String(temperature))).toBe(temperature);
    expect(registry.resolveSeries('plant/s7/temperature')).toBe(temperature);
    expect(registry.resolveSeries('plant/s7/x')).toBe(odd);
    expect(registry.resolveSeries('coap://[::1]:5683/in.temperature')).toBe(nested);
  });

  test.each([99, -1, '99', '', '/', 's7', 's7/', 's7/humidity', '/temperature'])('%j is none', (ref) => {
    const { registry } = setUp();
    registry.seriesId(registry.deviceId('s7', 'mqtt'), 'temperature', null, '');
    expect(() => registry.resolveSeries(ref)).toThrow(
      expect.objectContaining({ code: 'readings.unknown_series' }),
    );
  });
});

describe('readings', () => {
  function one() {
    const parts = setUp();
    const device = parts.registry.deviceId('s7', 'mqtt');
    const series = parts.registry.seriesId(device, 'temperature', 'temperature', 'Cel');
    const take = (t: number, v: number, receivedMs = t) => {
      parts.registry.apply(columnsOf([series, t, v]), receivedMs);
    };
    return { ...parts, device, series, take, info: () => parts.registry.seriesInfos(device)[0]! };
  }

  test('the latest by time is the value', () => {
    const { take, info } = one();
    expect(info()).toMatchObject({ last: null, intervalMs: null });
    take(2_000_000, 21);
    take(1_999_000, 20, 2_001_000);
    expect(info().last).toEqual({ t: 2_000_000, v: 21, receivedMs: 2_000_000 });
    take(2_000_000, 22, 2_002_000);
    expect(info().last).toEqual({ t: 2_000_000, v: 22, receivedMs: 2_002_000 });
  });

  test('a value from the future gives way to the next one', () => {
    const { take, info } = one();
    take(9_000_000, 99, 2_000_000);
    take(2_001_000, 21, 2_001_000);
    expect(info().last).toEqual({ t: 2_001_000, v: 21, receivedMs: 2_001_000 });
  });

  test('the interval is that of arrivals, whatever the device says about time', () => {
    const { take, info } = one();
    take(5_000, 1, 2_000_000);
    expect(info()).toMatchObject({ intervalMs: null, staleAfterMs: 300_000 });
    take(5_001, 1, 2_060_000);
    expect(info()).toMatchObject({ intervalMs: 60_000, staleAfterMs: 180_000 });
  });

  test('when the clock of the station is set back, the value goes on from there', () => {
    const { take, info, registry, device } = one();
    take(2_000_000, 1);
    take(1_000_000, 2);
    expect(info().intervalMs).toBeNull();
    expect(info().last?.v).toBe(2);
    expect(registry.list().find(({ id }) => id === device)?.lastSeenMs).toBe(2_000_000);
  });

  test('lastSeen follows readings and touches; the record hears of it once a minute', () => {
    const { take, registry, sink, device } = one();
    const puts = sink.puts;
    take(1_010_000, 1);
    registry.touch(device, 1_020_000);
    registry.touch(-1, 1_020_000);
    expect(registry.list()[0]?.lastSeenMs).toBe(1_020_000);
    expect(sink.puts).toBe(puts);
    registry.touch(device, 1_060_000);
    expect(sink.devices.get(device)?.lastSeenMs).toBe(1_060_000);
    take(1_061_000, 1);
    expect(sink.puts).toBe(puts + 1);
  });

  test('rows of series that nobody knows are passed over', () => {
    const { registry, info, series } = one();
    registry.apply(columnsOf([99, 1, 1], [series, 2_000_000, 5], [-1, 1, 1]), 2_000_000);
    expect(info().last?.v).toBe(5);
    expect(registry.lastValue(series)?.v).toBe(5);
    expect(registry.lastValue(99)).toBeNull();
  });
});

describe('a feed of devices', () => {
  function feeding() {
    const parts = setUp();
    const { registry } = parts;
    const a = registry.seriesId(registry.deviceId('a', 'mqtt'), 'x', null, '');
    const b = registry.seriesId(registry.deviceId('b', 'mqtt'), 'x', null, '');
    let calls = 0;
    const feed = registry.openFeed(() => calls++);
    return { ...parts, a, b, feed, calls: () => calls };
  }

  test('drains each changed device once, whole and latest', () => {
    const { registry, feed, a, b, calls } = feeding();
    expect(feed.snapshot().devices.map(({ key }) => key)).toEqual(['a', 'b']);
    expect(feed.drain()).toBeNull();
    for (let index = 0; index < 100; index++) registry.apply(columnsOf([a, index, index]), 2_000_000 + index);
    registry.apply(columnsOf([b, 5, 7]), 2_000_000);
    expect(calls()).toBe(1);
    const delta = feed.drain()!;
    expect(delta.upsert.map(({ key, series }) => [key, series[0]?.last?.v])).toEqual([
      ['a', 99],
      ['b', 7],
    ]);
    expect(delta.removed).toEqual([]);
    expect(feed.drain()).toBeNull();
    registry.rename(1, 'A');
    expect(calls()).toBe(2);
    expect(feed.drain()?.upsert[0]?.name).toBe('A');
  });

  test('with columns, brings values alone where nothing else changed', () => {
    const { registry, a, b } = feeding();
    const c = registry.seriesId(1, 'y', null, '');
    const feed = registry.openFeed(() => undefined, { columns: true });
    registry.apply(columnsOf([c, 1, 1]), 2_000_000);
    expect(feed.snapshot().devices[0]!.series[1]!.last).toEqual({ t: 1, v: 1, receivedMs: 2_000_000 });
    registry.apply(columnsOf([a, 3, 4], [b, 5, 6]), 2_000_500);
    registry.apply(columnsOf([a, 4, 5]), 2_001_000);
    expect(feed.drain()).toEqual({
      upsert: [],
      removed: [],
      values: {
        device: Int32Array.of(1, 2),
        lastSeenMs: Float64Array.of(2_001_000, 2_000_500),
        seriesCount: Int32Array.of(1, 1),
        series: Int32Array.of(a, b),
        t: Float64Array.of(4, 5),
        v: Float64Array.of(5, 6),
        receivedMs: Float64Array.of(2_001_000, 2_000_500),
        intervalMs: Float64Array.of(500, NaN),
        staleAfterMs: Float64Array.of(30_000, 300_000),
      },
    });
    registry.touch(2, 2_002_000);
    registry.rename(1, 'A');
    registry.apply(columnsOf([a, 9, 9]), 2_002_000);
    const delta = feed.drain()!;
    expect(delta.upsert).toMatchObject([{ name: 'A', series: [{ last: { v: 9 } }, { last: { v: 1 } }] }]);
    expect(delta.values).toMatchObject({
      device: Int32Array.of(2),
      lastSeenMs: Float64Array.of(2_002_000),
      seriesCount: Int32Array.of(0),
      series: new Int32Array(0),
    });
    expect(feed.drain()).toBeNull();
  });

  test('tells new devices and series', () => {
    const { registry, feed } = feeding();
    feed.snapshot();
    registry.seriesId(registry.deviceId('c', 'coap'), 'y', null, '');
    expect(feed.drain()?.upsert).toMatchObject([{ key: 'c', series: [{ name: 'y', last: null }] }]);
  });

  test('a snapshot forgets what waited, and rows given away do not change any more', () => {
    const { registry, feed, a } = feeding();
    registry.apply(columnsOf([a, 1, 1]), 2_000_000);
    const { devices } = feed.snapshot();
    expect(feed.drain()).toBeNull();
    registry.apply(columnsOf([a, 2, 2]), 2_000_000);
    expect(devices[0]?.series[0]?.last?.v).toBe(1);
  });

  test('feeds do not share what they have seen, and a closed one hears nothing', () => {
    const { registry, feed, a, calls } = feeding();
    const other = registry.openFeed(() => undefined);
    registry.apply(columnsOf([a, 1, 1]), 2_000_000);
    expect(feed.drain()?.upsert).toHaveLength(1);
    expect(other.drain()?.upsert).toHaveLength(1);
    feed.close();
    feed.close();
    const before = calls();
    registry.apply(columnsOf([a, 2, 2]), 2_000_000);
    expect(calls()).toBe(before);
    expect(feed.drain()).toBeNull();
    expect(other.drain()?.upsert).toHaveLength(1);
  });
});

test('a restart shows everything as before, and numbers go on where they were', () => {
  const { registry, sink, clock } = setUp();
  const telemetry = new Telemetry({ catalog: registry });
  const take = (topic: string, payload: string, receivedMs: number) => {
    telemetry.ingestMqtt(topic, Buffer.from(payload), receivedMs);
    registry.apply(telemetry.columns, receivedMs);
    telemetry.clear();
  };
  take('plant/s7', '{"temp":21.5,"rh":48}', 1_700_000_000_000);
  take('plant/s8/battery', '87', 1_700_000_001_000);
  take('plant/s7', '{"inside":{"temp":3}}', 1_700_000_002_000);
  registry.rename(2, 'Boiler');

  const rows = registry
    .seriesInfos()
    .map(({ id, last }): [number, number, number, number] => [id, last!.t, last!.v, last!.receivedMs]);
  const again = new DeviceRegistry({ clock, sink: new MemorySink() });
  again.load(sink.catalog(rows));

  const withoutRhythm = registry.list().map((device) => ({
    ...device,
    series: device.series.map((one) => ({ ...one, intervalMs: null, staleAfterMs: 300_000 })),
  }));
  expect(again.list()).toEqual(withoutRhythm);
  expect(again.seriesCount).toBe(registry.seriesCount);
  const fresh = again.deviceId('plant/s9', 'mqtt');
  expect(registry.list().map(({ id }) => id)).not.toContain(fresh);
  const series = again.seriesId(fresh, 'x', null, '');
  expect(registry.seriesInfos().map(({ id }) => id)).not.toContain(series);

  const second = new Telemetry({ catalog: again });
  const { count } = second.ingestMqtt('plant/s7', Buffer.from('{"temp":1,"rh":2}'), 1_700_000_003_000);
  expect(count).toBe(2);
  expect(again.deviceCount).toBe(3);
});

test('a series of a device that the record lost is passed over', () => {
  const registry = new DeviceRegistry({ clock: new ManualClock(), sink: new MemorySink() });
  const empty = new MemorySink().catalog([[7, 1, 1, 1]]);
  registry.load({ ...empty, series: [{ id: 7, deviceId: 3, name: 'x', quantity: null, unit: '' }] });
  expect(registry.seriesCount).toBe(0);
  expect(registry.seriesId(registry.deviceId('a', 'mqtt'), 'x', null, '')).toBe(8);
});
