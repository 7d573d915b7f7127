import { describe, expect, it } from 'vitest';
import { BrokerBench, MemoryClient } from '../../test/support/mqtt-broker.ts';

const will = { topic: 'gone', payload: Buffer.from('x'), qos: 1 as const, retain: true };

describe('establishment', () => {
  it('accepts MQTT 3.1.1 and 3.1', () => {
    const { broker } = new BrokerBench();
    for (const protocolLevel of [4, 3] as const) {
      const client = new MemoryClient(broker);
      expect(client.connect({ protocolLevel, clientId: `c${protocolLevel}` })).toMatchObject([
        { type: 'connack', sessionPresent: false, reasonCode: 0 },
      ]);
    }
    expect(broker.clients().map((view) => [view.clientId, view.protocolLevel])).toEqual([
      ['c4', 4],
      ['c3', 3],
    ]);
  });

  it('answers newer levels in the words of MQTT 5, and older ones with return code 1 [MQTT311-3.1.2-2]', () => {
    const { broker } = new BrokerBench();
    const six = new MemoryClient(broker);
    six.speak(5);
    expect(six.send({ type: 'connect-unsupported', protocolLevel: 6 })).toMatchObject([
      { type: 'connack', sessionPresent: false, reasonCode: 0x84 },
    ]);
    const odd = new MemoryClient(broker);
    expect(odd.send({ type: 'connect-unsupported', protocolLevel: 1 })).toMatchObject([
      { type: 'connack', sessionPresent: false, reasonCode: 1 },
    ]);
    expect([six.closed, odd.closed, broker.counters.connectionsRefused]).toEqual([true, true, 2]);
  });

  it('gives a nameless client an id, unless it wants a session that lasts (MQTT-3.1.3-8)', () => {
    const { broker } = new BrokerBench();
    const nameless = new MemoryClient(broker);
    expect(nameless.connect({ clientId: '' })).toMatchObject([{ reasonCode: 0 }]);
    expect(broker.clients()[0]!.clientId).toMatch(/^auto-/);
    const lasting = new MemoryClient(broker);
    expect(lasting.connect({ clientId: '', cleanStart: false })).toMatchObject([{ reasonCode: 2 }]);
    expect(lasting.closed).toBe(true);
  });

  it('closes on anything before CONNECT, on a second CONNECT, and on what only a server sends', () => {
    const bench = new BrokerBench();
    const early = new MemoryClient(bench.broker);
    early.publish('a', '1');
    const twice = bench.client('twice');
    twice.connect({ clientId: 'twice' });
    const pretender = bench.client('pretender');
    pretender.send({ type: 'pingresp' });
    expect([early.closed, twice.closed, pretender.closed]).toEqual([true, true, true]);
    expect(bench.broker.counters.malformedPackets).toBe(3);
  });

  it('gives up on a connection that sends no CONNECT in ten seconds', () => {
    const { broker, clock } = new BrokerBench();
    const silent = new MemoryClient(broker);
    clock.advance(9_900);
    expect(silent.closed).toBe(false);
    clock.advance(300);
    expect(silent.closed).toBe(true);
  });

  it('closes connections beyond the limit at once', async () => {
    const { broker } = new BrokerBench({ limits: { maxConnections: 2 } });
    const clients = [1, 2, 3].map(() => new MemoryClient(broker));
    expect(clients.map((client) => client.closed)).toEqual([false, false, true]);
    expect(broker.counters.connectionsRefused).toBe(1);
    clients[0]!.lose();
    expect(new MemoryClient(broker).closed).toBe(false);
  });
});

describe('authentication', () => {
  it('asks at once or later, and refuses with return code 5', async () => {
    const verdict = (allowed: boolean, username: string | null) =>
      allowed ? { username } : { reasonCode: 0x87 };
    let answer: (verdict: { username: string }) => void = () => undefined;
    const asked: unknown[] = [];
    const { broker } = new BrokerBench({
      authenticate: (request) => {
        asked.push([request.clientId, request.username, Buffer.from(request.password ?? []).toString()]);
        if (request.username === 'later') return new Promise((resolve) => (answer = resolve));
        if (request.username === 'broken') throw new Error('no directory');
        return verdict(request.username === 'good', request.username);
      },
    });
    const login = (username: string) => ({ clientId: username, username, password: Buffer.from('secret') });
    expect(new MemoryClient(broker).connect(login('good'))).toMatchObject([{ reasonCode: 0 }]);
    expect(new MemoryClient(broker).connect(login('bad'))).toMatchObject([{ reasonCode: 5 }]);
    expect(new MemoryClient(broker).connect(login('broken'))).toMatchObject([{ reasonCode: 5 }]);

    const later = new MemoryClient(broker);
    expect(later.connect(login('later'))).toEqual([]);
    expect(later.sink.paused).toBe(true);
    // What the client sends in good faith meanwhile waits for the answer.
    expect(later.send({ type: 'pingreq' })).toEqual([]);
    answer({ username: 'later' });
    await Promise.resolve().then(() => new Promise(setImmediate));
    expect(later.look()).toMatchObject([{ type: 'connack', reasonCode: 0 }, { type: 'pingresp' }]);
    expect(later.sink.paused).toBe(false);
    expect(asked).toContainEqual(['later', 'later', 'secret']);
  });

  it('refuses filters one by one, and ignores a publish that is not allowed but acknowledges it', () => {
    const bench = new BrokerBench({
      authorize: ({ topic }) => topic !== 'no',
    });
    const reader = bench.client('reader');
    const filters = ['yes', 'no', 'also'].map((filter) => ({ filter, qos: 1 as const }));
    expect(reader.send({ type: 'subscribe', packetId: 2, filters })).toMatchObject([
      { type: 'suback', packetId: 2, reasonCodes: [1, 0x80, 1] },
    ]);
    const writer = bench.client('writer');
    const read = ['yes', 'no', 'also'].map((topic, index) => ({
      type: 'publish' as const,
      topic,
      payload: Buffer.from('1'),
      qos: 1 as const,
      retain: false,
      dup: false,
      packetId: index + 1,
    }));
    writer.tell(...read);
    expect(writer.look()).toMatchObject([1, 2, 3].map((packetId) => ({ type: 'puback', packetId })));
    expect(reader.texts()).toEqual(['yes 1 1', 'also 1 1']);
    expect(bench.broker.counters.denied).toBe(2);
  });

  it('lets nobody but the station publish under $SYS', () => {
    const bench = new BrokerBench();
    const reader = bench.client('reader');
    reader.subscribe('$SYS/#');
    expect(bench.client('writer').publish('$SYS/uptime', '1', 1)).toMatchObject([
      { type: 'puback', packetId: 1 },
    ]);
    expect(reader.texts()).toEqual([]);
    bench.broker.publish({ topic: '$SYS/uptime', payload: Buffer.from('2') });
    expect(reader.texts()).toEqual(['$SYS/uptime 2 0']);
  });
});

