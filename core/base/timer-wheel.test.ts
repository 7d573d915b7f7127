import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ManualClock } from './manual-clock.ts';
import { TimerWheel } from './timer-wheel.ts';
import type { WheelEntry } from './timer-wheel.ts';

function entry(onDue: () => void): WheelEntry {
  return { dueMs: Infinity, slot: -1, onDue };
}

describe('TimerWheel', () => {
  it('fires no entry early and none later than one tick, whatever the delays', () => {
    fc.assert(
      fc.property(
        fc.array(fc.integer({ min: 0, max: 200_000 }), { maxLength: 60 }),
        fc.integer({ min: 1, max: 99 }),
        (delays, step) => {
          const clock = new ManualClock();
          const wheel = new TimerWheel(clock, { tickMs: 100, slots: 16 });
          const fired: { delay: number; atMs: number }[] = [];
          for (const delay of delays) {
            wheel.arm(
              entry(() => fired.push({ delay, atMs: clock.monotonic() })),
              delay,
            );
          }
          for (let t = 0; t < 201_000; t += step * 100) clock.advance(step * 100);
          expect(fired).toHaveLength(delays.length);
          for (const { delay, atMs } of fired) {
            expect(atMs).toBeGreaterThanOrEqual(delay);
            expect(atMs).toBeLessThanOrEqual(delay + 200);
          }
        },
      ),
      { numRuns: 50 },
    );
  });

  it('forgets a cancelled entry and rests when nothing is armed', () => {
    const clock = new ManualClock();
    const wheel = new TimerWheel(clock);
    let fired = 0;
    const one = entry(() => fired++);
    wheel.arm(one, 500);
    wheel.cancel(one);
    wheel.cancel(one);
    expect(clock.pendingTimers).toBe(0);
    clock.advance(2_000);
    expect(fired).toBe(0);
  });

  it('moves an entry that is armed again', () => {
    const clock = new ManualClock();
    const wheel = new TimerWheel(clock);
    const times: number[] = [];
    const one = entry(() => times.push(clock.monotonic()));
    wheel.arm(one, 300);
    clock.advance(200);
    wheel.arm(one, 1_000);
    clock.advance(5_000);
    expect(times).toHaveLength(1);
    expect(times[0]).toBeGreaterThanOrEqual(1_200);
  });

  it('lets an entry arm itself again and another one be cancelled while they fire', () => {
    const clock = new ManualClock();
    const wheel = new TimerWheel(clock);
    let ticks = 0;
    const victim = entry(() => expect.unreachable('was cancelled'));
    const repeating: WheelEntry = entry(() => {
      ticks++;
      wheel.cancel(victim);
      if (ticks < 3) wheel.arm(repeating, 100);
    });
    wheel.arm(repeating, 100);
    wheel.arm(victim, 100);
    clock.advance(1_000);
    expect(ticks).toBe(3);
    expect(wheel.size).toBe(0);
  });

  it('fires everything that fell due while the machine was suspended', () => {
    let now = 0;
    const timers: (() => void)[] = [];
    const clock = {
      now: () => now,
      monotonic: () => now,
      after: (_delayMs: number, run: () => void) => {
        timers.push(run);
        return { cancel() {} };
      },
    };
    const wheel = new TimerWheel(clock, { tickMs: 100, slots: 8 });
    let fired = 0;
    for (let i = 0; i < 50; i++) {
      wheel.arm(
        entry(() => fired++),
        i * 137,
      );
    }
    now = 3_600_000;
    timers.shift()!();
    expect(fired).toBe(50);
  });
});
