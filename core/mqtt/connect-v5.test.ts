import { describe, expect, it } from 'vitest';
import { BrokerBench, type ConnectOptions, type MemoryClient } from '../../test/support/mqtt-broker.ts';
import { LOCAL_PROFILE, type ListenerProfile } from './origin.ts';

const V5 = { protocolLevel: 5 as const };

function v5(bench: BrokerBench, clientId: string, options: ConnectOptions = {}): MemoryClient {
  return bench.client(clientId, { ...V5, ...options });
}

const listener = (profile: Partial<ListenerProfile>) => ({
  profile: { ...LOCAL_PROFILE, ...profile },
  certificate: null,
});

describe('CONNECT and CONNACK of MQTT 5', () => {
  it('connects, subscribes and publishes', () => {
    const bench = new BrokerBench();
    const reader = v5(bench, 'r');
    expect(reader.subscribe('a/#', 2)).toMatchObject([{ type: 'suback', reasonCodes: [2] }]);
    const writer = v5(bench, 'w');
    expect(writer.publish('a/b', 'x', 1, 5)).toMatchObject([{ type: 'puback', packetId: 5, reasonCode: 0 }]);
    expect(writer.publish('nobody', 'x', 1, 6)).toMatchObject([{ type: 'puback', reasonCode: 0x10 }]);
    expect(reader.texts()).toEqual(['a/b x 1']);
  });

  it('tells what the client may use [MQTT-3.2.2-13] and gives an id to the nameless [MQTT-3.1.3-6, MQTT-3.2.2-16]', () => {
    const bench = new BrokerBench({
      clientLimits: {
        ...{ receiveMaximum: 7, maxPacketBytes: 5_000, topicAliasMaximum: 3 },
        ...{ maxSessionExpirySeconds: 60, serverKeepAliveSeconds: 20 },
      },
    });
    const client = bench.unconnected();
    const [connack] = client.connect({
      ...V5,
      properties: { sessionExpirySeconds: 100 },
      keepAliveSeconds: 50,
    });
    expect(connack).toEqual({
      ...{ type: 'connack', sessionPresent: false, reasonCode: 0 },
      properties: {
        ...{ sessionExpirySeconds: 60, receiveMaximum: 7, maximumPacketBytes: 5_000, topicAliasMaximum: 3 },
        ...{ serverKeepAliveSeconds: 20, assignedClientId: bench.broker.clients()[0]!.clientId },
      },
    });
    // The server's keep-alive counts, and not the client's [MQTT-3.1.2-21, MQTT-3.2.2-22].
    bench.clock.advance(29_000);
    expect(client.closed).toBe(false);
    bench.clock.advance(1_500);
    expect(client.look()).toMatchObject([{ type: 'disconnect', reasonCode: 0x8d }]);
    expect(client.closed).toBe(true);
  });

  it('keeps the words that the client used: what it granted as asked is not told again', () => {
    const [connack] = new BrokerBench().unconnected().connect({ ...V5, clientId: 'c' });
    expect(connack).toMatchObject({ properties: { maximumPacketBytes: 1_048_576 } });
    expect(Object.keys((connack as { properties: object }).properties)).toEqual([
      'topicAliasMaximum',
      'maximumPacketBytes',
    ]);
  });

  it('resumes a session only without Clean Start [MQTT-3.1.2-4, MQTT-3.2.2-2, MQTT-3.2.2-3]', () => {
    const bench = new BrokerBench();
    const keeps = { properties: { sessionExpirySeconds: 100 } };
    v5(bench, 'c', keeps).subscribe('a', 1);
    bench.broker.disconnect('c');
    const again = bench.unconnected();
    expect(again.connect({ ...V5, ...keeps, clientId: 'c', cleanStart: false })).toMatchObject([
      { sessionPresent: true },
    ]);
    again.lose();
    const clean = bench.unconnected();
    expect(clean.connect({ ...V5, ...keeps, clientId: 'c' })).toMatchObject([{ sessionPresent: false }]);
    expect(bench.broker.subscriptionCount).toBe(0);
  });

  it("does not give one user's session to another", () => {
    const bench = new BrokerBench();
    const lasting = { cleanStart: false, username: 'ann' };
    bench.client('c', lasting).subscribe('secret', 1);
    bench.broker.disconnect('c');
    const thief = bench.unconnected();
    expect(thief.connect({ ...lasting, clientId: 'c', username: 'bob' })).toMatchObject([
      { sessionPresent: false },
    ]);
    expect(bench.broker.subscriptionCount).toBe(0);
  });

  it('says 0x8E to the connection that is taken over [MQTT-3.1.4-3], however many come', () => {
    const bench = new BrokerBench();
    const clients = Array.from({ length: 50 }, () => v5(bench, 'c', { cleanStart: false }));
    for (const [index, client] of clients.entries()) {
      const last = index === clients.length - 1;
      expect(client.closed).toBe(!last);
      if (!last) expect(client.look()).toMatchObject([{ type: 'disconnect', reasonCode: 0x8e }]);
    }
    expect(bench.broker.counters.takeOvers).toBe(49);
    expect(bench.broker.sessionCounts).toEqual({ connected: 1, absent: 0, expired: 0 });
  });

  it('answers a second CONNECT with Protocol Error [MQTT-3.1.0-2], bytes of no use with Malformed Packet', () => {
    const bench = new BrokerBench();
    const twice = v5(bench, 'twice');
    expect(twice.connect({ ...V5, clientId: 'twice' })).toMatchObject([
      { type: 'disconnect', reasonCode: 0x82 },
    ]);
    const odd = v5(bench, 'odd');
    expect(odd.send(Buffer.from([0x83, 0]))).toMatchObject([{ type: 'disconnect', reasonCode: 0x81 }]);
    expect([twice.closed, odd.closed]).toEqual([true, true]);
  });

  it('answers a CONNECT that cannot be read in a CONNACK of its version', () => {
    const client = new BrokerBench().unconnected();
    client.speak(5);
    // Reserved flag set.
    const bytes = Buffer.from([0x10, 13, 0, 4, 77, 81, 84, 84, 5, 3, 0, 60, 0, 0, 0]);
    expect(client.send(bytes)).toMatchObject([{ type: 'connack', reasonCode: 0x81 }]);
    expect(client.closed).toBe(true);
  });

  it('takes no large packet from a client that was not let in, whatever its listener allows', () => {
    const bench = new BrokerBench({ clientLimits: { maxPacketBytes: 16_777_216 } });
    // CONNECT of 2 MiB: refused by its header, before anything of it is kept.
    const header = Buffer.from([0x10, 0x80, 0x80, 0x80, 0x01]);
    const stranger = bench.unconnected();
    stranger.send(header);
    expect(stranger.closed).toBe(true);
    const client = v5(bench, 'known');
    const topic = Buffer.from([0, 1, 97, 0]);
    const publish = Buffer.concat([
      Buffer.from([0x30, ...header.subarray(1)]),
      topic,
      Buffer.alloc(2_097_148),
    ]);
    expect(client.send(publish)).toEqual([]);
    expect([client.closed, bench.broker.counters.messagesIn]).toEqual([false, 1]);
  });

  it('refuses a packet above its maximum with 0x95, and never sends one above the client’s [MQTT-3.1.2-24]', () => {
    const bench = new BrokerBench({ clientLimits: { maxPacketBytes: 1_000 } });
    const big = v5(bench, 'big');
    expect(big.publish('a', 'x'.repeat(1_000))).toMatchObject([{ type: 'disconnect', reasonCode: 0x95 }]);
    const small = v5(bench, 'small', { properties: { maximumPacketBytes: 100 } });
    small.subscribe('a', 2);
    bench.broker.publish({ topic: 'a', payload: Buffer.alloc(200), qos: 1 });
    bench.broker.publish({ topic: 'a', payload: Buffer.from('ok'), qos: 1 });
    // MQTT-3.1.2-25: the first one is as good as delivered.
    expect(small.texts()).toEqual(['a ok 1']);
    expect(bench.broker.clients()).toMatchObject([{ clientId: 'small', inFlight: 1, dropped: 1 }]);
    expect(bench.broker.counters.tooLargeForClient).toBe(1);
  });

  it('leaves out the reason in words where the client has no room for it [MQTT-3.14.2-3]', () => {
    const bench = new BrokerBench();
    const roomy = v5(bench, 'roomy');
    const tight = v5(bench, 'tight', { properties: { maximumPacketBytes: 20 } });
    for (const id of ['roomy', 'tight']) bench.broker.disconnect(id, 0x98, 'because of the operator');
    expect(roomy.look()).toMatchObject([
      { reasonCode: 0x98, properties: { reasonString: 'because of the operator' } },
    ]);
    expect(tight.look()).toEqual([{ type: 'disconnect', reasonCode: 0x98, properties: {} }]);
  });

  it('says 0x8B when the station stops', () => {
    const bench = new BrokerBench();
    const client = v5(bench, 'c');
    bench.broker.stop();
    expect(client.look()).toMatchObject([{ type: 'disconnect', reasonCode: 0x8b }]);
  });

  it('takes ids of more than 23 characters from MQTT 3.1', () => {
    const bench = new BrokerBench();
    bench.client('x'.repeat(60), { protocolLevel: 3 });
    expect(bench.broker.clients()[0]!.clientId).toHaveLength(60);
  });
});

