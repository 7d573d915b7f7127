import { describe, expect, it } from 'vitest';
import { BrokerBench } from '../../test/support/mqtt-broker.ts';

const lasting = { cleanStart: false };

describe('a session that outlives its connection', () => {
  it('is there again with its subscriptions and what was published meanwhile, QoS 0 excepted', () => {
    const bench = new BrokerBench();
    const reader = bench.client('reader', lasting);
    reader.subscribe('a', 2);
    reader.lose();
    for (const qos of [0, 1, 2] as const)
      bench.broker.publish({ topic: 'a', payload: Buffer.from(`${qos}`), qos });
    expect(bench.broker.clients()).toMatchObject([{ connected: false, queued: 2, subscriptions: 1 }]);
    const again = bench.client('reader', lasting);
    expect(again.texts()).toEqual(['a 1 1', 'a 2 2']);
    expect(bench.broker.clients()).toMatchObject([{ connected: true, queued: 0, inFlight: 2 }]);
  });

  it('answers CONNECT with session present first, then the messages', () => {
    const bench = new BrokerBench();
    bench.client('reader', lasting).subscribe('a', 1);
    bench.broker.disconnect('reader');
    bench.broker.publish({ topic: 'a', payload: Buffer.from('1'), qos: 1 });
    const again = bench.unconnected();
    expect(again.connect({ clientId: 'reader', ...lasting })).toMatchObject([
      { type: 'connack', sessionPresent: true, reasonCode: 0 },
      { type: 'publish', topic: 'a', qos: 1, dup: false },
    ]);
  });

  it('sends what was not acknowledged again, in order, with DUP and the same ids, and PUBREL where that is due', () => {
    const bench = new BrokerBench();
    const first = bench.client('reader', lasting);
    first.subscribe('a', 2);
    for (const [value, qos] of [
      ['1', 1],
      ['2', 2],
      ['3', 1],
      ['4', 2],
    ] as const) {
      bench.broker.publish({ topic: 'a', payload: Buffer.from(value), qos });
    }
    const ids = first.messages().map(({ packetId }) => packetId);
    first.ack('pubrec', ids[1]!);
    first.ack('puback', ids[2]!);
    first.lose();
    const again = bench.unconnected();
    expect(again.connect({ clientId: 'reader', ...lasting }).slice(1)).toMatchObject([
      { type: 'publish', packetId: ids[0], dup: true, qos: 1 },
      { type: 'pubrel', packetId: ids[1] },
      { type: 'publish', packetId: ids[3], dup: true, qos: 2 },
    ]);
    again.ack('pubcomp', ids[1]!);
    again.ack('puback', ids[0]!);
    again.ack('pubrec', ids[3]!);
    again.ack('pubcomp', ids[3]!);
    expect(bench.broker.clients()).toMatchObject([{ inFlight: 0, queued: 0 }]);
  });

  it('takes a QoS 2 message once even when the publisher comes back in the middle', () => {
    const bench = new BrokerBench();
    const reader = bench.client('reader');
    reader.subscribe('a', 0);
    bench.client('writer', lasting).publish('a', '1', 2, 40);
    bench.broker.disconnect('writer');
    const again = bench.client('writer', lasting);
    expect(again.publish('a', '1', 2, 40, { dup: true })).toMatchObject([{ type: 'pubrec', packetId: 40 }]);
    again.ack('pubrel', 40);
    expect(reader.texts()).toEqual(['a 1 0']);
  });

  it('ends with a clean CONNECT, and a clean session ends with its connection', () => {
    const bench = new BrokerBench();
    bench.client('c', lasting).subscribe('a', 1);
    bench.broker.disconnect('c');
    const clean = bench.unconnected();
    expect(clean.connect({ clientId: 'c' })).toMatchObject([{ sessionPresent: false }]);
    expect(bench.broker.subscriptionCount).toBe(0);
    clean.subscribe('b', 1);
    clean.lose();
    expect(bench.broker.clients()).toEqual([]);
    expect(bench.broker.subscriptionCount).toBe(0);
  });

  it('is taken over by a newer connection with everything that was under way', () => {
    const bench = new BrokerBench();
    const old = bench.client('c', lasting);
    old.subscribe('a', 1);
    bench.broker.publish({ topic: 'a', payload: Buffer.from('1'), qos: 1 });
    bench.broker.flush();
    const young = bench.unconnected();
    expect(young.connect({ clientId: 'c', ...lasting })).toMatchObject([
      { sessionPresent: true },
      { type: 'publish', dup: true },
    ]);
    expect([old.closed, young.closed, bench.broker.counters.takeOvers]).toEqual([true, false, 1]);
    bench.broker.publish({ topic: 'a', payload: Buffer.from('2'), qos: 1 });
    expect(old.messages().map(({ dup }) => dup)).toEqual([false]);
    expect(young.texts()).toEqual(['a 2 1']);
  });

  it('is forgotten when too many are away, the oldest first, and counted', () => {
    const bench = new BrokerBench({ limits: { maxAbsentSessions: 2 } });
    for (const id of ['a', 'b', 'c']) bench.client(id, lasting).lose();
    expect(bench.broker.clients().map(({ clientId }) => clientId)).toEqual(['b', 'c']);
    expect(bench.broker.counters.sessionsEvicted).toBe(1);
  });
});

