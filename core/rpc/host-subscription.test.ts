import { beforeEach, describe, expect, it } from 'vitest';
import { ManualClock } from '../base/manual-clock.ts';
import { HIGH_WATER_BYTES, HostSubscription } from './host-subscription.ts';
import type { HostFrame } from '../contract/frames.ts';
import type { AnyFeed, SubscriptionPorts } from './host-subscription.ts';

let clock: ManualClock;
let sent: string[];
let buffered: number;
let faults: unknown[];
let dirty: () => void;
let ports: SubscriptionPorts;

const feed: AnyFeed = { snapshot: () => null, drain: () => 'delta', close: () => undefined };

beforeEach(() => {
  clock = new ManualClock();
  sent = [];
  faults = [];
  buffered = 0;
  ports = {
    clock,
    open: (mark) => {
      dirty = mark;
      return feed;
    },
    send: (frame: HostFrame) => void sent.push(`${frame.kind} ${(frame as { seq: number }).seq}`),
    bufferedBytes: () => buffered,
    onFault: (error) => void faults.push(error),
    onFreshSnapshot: () => void sent.push('fresh'),
  };
});

function open(changes: Partial<SubscriptionPorts> = {}): HostSubscription {
  const subscription = new HostSubscription(1, undefined, { ...ports, ...changes });
  subscription.start();
  return subscription;
}

describe('a congested transport', () => {
  it('gets nothing until it has drained, then the latest', () => {
    const subscription = open();
    subscription.ack(1);
    buffered = HIGH_WATER_BYTES + 1;
    dirty();
    clock.advance(3_000);
    expect(sent).toEqual(['snap 1']);
    buffered = HIGH_WATER_BYTES;
    clock.advance(100);
    expect(sent).toEqual(['snap 1', 'delta 2']);
  });

  it('gets a fresh snapshot when that took long', () => {
    const subscription = open();
    subscription.ack(1);
    buffered = HIGH_WATER_BYTES + 1;
    dirty();
    clock.advance(6_000);
    buffered = 0;
    clock.advance(100);
    expect(sent).toEqual(['snap 1', 'fresh', 'snap 2']);
  });
});

describe('a feed', () => {
  it('may be dirty while it is being opened', () => {
    open({
      open: (mark) => {
        mark();
        return feed;
      },
    });
    clock.advance(100);
    expect(sent).toEqual(['snap 1', 'delta 2']);
  });

  it('that has nothing to give costs no frame', () => {
    open({
      open: (mark) => {
        dirty = mark;
        return { ...feed, drain: () => null };
      },
    });
    dirty();
    clock.advance(1_000);
    expect(sent).toEqual(['snap 1']);
    expect(clock.pendingTimers).toBe(0);
  });

  it('after a quiet time is drained at once, not a tenth of a second later', () => {
    const subscription = open();
    subscription.ack(1);
    clock.advance(1_000);
    dirty();
    clock.advance(0);
    expect(sent).toEqual(['snap 1', 'delta 2']);
  });

  it('that fails is reported, not thrown into the clock', () => {
    const fault = new Error('broken');
    open({
      open: (mark) => {
        dirty = mark;
        return {
          ...feed,
          drain: () => {
            throw fault;
          },
        };
      },
    });
    dirty();
    clock.advance(100);
    expect(faults).toEqual([fault]);
  });

  it('is closed once and never asked again', () => {
    let closed = 0;
    const subscription = open({
      open: (mark) => {
        dirty = mark;
        return { ...feed, close: () => void closed++ };
      },
    });
    dirty();
    subscription.close();
    subscription.close();
    dirty();
    subscription.ack(1);
    clock.advance(1_000);
    expect(closed).toBe(1);
    expect(sent).toEqual(['snap 1']);
    expect(clock.pendingTimers).toBe(0);
  });
});
