import { describe, expect, it } from 'vitest';
import type { StationStatus } from '../contract/station.ts';
import { createCounters } from '../mqtt/counters.ts';
import { Exposition } from './exposition.ts';
import { renderMetrics } from './metrics.ts';
import type { MetricsSource } from './metrics.ts';

interface Family {
  type: string;
  help: string;
  samples: { labels: Record<string, string>; value: number }[];
}

/**
 * A strict reader of the text format 0.0.4, apart from the writer: HELP, then TYPE, then the samples of that family
 * together, no name and no set of labels twice, every line ended, escapes as the format knows them.
 */
function parse(text: string): Map<string, Family> {
  expect(text.endsWith('\n')).toBe(true);
  const families = new Map<string, Family>();
  let current = '';
  let help: string | null = null;
  for (const line of text.slice(0, -1).split('\n')) {
    const comment = /^# (HELP|TYPE) ([a-zA-Z_:][a-zA-Z0-9_:]*) (.*)$/.exec(line);
    if (comment?.[1] === 'HELP') {
      expect([families.has(comment[2]!), help]).toEqual([false, null]);
      current = comment[2]!;
      help = unescape(comment[3]!, /\\[\\n]/g);
    } else if (comment !== null) {
      expect([comment[2], help !== null, comment[3]]).toEqual([
        current,
        true,
        expect.stringMatching(/^(counter|gauge)$/),
      ]);
      families.set(current, { type: comment[3]!, help: help!, samples: [] });
      help = null;
    } else {
      const sample = /^([a-zA-Z_:][a-zA-Z0-9_:]*)(?:\{(.*)\})? (\S+)$/.exec(line);
      expect([line, sample?.[1], help]).toEqual([line, current, null]);
      const value = { '+Inf': Infinity, '-Inf': -Infinity }[sample![3]!] ?? Number(sample![3]);
      expect(sample![3] === 'NaN' || !Number.isNaN(value)).toBe(true);
      const family = families.get(current)!;
      const labels = parseLabels(sample![2] ?? '');
      expect(family.samples.map((one) => one.labels)).not.toContainEqual(labels);
      family.samples.push({ labels, value });
    }
  }
  expect(help).toBeNull();
  return families;
}

