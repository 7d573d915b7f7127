import { describe, expect, it } from 'vitest';
import { BrokerBench, bytesOf, publishPacket } from '../../test/support/mqtt-broker.ts';
import type { Qos } from './types.ts';

const levels: Qos[] = [0, 1, 2];

describe('quality of service', () => {
  it('delivers at the lower of the published and the granted QoS', () => {
    for (const published of levels) {
      for (const granted of levels) {
        const bench = new BrokerBench();
        const reader = bench.client('reader');
        reader.subscribe('a/+', granted);
        bench.client('writer').publish('a/b', '21.5', published, 7);
        expect(reader.texts()).toEqual([`a/b 21.5 ${Math.min(published, granted)}`]);
      }
    }
  });

  it('takes QoS 1 with PUBACK and QoS 2 once, with PUBREC and PUBCOMP (§4.3)', () => {
    const bench = new BrokerBench();
    const reader = bench.client('reader');
    reader.subscribe('#', 2);
    const writer = bench.client('writer');
    expect(writer.publish('a', '1', 1, 5)).toMatchObject([{ type: 'puback', packetId: 5 }]);
    expect(writer.publish('a', '2', 2, 6)).toMatchObject([{ type: 'pubrec', packetId: 6 }]);
    expect(writer.publish('a', '2', 2, 6, { dup: true })).toMatchObject([{ type: 'pubrec', packetId: 6 }]);
    expect(writer.ack('pubrel', 6)).toMatchObject([{ type: 'pubcomp', packetId: 6 }]);
    expect(writer.ack('pubrel', 6)).toMatchObject([{ type: 'pubcomp', packetId: 6 }]);
    expect(writer.publish('a', '3', 2, 6)).toMatchObject([{ type: 'pubrec', packetId: 6 }]);
    expect(reader.texts()).toEqual(['a 1 1', 'a 2 2', 'a 3 2']);
    expect(bench.broker.counters.messagesIn).toBe(3);
  });

  it('goes through PUBREC, PUBREL and PUBCOMP with a subscriber, and closes on the wrong answer', () => {
    const bench = new BrokerBench();
    const reader = bench.client('reader');
    reader.subscribe('a', 2);
    bench.client('writer').publish('a', '1', 2);
    const { packetId } = reader.messages()[0]!;
    expect(bench.broker.clients()[0]).toMatchObject({ inFlight: 1 });
    expect(reader.ack('pubrec', packetId)).toMatchObject([{ type: 'pubrel', packetId }]);
    expect(reader.ack('pubrec', packetId)).toMatchObject([{ type: 'pubrel', packetId }]);
    expect(reader.ack('pubcomp', packetId)).toEqual([]);
    expect(bench.broker.clients()[0]).toMatchObject({ inFlight: 0 });
    // A late or unknown answer is no matter; PUBACK for a QoS 2 message is.
    reader.ack('puback', 999);
    expect(reader.closed).toBe(false);
    bench.broker.publish({ topic: 'a', payload: Buffer.from('2'), qos: 2 });
    reader.ack('puback', reader.messages()[0]!.packetId);
    expect(reader.closed).toBe(true);
  });

  it('sends one copy where filters overlap, at the highest QoS, and none after UNSUBSCRIBE', () => {
    const bench = new BrokerBench();
    const reader = bench.client('reader');
    reader.subscribe('a/#', 0);
    reader.subscribe('a/+', 2);
    reader.subscribe('a/b', 1);
    const writer = bench.client('writer');
    writer.publish('a/b', '1', 2);
    expect(reader.texts()).toEqual(['a/b 1 2']);
    expect(
      reader.send({ type: 'unsubscribe', packetId: 3, filters: ['a/+', 'a/#', 'nothing'] }),
    ).toMatchObject([{ type: 'unsuback', packetId: 3 }]);
    writer.publish('a/b', '2', 2, 2);
    writer.publish('a/c', '3');
    expect(reader.texts()).toEqual(['a/b 2 1']);
  });
});

