import { describe, expect, it } from 'vitest';
import { ConformanceBench, packet, prefixed } from '../support/conformance-client.ts';
import { client311, hexOf } from '../support/conformance-v311.ts';

/* PUBLISH: MQTT 3.1.1 §3.3. */

describe('DUP', () => {
  it('[MQTT311-3.3.1-2] is 0 on every message of QoS 0', async () => {
    const bench = await ConformanceBench.start();
    const reader = await client311(bench, 'reader');
    await reader.subscribe('t', 0);
    const writer = await client311(bench, 'writer');
    for (const qos of [0, 1, 2] as const) await writer.publish('t', `${qos}`, qos, { dup: qos > 0 });
    expect(await reader.texts()).toEqual(['t 0 0', 't 1 0', 't 2 0']);
    // A client that sets it is cut off, or its message goes on without.
    writer.send(packet(0x38, 't', 0x78));
    writer.send(packet(0xe0));
    await writer.closed();
    expect((await reader.messages()).filter(({ dup }) => dup)).toEqual([]);
  });

  it('[MQTT311-3.3.1-3] is not passed on', async () => {
    const bench = await ConformanceBench.start();
    const reader = await client311(bench, 'reader');
    await reader.subscribe('t', 2);
    const writer = await client311(bench, 'writer');
    await writer.publish('t', 'a', 1, { dup: true });
    await writer.publish('t', 'b', 2, { dup: true });
    expect(await reader.texts()).toEqual(['t a 1', 't b 2']);
  });
});

describe('QoS', () => {
  it('[MQTT311-3.3.1-4] 3 ends the connection', async () => {
    const bench = await ConformanceBench.start();
    const reader = await client311(bench, 'reader');
    await reader.subscribe('#', 2);
    for (const header of [0x36, 0x37, 0x3e, 0x3f]) {
      const client = await client311(bench, 'c');
      expect(await client.fate(packet(header, 't', 0, 1, 0x78))).toEqual([]);
    }
    expect(await reader.settled()).toEqual([]);
  });

  it('[MQTT311-3.3.4-1] decides the answer: nothing, PUBACK, PUBREC', async () => {
    const bench = await ConformanceBench.start();
    const client = await client311(bench, 'c');
    client.send(packet(0x30, 't', 0x78), packet(0x32, 't', 1, 2, 0x78), packet(0x34, 't', 3, 4, 0x78));
    client.send(packet(0xc0));
    const answers = await hexOf(client, 3);
    expect(answers.sort()).toEqual(['40020102', '50020304', 'd000']);
  });

  it('[MQTT311-3.3.5-1] is the highest that the matching subscriptions grant', async () => {
    const bench = await ConformanceBench.start();
    const reader = await client311(bench, 'reader');
    await reader.subscribe('a/#', 2);
    await reader.subscribe('a/+', 1);
    await reader.subscribe('a/b', 0);
    await reader.subscribe('c/+', 0);
    await reader.subscribe('c/d', 1);
    const writer = await client311(bench, 'writer');
    await writer.publish('a/b', 'x', 2);
    await writer.publish('c/d', 'y', 2);
    expect(await reader.texts()).toEqual(['a/b x 2', 'c/d y 1']);
  });
});

