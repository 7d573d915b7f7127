import { describe, expect, it } from 'vitest';
import { BrokerBench, publishPacket } from '../../test/support/mqtt-broker.ts';

const limits = { highWaterBytes: 10_000, hardLimitBytes: 100_000 };
const kilobyte = 'x'.repeat(1_000);

describe('a subscriber that does not read', () => {
  it('loses QoS 0 above high water, counted, while another gets everything and the publisher does not wait', () => {
    const bench = new BrokerBench({ limits });
    const [frozen, healthy] = [bench.client('frozen'), bench.client('healthy')];
    for (const client of [frozen, healthy]) client.subscribe('a');
    frozen.sink.frozen = true;
    const writer = bench.client('writer');
    for (let i = 0; i < 100; i++) {
      writer.publish('a', kilobyte);
      expect(healthy.messages()).toHaveLength(1);
    }
    expect(writer.send({ type: 'pingreq' })).toMatchObject([{ type: 'pingresp' }]);
    const lost = bench.broker.counters.droppedOut;
    expect(lost).toBeGreaterThan(85);
    frozen.sink.thaw();
    frozen.connection.drained();
    expect(frozen.messages()).toHaveLength(100 - lost);
    writer.publish('a', 'again');
    expect(frozen.texts()).toEqual(['a again 0']);
  });

  it('has QoS 1 and 2 wait in its session, and gets them in order when it reads again', () => {
    const bench = new BrokerBench({ limits });
    const frozen = bench.client('frozen');
    frozen.subscribe('a', 2);
    frozen.sink.frozen = true;
    const writer = bench.client('writer');
    for (let i = 0; i < 40; i++) writer.publish('a', `${String(i).padStart(2, '0')}${kilobyte}`, 1, i + 1);
    expect(bench.broker.counters.droppedOut).toBe(0);
    expect(frozen.sink.bufferedBytes).toBeLessThan(12_000);
    expect(bench.broker.clients()[0]!.queued).toBeGreaterThan(25);
    frozen.sink.thaw();
    const seen: string[] = [];
    for (;;) {
      frozen.connection.drained();
      const messages = frozen.messages();
      if (messages.length === 0) break;
      seen.push(...messages.map(({ payload }) => Buffer.from(payload.subarray(0, 2)).toString()));
      frozen.tell(...messages.map(({ packetId }) => ({ type: 'puback' as const, packetId })));
    }
    expect(seen).toEqual(Array.from({ length: 40 }, (_, i) => String(i).padStart(2, '0')));
  });

  it('still gets acknowledgements and ping answers', () => {
    const bench = new BrokerBench({ limits });
    const client = bench.client('c');
    client.subscribe('a');
    client.sink.frozen = true;
    for (let i = 0; i < 30; i++) client.publish('a', kilobyte, 1, i + 1);
    client.send({ type: 'pingreq' });
    client.sink.thaw();
    const kinds = client.look().map((packet) => packet.type);
    expect(kinds.filter((kind) => kind === 'puback')).toHaveLength(30);
    expect(kinds).toContain('pingresp');
  });

  it('is disconnected when nothing leaves for 30 s, and not while something does', () => {
    const bench = new BrokerBench({ limits });
    const [stuck, slow] = [bench.client('stuck'), bench.client('slow')];
    for (const client of [stuck, slow]) {
      client.subscribe('a');
      client.sink.frozen = true;
    }
    const writer = bench.client('writer');
    const fill = () => {
      for (let i = 0; i < 20; i++) writer.publish('a', kilobyte);
    };
    fill();
    bench.clock.advance(20_000);
    slow.sink.thaw();
    slow.connection.drained();
    slow.sink.frozen = true;
    fill();
    bench.clock.advance(10_500);
    expect([stuck.closed, stuck.sink.destroyed, slow.closed]).toEqual([true, true, false]);
    expect(bench.broker.counters.stuckClients).toBe(1);
    bench.clock.advance(60_000);
    expect(slow.closed).toBe(true);
  });

  it('is disconnected at once when even acknowledgements pile up beyond the hard limit', () => {
    const bench = new BrokerBench({ limits });
    const client = bench.client('c');
    client.sink.frozen = true;
    for (let round = 0; round < 30 && !client.closed; round++) {
      client.send(...Array.from({ length: 1_000 }, (_, i) => publishPacket('a', '', 1, i + 1)));
    }
    expect(client.closed).toBe(true);
    expect(bench.broker.counters.stuckClients).toBe(1);
  });

  it('does not keep its connection open for ever when it is told to go', () => {
    const bench = new BrokerBench({ limits });
    const client = bench.client('c');
    client.subscribe('a');
    client.sink.frozen = true;
    client.publish('a', kilobyte);
    bench.broker.disconnect('c');
    expect([client.sink.ended, client.sink.destroyed]).toEqual([true, false]);
    bench.clock.advance(5_200);
    expect(client.sink.destroyed).toBe(true);
  });
});
