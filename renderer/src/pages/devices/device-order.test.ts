import { expect, it } from 'vitest';
import type { DeviceRow, Protocol } from '../../../../core/contract/devices.ts';
import { orderDevices } from './device-order.ts';
import type { Wanted } from './device-order.ts';

const NOW = 1_700_000_000_000;

function device(
  id: number,
  name: string,
  temperature: number | null,
  ageMs = 0,
  protocol: Protocol = 'mqtt',
) {
  const last = temperature === null ? null : { t: NOW - ageMs, v: temperature, receivedMs: NOW - ageMs };
  const row: DeviceRow = {
    id,
    key: `plant/${name}`,
    name,
    protocols: [protocol],
    firstSeenMs: 0,
    lastSeenMs: NOW - ageMs,
    series: [
      {
        id,
        deviceId: id,
        name: 'temp',
        quantity: 'temperature',
        unit: 'Cel',
        last,
        intervalMs: 1000,
        staleAfterMs: 10_000,
      },
    ],
  };
  return { id, searchText: `${name}\nplant/${name}`, peek: () => row };
}

// Sorted by name, as the list of devices is.
const all = [
  device(3, 'cold room', -18, 60_000),
  device(2, 'oven 9', null),
  device(1, 'oven 10', 182),
  device(4, 'probe', 21, 7_200_000, 'coap'),
];
const wanted: Wanted = { search: '', protocol: 'all', presence: 'all', sort: 'name', descending: false };

it('keeps the order of names, both ways', () => {
  expect(orderDevices(all, wanted, NOW)).toEqual([3, 2, 1, 4]);
  expect(orderDevices(all, { ...wanted, descending: true }, NOW)).toEqual([4, 1, 2, 3]);
});

it('keeps devices without the value last in both directions', () => {
  expect(orderDevices(all, { ...wanted, sort: 'temperature' }, NOW)).toEqual([3, 4, 1, 2]);
  expect(orderDevices(all, { ...wanted, sort: 'temperature', descending: true }, NOW)).toEqual([1, 4, 3, 2]);
});

it('finds all words anywhere in name and key', () => {
  expect(orderDevices(all, { ...wanted, search: 'PLANT oven' }, NOW)).toEqual([2, 1]);
});

it('filters by protocol and by presence', () => {
  expect(orderDevices(all, { ...wanted, protocol: 'coap' }, NOW)).toEqual([4]);
  expect(orderDevices(all, { ...wanted, presence: 'stale' }, NOW)).toEqual([3]);
  expect(orderDevices(all, { ...wanted, presence: 'silent' }, NOW)).toEqual([4]);
});
