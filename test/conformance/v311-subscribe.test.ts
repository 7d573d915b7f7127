import { Buffer } from 'node:buffer';
import { describe, expect, it } from 'vitest';
import { ConformanceBench, packet, prefixed } from '../support/conformance-client.ts';
import { client311, hexOf } from '../support/conformance-v311.ts';

/* SUBSCRIBE, SUBACK, UNSUBSCRIBE, UNSUBACK: MQTT 3.1.1 §3.8 to §3.11. */

describe('SUBSCRIBE', () => {
  it.each<[string, Buffer]>([
    ['[MQTT311-3.8.3-1] a filter that is no text', packet(0x82, 0, 1, prefixed([0xff]), 0)],
    [
      '[MQTT311-3.8.3-1] a second filter that is no text',
      packet(0x82, 0, 1, 't', 0, prefixed([0xc0, 0x80]), 0),
    ],
    ['[MQTT311-3.8.3-3] no filter', packet(0x82, 0, 1)],
    ['[MQTT311-3.8.3-3] a filter without a QoS', packet(0x82, 0, 1, 't')],
    ['[MQTT311-3.8.3-3] a second filter without a QoS', packet(0x82, 0, 1, 't', 0, 'u')],
    ['[MQTT311-3.8.3-4] QoS 3', packet(0x82, 0, 1, 't', 3)],
    ...[0x04, 0x08, 0x10, 0x20, 0x40, 0x80, 0xfc].map((bits): [string, Buffer] => [
      `[MQTT311-3.8.3-4] reserved bits ${bits}`,
      packet(0x82, 0, 1, 't', bits),
    ]),
    ['[MQTT311-3.8.3-4] reserved bits at the second filter', packet(0x82, 0, 1, 't', 0, 'u', 0x05)],
  ])('with %s ends the connection', async (_name, broken) => {
    const bench = await ConformanceBench.start();
    const before = await client311(bench, 'c', { cleanStart: false });
    expect(await before.fate(broken)).toEqual([]);
    // Nothing of it was done.
    await (await client311(bench, 'w')).publish('t', 'x', 1);
    const after = await client311(bench, 'c', { cleanStart: false });
    await after.publish('t', 'y', 1);
    expect(await after.settled()).toEqual([]);
  });

  it('[MQTT311-3.8.4-1] [MQTT311-3.8.4-2] [MQTT311-2.3.1-7] is answered by SUBACK with its packet identifier', async () => {
    const bench = await ConformanceBench.start();
    const client = await client311(bench, 'c');
    client.send(packet(0x82, 0, 1, 'a', 0), packet(0x82, 0xff, 0xff, 'b', 1), packet(0x82, 1, 0, 'c', 2));
    expect(await hexOf(client, 3)).toEqual(['9003000100', '9003ffff01', '9003010002']);
  });

  it('[MQTT311-3.8.4-3] of a filter that is there replaces the subscription', async () => {
    const bench = await ConformanceBench.start();
    const client = await client311(bench, 'c');
    const writer = await client311(bench, 'w');
    await writer.publish('a/b', 'kept', 2, { retain: true });
    for (const qos of [2, 0, 1] as const) {
      expect(await client.subscribe('a/+', qos)).toEqual([qos]);
      expect(await client.texts()).toEqual([`a/b kept ${qos}r`]);
      await writer.publish('a/b', 'new', 2);
      expect(await client.texts()).toEqual([`a/b new ${qos}`]);
    }
    expect(bench.broker.client('c')!.subscriptions.map(({ filter }) => filter)).toEqual(['a/+']);
  });

  it('[MQTT311-3.8.4-3] of a filter that is there interrupts nothing', async () => {
    const bench = await ConformanceBench.start();
    const client = await client311(bench, 'c');
    await client.subscribe('t', 0);
    const writer = await client311(bench, 'w');
    const sent: string[] = [];
    for (let round = 0; round < 30; round++) {
      for (let each = 0; each < 5; each++) {
        sent.push(`t ${sent.length} 0`);
        writer.send(packet(0x30, 't', Buffer.from(String(sent.length - 1))));
      }
      client.send(packet(0x82, 0, 1, 't', 0));
    }
    await writer.settled();
    const came = await client.settled();
    const texts = came.flatMap((each) =>
      each.type === 'publish' ? [`${each.topic} ${Buffer.from(each.payload).toString()} ${each.qos}`] : [],
    );
    expect(texts).toEqual(sent);
    expect(came.filter(({ type }) => type === 'suback')).toHaveLength(30);
  });

  it('[MQTT311-3.8.4-4] [MQTT311-3.8.4-5] [MQTT311-3.9.3-1] of several filters has one answer, in their order', async () => {
    const bench = await ConformanceBench.start({ authorize: ({ topic }) => topic !== 'forbidden' });
    const client = await client311(bench, 'c');
    client.send(packet(0x82, 0, 7, 'two', 2, 'forbidden', 1, 'zero', 0, 'one', 1, 'two', 0));
    expect(await hexOf(client, 1)).toEqual(['900700070280000100']);
    const writer = await client311(bench, 'w');
    for (const topic of ['zero', 'one', 'two', 'forbidden']) await writer.publish(topic, 'x', 2);
    // As if each had come in a packet of its own: the last one replaced the first.
    expect(await client.texts()).toEqual(['zero x 0', 'one x 1', 'two x 0']);
  });

  it('[MQTT311-3.8.4-4] of several filters gets the retained messages of each', async () => {
    const bench = await ConformanceBench.start();
    const client = await client311(bench, 'c');
    for (const topic of ['a', 'b']) await client.publish(topic, 'kept', 1, { retain: true });
    client.send(packet(0x82, 0, 7, 'a', 1, 'b', 0, '+', 1));
    expect(await hexOf(client, 1)).toEqual(['90050007010001']);
    const texts = (await client.texts()).sort();
    expect(texts).toEqual(['a kept 1r', 'a kept 1r', 'b kept 0r', 'b kept 1r']);
  });

  it('[MQTT311-3.8.4-6] grants a QoS, and messages come with the lower of that and their own', async () => {
    const bench = await ConformanceBench.start();
    const writer = await client311(bench, 'w');
    for (const granted of [0, 1, 2] as const) {
      const client = await client311(bench, `c${granted}`);
      expect(await client.subscribe('t', granted)).toEqual([granted]);
      for (const qos of [0, 1, 2] as const) await writer.publish('t', `${qos}`, qos);
      const expected = [0, 1, 2].map((qos) => `t ${qos} ${Math.min(qos, granted)}`);
      expect(await client.texts()).toEqual(expected);
    }
  });

  it('[MQTT311-3.9.3-2] [MQTT311-3.8.4-5] refused for whatever reason is 0x80', async () => {
    const bench = await ConformanceBench.start({
      authorize: ({ topic }) => (topic === 'no' ? false : topic === 'odd' ? 0x97 : true),
      clientLimits: { maxSubscriptions: 1, maxTopicLevels: 3 },
    });
    const client = await client311(bench, 'c');
    client.send(packet(0x82, 0, 7, 'no', 1, 'odd', 1, 'a/b/c/d', 1, 'good', 2, 'one/more', 0, 'good', 1));
    expect(await hexOf(client, 1)).toEqual(['90080007808080028001']);
    await client.publish('one/more', 'x');
    expect(await client.texts()).toEqual([]);
  });
});