describe('the way through the broker', () => {
  it('keeps the order of one read with mixed topics, receivers and QoS', () => {
    const bench = new BrokerBench();
    const all = bench.client('all');
    all.subscribe('#', 1);
    const some = bench.client('some');
    some.subscribe('a', 1);
    const sent = Array.from({ length: 15 }, (_, i) =>
      publishPacket(i % 4 === 0 ? 'b' : 'a', String(i), i % 5 === 2 ? 1 : 0, i + 1),
    );
    bench.client('writer').send(...sent);
    const wanted = sent.map(
      ({ topic, payload, qos }) => `${topic} ${Buffer.from(payload).toString()} ${qos}`,
    );
    expect(all.texts()).toEqual(wanted);
    expect(some.texts()).toEqual(wanted.filter((text) => text.startsWith('a')));
    expect(bench.broker.counters.messagesOut).toBe(wanted.length * 2 - 4);
  });

  it('writes once per turn and subscriber, however many messages', () => {
    const bench = new BrokerBench();
    const reader = bench.client('reader');
    reader.subscribe('#', 0);
    const writers = ['w1', 'w2', 'w3'].map((name) => bench.client(name));
    const before = reader.sink.writes;
    const burst = Array.from({ length: 500 }, (_, i) => publishPacket(`t/${i % 7}`, String(i), 0));
    for (const writer of writers) writer.tell(...burst);
    expect(reader.messages()).toHaveLength(1_500);
    expect(reader.sink.writes - before).toBe(1);
  });

  it('leaves the payload alone when the read buffer is used again', () => {
    const bench = new BrokerBench();
    const [gone, here] = [bench.client('gone', { cleanStart: false }), bench.client('here')];
    for (const client of [gone, here]) client.subscribe('#', 1);
    gone.lose();
    const bytes = bytesOf(4, publishPacket('a', 'one', 1), publishPacket('r', 'two', 1, 2, { retain: true }));
    bench.client('writer').connection.feed(bytes);
    bench.broker.flush();
    bytes.fill(0);
    expect(here.texts()).toEqual(['a one 1', 'r two 1']);
    const back = bench.client('gone', { cleanStart: false });
    expect(back.texts()).toEqual(['a one 1', 'r two 1']);
    expect(bench.client('new').subscribe('r').slice(1)).toMatchObject([
      { payload: Buffer.from('two'), retain: true },
    ]);
  });

  it('passes on a topic of 65,535 bytes and payloads of every size up to the limit', () => {
    const bench = new BrokerBench();
    const reader = bench.client('reader');
    reader.subscribe('#', 1);
    const writer = bench.client('writer');
    const topic = 'x'.repeat(65_535);
    for (const qos of levels) {
      for (const size of [0, 100, 16_300, 70_000, 980_000]) {
        for (const name of ['t', topic]) {
          writer.publish(name, 'y'.repeat(size), qos, 1);
          writer.ack('pubrel', 1);
          const [message] = reader.messages();
          expect([message!.topic.length, message!.payload.length]).toEqual([name.length, size]);
          if (message!.qos > 0) reader.ack('puback', message!.packetId);
        }
      }
    }
  });

  it('gives the station the same order as a client, also from inside the intake', () => {
    const echoed: number[] = [];
    const bench: BrokerBench = new BrokerBench({
      intake: {
        take: ({ topic, payload, clientId }) => {
          const value = Number(Buffer.from(payload).toString());
          if (clientId !== null && value % 3 === 0) {
            echoed.push(value);
            bench.broker.publish({ topic: `${topic}/echo`, payload: Buffer.from(String(value)) });
          }
          return 0;
        },
      },
    });
    const reader = bench.client('reader');
    reader.subscribe('#');
    bench.client('writer').send(...Array.from({ length: 7 }, (_, i) => publishPacket('a', String(i))));
    expect(reader.texts()).toEqual([
      'a/echo 0 0',
      'a 0 0',
      'a 1 0',
      'a 2 0',
      'a/echo 3 0',
      'a 3 0',
      'a 4 0',
      'a 5 0',
      'a/echo 6 0',
      'a 6 0',
    ]);
  });

  it('refuses what the station may not publish with a coded error', () => {
    const { broker } = new BrokerBench();
    expect(() => broker.publish({ topic: 'a/#', payload: Buffer.alloc(0) })).toThrow(
      expect.objectContaining({ code: 'mqtt.topic_name' }),
    );
    broker.stop();
    expect(() => broker.publish({ topic: 'a', payload: Buffer.alloc(0) })).toThrow(
      expect.objectContaining({ code: 'mqtt.stopped' }),
    );
  });
});

describe('retained messages', () => {
  it('come first with RETAIN to a new subscription, without it to an existing one, and go with an empty payload', () => {
    const bench = new BrokerBench();
    const early = bench.client('early');
    early.subscribe('a/#', 1);
    const writer = bench.client('writer');
    writer.publish('a/b', '1', 1, 1, { retain: true });
    writer.publish('a/b', '2', 0, 0, { retain: true });
    writer.publish('a/c', '3', 2, 2, { retain: true });
    expect(early.texts()).toEqual(['a/b 1 1', 'a/b 2 0', 'a/c 3 1']);
    const late = bench.client('late');
    late.subscribe('nothing');
    expect(late.subscribe('a/+', 1)).toMatchObject([
      { type: 'suback' },
      { topic: 'a/b', qos: 0, retain: true },
      { topic: 'a/c', qos: 1, retain: true },
    ]);
    writer.publish('a/b', '', 0, 0, { retain: true });
    expect(late.texts()).toEqual(['a/b  0']);
    expect(bench.broker.retainedCount).toBe(1);
    expect(late.subscribe('a/+', 0)).toHaveLength(2);
  });

  it('reach a slow subscriber whole, however many they are, and the newest of each topic', () => {
    const bench = new BrokerBench({ limits: { highWaterBytes: 300 } });
    const writer = bench.client('writer');
    for (let i = 0; i < 3_000; i++) writer.publish(`r/${i}`, 'old value', i % 2 ? 1 : 0, 1, { retain: true });
    const reader = bench.client('reader');
    reader.sink.frozen = true;
    reader.subscribe('r/#', 1);
    expect(reader.sink.bufferedBytes).toBeLessThan(600);
    writer.publish('r/1500', 'new value', 0, 0, { retain: true });
    writer.publish('r/1501', '', 0, 0, { retain: true });
    reader.sink.thaw();
    const seen = new Map<string, string>();
    let waiting = true;
    while (waiting) {
      reader.connection.drained();
      const messages = reader.messages();
      waiting = messages.length > 0;
      for (const { topic, payload, qos, packetId } of messages) {
        seen.set(topic, Buffer.from(payload).toString());
        if (qos > 0) reader.tell({ type: 'puback', packetId });
      }
    }
    expect(seen.size).toBe(2_999);
    expect(seen.get('r/1500')).toBe('new value');
    // The live QoS 0 message came while the client did not read: that one was given up, and said so.
    expect(bench.broker.counters.droppedOut).toBe(2);
  });

  it('are not kept beyond the limit, which is counted', () => {
    const bench = new BrokerBench({ limits: { maxRetainedMessages: 2 } });
    const writer = bench.client('writer');
    for (const topic of ['a', 'b', 'c', 'd']) writer.publish(topic, '1', 0, 0, { retain: true });
    expect([bench.broker.retainedCount, bench.broker.counters.retainedRefused]).toEqual([2, 2]);
  });
});
