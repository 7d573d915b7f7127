import { describe, expect, it } from 'vitest';
import { leastCpuMs } from '../../test/support/cost.ts';
import { BrokerBench } from '../../test/support/mqtt-broker.ts';
import type { InboundPublish } from './types.ts';

const V5 = { protocolLevel: 5 as const };
const bytes = (text: string) => Buffer.from(text);

/** A subscriber of the station reads behind the write, not in it. */
const written = (): Promise<void> => Promise.resolve();

describe('a subscriber inside the station', () => {
  it('gets what a client gets, in the order in which a client gets it', async () => {
    const bench = new BrokerBench();
    const seen: string[] = [];
    const note = ({ topic, payload, qos }: InboundPublish): void =>
      void seen.push(`${topic} ${Buffer.from(payload).toString()} ${qos}`);
    bench.broker.publish({ topic: 'a/0', payload: bytes('kept'), retain: true });
    const leave = bench.broker.subscribe({ filter: 'a/#', qos: 2 }, note);
    const twin = bench.client('twin', V5);
    twin.subscribe('a/#', 2);
    const writer = bench.client('writer');
    for (let index = 0; index < 60; index++) {
      const qos = (index % 3) as 0 | 1 | 2;
      writer.publish(`a/${index % 5}`, String(index), qos, index + 1);
      if (qos === 2) writer.ack('pubrel', index + 1);
      const messages = twin.messages();
      for (const { qos: level, packetId } of messages) {
        if (level > 0) twin.ack(level === 1 ? 'puback' : 'pubrec', packetId);
        if (level === 2) twin.ack('pubcomp', packetId);
      }
      await written();
    }
    bench.broker.flush();
    await written();
    expect(seen).toHaveLength(61);
    expect(seen[0]).toBe('a/0 kept 0');
    expect(seen.slice(1)).toEqual(
      Array.from({ length: 60 }, (_, index) => `a/${index % 5} ${index} ${index % 3}`),
    );
    expect(bench.broker.clients().map(({ clientId }) => clientId)).toEqual(['twin', 'writer']);
    expect(bench.broker.sessionCounts.connected).toBe(2);
    leave();
    writer.publish('a/1', 'late');
    bench.broker.flush();
    await written();
    expect(seen).toHaveLength(61);
    expect(bench.broker.connectionCount).toBe(2);
  });

  it('is not asked for rights, hears properties, and is not stopped by its own failure', async () => {
    const bench = new BrokerBench({ authorize: () => false, authenticate: () => ({ reasonCode: 0x87 }) });
    const seen: InboundPublish[] = [];
    bench.broker.subscribe({ filter: '$SYS/#' }, (publish) => {
      seen.push({ ...publish, properties: Uint8Array.from(publish.properties) });
      throw new Error('the subscriber is broken');
    });
    for (const value of ['1', '2'])
      bench.broker.publish({
        topic: '$SYS/x',
        payload: bytes(value),
        properties: { contentType: 'text/plain' },
      });
    bench.broker.flush();
    await written();
    expect(seen).toMatchObject([{ topic: '$SYS/x', clientId: null }, { topic: '$SYS/x' }]);
    expect(seen[0]!.properties).toEqual(Uint8Array.from([3, 0, 10, ...bytes('text/plain')]));
  });
});

describe('publishing for the station', () => {
  it('says how many receivers there are, and leaves no trace when it is silent', () => {
    const taken: string[] = [];
    const intake = { take: ({ topic }: InboundPublish) => (taken.push(topic), 0) };
    const bench = new BrokerBench({ intake });
    for (const id of ['c1', 'c2']) bench.client(id).subscribe('a');
    expect(bench.broker.publish({ topic: 'a', payload: bytes('x') })).toEqual({ taken: true, receivers: 2 });
    expect(bench.broker.publish({ topic: 'b', payload: bytes('x') })).toEqual({ taken: true, receivers: 0 });
    const { messagesIn } = bench.broker.counters;
    bench.broker.publish({ topic: 'a', payload: bytes('x'), silent: true });
    expect([taken, bench.broker.counters.messagesIn]).toEqual([['a', 'b'], messagesIn]);
  });
});

