import { describe, expect, it } from 'vitest';
import { BrokerBench, type MemoryClient, publishPacket } from '../../test/support/mqtt-broker.ts';
import type { Properties, SubscriptionRequest } from './codec/packet.ts';
import type { Qos } from './types.ts';

function v5(bench: BrokerBench, clientId: string, properties: Properties = {}): MemoryClient {
  return bench.client(clientId, { protocolLevel: 5, properties });
}

function subscribe(
  client: MemoryClient,
  filter: string,
  qos: Qos,
  subscriptionId = 0,
  options: Partial<SubscriptionRequest> = {},
): void {
  const properties = subscriptionId === 0 ? {} : { subscriptionIds: [subscriptionId] };
  client.send({ type: 'subscribe', packetId: 1, filters: [{ filter, qos, ...options }], properties });
}

/** What came, as `payload qos` with `r` for RETAIN, and the subscription identifiers behind it. */
function seen(client: MemoryClient): string[] {
  return client.messages().map(({ payload, qos, retain, properties }) => {
    const ids = [...(properties.subscriptionIds ?? [])].sort();
    return [`${Buffer.from(payload).toString()} ${qos}${retain ? 'r' : ''}`, ...ids].join(' ');
  });
}

describe('subscription options', () => {
  it('No Local keeps from a client what it published itself [MQTT-3.8.3-3]', () => {
    const bench = new BrokerBench();
    const [quiet, loud, other] = [v5(bench, 'quiet'), v5(bench, 'loud'), v5(bench, 'other')];
    subscribe(quiet, 'a', 1, 0, { noLocal: true });
    subscribe(loud, 'a', 1);
    for (const qos of [0, 1] as const) {
      quiet.tell(publishPacket('a', `own${qos}`, qos));
      other.tell(publishPacket('a', `other${qos}`, qos));
    }
    expect(seen(quiet)).toEqual(['other0 0', 'other1 1']);
    expect(seen(loud)).toEqual(['own0 0', 'other0 0', 'own1 1', 'other1 1']);
    bench.broker.publish({ topic: 'a', payload: Buffer.from('station') });
    expect(seen(quiet)).toEqual(['station 0']);
  });

  it('No Local of one subscription leaves what another one brings', () => {
    const bench = new BrokerBench();
    const client = v5(bench, 'client');
    subscribe(client, 'a/+', 2, 7, { noLocal: true, retainAsPublished: true });
    subscribe(client, 'a/#', 1, 8);
    client.tell(publishPacket('a/b', 'own', 1, 5, { retain: true }), publishPacket('a/b', 'plain'));
    v5(bench, 'other').tell(publishPacket('a/b', 'other', 2, 5, { retain: true }));
    expect(seen(client).sort()).toEqual(['other 2r 7 8', 'own 1 8', 'plain 0 8']);
  });

  it('RETAIN stays as it was published where that was asked for, else it is cleared [MQTT-3.3.1-12, MQTT-3.3.1-13]', () => {
    const bench = new BrokerBench();
    const [keeps, clears, old] = [v5(bench, 'keeps'), v5(bench, 'clears'), bench.client('old')];
    subscribe(keeps, 'a', 0, 0, { retainAsPublished: true });
    subscribe(clears, 'a', 0);
    old.subscribe('a');
    const writer = v5(bench, 'writer');
    writer.tell(publishPacket('a', '1', 0, 0, { retain: true }), publishPacket('a', '2'));
    writer.tell(publishPacket('a', '', 0, 0, { retain: true }));
    expect(seen(keeps)).toEqual(['1 0r', '2 0', ' 0r']);
    expect(seen(clears)).toEqual(['1 0', '2 0', ' 0']);
    expect(old.texts()).toEqual(['a 1 0', 'a 2 0', 'a  0']);
  });

  it('names every subscription that matched, in one message [MQTT-3.3.4-2, -3, -4, -5]', () => {
    const bench = new BrokerBench();
    const client = v5(bench, 'client');
    subscribe(client, 'a/+', 0, 1);
    subscribe(client, 'a/#', 2, 268_435_455);
    subscribe(client, '#', 1);
    subscribe(client, 'a/b', 0, 1);
    v5(bench, 'writer').tell(publishPacket('a/b', 'x', 2, 3), publishPacket('c', 'y'));
    const [both, none] = client.messages();
    expect(both).toMatchObject({ qos: 2 });
    expect([...both!.properties.subscriptionIds!].sort()).toEqual([1, 1, 268_435_455]);
    expect(none!.properties).toEqual({});
    // Subscribing again replaces the options [MQTT-3.8.4-3].
    subscribe(client, 'a/#', 0, 5);
    v5(bench, 'writer').tell(publishPacket('a/z', 'z', 1, 3));
    expect(client.messages().map(({ qos, properties }) => [qos, properties.subscriptionIds?.sort()])).toEqual(
      [[1, [1, 5]]],
    );
  });

  it('go with a retained message and through the queue of an absent client', () => {
    const bench = new BrokerBench();
    const lasting = { protocolLevel: 5 as const, properties: { sessionExpirySeconds: 100 } };
    const client = bench.client('client', lasting);
    subscribe(client, 'a', 1, 9, { retainAsPublished: true });
    client.lose();
    v5(bench, 'writer').tell(publishPacket('a', 'x', 1, 3, { retain: true }));
    const back = bench.client('client', { ...lasting, cleanStart: false });
    expect(seen(back)).toEqual(['x 1r 9']);
    subscribe(back, '+', 0, 10);
    expect(seen(back)).toEqual([]);
    const next = v5(bench, 'next');
    next.tell({
      type: 'subscribe',
      packetId: 1,
      filters: [{ filter: '+', qos: 0 }],
      properties: { subscriptionIds: [3] },
    });
    expect(seen(next)).toEqual(['x 0r 3']);
  });
});

