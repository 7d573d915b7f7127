import { Buffer } from 'node:buffer';
import { describe, expect, it } from 'vitest';
import { ConformanceBench, packet, prefixed } from '../support/conformance-client.ts';

/* SUBSCRIBE and UNSUBSCRIBE: MQTT 5.0 §3.8 to §3.11. */

describe('SUBSCRIBE', () => {
  it('[MQTT-3.8.1-1] with other flags is malformed', async () => {
    const bench = await ConformanceBench.start();
    for (const header of [0x80, 0x81, 0x83, 0x86, 0x8a]) {
      const client = await bench.client('c');
      expect(await client.fate(packet(header, 0, 1, 0, 't', 0))).toEqual(['disconnect 0x81']);
    }
  });

  it('[MQTT-3.8.3-1] has filters that are text', async () => {
    const bench = await ConformanceBench.start();
    const client = await bench.client('c');
    expect(await client.fate(packet(0x82, 0, 1, 0, prefixed([0x61, 0xff]), 0))).toEqual(['disconnect 0x81']);
  });

  it('[MQTT-3.8.3-2] has at least one filter with its options', async () => {
    const bench = await ConformanceBench.start();
    const none = await bench.client('c');
    expect(await none.fate(packet(0x82, 0, 1, 0))).toEqual(['disconnect 0x82']);
    const half = await bench.client('c');
    expect(await half.fate(packet(0x82, 0, 1, 0, 't'))).toEqual(['disconnect 0x81']);
  });

  it('[MQTT-3.8.3-3] No Local keeps a client’s own messages from it, and no others', async () => {
    const bench = await ConformanceBench.start();
    const client = await bench.client('c', { properties: { sessionExpirySeconds: 100 } });
    const other = await bench.client('other');
    await client.subscribe('t', 2, { noLocal: true });
    for (const qos of [0, 1, 2] as const) {
      await client.publish('t', 'mine', qos);
      await other.publish('t', 'theirs', qos);
    }
    expect(await client.texts()).toEqual(['t theirs 0', 't theirs 1', 't theirs 2']);
    // It is the client that counts, and not the connection.
    await bench.cut(client);
    const again = await bench.client('c', { cleanStart: false, properties: { sessionExpirySeconds: 100 } });
    await again.texts();
    await again.publish('t', 'mine', 1);
    expect(await again.texts()).toEqual([]);
    // Another subscription of its own may say otherwise.
    await again.subscribe('+', 1);
    await again.publish('t', 'mine', 1);
    expect(await again.texts()).toEqual(['t mine 1']);
  });

  it('[MQTT-3.8.3-4] No Local on a shared subscription is a Protocol Error', async () => {
    const bench = await ConformanceBench.start();
    const client = await bench.client('c');
    expect(await client.fate(packet(0x82, 0, 1, 0, '$share/group/t', 0x04))).toEqual(['disconnect 0x82']);
  });

  it('[MQTT-3.8.3-5] with reserved options is malformed', async () => {
    const bench = await ConformanceBench.start();
    for (const [options, code] of [
      [0x40, '0x81'],
      [0x80, '0x81'],
      [0xc0, '0x81'],
      [0x03, '0x82'],
      [0x30, '0x82'],
    ] as const) {
      const client = await bench.client('c');
      expect(await client.fate(packet(0x82, 0, 1, 0, 't', options))).toEqual([`disconnect ${code}`]);
    }
  });

  it('[MQTT-3.8.4-1] [MQTT-3.8.4-2] [MQTT-3.8.4-6] [MQTT-3.9.3-1] [MQTT-3.8.4-7] is answered filter by filter, in order', async () => {
    const bench = await ConformanceBench.start({ authorize: ({ topic }) => topic !== 'secret' });
    const client = await bench.client('c');
    client.send(packet(0x82, 0x30, 0x39, 0, 'a', 1, 'secret', 2, 'b', 0, '$share/g/secret', 0, 'c/#', 2));
    expect(await client.nextBytes()).toEqual(Buffer.from([0x90, 8, 0x30, 0x39, 0, 1, 0x87, 0, 0x87, 2]));
  });

  it('[MQTT-3.9.3-2] [MQTT-3.8.4-7] has codes of SUBACK’s own when it fails', async () => {
    const bench = await ConformanceBench.start({
      authorize: ({ topic }) => topic !== 'secret',
      clientLimits: { maxSubscriptions: 2, maxTopicLevels: 3 },
    });
    const client = await bench.client('c');
    const filters = ['secret', 'a/b/c/d', 'one', 'two', 'three'];
    const answer = await client.ask(packet(0x82, 0, 1, 0, ...filters.flatMap((filter) => [filter, 1])));
    expect(answer).toMatchObject({ type: 'suback', reasonCodes: [0x87, 0x8f, 1, 1, 0x97] });
    // What was refused is not there.
    for (const topic of filters) await client.publish(topic, 'x');
    expect(await client.texts()).toEqual(['one x 0', 'two x 0']);
  });

  it('[MQTT-3.8.4-3] with the same filter replaces the subscription', async () => {
    const bench = await ConformanceBench.start();
    const client = await bench.client('c');
    const writer = await bench.client('w');
    await client.subscribe('t', 2, { retainAsPublished: true }, { subscriptionIds: [1] });
    await client.subscribe('t', 1, { noLocal: true }, { subscriptionIds: [2] });
    await writer.publish('t', 'x', 2, { retain: true });
    await client.publish('t', 'mine', 2);
    const messages = await client.messages();
    expect(messages).toMatchObject([{ qos: 1, retain: false, properties: { subscriptionIds: [2] } }]);
    await client.subscribe('t', 0, { retainHandling: 2 });
    await writer.publish('t', 'y', 2);
    const [last, ...more] = await client.messages();
    expect(more).toEqual([]);
    expect(last).toMatchObject({ qos: 0 });
    expect(last!.properties).not.toHaveProperty('subscriptionIds');
    expect(bench.broker.subscriptionCount).toBe(1);
  });

  it('[MQTT-3.8.4-4] replacing sends what is retained again, and loses nothing that is on its way', async () => {
    const bench = await ConformanceBench.start();
    const client = await bench.client('c', { properties: { receiveMaximum: 1 } });
    const writer = await bench.client('w');
    await writer.publish('kept', 'k', 0, { retain: true });
    await client.subscribe('#', 1);
    expect(await client.texts()).toEqual(['kept k 0r']);
    for (const text of ['1', '2', '3']) await writer.publish('t', text, 1);
    await client.subscribe('#', 1, { retainHandling: 0 });
    await writer.publish('t', '4', 1);
    const seen: string[] = [];
    for (;;) {
      const messages = await client.messages();
      if (messages.length === 0) break;
      for (const { topic, payload, qos, packetId } of messages) {
        seen.push(`${topic} ${Buffer.from(payload).toString()}`);
        if (qos > 0) client.send({ type: 'puback', packetId });
      }
    }
    expect(seen.filter((text) => text !== 'kept k')).toEqual(['t 1', 't 2', 't 3', 't 4']);
    expect(seen).toContain('kept k');
  });

  it('[MQTT-3.8.4-5] with several filters is as several, one after the other', async () => {
    const bench = await ConformanceBench.start();
    const client = await bench.client('c');
    await client.publish('t', 'kept', 1, { retain: true });
    // The same filter twice: the second replaces the first.
    const filters = [
      { filter: 't', qos: 2 as const },
      { filter: 'u', qos: 1 as const },
      { filter: 't', qos: 0 as const },
    ];
    expect(await client.ask({ type: 'subscribe', packetId: 1, filters })).toMatchObject({
      reasonCodes: [2, 1, 0],
    });
    expect(await client.texts()).toContain('t kept 0r');
    await client.publish('t', 'x', 2);
    await client.publish('u', 'x', 2);
    expect(await client.texts()).toEqual(['t x 0', 'u x 1']);
  });

  it('[MQTT-3.8.4-8] messages come at the lower of their QoS and the granted one', async () => {
    const bench = await ConformanceBench.start();
    const client = await bench.client('c');
    for (const granted of [0, 1, 2] as const) {
      expect(await client.subscribe(`t/${granted}`, granted)).toEqual([granted]);
      for (const qos of [0, 1, 2] as const) await client.publish(`t/${granted}`, 'x', qos);
      const lower = ([0, 1, 2] as const).map((qos) => `t/${granted} x ${Math.min(qos, granted)}`);
      expect(await client.texts()).toEqual(lower);
    }
  });
});

