import { beforeEach, describe, expect, it } from 'vitest';
import { ManualClock } from '../base/manual-clock.ts';
import { SysTree, SYS_INTERVAL_MS } from './sys-tree.ts';
import type { SysNumbers } from './sys-tree.ts';

let clock: ManualClock;
let numbers: SysNumbers;
let told: Map<string, string>;
let publishes: string[];
let tree: SysTree;

beforeEach(() => {
  clock = new ManualClock();
  clock.advance(5_000);
  numbers = {
    connected: 0,
    disconnected: 0,
    expired: 0,
    packetsIn: 0,
    packetsOut: 0,
    publishesIn: 0,
    publishesOut: 0,
    publishesDropped: 0,
    publishBytesIn: 0,
    publishBytesOut: 0,
    bytesIn: 0,
    bytesOut: 0,
    sockets: 0,
    connects: 0,
    stored: 0,
    storedBytes: 0,
    retained: 0,
    subscriptions: 0,
    sharedSubscriptions: 0,
    heapBytes: 1_000,
  };
  told = new Map();
  publishes = [];
  const publish = (topic: string, value: string): void => {
    told.set(topic, value);
    publishes.push(topic.replace('$SYS/broker/', ''));
  };
  tree = new SysTree({ clock, version: '1.2.3', read: () => ({ ...numbers }), publish });
});

const at = (name: string): string | undefined => told.get(`$SYS/broker/${name}`);

describe('$SYS', () => {
  it('is told whole at the start, and then what changes every 10 s', () => {
    tree.start();
    expect(at('version')).toBe('fieldstation version 1.2.3');
    expect([at('uptime'), at('clients/total'), at('load/sockets/1min')]).toEqual(['0 seconds', '0', '0.00']);
    expect(publishes).toHaveLength(new Set(publishes).size);
    publishes = [];
    clock.advance(SYS_INTERVAL_MS - 1);
    expect(publishes).toEqual([]);
    clock.advance(1);
    expect(publishes).toEqual(['uptime']);
    expect(at('uptime')).toBe('10 seconds');
    publishes = [];
    numbers.bytesIn = 120;
    clock.advance(SYS_INTERVAL_MS);
    expect(publishes.sort()).toEqual([
      'bytes/received',
      'load/bytes/received/15min',
      'load/bytes/received/1min',
      'load/bytes/received/5min',
      'uptime',
    ]);
  });

  it('counts clients, and remembers the most', () => {
    numbers = { ...numbers, connected: 3, disconnected: 2, expired: 1 };
    tree.start();
    numbers = { ...numbers, connected: 1, disconnected: 0, expired: 6 };
    clock.advance(SYS_INTERVAL_MS);
    const names = ['total', 'connected', 'active', 'disconnected', 'inactive', 'maximum', 'expired'];
    expect(names.map((name) => at(`clients/${name}`))).toEqual(['1', '1', '1', '0', '0', '5', '6']);
  });

  it('puts each number under its own name', () => {
    const keys = Object.keys(numbers) as (keyof SysNumbers)[];
    keys.forEach((key, index) => (numbers[key] = index + 100));
    tree.start();
    const place: { [key in keyof SysNumbers]?: string } = {
      packetsIn: 'messages/received',
      packetsOut: 'messages/sent',
      publishesIn: 'publish/messages/received',
      publishesOut: 'publish/messages/sent',
      publishesDropped: 'publish/messages/dropped',
      publishBytesIn: 'publish/bytes/received',
      publishBytesOut: 'publish/bytes/sent',
      bytesIn: 'bytes/received',
      bytesOut: 'bytes/sent',
      stored: 'store/messages/count',
      storedBytes: 'store/messages/bytes',
      retained: 'retained messages/count',
      subscriptions: 'subscriptions/count',
      sharedSubscriptions: 'shared_subscriptions/count',
      heapBytes: 'heap/current',
      expired: 'clients/expired',
    };
    for (const [key, name] of Object.entries(place)) {
      expect([name, at(name)]).toEqual([name, String(numbers[key as keyof SysNumbers])]);
    }
    expect([at('messages/stored'), at('heap/maximum')]).toEqual([
      String(numbers.stored),
      String(numbers.heapBytes),
    ]);
  });

  it('averages loads per minute over 1, 5 and 15 minutes', () => {
    tree.start();
    // 600 a minute for an hour: every average has come to it (1 - e^-4 of the longest).
    for (let round = 0; round < 360; round++) {
      numbers.publishesIn += 100;
      clock.advance(SYS_INTERVAL_MS);
    }
    const loads = (): number[] =>
      [1, 5, 15].map((minutes) => Number(at(`load/publish/received/${minutes}min`)));
    expect(loads()).toEqual([600, expect.closeTo(600, 1), expect.closeTo(600 * (1 - Math.exp(-4)), 1)]);
    const before = loads();
    clock.advance(60_000);
    loads().forEach((load, index) =>
      expect(load).toBeCloseTo(before[index]! * Math.exp(-1 / [1, 5, 15][index]!), 1),
    );
  });

  it('counts loads from its start on', () => {
    numbers.connects = 5_000;
    tree.start();
    clock.advance(SYS_INTERVAL_MS);
    expect(at('load/connections/1min')).toBe('0.00');
    numbers.connects += 1;
    clock.advance(SYS_INTERVAL_MS);
    // One in ten seconds is six a minute.
    expect(at('load/connections/1min')).toBe((6 * (1 - Math.exp(-1 / 6))).toFixed(2));
  });

  it('shows values as of now, sorted, without telling them', () => {
    expect(tree.values().some(({ topic }) => topic === '$SYS/broker/clients/total')).toBe(true);
    tree.start();
    publishes = [];
    numbers.connected = 7;
    clock.advance(1_500);
    const values = tree.values();
    const find = (name: string): string => values.find(({ topic }) => topic === `$SYS/broker/${name}`)!.value;
    expect([find('clients/connected'), find('uptime'), find('clients/maximum')]).toEqual([
      '7',
      '1 seconds',
      '7',
    ]);
    expect(values.map(({ topic }) => topic)).toEqual(values.map(({ topic }) => topic).sort());
    expect(values).toHaveLength(told.size);
    expect(publishes).toEqual([]);
  });

  it('stops, once and for all', () => {
    tree.start();
    tree.start();
    expect(clock.pendingTimers).toBe(1);
    publishes = [];
    tree.stop();
    tree.stop();
    expect(clock.pendingTimers).toBe(0);
    clock.advance(60_000);
    expect(publishes).toEqual([]);
  });
});
