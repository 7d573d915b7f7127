/** Repeats that say something newer than what they repeat (RFC 7641 §4.5.2). */
import { expect, test } from 'vitest';
import { ipv4 } from '../../../test/support/coap-net.ts';
import { ManualClock } from '../../base/manual-clock.ts';
import { TimerWheel } from '../../base/timer-wheel.ts';
import type { Outgoing, SendingWatcher } from '../carrier.ts';
import { DEFAULT_LIMITS, DEFAULT_PARAMETERS, newCounters } from '../parameters.ts';
import { Outbox } from './outbox.ts';
import { Peer } from './peer.ts';

function bench() {
  const clock = new ManualClock();
  const wheel = new TimerWheel(clock);
  /** Repeat and octets. */
  const sent: string[] = [];
  const counters = newCounters();
  const outbox = new Outbox({
    clock,
    wheel,
    random: { bytes: (count) => new Uint8Array(count), fraction: () => 0 },
    parameters: DEFAULT_PARAMETERS,
    limits: DEFAULT_LIMITS,
    counters,
    wire: {
      put: (bytes, _to, repeat = 0) => void sent.push(`${repeat} ${Buffer.from(bytes).toString('hex')}`),
    },
  });
  return { clock, sent, counters, outbox, peer: new Peer(ipv4(7), 1, 0x1000, 0) };
}

/** 2.05 with token 0xcafe, Observe and one letter. */
function notification(observe: number, letter: string): Outgoing {
  return {
    confirmable: true,
    code: 0x45,
    token: Uint8Array.of(0xca, 0xfe),
    options: [{ number: 6, value: Uint8Array.of(observe) }],
    payload: Buffer.from(letter),
  };
}

test('a repeat is another message with the timer and the counter of the first', () => {
  const { clock, sent, outbox, counters, peer } = bench();
  const news = [notification(2, 'b'), undefined, notification(4, 'd')];
  let acknowledged = 0;
  let failures = 0;
  const watcher: SendingWatcher = {
    acknowledged: () => void acknowledged++,
    failed: () => void failures++,
    renew: () => news.shift(),
  };
  const transmission = outbox.send(peer, notification(1, 'a'), watcher);
  // 2 s, doubled each time, and some ticks of the wheel.
  for (const waitMs of [2_200, 4_200, 8_200]) clock.advance(waitMs);
  expect(sent).toEqual([
    '0 42451000cafe6101ff61',
    '1 42451001cafe6102ff62',
    '2 42451001cafe6102ff62',
    '3 42451002cafe6104ff64',
  ]);
  expect([transmission.retransmissions, counters.retransmissions]).toEqual([3, 3]);
  // Only the newest counts.
  expect([peer.transmissions.size, peer.transmissions.get(0x1002)]).toEqual([1, transmission]);
  outbox.acknowledged(peer.transmissions.get(0x1002)!);
  clock.advance(100_000);
  expect([acknowledged, failures, outbox.size, sent.length]).toEqual([1, 0, 0, 4]);
});

test('it is given up like the first, and may be let go while it is asked', () => {
  const { clock, sent, outbox, peer } = bench();
  let failures = 0;
  let number = 1;
  const watcher = { acknowledged: () => undefined, failed: () => void failures++ };
  outbox.send(peer, notification(1, 'a'), { ...watcher, renew: () => notification(++number, 'x') });
  clock.advance(100_000);
  expect([sent.length, failures, outbox.size, peer.transmissions.size]).toEqual([5, 1, 0, 0]);

  sent.length = 0;
  const other: { release(): void } = outbox.send(peer, notification(1, 'a'), {
    ...watcher,
    renew: () => {
      other.release();
      return notification(2, 'b');
    },
  });
  clock.advance(100_000);
  expect([sent.length, failures, outbox.size, peer.transmissions.size]).toEqual([1, 1, 0, 0]);
});
