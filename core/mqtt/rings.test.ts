import { Buffer } from 'node:buffer';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { AWAIT_PUBACK, AWAIT_PUBCOMP, AWAIT_PUBREC, DONE, Inflight } from './inflight.ts';
import { KeptBytes, MessageQueue } from './message-queue.ts';
import { PacketIdSet } from './packet-id-set.ts';
import { createFrame } from './publish-frame.ts';

const frame = (bytes = 0) => createFrame('t', Buffer.alloc(bytes), 1);
const roomy = () => new KeptBytes(1e9, () => false);
const entries = (inflight: Inflight) => {
  const seen: number[] = [];
  inflight.forEach((id) => seen.push(id));
  return seen;
};

describe('Inflight', () => {
  it('keeps the order of sending under acknowledgements in any order', () => {
    const steps = fc.array(fc.nat({ max: 30 }), { maxLength: 200 });
    fc.assert(
      fc.property(fc.constantFrom(1, 5, 20), steps, (window, picks) => {
        const inflight = new Inflight(window, roomy());
        let model: number[] = [];
        let id = 0;
        for (const pick of picks) {
          if (inflight.hasRoom && pick % 3 !== 0) {
            inflight.add(++id, AWAIT_PUBACK, 0, frame());
            model.push(id);
          } else if (model.length > 0) {
            const done = model[pick % model.length]!;
            inflight.finish(done);
            model = model.filter((open) => open !== done);
          }
          expect(inflight.count).toBe(model.length);
          expect(inflight.hasRoom).toBe(model.length < window);
        }
        expect(entries(inflight)).toEqual(model);
      }),
      { numRuns: 300 },
    );
  });

  it('lets the payload go at PUBREC and keeps the id until PUBCOMP', () => {
    const inflight = new Inflight(4, roomy());
    inflight.add(7, AWAIT_PUBREC, 0, frame());
    inflight.received(7);
    expect(inflight.state(7)).toBe(AWAIT_PUBCOMP);
    inflight.forEach((_id, _state, _flags, kept) => expect(kept).toBeNull());
    inflight.finish(7);
    expect(inflight.state(7)).toBe(DONE);
  });
});

describe('MessageQueue', () => {
  it('is first in, first out beyond its first room, and counts its bytes', () => {
    const queue = new MessageQueue({ maxMessages: 100, maxBytes: 1e6, policy: 'drop-newest' }, roomy());
    const frames = Array.from({ length: 60 }, (_, index) => frame(index));
    for (let i = 0; i < 5; i++) queue.push(frames[i]!, 1);
    for (let i = 0; i < 5; i++) expect(queue.shift()).toBe(frames[i]);
    for (const [i, one] of frames.entries()) expect(queue.push(one, (i % 2) + 1)).toBe(0);
    expect(queue.bytes).toBe(frames.reduce((sum, one) => sum + one.size, 0));
    for (const [i, one] of frames.entries()) {
      expect(queue.nextQos).toBe((i % 2) + 1);
      expect(queue.shift()).toBe(one);
    }
    expect([queue.size, queue.bytes]).toEqual([0, 0]);
  });

  it('gives up the new or the old message when full in count or bytes, and says how many', () => {
    const one = frame(10);
    const newest = new MessageQueue({ maxMessages: 2, maxBytes: 1e6, policy: 'drop-newest' }, roomy());
    expect([newest.push(one, 1), newest.push(one, 1), newest.push(frame(), 1), newest.size]).toEqual([
      0, 0, 1, 2,
    ]);
    const oldest = new MessageQueue(
      { maxMessages: 9, maxBytes: one.size * 2, policy: 'drop-oldest' },
      roomy(),
    );
    const last = frame(10);
    expect([oldest.push(one, 1), oldest.push(one, 1), oldest.push(last, 1), oldest.size]).toEqual([
      0, 0, 1, 2,
    ]);
    expect([oldest.shift(), oldest.shift()]).toEqual([one, last]);
    expect(oldest.push(frame(1_000), 1)).toBe(1);
    expect(oldest.size).toBe(0);
  });
});

describe('PacketIdSet', () => {
  it('tells 65,535 ids apart', () => {
    const set = new PacketIdSet();
    for (let id = 1; id <= 65_535; id += 2) set.add(id);
    for (let id = 1; id <= 65_535; id++) expect(set.has(id)).toBe(id % 2 === 1);
    set.delete(31);
    expect([set.has(31), set.has(33)]).toEqual([false, true]);
  });
});