describe('a run of QoS 0 messages', () => {
  it('gives every kind of receiver the same messages in the same order', () => {
    for (const level of [4, 5] as const) {
      const bench = new BrokerBench();
      const readers = {
        old: bench.client('old'),
        plain: v5(bench, 'plain'),
        aliased: v5(bench, 'aliased', { topicAliasMaximum: 2 }),
        small: v5(bench, 'small', { maximumPacketBytes: 30 }),
        numbered: v5(bench, 'numbered'),
        deaf: v5(bench, 'deaf'),
      };
      for (const [name, reader] of Object.entries(readers)) {
        const noLocal = name === 'deaf';
        subscribe(reader, 'topic/#', 1, name === 'numbered' ? 4 : 0, noLocal ? { noLocal } : {});
      }
      const writer = bench.client('writer', { protocolLevel: level });
      const sent = Array.from({ length: 40 }, (_, i) =>
        publishPacket(`topic/${i % 3}`, i === 17 ? 'x'.repeat(40) : String(i), i % 11 === 10 ? 1 : 0, i + 1),
      );
      const before = readers.plain.sink.writes;
      writer.tell(...sent);
      const wanted = sent.map(({ payload, qos }) => `${Buffer.from(payload).toString()} ${qos}`);
      expect(seen(readers.old)).toEqual(wanted);
      expect(seen(readers.plain)).toEqual(wanted);
      expect(readers.plain.sink.writes - before).toBe(1);
      expect(seen(readers.aliased)).toEqual(wanted);
      expect(seen(readers.small)).toEqual(wanted.filter((_, i) => i !== 17));
      expect(seen(readers.numbered)).toEqual(wanted.map((text) => `${text} 4`));
      expect(seen(readers.deaf)).toEqual(wanted);
      expect(bench.broker.counters.tooLargeForClient).toBe(1);
    }
  });

  it('keeps topics apart for receivers that need every message on its own', () => {
    const bench = new BrokerBench();
    const aliased = v5(bench, 'aliased', { topicAliasMaximum: 2 });
    subscribe(aliased, '#', 0);
    bench
      .client('writer')
      .tell(...['first', 'second', 'first', 'third', 'second'].map((name) => publishPacket(name, '')));
    expect(
      aliased.messages().map(({ topic, properties }) => `${topic}=${properties.topicAlias ?? '-'}`),
    ).toEqual(['first=1', 'second=2', '=1', 'third=-', '=2']);
  });

  it('of a client that does not want its own goes past it alone', () => {
    const bench = new BrokerBench();
    const own = v5(bench, 'own');
    const other = v5(bench, 'other');
    subscribe(own, 'a', 0, 0, { noLocal: true });
    subscribe(other, 'a', 0);
    own.tell(...['1', '2', '3'].map((text) => publishPacket('a', text)));
    expect(seen(own)).toEqual([]);
    expect(seen(other)).toEqual(['1 0', '2 0', '3 0']);
  });
});
