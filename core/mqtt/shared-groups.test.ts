import { describe, expect, it } from 'vitest';
import { BrokerBench, type MemoryClient, publishPacket } from '../../test/support/mqtt-broker.ts';
import type { Qos } from './types.ts';

const V5 = { protocolLevel: 5 as const };
const LASTING = { ...V5, properties: { sessionExpirySeconds: 600 } };

function send(writer: MemoryClient, from: number, count: number, qos: Qos = 0): void {
  const packets = Array.from({ length: count }, (_, i) =>
    publishPacket('job', String(from + i), qos, from + i + 1),
  );
  writer.tell(...packets);
}

const payloads = (client: MemoryClient) =>
  client.messages().map(({ payload }) => Number(Buffer.from(payload)));

describe('shared subscriptions (v5 §4.8.2)', () => {
  it('give every message to one member in turn, at its own QoS and with its own identifier [MQTT-4.8.2-3]', () => {
    const bench = new BrokerBench();
    const members = ['a', 'b', 'c'].map((name) => bench.client(name, V5));
    members.forEach((member, index) =>
      member.send({
        type: 'subscribe',
        packetId: 1,
        filters: [{ filter: '$share/workers/job', qos: index as Qos }],
        properties: index === 1 ? { subscriptionIds: [77] } : {},
      }),
    );
    const writer = bench.client('writer', V5);
    send(writer, 0, 9, 2);
    const seen = members.map((member) => member.messages());
    expect(seen.map((messages) => messages.map(({ payload }) => Number(Buffer.from(payload))))).toEqual([
      [0, 3, 6],
      [1, 4, 7],
      [2, 5, 8],
    ]);
    expect(seen.map((messages) => messages[0]!.qos)).toEqual([0, 1, 2]);
    expect(seen.map((messages) => messages[0]!.properties)).toEqual([{}, { subscriptionIds: [77] }, {}]);
    send(writer, 9, 6);
    expect(members.map(payloads)).toEqual([
      [9, 12],
      [10, 13],
      [11, 14],
    ]);
  });

  it('are apart from other groups, other filters and unshared subscriptions', () => {
    const bench = new BrokerBench();
    const [a, b] = [bench.client('a', V5), bench.client('b', V5)];
    a.subscribe('$share/one/job', 0);
    b.subscribe('$share/one/+', 0);
    a.subscribe('$share/two/job', 0);
    a.subscribe('job', 0);
    send(bench.client('writer'), 0, 2);
    expect(payloads(a).sort()).toEqual([0, 0, 0, 1, 1, 1]);
    expect(payloads(b)).toEqual([0, 1]);
    expect([bench.broker.subscriptionCount, bench.broker.sharedGroupCount]).toEqual([4, 3]);
  });

  it('pass by who leaves, and end with the last one', () => {
    const bench = new BrokerBench();
    const [a, b, c] = ['a', 'b', 'c'].map((name) => bench.client(name, V5)) as [
      MemoryClient,
      MemoryClient,
      MemoryClient,
    ];
    for (const member of [a, b, c]) member.subscribe('$share/g/job', 1);
    const writer = bench.client('writer', V5);
    send(writer, 0, 1);
    expect(payloads(a)).toEqual([0]);
    a.send({ type: 'unsubscribe', packetId: 2, filters: ['$share/g/job'] });
    send(writer, 1, 2);
    b.lose();
    send(writer, 3, 2);
    expect([payloads(a), payloads(c)]).toEqual([[], [2, 3, 4]]);
    expect(
      c.send({ type: 'unsubscribe', packetId: 2, filters: ['$share/g/job', '$share/g/job'] }),
    ).toMatchObject([{ type: 'unsuback', reasonCodes: [0, 0x11] }]);
    expect(writer.publish('job', 'x', 1, 9)).toMatchObject([{ type: 'puback', reasonCode: 0x10 }]);
    expect([bench.broker.subscriptionCount, bench.broker.sharedGroupCount]).toEqual([0, 0]);
  });

  it('keep messages above QoS 0 for an absent member only while none is there', () => {
    const bench = new BrokerBench();
    const here = bench.client('here', V5);
    const gone = bench.client('gone', LASTING);
    for (const member of [here, gone]) member.subscribe('$share/g/job', 1);
    gone.lose();
    const writer = bench.client('writer', V5);
    send(writer, 0, 3, 1);
    expect(payloads(here)).toEqual([0, 1, 2]);
    here.lose();
    send(writer, 3, 2, 1);
    send(writer, 5, 1, 0);
    const back = bench.client('gone', { ...LASTING, cleanStart: false });
    expect(payloads(back)).toEqual([3, 4]);
  });

  it('prefer a member that reads to one that does not', () => {
    const bench = new BrokerBench({ limits: { highWaterBytes: 200, inflightWindow: 5 } });
    const [slow, quick] = [bench.client('slow', V5), bench.client('quick', V5)];
    for (const member of [slow, quick]) member.subscribe('$share/g/job', 1);
    slow.sink.frozen = true;
    const writer = bench.client('writer', V5);
    const done: number[] = [];
    for (let i = 0; i < 100; i++) {
      send(writer, i, 1, 1);
      for (const { payload, packetId } of quick.messages()) {
        done.push(Number(Buffer.from(payload)));
        quick.tell({ type: 'puback', packetId });
      }
    }
    expect(done.length).toBeGreaterThan(90);
    expect(bench.broker.counters.droppedOut).toBe(0);
  });

  it('work for clients of 3.1.1 too, and get no retained messages', () => {
    const bench = new BrokerBench();
    const writer = bench.client('writer');
    writer.publish('job', '7', 1, 1, { retain: true });
    const [old, young] = [bench.client('old'), bench.client('young', V5)];
    for (const member of [old, young])
      expect(member.subscribe('$share/g/#', 1)).toMatchObject([{ type: 'suback', reasonCodes: [1] }]);
    send(writer, 0, 4, 1);
    expect([payloads(old), payloads(young)]).toEqual([
      [0, 2],
      [1, 3],
    ]);
  });
});
