import { expect, test } from 'vitest';
import { ManualClock } from '../../base/manual-clock.ts';
import { newCounters } from '../parameters.ts';
import { Wire } from './wire.ts';

const DEVICE = { address: '10.0.0.7', port: 5683, family: 4 as const };

function setUp() {
  const counters = newCounters();
  const rig = { counters, broken: false, watched: 0 };
  const wire = new Wire({
    clock: new ManualClock(),
    counters,
    transport: 'udp',
    datagrams: {
      send(_bytes, _to, failed) {
        if (failed !== undefined) rig.watched++;
        if (rig.broken) failed?.(new Error('not permitted'));
      },
    },
  });
  const answer = (count: number): void => {
    for (let sent = 0; sent < count; sent++) wire.put(Uint8Array.of(0x60), DEVICE);
  };
  return { rig, wire, answer };
}

test('one answer in 32 is watched, and all of them once the system refuses one', () => {
  const { rig, answer } = setUp();
  answer(64);
  expect([rig.watched, rig.counters.sendErrors]).toEqual([2, 0]);
  rig.broken = true;
  answer(10);
  expect([rig.watched, rig.counters.sendErrors]).toEqual([12, 10]);
  rig.broken = false;
  answer(33);
  expect([rig.watched, rig.counters.sendErrors, rig.counters.datagramsOut]).toEqual([14, 10, 107]);
});

test('who sends says whether it hears of errors', () => {
  const { rig, wire } = setUp();
  rig.broken = true;
  const heard: string[] = [];
  wire.put(Uint8Array.of(0x40), DEVICE, 0, (error) => heard.push(error.message));
  wire.put(Uint8Array.of(0x40), DEVICE, 0, null);
  expect([heard, rig.watched, rig.counters.sendErrors]).toEqual([['not permitted'], 1, 0]);
});