function parseLabels(text: string): Record<string, string> {
  const labels: Record<string, string> = {};
  let rest = text;
  while (rest !== '') {
    const pair = /^([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\]|\\[\\"n])*)"(,(?=.)|$)/.exec(rest);
    expect([rest, pair === null, pair !== null && pair[1]! in labels]).toEqual([rest, false, false]);
    labels[pair![1]!] = unescape(pair![2]!, /\\[\\"n]/g);
    rest = rest.slice(pair![0].length);
  }
  return labels;
}

function unescape(text: string, escapes: RegExp): string {
  expect(text.replace(escapes, '')).not.toContain('\\');
  return text.replace(escapes, (escape) => (escape === '\\n' ? '\n' : escape[1]!));
}

const status: StationStatus = {
  nowMs: 1_700_000_060_000,
  listeners: [
    { name: 'mqtt', requested: '0.0.0.0:1883', address: '0.0.0.0:1883', state: 'listening', error: null },
    { name: 'coap', requested: '0.0.0.0:5683', address: null, state: 'failed', error: 'in use' },
  ],
  recorder: {
    state: 'ok',
    fault: null,
    setAside: null,
    committedReadings: 12,
    pendingReadings: 3,
    droppedReadings: 0,
    lastCommitMs: 1_700_000_059_500,
    databaseBytes: 4_096,
    freeBytes: null,
  },
  mqtt: { clients: 2, messagesIn: 0, messagesOut: 0, bytesIn: 0, bytesOut: 0, droppedOut: 0, retained: 5 },
  coap: { observations: 1, exchanges: 2, requests: 3, retransmissions: 4 },
  rates: { messagesPerSecond: 0, readingsPerSecond: 0 },
  counts: { devices: 7, series: 14, topics: 9 },
  screens: 1,
  limits: { 'mqtt.denied': 4, 'http.wrong_tokens': 1 },
};

function source(more: Partial<MetricsSource> = {}): MetricsSource {
  return {
    version: '1.2.3',
    startedMs: 1_700_000_000_000,
    status,
    broker: { ...createCounters(), messagesIn: 20_000_000, messagesOut: 7, bytesIn: 2 ** 53 - 1, denied: 4 },
    sessions: { total: 3, subscriptions: 8 },
    mqttListeners: [
      { id: 'plant', transport: 'tls', listening: true, connections: 2 },
      { id: 'site', transport: 'ws', listening: false, connections: 0 },
    ],
    process: { residentBytes: 1e8, heapBytes: 5e7, cpuSeconds: 1.25 },
    ...more,
  };
}

describe('metrics', () => {
  it('are in the text format, with what the station counts', () => {
    const families = parse(renderMetrics(source()));
    const value = (name: string) => families.get(name)?.samples.map((sample) => sample.value);
    expect(families.get('fieldstation_mqtt_messages_received_total')).toEqual({
      type: 'counter',
      help: 'PUBLISH packets received.',
      samples: [{ labels: {}, value: 20_000_000 }],
    });
    expect(value('fieldstation_mqtt_bytes_received_total')).toEqual([2 ** 53 - 1]);
    expect(value('fieldstation_start_time_seconds')).toEqual([1_700_000_000]);
    expect(value('fieldstation_record_last_commit_timestamp_seconds')).toEqual([1_700_000_059.5]);
    expect(value('process_cpu_seconds_total')).toEqual([1.25]);
    expect(families.get('fieldstation_mqtt_listener_connections')?.samples).toEqual([
      { labels: { listener: 'plant', transport: 'tls' }, value: 2 },
      { labels: { listener: 'site', transport: 'ws' }, value: 0 },
    ]);
    expect(families.get('fieldstation_listener_up')?.samples).toEqual([
      { labels: { listener: 'mqtt' }, value: 1 },
      { labels: { listener: 'coap' }, value: 0 },
    ]);
    expect(families.get('fieldstation_refused_total')?.samples).toEqual([
      { labels: { reason: 'mqtt.denied' }, value: 4 },
      { labels: { reason: 'http.wrong_tokens' }, value: 1 },
    ]);
    for (const [name, { type }] of families)
      expect([name, name.endsWith('_total')]).toEqual([name, type === 'counter']);
  });

  it('tell every counter of the broker, each under its own name', () => {
    const numbers = Object.fromEntries(
      Object.keys(createCounters()).map((key, index) => [key, index + 1_000]),
    );
    const families = parse(renderMetrics(source({ broker: numbers as unknown as MetricsSource['broker'] })));
    const told = [...families].filter(([name]) => /^fieldstation_mqtt_.*_total$/.test(name));
    expect(told.map(([, { samples }]) => samples[0]!.value).sort()).toEqual(Object.values(numbers).sort());
  });

  it('leave out what is not known, and tell a fault', () => {
    const families = parse(renderMetrics(source({ mqttListeners: [] })));
    expect(families.has('fieldstation_record_free_bytes')).toBe(false);
    expect(families.has('fieldstation_record_fault')).toBe(false);
    expect(families.has('fieldstation_mqtt_listener_up')).toBe(false);
    const fault = { code: 'disk_full' as const, message: 'The disk is full.', sinceMs: 1 };
    const faulty = { ...status, recorder: { ...status.recorder, state: 'fault' as const, fault } };
    const ill = parse(renderMetrics(source({ status: faulty })));
    expect(ill.get('fieldstation_record_up')?.samples[0]?.value).toBe(0);
    expect(ill.get('fieldstation_record_fault')?.samples[0]?.labels).toEqual({ code: 'disk_full' });
  });
});

describe('the text format', () => {
  it('escapes labels and help', () => {
    const out = new Exposition();
    const label = 'a"b\\c\nd,e{}= \u00fc';
    out.family('x', 'gauge', 'one\\two\nthree "four"', [{ value: 1, labels: { label, other: '' } }]);
    expect(out.text()).toContain('x{label="a\\"b\\\\c\\nd,e{}= \u00fc",other=""} 1\n');
    expect(parse(out.text()).get('x')).toEqual({
      type: 'gauge',
      help: 'one\\two\nthree "four"',
      samples: [{ labels: { label, other: '' }, value: 1 }],
    });
  });

  it.each([
    [Infinity, '+Inf'],
    [-Infinity, '-Inf'],
    [NaN, 'NaN'],
    [1e21, '1e+21'],
    [0.1, '0.1'],
    [-0, '0'],
  ])('writes %d as %s', (value, text) => {
    const out = new Exposition();
    out.gauge('x', 'help', value);
    expect(out.text()).toBe(`# HELP x help\n# TYPE x gauge\nx ${text}\n`);
  });

  it('does not take a bad name, a name twice, or a counter that is not called so', () => {
    const out = new Exposition();
    out.gauge('x', 'help', 1);
    expect(() => out.gauge('x', 'help', 1)).toThrow('already');
    expect(() => out.gauge('x-y', 'help', 1)).toThrow('no name');
    expect(() => out.gauge('x_total', 'help', 1)).toThrow('no name');
    expect(() => out.counter('y', 'help', 1)).toThrow('no name');
  });
});