describe('what a full queue gave up while the client was away', () => {
  it('is counted, and still shown for the client when it is back', () => {
    const bench = new BrokerBench({ clientLimits: { queueMessages: 3 } });
    const away = bench.client('away', lasting);
    away.subscribe('x', 1);
    away.lose();
    for (let i = 0; i < 5; i++) bench.broker.publish({ topic: 'x', payload: Buffer.from('1'), qos: 1 });
    expect(bench.broker.clients()[0]).toMatchObject({ queued: 3, dropped: 2 });
    bench.client('away', lasting);
    expect(bench.broker.clients()[0]).toMatchObject({ queued: 0, dropped: 2 });
    expect(bench.broker.counters.droppedOut).toBe(2);
  });
});

describe('the queue of a client that comes back with other limits', () => {
  it('has the limits of its last connection', () => {
    let queueMessages = 2;
    const authenticate = () => ({ username: null, limits: { queueMessages } });
    const bench = new BrokerBench({ authenticate });
    const publish = (count: number) => {
      for (let i = 0; i < count; i++) bench.broker.publish({ topic: 'x', payload: Buffer.from('1'), qos: 1 });
      return bench.broker.clients()[0]!.queued;
    };
    const first = bench.client('away', lasting);
    first.subscribe('x', 1);
    first.lose();
    expect(publish(9)).toBe(2);
    queueMessages = 5;
    bench.client('away', lasting).lose();
    expect(publish(9)).toBe(5);
  });
});

describe('what all sessions keep together', () => {
  const payload = Buffer.alloc(1_000);
  const limits = { maxKeptBytes: 14_000 };

  it('has an end: the session goes whose client is away longest, and those that are there lose nothing', () => {
    const bench = new BrokerBench({ limits });
    for (const id of ['a', 'b', 'c']) {
      bench.client(id, lasting).subscribe('x', 1);
      bench.broker.disconnect(id);
    }
    const reader = bench.client('reader', lasting);
    reader.subscribe('x', 2);
    const got = [];
    for (let i = 0; i < 20; i++) {
      bench.broker.publish({ topic: 'x', payload, qos: 1 });
      const messages = reader.messages();
      got.push(...messages);
      reader.send(...messages.map(({ packetId }) => ({ type: 'puback' as const, packetId })));
    }
    expect(got).toHaveLength(20);
    expect(bench.broker.clients().map(({ clientId, queued }) => [clientId, queued])).toEqual([['reader', 0]]);
    expect(bench.broker.counters).toMatchObject({ sessionsEvicted: 3, droppedOut: 0 });
    expect(bench.broker.subscriptionCount).toBe(1);
  });

  it('is free again when messages are acknowledged and sessions end', () => {
    const bench = new BrokerBench({ limits });
    const publish = (qos: 1 | 2) => bench.broker.publish({ topic: 'x', payload, qos });
    for (let round = 0; round < 5; round++) {
      const reader = bench.client('reader', lasting);
      reader.subscribe('x', 2);
      reader.lose();
      for (const qos of [1, 2, 1, 2, 1, 2, 1] as const) publish(qos);
      const again = bench.client('reader', lasting);
      for (const { packetId, qos } of again.messages()) again.ack(qos === 1 ? 'puback' : 'pubrec', packetId);
      for (const qos of [1, 2, 1, 2, 1, 2] as const) publish(qos);
      expect(bench.broker.counters.droppedOut).toBe(0);
      again.lose();
      bench.client('reader').lose(); // clean: the session ends
    }
    expect(bench.broker.counters.sessionsEvicted).toBe(0);
  });

  it('gives up the message when nobody is away', () => {
    const bench = new BrokerBench({ limits });
    bench.client('reader', lasting).subscribe('x', 1);
    for (let i = 0; i < 10; i++) bench.broker.publish({ topic: 'x', payload, qos: 1 });
    expect(bench.broker.counters).toMatchObject({ sessionsEvicted: 0, droppedOut: 3 });
  });
});