describe('what the station sees of its clients', () => {
  it('counts messages and bytes of each, and shows one in detail', () => {
    const bench = new BrokerBench();
    const client = bench.client('c', {
      ...V5,
      ...{ keepAliveSeconds: 30, username: 'ann' },
      will: {
        topic: 'gone',
        payload: bytes('xyz'),
        qos: 1,
        retain: true,
        properties: { willDelaySeconds: 9 },
      },
      properties: {
        ...{ sessionExpirySeconds: 60, receiveMaximum: 1, topicAliasMaximum: 4, maximumPacketBytes: 9_000 },
        userProperties: [['app', 'test']],
      },
    });
    client.subscribe('a/+', 2, { noLocal: false, retainAsPublished: true, retainHandling: 1 });
    client.publish('a/b', 'hello', 2, 1);
    client.publish('a/b', 'again', 1, 2);
    expect(bench.broker.client('c')).toMatchObject({
      view: {
        ...{ protocolLevel: 5, username: 'ann', sessionExpirySeconds: 60, keepAliveSeconds: 30 },
        ...{ messagesIn: 2, messagesOut: 1, inFlight: 1, queued: 1, subscriptions: 1, slow: false },
      },
      subscriptions: [
        {
          filter: 'a/+',
          qos: 2,
          noLocal: false,
          retainAsPublished: true,
          retainHandling: 1,
          subscriptionId: 0,
        },
      ],
      inFlight: [{ packetId: 1, qos: 2, state: 'pubrec', topic: 'a/b' }],
      queued: [{ topic: 'a/b', qos: 1, bytes: 5 }],
      will: { topic: 'gone', qos: 1, retain: true, bytes: 3, delaySeconds: 9 },
      ...{
        receiveMaximum: 1,
        maximumPacketBytes: 9_000,
        topicAliasMaximum: 4,
        userProperties: [['app', 'test']],
      },
    });
    const { bytesIn, bytesOut } = bench.broker.client('c')!.view;
    expect([bytesIn, bytesOut]).toEqual([bench.broker.counters.bytesIn, bench.broker.counters.bytesOut]);
    expect(bench.broker.client('nobody')).toBeNull();
    client.lose();
    expect(bench.broker.client('c')!.view).toMatchObject({
      ...{ connected: false, leftMs: bench.clock.now(), messagesIn: 2, bytesIn },
    });
  });

  it('tells what changed since the last look, and who is gone', () => {
    const bench = new BrokerBench();
    const [one] = ['one', 'two', 'three'].map((id) => bench.client(id));
    const look = (stamp: number) => {
      const { upsert, removed, ...rest } = bench.broker.changedClients(stamp);
      return { upsert: upsert.map(({ clientId }) => clientId), removed, ...rest };
    };
    const first = look(0);
    expect(first).toMatchObject({ upsert: ['one', 'two', 'three'], removed: [], complete: true });
    expect(look(first.stamp)).toMatchObject({ upsert: [], removed: [] });
    one!.send({ type: 'pingreq' });
    const second = look(first.stamp);
    expect(second).toMatchObject({ upsert: ['one'], removed: [] });
    bench.broker.disconnect('two');
    bench.broker.disconnect('three');
    bench.client('three');
    expect(look(second.stamp)).toMatchObject({ upsert: ['three'], removed: ['two'] });
    for (let index = 0; index < 20_010; index++) bench.client('brief').lose();
    expect(look(second.stamp)).toMatchObject({ complete: false, upsert: ['one', 'three'] });
  });

  it('shows who gets a topic, and disconnects by user', () => {
    const bench = new BrokerBench();
    const ann = ['a1', 'a2'].map((id) => bench.client(id, { ...V5, username: 'ann', cleanStart: false }));
    bench.client('bob', { username: 'bob' }).subscribe('#', 0);
    for (const client of ann) client.subscribe('x/+', 1);
    expect(bench.broker.subscribersOf('x/y', 2)).toMatchObject({ total: 3, subscribers: [{}, {}] });
    expect(bench.broker.subscribersOf('z', 9)).toEqual({
      total: 1,
      subscribers: [{ clientId: 'bob', connected: true, filter: '#', qos: 0 }],
    });
    expect(bench.broker.disconnectUser('ann', 0x98, 'password changed')).toBe(2);
    expect(ann.map((client) => client.look().at(-1))).toMatchObject([
      { reasonCode: 0x98 },
      { reasonCode: 0x98 },
    ]);
    expect(bench.broker.clients().map(({ connected }) => connected)).toContain(true);
  });

  it('costs little for ten thousand clients that are all busy', () => {
    const bench = new BrokerBench();
    for (let index = 0; index < 10_000; index++) bench.client(`c${index}`);
    const costMs = leastCpuMs(() => expect(bench.broker.changedClients(0).upsert).toHaveLength(10_000), 3);
    expect(costMs).toBeLessThan(500);
  });
});