describe('keep-alive', () => {
  it('closes after one and a half times the promised silence, and counts it', () => {
    const bench = new BrokerBench();
    const quiet = bench.client('quiet', { keepAliveSeconds: 10 });
    const alive = bench.client('alive', { keepAliveSeconds: 10 });
    bench.clock.advance(14_000);
    expect(alive.send({ type: 'pingreq' })).toMatchObject([{ type: 'pingresp' }]);
    expect(quiet.closed).toBe(false);
    bench.clock.advance(1_300);
    expect([quiet.closed, alive.closed]).toEqual([true, false]);
    bench.clock.advance(14_000);
    expect(alive.closed).toBe(true);
    expect(bench.broker.counters.keepAliveTimeouts).toBe(2);
  });

  it('asks nothing of a client with keep-alive 0', () => {
    const bench = new BrokerBench();
    const client = bench.client('c');
    bench.clock.advance(86_400_000);
    expect(client.closed).toBe(false);
  });
});

describe('termination', () => {
  it('publishes the will when a connection is lost, times out, breaks the rules or is taken over', () => {
    const bench = new BrokerBench();
    const watcher = bench.client('watcher');
    watcher.subscribe('gone', 1);
    const seen = () => {
      const messages = watcher.messages();
      for (const { packetId } of messages) watcher.ack('puback', packetId);
      return messages.length;
    };
    bench.client('lost', { will }).lose();
    expect(seen()).toBe(1);
    bench.client('rude', { will }).send({ type: 'connack', sessionPresent: false, reasonCode: 0 });
    expect(seen()).toBe(1);
    bench.client('late', { will, keepAliveSeconds: 1 });
    bench.clock.advance(2_000);
    expect(seen()).toBe(1);
    bench.client('same', { will });
    const second = bench.client('same');
    expect(seen()).toBe(1);
    expect(second.closed).toBe(false);
    expect(bench.broker.counters.takeOvers).toBe(1);
    expect(bench.broker.retainedCount).toBe(1);
  });

  it('publishes no will where its client may not publish: to $SYS, or against the access check', () => {
    const bench = new BrokerBench({
      authorize: ({ topic, username }) => (topic === 'later' ? username === 'known' : topic !== 'secret'),
    });
    const reader = bench.client('reader');
    reader.subscribe('#', 0);
    reader.subscribe('$SYS/#', 0);
    for (const topic of ['$SYS/uptime', 'secret', 'later']) {
      bench.client('c', { will: { ...will, topic } }).lose();
    }
    bench.client('c', { will: { ...will, topic: 'later' }, username: 'known' }).lose();
    bench.client('c', { will }).lose();
    expect(reader.texts().sort()).toEqual(['gone x 0', 'later x 0']);
    expect([bench.broker.counters.denied, bench.broker.retainedCount]).toEqual([3, 2]);
  });

  it('keeps the will to itself after DISCONNECT and when the station stops', () => {
    const bench = new BrokerBench();
    const leaver = bench.client('leaver', { will });
    leaver.send({ type: 'disconnect' });
    const client = bench.client('stays', { will });
    bench.broker.stop();
    bench.broker.stop();
    expect([leaver.closed, client.closed, bench.broker.retainedCount]).toEqual([true, true, 0]);
    expect(bench.broker.counters.malformedPackets).toBe(0);
    expect(bench.clock.pendingTimers).toBe(0);
    expect(new MemoryClient(bench.broker).closed).toBe(true);
  });

  it('kicks a client on request and shows who is there', () => {
    const bench = new BrokerBench();
    const client = bench.client('c', { keepAliveSeconds: 30, cleanStart: false });
    client.subscribe('a/#', 1);
    const view = {
      ...{ clientId: 'c', connected: true, protocolLevel: 4, transport: 'tcp', listener: 'local' },
      ...{ address: '192.0.2.1:50000', username: null, keepAliveSeconds: 30 },
      ...{ connectedMs: bench.clock.now(), leftMs: 0, lastPacketMs: bench.clock.now() },
      ...{ sessionExpirySeconds: 0xffff_ffff, subscriptions: 1, inFlight: 0, queued: 0, queuedBytes: 0 },
      ...{ dropped: 0, messagesIn: 0, messagesOut: 0, slow: false },
    };
    expect(bench.broker.clients()).toMatchObject([view]);
    expect([bench.broker.disconnect('c'), bench.broker.disconnect('c'), client.closed]).toEqual([
      true,
      false,
      true,
    ]);
    expect(bench.broker.clients()).toMatchObject([{ clientId: 'c', connected: false }]);
  });
});
