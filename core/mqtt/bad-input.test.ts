import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  BrokerBench,
  bytesOf,
  connectPacket,
  type LoosePacket,
  MemoryClient,
  publishPacket,
} from '../../test/support/mqtt-broker.ts';

const connect = connectPacket({
  keepAliveSeconds: 60,
  clientId: 'victim',
  will: { topic: 'w', payload: Buffer.from('x'), qos: 1, retain: false },
  username: 'u',
  password: Buffer.from('p'),
});
const everyPacket: LoosePacket[] = [
  connect,
  { type: 'connack', sessionPresent: true, reasonCode: 0 },
  publishPacket('a/b', 'value', 0),
  publishPacket('a/b', 'value', 1, 1),
  publishPacket('a/b', 'value', 2, 2, { retain: true, dup: true }),
  { type: 'puback', packetId: 1 },
  { type: 'pubrec', packetId: 1 },
  { type: 'pubrel', packetId: 1 },
  { type: 'pubcomp', packetId: 1 },
  { type: 'subscribe', packetId: 1, filters: [{ filter: 'a/#', qos: 1 }] },
  { type: 'suback', packetId: 1, reasonCodes: [0] },
  { type: 'unsubscribe', packetId: 1, filters: ['a/#'] },
  { type: 'unsuback', packetId: 1 },
  { type: 'pingreq' },
  { type: 'pingresp' },
  { type: 'disconnect' },
];

describe('bad bytes', () => {
  it('of every truncation of every packet, before and after CONNECT, end nothing but their own connection', () => {
    const bench = new BrokerBench();
    const witness = bench.client('witness');
    witness.subscribe('ok');
    for (const packet of everyPacket) {
      const whole = bytesOf(4, packet);
      for (let length = 0; length < whole.length; length++) {
        // Cut off by the end of the connection, and cut off with a header that admits it.
        for (const bytes of [whole.subarray(0, length), admit(whole, length)]) {
          for (const connected of [false, true]) {
            const client = connected ? bench.client('victim') : new MemoryClient(bench.broker);
            client.send(bytes);
            if (!client.closed) client.lose();
          }
        }
      }
    }
    expect(witness.closed).toBe(false);
    expect(bench.broker.counters.malformedPackets).toBeGreaterThan(100);
    expect(bench.broker.clients().map(({ clientId }) => clientId)).toEqual(['witness']);
    bench.broker.publish({ topic: 'ok', payload: Buffer.from('1') });
    expect(witness.texts()).toEqual(['ok 1 0']);
  });

  it('at random close that connection or mean something, and never throw', () => {
    const bench = new BrokerBench();
    const witness = bench.client('witness');
    const chunk = fc.oneof(
      fc.uint8Array({ maxLength: 60 }),
      fc.constantFrom(...everyPacket).map((packet) => new Uint8Array(bytesOf(4, packet))),
      // A real packet with one byte changed.
      fc.tuple(fc.constantFrom(...everyPacket), fc.nat(), fc.nat({ max: 255 })).map(([packet, at, value]) => {
        const bytes = new Uint8Array(bytesOf(4, packet));
        bytes[at % bytes.length] = value;
        return bytes;
      }),
    );
    fc.assert(
      fc.property(fc.boolean(), fc.array(chunk, { minLength: 1, maxLength: 8 }), (connected, chunks) => {
        const client = new MemoryClient(bench.broker);
        client.sink.onBytes = () => undefined;
        if (connected) client.connect({ clientId: 'victim' });
        for (const bytes of chunks) client.send(bytes);
        if (!client.closed) client.lose();
      }),
      { numRuns: 4_000 },
    );
    expect(witness.closed).toBe(false);
    expect(bench.broker.counters.malformedPackets).toBeGreaterThan(500);
    expect(bench.broker.counters.malformedPackets).toBeLessThan(5_000);
    bench.broker.stop();
    expect(bench.clock.pendingTimers).toBe(0);
  });

  it('behave the same wherever the network splits a conversation', () => {
    const stream = bytesOf(
      4,
      ...[
        { ...connect, will: null },
        { type: 'subscribe' as const, packetId: 7, filters: [{ filter: 'a/#', qos: 2 as const }] },
        publishPacket('a/b', '1', 0),
        publishPacket('a/b', '2', 1, 1),
        publishPacket('a/c', '3', 2, 2),
        { type: 'pubrel' as const, packetId: 2 },
        { type: 'pingreq' as const },
      ],
    );
    let wanted: unknown;
    for (let split = 0; split <= stream.length; split++) {
      const client = new MemoryClient(new BrokerBench().broker);
      client.connection.feed(Buffer.from(stream.subarray(0, split)));
      client.connection.feed(Buffer.from(stream.subarray(split)));
      const answer = client.look();
      wanted ??= answer;
      expect(answer).toEqual(wanted);
    }
    expect(wanted).toHaveLength(9);
  });

  it('of a 10 MB packet are refused by its header, with what came before it delivered', () => {
    const bench = new BrokerBench();
    const reader = bench.client('reader');
    reader.subscribe('#');
    const writer = bench.client('writer');
    const header = bytesOf(4, publishPacket('big', 'x'.repeat(10_000_000))).subarray(0, 5);
    writer.send(publishPacket('small', '1'), header);
    expect(writer.closed).toBe(true);
    expect(reader.texts()).toEqual(['small 1 0']);
    expect(bench.broker.counters.malformedPackets).toBe(1);
  });

  it('of a topic or filter of more than 200 levels are refused', () => {
    const bench = new BrokerBench();
    const deep = 'a/'.repeat(250);
    const writer = bench.client('writer');
    writer.publish(deep, '1');
    const reader = bench.client('reader');
    reader.subscribe(deep);
    expect([writer.closed, reader.closed]).toEqual([true, true]);
  });

  it('beyond the number of subscriptions a session may have are refused one by one', () => {
    const bench = new BrokerBench({ clientLimits: { maxSubscriptions: 3 } });
    const client = bench.client('c');
    const filters = ['a', 'b', 'c', 'd', 'a'].map((filter) => ({ filter, qos: 0 as const }));
    expect(client.send({ type: 'subscribe', packetId: 1, filters })).toMatchObject([
      { reasonCodes: [0, 0, 0, 0x80, 0] },
    ]);
  });
});

/** The first `length` bytes of a packet with a Remaining Length to match; the packets here have one-byte lengths. */
function admit(whole: Buffer, length: number): Buffer {
  const bytes = Buffer.from(whole.subarray(0, Math.max(2, length)));
  bytes[1] = bytes.length - 2;
  return bytes;
}
