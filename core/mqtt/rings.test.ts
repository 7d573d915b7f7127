import { Buffer } from 'node:buffer';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { AWAIT_PUBACK, AWAIT_PUBCOMP, AWAIT_PUBREC, DONE, Inflight } from './inflight.ts';
import { KeptBytes, MessageQueue, type QueuePolicy } from './message-queue.ts';
import { PacketIdSet } from './packet-id-set.ts';
import { frameOf } from './publish-frame.ts';

const frame = (bytes = 0) => frameOf({ topic: 't', payload: Buffer.alloc(bytes), qos: 1 });
const roomy = () => new KeptBytes(1e9, () => false);
const queueOf = (queueMessages: number, queueBytes: number, policy: QueuePolicy = 'drop-newest') =>
  new MessageQueue({ limits: { queueMessages, queueBytes } }, policy, roomy());
const entries = (inflight: Inflight) => {
  const seen: number[] = [];
  inflight.forEach((at) => seen.push(inflight.idAt(at)));
  return seen;
};

describe('Inflight', () => {
  it('keeps the order of sending under acknowledgements in any order', () => {
    const steps = fc.array(fc.nat({ max: 30 }), { maxLength: 600 });
    fc.assert(
      fc.property(fc.constantFrom(1, 5, 20, 300), steps, (window, picks) => {
        const inflight = new Inflight(roomy());
        let model: number[] = [];
        let id = 0;
        for (const pick of picks) {
          if (inflight.count < window && pick % 3 !== 0) {
            inflight.add(++id, AWAIT_PUBACK, 0, frame());
            model.push(id);
          } else if (model.length > 0) {
            const done = model[pick % model.length]!;
            inflight.finish(inflight.find(done));
            expect(inflight.state(done)).toBe(DONE);
            model = model.filter((open) => open !== done);
          }
          expect(inflight.count).toBe(model.length);
          for (const open of model.slice(0, 5)) expect(inflight.state(open)).toBe(AWAIT_PUBACK);
        }
        expect(entries(inflight)).toEqual(model);
      }),
      { numRuns: 300 },
    );
  });

  it('lets the payload go at PUBREC and keeps the id until PUBCOMP', () => {
    const inflight = new Inflight(roomy());
    inflight.add(7, AWAIT_PUBREC, 0, frame());
    inflight.received(inflight.find(7));
    expect(inflight.state(7)).toBe(AWAIT_PUBCOMP);
    inflight.forEach((at) => expect(inflight.frameAt(at)).toBeNull());
    inflight.finish(inflight.find(7));
    expect(inflight.state(7)).toBe(DONE);
  });
});

describe('MessageQueue', () => {
  it('is first in, first out beyond its first room, and counts its bytes', () => {
    const queue = queueOf(100, 1e6);
    const frames = Array.from({ length: 60 }, (_, index) => frame(index));
    for (let i = 0; i < 5; i++) queue.push(frames[i]!, 1, 0);
    for (let i = 0; i < 5; i++) expect(queue.shift()).toBe(frames[i]);
    for (const [i, one] of frames.entries()) queue.push(one, i % 2 === 0 ? 1 : 2, i & 1, i + 1, [i]);
    expect(queue.bytes).toBe(frames.reduce((sum, one) => sum + one.size, 0));
    for (const [i, one] of frames.entries()) {
      const { qos, flags, order, subscriptionIds } = queue;
      expect([qos, flags, order, subscriptionIds]).toEqual([i % 2 === 0 ? 1 : 2, i & 1, i + 1, [i]]);
      expect(queue.shift()).toBe(one);
    }
    expect([queue.size, queue.bytes]).toEqual([0, 0]);
  });

  it('says whether the new or the oldest message has to go when it is full in count or bytes', () => {
    const one = frame(10);
    const newest = queueOf(2, 1e6);
    for (let i = 0; i < 2; i++) {
      expect([newest.refuses(one.size), newest.overflows(one.size)]).toEqual([false, false]);
      newest.push(one, 1, 0);
    }
    expect([newest.refuses(1), newest.overflows(1)]).toEqual([true, false]);
    const oldest = queueOf(9, one.size * 2, 'drop-oldest');
    for (let i = 0; i < 2; i++) oldest.push(one, 1, 0);
    expect([oldest.refuses(1), oldest.overflows(1)]).toEqual([false, true]);
    // Larger than the whole queue: nothing that waits could make room for it.
    expect(oldest.refuses(one.size * 2 + 1)).toBe(true);
  });
});

describe('a MessageQueue with messages that expire', () => {
  const expiring = (expiresMs: number) =>
    frameOf({ topic: 't', payload: Buffer.alloc(1), qos: 1, expiresMs });

  it('gives up those that have, wherever they stand, and keeps the order of the others', () => {
    const queue = queueOf(50, 1e6);
    for (let i = 1; i <= 20; i++) queue.push(expiring(i % 3 === 0 ? 0 : i * 100), 1, 0, i);
    const gone: number[] = [];
    expect(queue.dropExpired(99, (order) => gone.push(order))).toBe(0);
    expect(queue.dropExpired(1_000, (order) => gone.push(order))).toBe(7);
    expect(gone).toEqual([1, 2, 4, 5, 7, 8, 10]);
    expect(queue.dropExpired(1_099, () => expect.unreachable())).toBe(0);
    expect(queue.dropExpired(1_100, (order) => gone.push(order))).toBe(1);
    const left: number[] = [];
    while (queue.size > 0) {
      left.push(queue.order);
      queue.shift();
    }
    expect(left).toEqual([3, 6, 9, 12, 13, 14, 15, 16, 17, 18, 19, 20]);
    expect(queue.bytes).toBe(0);
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