describe('UNSUBSCRIBE', () => {
  it('[MQTT-3.10.1-1] with other flags is malformed', async () => {
    const bench = await ConformanceBench.start();
    for (const header of [0xa0, 0xa1, 0xa3, 0xa6, 0xaa]) {
      const client = await bench.client('c');
      expect(await client.fate(packet(header, 0, 1, 0, 't'))).toEqual(['disconnect 0x81']);
    }
  });

  it('[MQTT-3.10.3-1] has filters that are text', async () => {
    const bench = await ConformanceBench.start();
    const client = await bench.client('c');
    expect(await client.fate(packet(0xa2, 0, 1, 0, prefixed([0x61, 0xff])))).toEqual(['disconnect 0x81']);
  });

  it('[MQTT-3.10.3-2] has at least one filter', async () => {
    const bench = await ConformanceBench.start();
    const client = await bench.client('c');
    expect(await client.fate(packet(0xa2, 0, 1, 0))).toEqual(['disconnect 0x82']);
  });

  it('[MQTT-3.10.4-1] ends the subscription with exactly that filter', async () => {
    const bench = await ConformanceBench.start();
    const client = await bench.client('c');
    await client.subscribe('a/+', 0);
    await client.subscribe('A/b', 0);
    for (const filter of ['a/b', 'a/#', 'A/+', '+/+', 'a/+/', '/a/+']) {
      const answer = await client.ask({ type: 'unsubscribe', packetId: 1, filters: [filter] });
      expect([filter, answer]).toMatchObject([filter, { reasonCodes: [0x11] }]);
    }
    await client.publish('a/b', 'x');
    expect(await client.texts()).toEqual(['a/b x 0']);
    expect(await client.ask({ type: 'unsubscribe', packetId: 1, filters: ['a/+'] })).toMatchObject({
      reasonCodes: [0],
    });
    await client.publish('a/b', 'x');
    await client.publish('A/b', 'y');
    expect(await client.texts()).toEqual(['A/b y 0']);
  });

  it('[MQTT-3.10.4-2] [MQTT-3.10.4-3] stops what is new, and brings to its end what was begun', async () => {
    const bench = await ConformanceBench.start();
    const client = await bench.client('c', { properties: { sessionExpirySeconds: 100 } });
    await client.subscribe('t', 2);
    const writer = await bench.client('w');
    await writer.publish('t', 'one', 1);
    await writer.publish('t', 'two', 2);
    const [one, two] = await client.messages();
    await client.ask({ type: 'unsubscribe', packetId: 1, filters: ['t'] });
    await writer.publish('t', 'new', 1);
    expect(await client.settled()).toEqual([]);
    expect(await client.ask({ type: 'pubrec', packetId: two!.packetId })).toMatchObject({ type: 'pubrel' });
    await client.settled();
    await bench.cut(client);
    const again = await bench.client('c', { cleanStart: false });
    expect(await again.settled()).toMatchObject([
      { type: 'publish', packetId: one!.packetId, dup: true },
      { type: 'pubrel', packetId: two!.packetId },
    ]);
  });

  it('[MQTT-3.10.4-4] [MQTT-3.10.4-5] [MQTT-3.11.3-2] is answered, also when nothing was there', async () => {
    const bench = await ConformanceBench.start();
    const client = await bench.client('c');
    client.send(packet(0xa2, 0xff, 0xfe, 0, 'never/there'));
    expect(await client.nextBytes()).toEqual(Buffer.from([0xb0, 4, 0xff, 0xfe, 0, 0x11]));
  });

  it('[MQTT-3.10.4-6] [MQTT-3.11.3-1] with several filters is as several, and answered in their order', async () => {
    const bench = await ConformanceBench.start();
    const client = await bench.client('c');
    for (const filter of ['a', 'b', '$share/g/c']) await client.subscribe(filter);
    const answer = await client.ask(packet(0xa2, 0, 1, 0, 'a', 'x', '$share/g/c', 'a', 'c'));
    expect(answer).toMatchObject({ type: 'unsuback', packetId: 1, reasonCodes: [0, 0x11, 0, 0x11, 0x11] });
    for (const topic of ['a', 'b', 'c']) await client.publish(topic, 'x');
    expect(await client.texts()).toEqual(['b x 0']);
  });
});