describe('who may come in', () => {
  it('is everyone where anonymous clients may, and nobody elsewhere: 0x87, or return code 5', () => {
    const bench = new BrokerBench();
    const closed = listener({ anonymous: false });
    expect(bench.unconnected(closed).connect({ ...V5, clientId: 'c' })).toMatchObject([{ reasonCode: 0x87 }]);
    expect(bench.unconnected(closed).connect({ clientId: 'c' })).toMatchObject([{ reasonCode: 5 }]);
    expect(bench.broker.counters).toMatchObject({ badCredentials: 2, connectionsRefused: 2 });
  });

  it('hears why not, in the words of its version, and where else to go [MQTT-4.13.2-1]', () => {
    const refusals: Record<string, object> = {
      banned: { reasonCode: 0x8a, reason: 'for a while' },
      wrong: { reasonCode: 0x86 },
      busy: { reasonCode: 0x89 },
      moved: { reasonCode: 0x9d, serverReference: 'other.example:1883' },
    };
    const bench = new BrokerBench({
      authenticate: ({ clientId }) => refusals[clientId] as { reasonCode: number },
    });
    const told = (clientId: string, protocolLevel: 4 | 5) =>
      bench.unconnected().connect({ clientId, protocolLevel });
    expect(told('banned', 5)).toMatchObject([
      { reasonCode: 0x8a, properties: { reasonString: 'for a while' } },
    ]);
    expect(told('moved', 5)).toMatchObject([
      { reasonCode: 0x9d, properties: { serverReference: 'other.example:1883' } },
    ]);
    expect(['banned', 'wrong', 'busy', 'moved'].map((id) => told(id, 4)[0])).toMatchObject([
      { reasonCode: 5 },
      { reasonCode: 4 },
      { reasonCode: 3 },
      { reasonCode: 3 },
    ]);
  });

  it('sends nothing that is longer than the client takes, not even CONNACK [MQTT-3.1.2-24]', () => {
    const bench = new BrokerBench();
    const small = bench.unconnected();
    expect(small.connect({ ...V5, clientId: 'c', properties: { maximumPacketBytes: 4 } })).toEqual([]);
    expect(small.closed).toBe(true);
    expect(bench.broker.client('c')).toBeNull();
  });

  it('is bounded per listener, and the user’s own limits come last', () => {
    const bench = new BrokerBench({
      clientLimits: { receiveMaximum: 50 },
      authenticate: ({ clientId }) => ({
        username: clientId,
        ...(clientId === 'small' && { limits: { receiveMaximum: 5 } }),
      }),
    });
    const here = listener({ id: 'one', limits: { maxConnections: 2, receiveMaximum: 20 } });
    const [usual, small] = ['usual', 'small'].map((clientId) =>
      bench.unconnected(here).connect({ ...V5, clientId }),
    );
    expect(usual).toMatchObject([{ properties: { receiveMaximum: 20 } }]);
    expect(small).toMatchObject([{ properties: { receiveMaximum: 5 } }]);
    expect(bench.broker.connectionsOf('one')).toBe(2);
    expect(bench.unconnected(here).closed).toBe(true);
    expect(bench.unconnected().closed).toBe(false);
  });
});
