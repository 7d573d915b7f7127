import { expect, test } from 'vitest';
import { ManualClock } from '../../base/manual-clock.ts';
import { TimerWheel } from '../../base/timer-wheel.ts';
import { ipv4 } from '../../../test/support/coap-net.ts';
import { Outbox } from './outbox.ts';
import { DEFAULT_LIMITS, DEFAULT_PARAMETERS, newCounters } from '../parameters.ts';
import { Peer } from './peer.ts';

const LIFETIME_MS = 247_000;

test('a message id is not used again within EXCHANGE_LIFETIME (§4.4)', () => {
  const peer = new Peer(ipv4(7), 1, 5_000, 0);
  const lastUsedMs = new Map<number, number>();
  let nowMs = 0;
  let waits = 0;
  for (let sent = 0; sent < 200_000; sent++) {
    const waitMs = peer.idWaitMs(nowMs, LIFETIME_MS);
    if (waitMs > 0) waits++;
    nowMs += waitMs + (sent % 3);
    const id = peer.takeId(nowMs);
    expect(nowMs - (lastUsedMs.get(id) ?? -Infinity)).toBeGreaterThanOrEqual(LIFETIME_MS);
    lastUsedMs.set(id, nowMs);
  }
  expect(lastUsedMs.size).toBe(0x1_0000);
  expect(waits).toBeGreaterThan(0);
});

test('what finds no free id waits for one, which is told and counted, and goes when it is there', async () => {
  const clock = new ManualClock();
  const wheel = new TimerWheel(clock);
  const sent: Uint8Array[] = [];
  const counters = newCounters();
  const outbox = new Outbox({
    clock,
    wheel,
    random: { bytes: (count) => new Uint8Array(count), fraction: () => 0 },
    parameters: DEFAULT_PARAMETERS,
    limits: DEFAULT_LIMITS,
    counters,
    wire: { put: (bytes) => void sent.push(bytes.slice()) },
  });
  const peer = new Peer(ipv4(7), 1, 0, 0);
  for (let id = 0; id < 0x1_0000; id++) peer.takeId(clock.monotonic());
  const empty = new Uint8Array(0);
  const message = { confirmable: false, code: 1, token: Uint8Array.of(1), options: [], payload: empty };
  const told: number[] = [];
  const watcher = {
    acknowledged: () => undefined,
    failed: () => undefined,
    waits: (waitMs: number) => void told.push(waitMs),
  };
  const transmission = outbox.send(peer, message, watcher);
  expect(told).toEqual([]); // not before `send` has returned
  await Promise.resolve();
  clock.advance(47_000);
  const second = outbox.send(peer, message, watcher);
  await Promise.resolve();
  expect([told, counters.messageIdWaits]).toEqual([[LIFETIME_MS, LIFETIME_MS - 47_000], 1]);
  outbox.release(second);
  clock.advance(LIFETIME_MS - 47_100);
  expect([sent.length, transmission.state]).toEqual([0, 'waiting']);
  clock.advance(300);
  expect([sent.length, transmission.state, transmission.messageId]).toEqual([1, 'sent', 0]);

  // One that is given up while it waits leaves no timer behind.
  const other = new Peer(ipv4(8), 2, 0, 0);
  for (let id = 0; id < 0x1_0000; id++) other.takeId(clock.monotonic());
  outbox.release(outbox.send(other, message, watcher));
  outbox.release(transmission);
  await Promise.resolve();
  expect([outbox.size, clock.pendingTimers]).toEqual([0, 0]);
  // Given up before it could be told: nobody is.
  expect([told.length, counters.messageIdWaits]).toEqual([2, 2]);
});