describe('the window and the queue', () => {
  it('has 20 messages under way, then queues, and sends on as acknowledgements come', () => {
    const bench = new BrokerBench();
    const reader = bench.client('reader');
    reader.subscribe('a', 1);
    const writer = bench.client('writer');
    for (let i = 1; i <= 50; i++) writer.publish('a', String(i), 1, i);
    const first = reader.messages();
    expect(first).toHaveLength(20);
    expect(bench.broker.clients()[0]).toMatchObject({ inFlight: 20, queued: 30 });
    reader.ack('puback', first[0]!.packetId);
    // Acknowledged out of order, the places are free all the same.
    const rest = reader.send(
      ...first
        .slice(1)
        .reverse()
        .map(({ packetId }) => ({ type: 'puback' as const, packetId })),
    );
    expect(rest).toHaveLength(19);
    expect(bench.broker.clients()[0]).toMatchObject({ inFlight: 20, queued: 10 });
  });

  it('never uses a packet id that is under way, also after 65,535 messages', () => {
    const bench = new BrokerBench();
    const reader = bench.client('reader');
    reader.subscribe('a', 1);
    const publish = () => bench.broker.publish({ topic: 'a', payload: Buffer.alloc(0), qos: 1 });
    publish();
    const [stuck] = reader.messages();
    let last = 0;
    for (let i = 0; i < 65_600; i++) {
      publish();
      if (i % 10 !== 9) continue;
      const ids = reader.messages().map(({ packetId }) => packetId);
      expect(ids).not.toContain(stuck!.packetId);
      last = ids.at(-1)!;
      reader.send(...ids.map((packetId) => ({ type: 'puback' as const, packetId })));
    }
    expect(last).toBeLessThan(100);
  });

  it('gives up messages beyond the queue, by count and by bytes, and says so', () => {
    const bench = new BrokerBench({ clientLimits: { queueMessages: 5, queueBytes: 10_000 } });
    const reader = bench.client('reader', lasting);
    reader.subscribe('a', 1);
    reader.lose();
    const publish = (bytes: number) =>
      bench.broker.publish({ topic: 'a', payload: Buffer.alloc(bytes), qos: 1 });
    for (let i = 0; i < 8; i++) publish(10);
    expect([bench.broker.counters.droppedOut, bench.broker.clients()[0]!.queued]).toEqual([3, 5]);
    bench.client('reader', lasting).lose();
    bench.client('big', lasting).subscribe('a', 1);
    bench.broker.disconnect('big');
    publish(6_000);
    publish(6_000);
    expect(bench.broker.clients().find(({ clientId }) => clientId === 'big')!.queued).toBe(1);
  });

  it('gives up the oldest instead where that is the policy', () => {
    const bench = new BrokerBench({
      clientLimits: { queueMessages: 3 },
      limits: { queuePolicy: 'drop-oldest' },
    });
    bench.client('reader', lasting).subscribe('a', 1);
    bench.broker.disconnect('reader');
    for (const value of ['1', '2', '3', '4', '5'])
      bench.broker.publish({ topic: 'a', payload: Buffer.from(value), qos: 1 });
    expect(bench.client('reader', lasting).texts()).toEqual(['a 3 1', 'a 4 1', 'a 5 1']);
    expect(bench.broker.counters.droppedOut).toBe(2);
  });
});
