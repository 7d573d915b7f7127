import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { describe, expect, it } from 'vitest';
import { leastCpuMs } from '../../test/support/cost.ts';
import { ManualClock } from '../base/manual-clock.ts';
import {
  BrokerBench,
  bytesOf,
  connectPacket,
  MemorySink,
  publishPacket,
} from '../../test/support/mqtt-broker.ts';
import { silentLog } from '../base/log.ts';
import { Broker } from './broker.ts';
import type { Qos } from './types.ts';

const MANY = 10_000;

/** Bytes of the heap that are in use, without what only waits to be collected. */
function heapInUse(): number {
  setFlagsFromString('--expose-gc');
  const collect = runInNewContext('gc') as () => void;
  collect();
  return process.memoryUsage().heapUsed;
}

/** Sends to nobody and counts: ten thousand decoding clients would measure themselves. */
class CountingSink extends MemorySink {
  override writeAll(pieces: Uint8Array[]): number {
    for (const piece of pieces) this.written += piece.length;
    return 0;
  }
}

/** A broker with `count` clients, each with its subscriptions. */
function crowd(count: number, level: (index: number) => 4 | 5, filters: (index: number) => [string, Qos][]) {
  const broker = new Broker({
    clock: new ManualClock(),
    log: silentLog,
    limits: { maxConnections: count + 10, maxSubscriptions: count * 2 },
    clientLimits: { maxConnections: count + 10 },
  });
  broker.start();
  const sinks = Array.from({ length: count }, (_, index) => {
    const sink = new CountingSink();
    const connection = broker.open(sink);
    const protocolLevel = level(index);
    connection.feed(bytesOf(protocolLevel, connectPacket({ protocolLevel, clientId: `c${index}` })));
    for (const [filter, qos] of filters(index)) {
      connection.feed(bytesOf(protocolLevel, { type: 'subscribe', packetId: 1, filters: [{ filter, qos }] }));
    }
    return sink;
  });
  broker.flush();
  for (const sink of sinks) sink.written = 0;
  const writer = broker.open(new CountingSink());
  writer.feed(bytesOf(4, connectPacket({ clientId: 'writer' })));
  return { broker, sinks, feed: (bytes: Buffer) => writer.feed(bytes) };
}

describe('ten thousand subscriptions', () => {
  it('of one topic: every client gets every message, whatever its protocol version', () => {
    const { broker, sinks, feed } = crowd(
      MANY,
      (index) => (index % 2 === 0 ? 4 : 5),
      (index) => [[['plant/+/t', 'plant/#', '#', '+/a/t'][index % 4]!, (index % 3) as Qos]],
    );
    const packets = Array.from({ length: 20 }, (_, i) => publishPacket('plant/a/t', `value ${i}`));
    const costMs = leastCpuMs(() => {
      feed(bytesOf(4, ...packets));
      feed(bytesOf(4, publishPacket('plant/a/t', 'one', 1)));
      broker.flush();
    });
    const plain = bytesOf(4, ...packets).length;
    const one = 2 + 2 + 'plant/a/t'.length + 'one'.length;
    sinks.forEach((sink, index) => {
      const properties = index % 2 === 0 ? 0 : 1;
      expect(sink.written).toBe(plain + 20 * properties + one + (index % 3 === 0 ? 0 : 2) + properties);
    });
    expect(broker.counters.messagesOut).toBe(21 * MANY);
    // 210,000 deliveries; some 200 ms on two busy cores.
    expect(costMs).toBeLessThan(10_000);
  });

  it('of everything, over thousands of topics: one list of receivers serves all topics', () => {
    const { broker, sinks, feed } = crowd(
      1_000,
      () => 4,
      () => [['#', 0]],
    );
    const before = heapInUse();
    for (let round = 0; round < 10; round++) {
      feed(bytesOf(4, ...Array.from({ length: 1_000 }, (_, i) => publishPacket(`t/${round}/${i}`, 'x'))));
      broker.flush();
    }
    expect(broker.counters.messagesOut).toBe(1_000 * 10_000);
    expect(new Set(sinks.map((sink) => sink.written)).size).toBe(1);
    // A list of its own for each topic would be 10,000 x 1,000 x 16 bytes: 160 MB.
    expect(heapInUse() - before).toBeLessThan(40_000_000);
  });

  it('of one client that overlap: one message, with every identifier', () => {
    const bench = new BrokerBench({ clientLimits: { maxSubscriptions: 20_000 } });
    const client = bench.client('client', { protocolLevel: 5 });
    // Every way to write 12 levels with and without wildcards.
    const filters = Array.from({ length: 4_096 }, (_, bits) =>
      Array.from({ length: 12 }, (_level, at) => ((bits >> at) & 1 ? '+' : 'x')).join('/'),
    );
    client.send({
      type: 'subscribe',
      packetId: 1,
      filters: filters.map((filter) => ({ filter, qos: 1 })),
      properties: { subscriptionIds: [5] },
    });
    const costMs = leastCpuMs(() => {
      bench.client('writer').publish(Array(12).fill('x').join('/'), '1', 1);
      const [message, ...none] = client.messages();
      expect(none).toEqual([]);
      expect(message!.properties.subscriptionIds).toHaveLength(4_096);
    });
    expect(costMs).toBeLessThan(5_000);
  });
});

describe('a subscriber of everything on a flooded broker', () => {
  it('that does not read loses QoS 0, is told of, and delays nobody', () => {
    const bench = new BrokerBench({ limits: { highWaterBytes: 4_096 } });
    const [stuck, quick] = [bench.client('stuck'), bench.client('quick')];
    stuck.subscribe('#', 1);
    quick.subscribe('#', 1);
    stuck.sink.frozen = true;
    const writer = bench.client('writer');
    const burst = Array.from({ length: 500 }, (_, i) =>
      publishPacket(`t/${i}`, 'some value', i % 50 === 0 ? 1 : 0, i + 1),
    );
    let seen = 0;
    for (let round = 0; round < 40; round++) {
      writer.tell(...burst);
      for (const { qos, packetId } of quick.messages()) {
        seen++;
        if (qos === 1) quick.tell({ type: 'puback', packetId });
      }
    }
    // The client that reads gets all 20,000; its memory and the other's stay bounded.
    expect(seen).toBe(20_000);
    expect(bench.broker.counters.droppedOut).toBeGreaterThan(18_000);
    expect(stuck.sink.bufferedBytes).toBeLessThan(30_000);
    const view = bench.broker.clients().find(({ clientId }) => clientId === 'stuck')!;
    expect(view.dropped).toBe(bench.broker.counters.droppedOut);
  });
});
