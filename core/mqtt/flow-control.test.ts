import { describe, expect, it } from 'vitest';
import { MemoryJournal } from '../../test/support/memory-journal.ts';
import { BrokerBench, publishPacket } from '../../test/support/mqtt-broker.ts';
import type { Packet } from './codec/packet.ts';

const V5 = { protocolLevel: 5 as const };
const ids = (packets: Packet[]) => packets.map((packet) => ('packetId' in packet ? packet.packetId : 0));
const range = (count: number) => Array.from({ length: count }, (_, index) => index + 1);

const ackPacket = (packetId: number) => Buffer.from([0x40, 2, packetId >> 8, packetId & 255]);

function flood(bench: BrokerBench, count: number, qos: 1 | 2 = 1): void {
  for (const value of range(count))
    bench.broker.publish({ topic: 'a', payload: Buffer.from(String(value)), qos });
}

describe("the client's Receive Maximum", () => {
  it('bounds what is unacknowledged below our own window [MQTT-3.3.4-9]', () => {
    const bench = new BrokerBench();
    const reader = bench.client('r', { ...V5, properties: { receiveMaximum: 3 } });
    reader.subscribe('a', 2);
    flood(bench, 10, 2);
    const first = reader.messages();
    expect(first).toHaveLength(3);
    // PUBREC alone frees no place; PUBCOMP and a refusing PUBREC do.
    expect(reader.ack('pubrec', first[0]!.packetId)).toMatchObject([{ type: 'pubrel' }]);
    expect(reader.ack('pubcomp', first[0]!.packetId)).toMatchObject([{ type: 'publish' }]);
    expect(reader.ack('pubrec', first[1]!.packetId, 0x97)).toMatchObject([{ type: 'publish' }]);
    expect(bench.broker.clients()).toMatchObject([{ inFlight: 3, queued: 5 }]);
  });

  it('may be smaller when the client comes back: redelivery keeps to it, in order [MQTT-4.6.0-1]', () => {
    const bench = new BrokerBench();
    const lasting = { ...V5, cleanStart: false };
    const properties = { sessionExpirySeconds: 100 };
    const reader = bench.client('r', { ...lasting, properties });
    reader.subscribe('a', 1);
    flood(bench, 10);
    expect(reader.messages()).toHaveLength(10);
    reader.lose();
    const again = bench.client('r', { ...lasting, properties: { ...properties, receiveMaximum: 2 } });
    const seen: string[] = [];
    for (let messages = again.messages(); messages.length > 0; messages = again.messages()) {
      expect(messages.length).toBeLessThanOrEqual(2);
      expect(messages.every(({ dup }) => dup)).toBe(true);
      seen.push(...messages.map(({ payload }) => Buffer.from(payload).toString()));
      again.tell(...messages.map(({ packetId }) => ({ type: 'puback' as const, packetId })));
    }
    expect(seen).toEqual(range(10).map(String));
    flood(bench, 1);
    expect(again.messages()).toMatchObject([{ dup: false }]);
  });

  it('of 65,535 with a window as large uses every packet id once, and then waits', () => {
    const bench = new BrokerBench({
      limits: { inflightWindow: 65_535, highWaterBytes: 100_000_000, hardLimitBytes: 200_000_000 },
      clientLimits: { queueMessages: 100_000 },
    });
    const reader = bench.client('r', V5);
    reader.subscribe('a', 1);
    flood(bench, 65_540);
    const all = ids(reader.messages());
    expect([all.length, new Set(all).size, Math.min(...all), Math.max(...all)]).toEqual([
      65_535, 65_535, 1, 65_535,
    ]);
    expect(bench.broker.clients()).toMatchObject([{ inFlight: 65_535, queued: 5 }]);
    // The one id that is free is found, wherever it is.
    expect(ids(reader.ack('puback', 40_000))).toEqual([40_000]);
    for (let from = 0; from < all.length; from += 1_000) {
      const some = all.slice(from, from + 1_000);
      reader.send(...some.map((packetId) => ({ type: 'puback' as const, packetId })));
    }
    expect(bench.broker.clients()).toMatchObject([{ queued: 0 }]);
  });
});

describe('our Receive Maximum', () => {
  const limited = { clientLimits: { receiveMaximum: 3 } };

  it('above it the connection ends with 0x93 [MQTT-3.3.4-9]', () => {
    const bench = new BrokerBench({ ...limited, intake: { take: () => 1 } });
    const writer = bench.client('w', V5);
    expect(writer.send(...range(3).map((id) => publishPacket('a', 'x', 1, id)))).toEqual([]);
    expect(writer.publish('a', 'x', 1, 4)).toMatchObject([{ type: 'disconnect', reasonCode: 0x93 }]);
    expect(writer.closed).toBe(true);
  });

  it('counts a QoS 2 message until PUBCOMP, others until PUBACK, and asks nothing of older clients', () => {
    const bench = new BrokerBench(limited);
    const writer = bench.client('w', V5);
    for (const id of range(3)) writer.publish('a', 'x', 2, id);
    writer.ack('pubrel', 1);
    for (const id of range(20)) writer.publish('a', 'x', 1, 100 + id);
    expect(writer.closed).toBe(false);
    writer.publish('a', 'x', 2, 4);
    expect(writer.publish('a', 'x', 1, 5)).toMatchObject([{ reasonCode: 0x93 }]);
    const older = bench.client('o');
    for (const id of range(10)) older.publish('a', 'x', 2, id);
    expect(older.closed).toBe(false);
  });
});

