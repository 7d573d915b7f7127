import { describe, expect, it } from 'vitest';
import { BrokerBench, publishPacket } from '../../test/support/mqtt-broker.ts';
import { ACK_NEVER, ACK_NOW, type InboundPublish } from './types.ts';

/** An intake that answers from a list, and remembers what it was shown. */
function intake(answers: (publish: InboundPublish) => number) {
  const seen: string[] = [];
  return {
    seen,
    take: (publish: InboundPublish) => {
      const { topic, payload, qos, retain, clientId } = publish;
      seen.push(`${clientId} ${topic} ${Buffer.from(payload).toString()} ${qos}${retain ? 'r' : ''}`);
      return answers(publish);
    },
  };
}

describe('the intake', () => {
  it("sees every accepted message once, in order, also the station's own and wills", () => {
    const log = intake(() => ACK_NOW);
    const bench = new BrokerBench({ intake: log });
    const writer = bench.client('w', {
      will: { topic: 'gone', payload: Buffer.from('bye'), qos: 0, retain: true },
    });
    writer.send(
      publishPacket('a', '1'),
      publishPacket('b', '2', 1),
      publishPacket('c', '3', 2, 2),
      publishPacket('c', '3', 2, 2, { dup: true }),
    );
    bench.broker.publish({ topic: 'own', payload: Buffer.from('4'), retain: true });
    writer.lose();
    expect(log.seen).toEqual(['w a 1 0', 'w b 2 1', 'w c 3 2', 'null own 4 0r', 'w gone bye 0r']);
  });

  it('holds PUBACK and PUBREC back until their sequence is released, while subscribers have the message', () => {
    let sequence = 0;
    const bench = new BrokerBench({ intake: intake(() => ++sequence) });
    const reader = bench.client('r');
    reader.subscribe('#');
    const writer = bench.client('w');
    expect(
      writer.send(
        publishPacket('a', '1', 1, 11),
        publishPacket('a', '2', 2, 12),
        publishPacket('a', '3', 1, 13),
      ),
    ).toEqual([]);
    expect(reader.texts()).toEqual(['a 1 0', 'a 2 0', 'a 3 0']);
    expect(bench.broker.pendingAcks).toBe(3);
    bench.broker.release(2);
    expect(writer.look()).toMatchObject([
      { type: 'puback', packetId: 11 },
      { type: 'pubrec', packetId: 12 },
    ]);
    bench.broker.release(2);
    expect(writer.look()).toEqual([]);
    bench.broker.release(100);
    expect(writer.look()).toMatchObject([{ type: 'puback', packetId: 13 }]);
    expect(bench.broker.pendingAcks).toBe(0);
  });

  it('never lets an answer overtake one that waits (MQTT-4.6.0-2)', () => {
    const answers = [7, ACK_NOW, 7, ACK_NOW];
    const bench = new BrokerBench({ intake: intake(() => answers.shift()!) });
    const writer = bench.client('w');
    expect(writer.send(...[1, 2, 3, 4].map((id) => publishPacket('a', 'x', 1, id)))).toEqual([]);
    bench.broker.release(7);
    expect(writer.look().map((packet) => 'packetId' in packet && packet.packetId)).toEqual([1, 2, 3, 4]);
  });

  it('keeps the PUBREC of a repeated QoS 2 message waiting with its first', () => {
    const bench = new BrokerBench({ intake: intake(() => 5) });
    bench.client('w', { cleanStart: false }).publish('a', '1', 2, 3);
    bench.broker.disconnect('w');
    const again = bench.client('w', { cleanStart: false });
    expect(again.publish('a', '1', 2, 3, { dup: true })).toEqual([]);
    bench.broker.release(5);
    expect(again.look()).toMatchObject([{ type: 'pubrec', packetId: 3 }]);
  });

  it('answers at once when the sequence was released before', () => {
    const bench = new BrokerBench({ intake: intake(() => 3) });
    bench.broker.release(3);
    expect(bench.client('w').publish('a', '1', 1, 8)).toMatchObject([{ type: 'puback', packetId: 8 }]);
  });

  it('closes a connection whose message is not taken in, unacknowledged and undelivered; QoS 0 is dropped and counted', () => {
    let full = false;
    const bench = new BrokerBench({ intake: intake(() => (full ? ACK_NEVER : ACK_NOW)) });
    const reader = bench.client('r');
    reader.subscribe('#', 1);
    const writer = bench.client('w');
    full = true;
    expect(
      writer.send(publishPacket('a', '0'), publishPacket('a', '1', 1, 1), publishPacket('a', '2', 1, 2)),
    ).toEqual([]);
    expect([writer.closed, reader.closed]).toEqual([true, false]);
    expect(reader.texts()).toEqual([]);
    expect(bench.broker.counters.droppedIn).toBe(1);
    expect(bench.broker.publish({ topic: 'own', payload: Buffer.alloc(0) })).toMatchObject({ taken: false });
  });

  it('treats a throw like a no', () => {
    const bench = new BrokerBench({
      intake: intake(() => {
        throw new Error('disk full');
      }),
    });
    const writer = bench.client('w');
    expect(writer.publish('a', '1', 1)).toEqual([]);
    expect(writer.closed).toBe(true);
  });

  it('stops reading from a connection with too many waiting, and resumes at half, losing nothing', () => {
    let sequence = 0;
    const log = intake(() => ++sequence);
    const bench = new BrokerBench({ intake: log, limits: { maxPendingAcksPerConnection: 100 } });
    const writer = bench.client('w', { keepAliveSeconds: 1 });
    const burst = Array.from({ length: 250 }, (_, i) => publishPacket('a', String(i), 1, i + 1));
    writer.send(...burst);
    expect([log.seen.length, bench.broker.pendingAcks, writer.sink.paused]).toEqual([100, 100, true]);
    // Silence that the broker asked for is not the client's.
    bench.clock.advance(5_000);
    expect(writer.closed).toBe(false);
    bench.broker.release(49);
    expect(writer.sink.paused).toBe(true);
    bench.broker.release(50);
    expect([log.seen.length, writer.sink.paused]).toEqual([150, true]);
    while (sequence < 250) bench.broker.release(sequence);
    bench.broker.release(sequence);
    expect(writer.sink.paused).toBe(false);
    expect(writer.look().map((packet) => 'packetId' in packet && packet.packetId)).toEqual(
      burst.map((one) => one.packetId),
    );
  });

  it('bounds what waits in all, whoever it is, and survives connections that go meanwhile', () => {
    let sequence = 0;
    const bench = new BrokerBench({ intake: intake(() => ++sequence), limits: { maxPendingAcks: 3_000 } });
    const writers = [1, 2, 3, 4, 5].map((n) => bench.client(`w${n}`));
    for (const writer of writers)
      writer.send(...Array.from({ length: 1_000 }, (_, i) => publishPacket('a', '', 1, i + 1)));
    expect(bench.broker.pendingAcks).toBe(3_002);
    expect(writers.map(({ sink }) => sink.paused)).toEqual([false, false, true, true, true]);
    writers[0]!.lose();
    writers[2]!.lose();
    while (bench.broker.pendingAcks > 0) bench.broker.release(sequence);
    expect(writers[4]!.look()).toHaveLength(1_000);
    expect(writers[1]!.look()).toHaveLength(1_000);
    expect(writers[4]!.sink.paused).toBe(false);
  });
});