describe('rules of access that change', () => {
  it('are asked once for a topic, and anew after the change', () => {
    let forbidden = 'nothing';
    const asked: string[] = [];
    const bench = new BrokerBench({
      authorize: ({ action, topic }) => {
        asked.push(`${action} ${topic}`);
        return topic !== forbidden;
      },
    });
    const writer = bench.client('w', V5);
    for (let index = 0; index < 5; index++) writer.publish('a', 'x', 1, 1);
    expect(asked).toEqual(['publish a']);
    forbidden = 'a';
    expect(writer.publish('a', 'x', 1, 1)).toMatchObject([{ reasonCode: 0x10 }]);
    bench.broker.accessChanged();
    expect(writer.publish('a', 'x', 1, 1)).toMatchObject([{ type: 'puback', reasonCode: 0x87 }]);
    expect(writer.publish('b', 'x', 1, 1)).toMatchObject([{ reasonCode: 0x10 }]);
    expect(bench.broker.counters.denied).toBe(1);
  });

  it('are not asked for a client that may publish everything, until the change', () => {
    let ruled = false;
    const asked: string[] = [];
    const bench = new BrokerBench({
      authenticate: ({ clientId }) => ({ username: clientId === 'w' ? null : clientId }),
      authorize: ({ clientId, topic }) => {
        asked.push(`${clientId} ${topic}`);
        return false;
      },
      mayPublishAll: (username) => {
        if (username === 'broken') throw new Error('a defect');
        return username === null && !ruled;
      },
    });
    const writer = bench.client('w', V5);
    expect(writer.publish('a', 'x', 1, 1)).toMatchObject([{ reasonCode: 0x10 }]);
    expect(writer.publish('$SYS/a', 'x', 1, 1)).toMatchObject([{ reasonCode: 0x87 }]);
    expect(bench.client('broken', V5).publish('a', 'x', 1, 1)).toMatchObject([{ reasonCode: 0x87 }]);
    expect(asked).toEqual(['broken a']);
    ruled = true;
    bench.broker.accessChanged();
    expect(writer.publish('a', 'x', 1, 1)).toMatchObject([{ reasonCode: 0x87 }]);
    expect(asked).toEqual(['broken a', 'w a']);
  });

  it('take subscriptions away that are not allowed any more, with or without their client', () => {
    let forbidden = 'nothing';
    const bench = new BrokerBench({ authorize: ({ topic }) => topic !== forbidden });
    const here = bench.client('here');
    here.subscribe('secret');
    here.subscribe('open');
    const away = bench.client('away', { cleanStart: false });
    away.subscribe('$share/g/secret', 1);
    away.lose();
    forbidden = 'secret';
    bench.broker.accessChanged();
    expect([bench.broker.subscriptionCount, bench.broker.counters.denied]).toEqual([1, 2]);
    bench.broker.publish({ topic: 'secret', payload: bytes('x') });
    bench.broker.publish({ topic: 'open', payload: bytes('y') });
    expect(here.texts()).toEqual(['open y 0']);
  });
});

describe('subscriptions that cannot be', () => {
  it('have their reason code in MQTT 5 and 0x80 before', () => {
    const bench = new BrokerBench({
      authorize: ({ topic }) => topic !== 'no',
      clientLimits: { maxSubscriptions: 1, maxTopicLevels: 3 },
    });
    const filters = ['yes', 'no', 'a/b/c/d', 'more'].map((filter) => ({ filter, qos: 2 as const }));
    const subscribe = { type: 'subscribe' as const, packetId: 2, filters };
    expect(bench.client('new', V5).send(subscribe)).toMatchObject([{ reasonCodes: [2, 0x87, 0x8f, 0x97] }]);
    expect(bench.client('old').send(subscribe)).toMatchObject([{ reasonCodes: [2, 0x80, 0x80, 0x80] }]);
  });

  it('are told apart by UNSUBACK [MQTT-3.11.3-1]', () => {
    const client = new BrokerBench().client('c', V5);
    client.subscribe('a');
    expect(client.send({ type: 'unsubscribe', packetId: 3, filters: ['a', 'b'] })).toMatchObject([
      { type: 'unsuback', reasonCodes: [0, 0x11] },
    ]);
  });
});