describe('acknowledgements of unknown ids', () => {
  it('PUBREL is answered with 0x92 in MQTT 5 and plainly before [MQTT-4.3.3-11]', () => {
    const bench = new BrokerBench();
    expect(bench.client('c', V5).ack('pubrel', 77)).toMatchObject([
      { type: 'pubcomp', packetId: 77, reasonCode: 0x92 },
    ]);
    expect(bench.client('d').ack('pubrel', 77)).toMatchObject([
      { type: 'pubcomp', packetId: 77, reasonCode: 0 },
    ]);
  });

  it('PUBREC is answered with PUBREL 0x92, late PUBACK and PUBCOMP with nothing', () => {
    const client = new BrokerBench().client('c', V5);
    expect(client.ack('pubrec', 77)).toMatchObject([{ type: 'pubrel', packetId: 77, reasonCode: 0x92 }]);
    expect([...client.ack('puback', 77), ...client.ack('pubcomp', 77)]).toEqual([]);
    expect(client.closed).toBe(false);
  });

  it('an acknowledgement of the other QoS ends the connection', () => {
    const bench = new BrokerBench();
    const reader = bench.client('r', V5);
    reader.subscribe('a', 2);
    flood(bench, 1, 2);
    const [message] = reader.messages();
    expect(reader.ack('puback', message!.packetId)).toMatchObject([{ type: 'disconnect', reasonCode: 0x82 }]);
  });
});

describe('messages with an expiry', () => {
  it('that ran out in the queue are dropped and counted [MQTT-3.3.2-5], the others told what is left [MQTT-3.3.2-6]', () => {
    const bench = new BrokerBench();
    const lasting = { ...V5, cleanStart: false, properties: { sessionExpirySeconds: 1_000 } };
    const reader = bench.client('r', lasting);
    reader.subscribe('a', 1);
    reader.lose();
    const writer = bench.client('w', V5);
    for (const [id, seconds] of [
      [1, 5],
      [2, 60],
    ] as const)
      writer.publish('a', String(seconds), 1, id, { properties: { messageExpirySeconds: seconds } });
    bench.clock.advance(10_000);
    expect(bench.client('r', lasting).messages()).toMatchObject([
      { properties: { messageExpirySeconds: 50 } },
    ]);
    expect(bench.broker.counters.expiredMessages).toBe(1);
  });

  it.each(['drop-newest', 'drop-oldest'] as const)(
    'take no room in a full queue from those that come once they ran out (%s), nor on the disk',
    (queuePolicy) => {
      const journal = new MemoryJournal();
      const bench = new BrokerBench({
        ...{ journal, limits: { queuePolicy }, clientLimits: { queueMessages: 10 } },
      });
      const reader = bench.client('r', { cleanStart: false });
      reader.subscribe('a', 1);
      reader.lose();
      const publish = (text: string, messageExpirySeconds?: number) => {
        const properties = messageExpirySeconds === undefined ? {} : { messageExpirySeconds };
        bench.broker.publish({ topic: 'a', payload: Buffer.from(text), qos: 1, properties });
      };
      publish('lasts');
      for (let i = 0; i < 9; i++) publish('old', 5);
      bench.clock.advance(10_000);
      for (let i = 0; i < 9; i++) publish(`new ${i}`);
      expect(bench.broker.counters).toMatchObject({ expiredMessages: 9, droppedOut: 0 });
      journal.commit();
      expect(journal.state().outgoing).toHaveLength(10);
      expect(journal.state().messages).toHaveLength(10);
      const texts = bench.client('r', { cleanStart: false }).texts();
      expect(texts).toEqual(['a lasts 1', ...Array.from({ length: 9 }, (_, i) => `a new ${i} 1`)]);
    },
  );
});

describe('what acknowledgements make room for', () => {
  it('leaves at the end of their read, and only at the end of the turn once nothing waits any more', () => {
    const bench = new BrokerBench({ limits: { inflightWindow: 2 } });
    const reader = bench.client('r', V5);
    reader.subscribe('a', 1);
    flood(bench, 6);
    const first = ids(reader.messages());
    let { written } = reader.sink;
    const acknowledge = (packetIds: number[]): number => {
      const packets = packetIds.map((packetId) => ackPacket(packetId));
      reader.connection.feed(Buffer.concat(packets));
      const grown = reader.sink.written - written;
      ({ written } = reader.sink);
      return grown;
    };
    expect(first).toEqual([1, 2]);
    expect(acknowledge(first)).toBeGreaterThan(0);
    const second = ids(reader.messages());
    expect(second).toEqual([3, 4]);
    expect(acknowledge(second)).toBe(0);
    expect(ids(reader.messages())).toEqual([5, 6]);
  });
});

describe('a publish rate', () => {
  it('pauses reading above it, loses nothing, and is counted', () => {
    const bench = new BrokerBench({ clientLimits: { publishRate: 100 } });
    const reader = bench.client('r');
    reader.subscribe('a');
    const writer = bench.client('w', { keepAliveSeconds: 1 });
    writer.tell(...range(1_000).map((value) => publishPacket('a', String(value))));
    let seen = reader.messages().length;
    expect([seen, writer.sink.paused, bench.broker.counters.quotaExceeded]).toEqual([201, true, 1]);
    const perSecond: number[] = [];
    for (let second = 0; second < 9; second++) {
      bench.clock.advance(1_000);
      perSecond.push(reader.messages().length);
    }
    seen += perSecond.reduce((sum, count) => sum + count, 0);
    expect([seen, writer.sink.paused, writer.closed]).toEqual([1_000, false, false]);
    expect(Math.max(...perSecond)).toBeLessThanOrEqual(125);
    expect(bench.broker.counters.droppedOut).toBe(0);
  });
});