describe('UNSUBSCRIBE', () => {
  it.each([
    ['[MQTT311-3.10.3-1] a filter that is no text', packet(0xa2, 0, 1, prefixed([0xff]))],
    [
      '[MQTT311-3.10.3-1] a second filter that is no text',
      packet(0xa2, 0, 1, 't', prefixed([0xed, 0xa0, 0x80])),
    ],
    ['[MQTT311-3.10.3-1] a byte between its filters', packet(0xa2, 0, 1, 't', 0, 'u')],
    ['[MQTT311-3.10.3-1] half a filter', packet(0xa2, 0, 1, 't', 0, 9, 0x75)],
    ['[MQTT311-3.10.3-2] no filter', packet(0xa2, 0, 1)],
  ])('with %s ends the connection', async (_name, broken) => {
    const bench = await ConformanceBench.start();
    const before = await client311(bench, 'c', { cleanStart: false });
    await before.subscribe('t', 0);
    expect(await before.fate(broken)).toEqual([]);
    // Nothing of it was done.
    const after = await client311(bench, 'c', { cleanStart: false });
    await after.publish('t', 'y');
    expect(await after.texts()).toEqual(['t y 0']);
  });

  it('[MQTT311-3.10.4-1] compares character by character', async () => {
    const bench = await ConformanceBench.start();
    const client = await client311(bench, 'c');
    const filters = ['a/b', 'a/+', 'a/#', 'A/b', 'a/b/', '/a/b', '\u{e9}'];
    for (const filter of filters) await client.subscribe(filter);
    const others = ['a', 'a/b ', '+/b', '#', 'a/c', 'a/B', 'e\u{301}', 'A/#'];
    client.send(packet(0xa2, 0, 1, ...others));
    expect(await hexOf(client, 1)).toEqual(['b0020001']);
    const left = (): string[] =>
      bench.broker
        .client('c')!
        .subscriptions.map(({ filter }) => filter)
        .sort();
    expect(left()).toEqual([...filters].sort());
    client.send(packet(0xa2, 0, 2, 'a/+'), packet(0xa2, 0, 3, '\u{e9}'));
    expect(await hexOf(client, 2)).toEqual(['b0020002', 'b0020003']);
    expect(left()).toEqual(filters.filter((filter) => filter !== 'a/+' && filter !== '\u{e9}').sort());
  });

  it('[MQTT311-3.10.4-2] stops what is new', async () => {
    const bench = await ConformanceBench.start();
    const client = await client311(bench, 'c');
    const writer = await client311(bench, 'w');
    await client.subscribe('t', 2);
    client.send(packet(0xa2, 0, 1, 't'));
    expect(await hexOf(client, 1)).toEqual(['b0020001']);
    for (const qos of [0, 1, 2] as const) await writer.publish('t', 'x', qos);
    expect(await client.settled()).toEqual([]);
  });

  it('[MQTT311-3.10.4-3] lets deliveries go on that have begun', async () => {
    const bench = await ConformanceBench.start();
    const writer = await client311(bench, 'w');
    const before = await client311(bench, 'c', { cleanStart: false });
    await before.subscribe('t', 2);
    await writer.publish('t', 'a', 1);
    await writer.publish('t', 'b', 2);
    await writer.publish('t', 'c', 2);
    const [a, b, c] = (await before.messages()).map(({ packetId }) => packetId) as [number, number, number];
    before.send(packet(0xa2, 0, 1, 't'));
    expect(await hexOf(before, 1)).toEqual(['b0020001']);
    // The exchange of the second goes on ...
    before.send(packet(0x50, b >> 8, b));
    expect(await before.next()).toMatchObject({ type: 'pubrel', packetId: b });
    before.send(packet(0x70, b >> 8, b));
    await bench.cut(before);
    // ... and the others are still owed.
    const after = await client311(bench, 'c', { cleanStart: false });
    const owed = await after.messages();
    expect(owed.map(({ packetId, qos, dup }) => [packetId, qos, dup])).toEqual([
      [a, 1, true],
      [c, 2, true],
    ]);
  });

  it('[MQTT311-3.10.4-4] [MQTT311-3.10.4-5] [MQTT311-2.3.1-7] is answered by UNSUBACK, whatever was there', async () => {
    const bench = await ConformanceBench.start();
    const client = await client311(bench, 'c');
    await client.subscribe('t');
    client.send(packet(0xa2, 0, 5, 't'), packet(0xa2, 0xff, 0xff, 't'), packet(0xa2, 1, 0, 'never'));
    expect(await hexOf(client, 3)).toEqual(['b0020005', 'b002ffff', 'b0020100']);
  });

  it('[MQTT311-3.10.4-6] of several filters has one answer', async () => {
    const bench = await ConformanceBench.start();
    const client = await client311(bench, 'c');
    for (const filter of ['a', 'b', 'c', '#']) await client.subscribe(filter);
    client.send(packet(0xa2, 0, 5, 'a', 'never', '#', 'b', 'a'));
    expect(await hexOf(client, 1)).toEqual(['b0020005']);
    for (const topic of ['a', 'b', 'c']) await client.publish(topic, 'x');
    expect(await client.texts()).toEqual(['c x 0']);
  });
});
