import { expect, it } from 'vitest';
import { ManualClock } from '../../base/manual-clock.ts';
import { DeviceRegistry } from '../../devices/registry.ts';
import { ServerChanges } from './changes.ts';

function bench() {
  const clock = new ManualClock();
  const registry = new DeviceRegistry({ clock, sink: { putDevice() {}, putSeries() {} } });
  const observed = new Set<string>();
  const told: string[] = [];
  const filters = new Map<string, () => void>();
  const changes = new ServerChanges({
    clock,
    registry,
    server: {
      observers: 1,
      isObserved: (path) => observed.has(path),
      changed: (path) => void told.push(path),
    },
    broker: {
      subscribe: ({ filter }, onMessage) => {
        filters.set(filter, () => onMessage(undefined as never));
        return () => void filters.delete(filter);
      },
    },
  });
  return { clock, registry, changes, observed, told, filters };
}

it('no topic that is observed is given up for another one: the thousand-and-first cannot be observed', () => {
  const { changes, observed, filters } = bench();
  for (let index = 0; index < 1_000; index++) {
    observed.add(`topics/t/${index}`);
    expect(changes.follow(`t/${index}`)).toBe(true);
  }
  expect(changes.follow('one/more')).toBe(false);
  expect(filters.size).toBe(1_000);
  expect(changes.follow('t/0')).toBe(true);
  observed.delete('topics/t/7');
  expect(changes.follow('one/more')).toBe(true);
  expect([filters.size, filters.has('t/7'), filters.has('t/0')]).toEqual([1_000, false, true]);
  changes.stop();
  expect(filters.size).toBe(0);
});

it('nothing is followed that is a filter, or would take messages from a group of subscribers', () => {
  const { changes, filters } = bench();
  for (const topic of ['#', 'a/+', '+', '$share/group/a', '$share/group/']) {
    expect(changes.follow(topic)).toBe(false);
  }
  expect(filters.size).toBe(0);
  changes.stop();
});

it('names with a percent sign are told by the path that their observers have', () => {
  const { clock, registry, changes, told, filters } = bench();
  changes.follow('humidity/%');
  filters.get('humidity/%')!();
  expect(told).toEqual(['topics/humidity/%25']);
  const device = registry.deviceId('plant/100%', 'mqtt');
  registry.seriesId(device, 'rh', null, '%');
  clock.advance(200);
  expect(told).toContain('readings/plant/100%25/rh');
  changes.stop();
});
