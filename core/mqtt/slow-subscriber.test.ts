import { describe, expect, it } from 'vitest';
import { MemoryJournal } from '../../test/support/memory-journal.ts';
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

  it('delays nobody at any QoS and in any version, nor does one whose rows wait for a commit', () => {
    const journal = new MemoryJournal();
    const bench = new BrokerBench({ limits, journal });
    const v5 = { protocolLevel: 5 as const };
    const frozen = [
      bench.client('old', { cleanStart: false }),
      bench.client('new', { ...v5, properties: { sessionExpirySeconds: 60, receiveMaximum: 1 } }),
      bench.client('clean', v5),
    ];
    const healthy = [bench.client('h4'), bench.client('h5', { ...v5, properties: { topicAliasMaximum: 5 } })];
    for (const client of [...frozen, ...healthy]) client.subscribe('a', 2);
    bench.broker.release(journal.commit());
    for (const client of [...frozen, ...healthy]) client.look();
    for (const client of frozen) client.sink.frozen = true;
    const writer = bench.client('writer');
    for (let i = 1; i <= 90; i++) {
      const qos = (i % 3) as 0 | 1 | 2;
      writer.tell(publishPacket('a', `${i} ${kilobyte}`, qos, i));
      for (const client of healthy) {
        const messages = client.messages();
        expect(messages.map(({ payload }) => parseInt(Buffer.from(payload).toString(), 10))).toEqual([i]);
        const { packetId } = messages[0]!;
        if (qos === 1) client.ack('puback', packetId);
        if (qos === 2) client.ack('pubrec', packetId);
        if (qos === 2) client.ack('pubcomp', packetId);
      }
    }
    // Nothing was committed meanwhile, so the writer has no answer yet.
    expect(writer.look()).toEqual([]);
    bench.broker.release(journal.commit());
    expect(writer.look()).toHaveLength(60);
  });
});