describe('RETAIN', () => {
  it('[MQTT311-3.3.1-5] [MQTT311-3.3.1-8] keeps the message and its QoS for later subscribers', async () => {
    const bench = await ConformanceBench.start();
    const writer = await client311(bench, 'writer');
    for (const qos of [0, 1, 2] as const) {
      await writer.publish(`kept/${qos}`, `${qos}`, qos, { retain: true });
    }
    for (const filter of ['kept/+', 'kept/#', '#']) {
      const reader = await client311(bench, 'reader');
      await reader.subscribe(filter, 2);
      expect((await reader.texts()).sort()).toEqual(['kept/0 0 0r', 'kept/1 1 1r', 'kept/2 2 2r']);
    }
  });

  it('[MQTT311-3.3.1-6] gives a new subscription the last message of each topic that matches', async () => {
    const bench = await ConformanceBench.start();
    const writer = await client311(bench, 'writer');
    for (const payload of ['old', 'new']) {
      for (const topic of ['a/1', 'a/2', 'b/1'])
        await writer.publish(topic, `${topic} ${payload}`, 1, { retain: true });
    }
    const reader = await client311(bench, 'reader');
    await reader.subscribe('a/+', 1);
    expect((await reader.texts()).sort()).toEqual(['a/1 a/1 new 1r', 'a/2 a/2 new 1r']);
    await reader.subscribe('+/1', 0);
    expect((await reader.texts()).sort()).toEqual(['a/1 a/1 new 0r', 'b/1 b/1 new 0r']);
  });

  it('[MQTT311-3.3.1-7] with QoS 0 puts the message before away', async () => {
    const bench = await ConformanceBench.start();
    const writer = await client311(bench, 'writer');
    await writer.publish('t', 'before', 2, { retain: true });
    await writer.publish('t', 'after', 0, { retain: true });
    const reader = await client311(bench, 'reader');
    await reader.subscribe('t', 2);
    expect(await reader.texts()).toEqual(['t after 0r']);
  });

  it('[MQTT311-3.3.1-9] is 0 for subscriptions that were there', async () => {
    const bench = await ConformanceBench.start();
    const reader = await client311(bench, 'reader');
    await reader.subscribe('#', 2);
    for (const qos of [0, 1, 2] as const) await reader.publish('t', `${qos}`, qos, { retain: true });
    expect(await reader.texts()).toEqual(['t 0 0', 't 1 1', 't 2 2']);
  });

  it('[MQTT311-3.3.1-9] is 0 also for a session that was away', async () => {
    const bench = await ConformanceBench.start();
    const before = await client311(bench, 'reader', { cleanStart: false });
    await before.subscribe('#', 1);
    await bench.cut(before);
    await (await client311(bench, 'writer')).publish('t', 'x', 1, { retain: true });
    const back = await client311(bench, 'reader', { cleanStart: false });
    expect(await back.texts()).toEqual(['t x 1']);
  });

  it.each([0, 1, 2] as const)(
    '[MQTT311-3.3.1-10] [MQTT311-3.3.1-11] on an empty message of QoS %i clears the topic, and the message is delivered',
    async (qos) => {
      const bench = await ConformanceBench.start();
      const reader = await client311(bench, 'reader');
      await reader.subscribe('#', 2);
      await reader.publish('t', 'kept', 1, { retain: true });
      await reader.publish('u', 'other', 1, { retain: true });
      await reader.texts();
      await reader.publish('t', '', qos, { retain: true });
      await reader.publish('v', '', qos, { retain: true });
      expect(await reader.texts()).toEqual([`t  ${qos}`, `v  ${qos}`]);
      const late = await client311(bench, 'late');
      await late.subscribe('#', 2);
      expect(await late.texts()).toEqual(['u other 1r']);
      expect(bench.broker.retainedCount).toBe(1);
    },
  );

  it('[MQTT311-3.3.1-12] 0 neither keeps a message nor touches one that is kept', async () => {
    const bench = await ConformanceBench.start();
    const writer = await client311(bench, 'writer');
    await writer.publish('t', 'kept', 1, { retain: true });
    for (const qos of [0, 1, 2] as const) {
      await writer.publish('t', 'passing', qos);
      await writer.publish('t', '', qos);
      await writer.publish('u', 'passing', qos);
    }
    const reader = await client311(bench, 'reader');
    await reader.subscribe('#', 2);
    expect(await reader.texts()).toEqual(['t kept 1r']);
  });
});

describe('the topic name', () => {
  it.each([
    ['nothing at all', packet(0x30)],
    ['half of a length', packet(0x30, 0)],
    ['a length and too little behind it', packet(0x30, 0, 5, 0x74)],
    ['bytes that are no text', packet(0x30, prefixed([0xff, 0xfe]), 0x78)],
    ['half of a character', packet(0x32, prefixed([0x74, 0xe2, 0x82]), 0, 1, 0x78)],
  ])('[MQTT311-3.3.2-1] is there and is text: %s ends the connection', async (_name, broken) => {
    const bench = await ConformanceBench.start();
    const reader = await client311(bench, 'reader');
    await reader.subscribe('#');
    const client = await client311(bench, 'c');
    expect(await client.fate(broken)).toEqual([]);
    expect(await reader.settled()).toEqual([]);
  });

  it('[MQTT311-3.3.2-2] has no wildcards, or the connection ends', async () => {
    const bench = await ConformanceBench.start();
    const reader = await client311(bench, 'reader');
    await reader.subscribe('#');
    for (const topic of ['#', '+', 'a/#', 'a/+', '+/a', 'a#', 'a+b', 'a/b+/c']) {
      for (const whole of [packet(0x30, topic, 0x78), packet(0x33, topic, 0, 1, 0x78)]) {
        const client = await client311(bench, 'c');
        expect([topic, await client.fate(whole)]).toEqual([topic, []]);
      }
    }
    expect(await reader.settled()).toEqual([]);
    expect(bench.broker.retainedCount).toBe(0);
  });
});

describe('a PUBLISH that is not allowed', () => {
  it('[MQTT311-3.3.5-2] is acknowledged like any other, and goes nowhere', async () => {
    const bench = await ConformanceBench.start({ authorize: ({ topic }) => topic !== 'forbidden' });
    const reader = await client311(bench, 'reader');
    await reader.subscribe('#', 2);
    const writer = await client311(bench, 'writer');
    for (const qos of [0, 1, 2] as const) {
      expect(await writer.publish('forbidden', 'x', qos, { retain: true })).toBe(0);
      await writer.publish('allowed', `${qos}`, qos);
    }
    expect(await reader.texts()).toEqual(['allowed 0 0', 'allowed 1 1', 'allowed 2 2']);
    expect(bench.broker.retainedCount).toBe(0);
  });
});
