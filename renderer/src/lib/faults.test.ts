import { expect, it } from 'vitest';
import type { StationStatus } from '../../../core/contract/station.ts';
import { faultsOf } from './faults.ts';

function status(
  change: Partial<StationStatus['recorder']>,
  listeners: StationStatus['listeners'] = [],
): StationStatus {
  return {
    nowMs: 0,
    listeners,
    recorder: {
      state: 'ok',
      fault: null,
      setAside: null,
      committedReadings: 0,
      pendingReadings: 0,
      droppedReadings: 0,
      lastCommitMs: null,
      databaseBytes: 0,
      freeBytes: 5e10,
      ...change,
    },
    mqtt: { clients: 0, messagesIn: 0, messagesOut: 0, bytesIn: 0, bytesOut: 0, droppedOut: 0, retained: 0 },
    coap: { observations: 0, exchanges: 0, requests: 0, retransmissions: 0 },
    rates: { messagesPerSecond: 0, readingsPerSecond: 0 },
    counts: { devices: 0, series: 0, topics: 0 },
    screens: 1,
    limits: {},
  };
}

const failed = {
  name: 'mqtt',
  requested: '127.0.0.1:1883',
  address: null,
  state: 'failed',
  error: 'Port 1883 is taken.',
} as const;

it('finds nothing wrong with a healthy station, also where the free space is not known', () => {
  expect(faultsOf(status({}))).toEqual([]);
  expect(faultsOf(status({ freeBytes: null }))).toEqual([]);
});

it('puts the most urgent first', () => {
  const found = faultsOf(
    status(
      {
        state: 'fault',
        fault: { code: 'disk_full', message: 'Free some space.', sinceMs: 7 },
        setAside: { file: 'old.db', reason: 'Damaged.', atMs: 3 },
        freeBytes: 0,
      },
      [failed],
    ),
  );
  expect(found.map((fault) => [fault.id, fault.priority])).toEqual([
    ['recorder', 'critical'],
    ['listener.mqtt', 'high'],
    ['set-aside', 'medium'],
  ]);
  expect(found[1]!.text).toBe('Port 1883 is taken.');
});

it('warns of little room before the disk is full', () => {
  expect(faultsOf(status({ freeBytes: 9e8 })).map((fault) => fault.id)).toEqual(['low-disk']);
});
