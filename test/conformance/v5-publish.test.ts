import { describe, expect, it } from 'vitest';
import { ConformanceBench, outcomes, packet, prefixed } from '../support/conformance-client.ts';

/* PUBLISH: flags, retained messages, topic names, overlapping subscriptions: MQTT 5.0 §3.3.1, §3.3.2.1, §3.3.4. */

describe('DUP and QoS', () => {
  it('[MQTT-3.3.1-1] [MQTT-3.3.1-2] [MQTT-4.3.1-1] DUP is 1 when sent again and 0 at QoS 0', async () => {
    const bench = await ConformanceBench.start();
    const lasting = { properties: { sessionExpirySeconds: 100 } };
    const client = await bench.client('c', lasting);
    await client.subscribe('t', 2);
    const writer = await bench.client('w');
    for (const qos of [0, 1, 2] as const) await writer.publish('t', `q${qos}`, qos);
    expect(await client.texts()).toEqual(['t q0 0', 't q1 1', 't q2 2']);
    await bench.cut(client);
    const again = await bench.client('c', { cleanStart: false, ...lasting });
    expect(await again.texts()).toEqual(['t q1 1d', 't q2 2d']);
  });

  it('[MQTT-3.3.1-2] a client’s QoS 0 PUBLISH with DUP is malformed', async () => {
    const bench = await ConformanceBench.start();
    const client = await bench.client('c');
    expect(await client.fate(packet(0x38, 't', 0))).toEqual(['disconnect 0x81']);
  });

  it('[MQTT-3.3.1-3] the publisher’s DUP is not passed on', async () => {
    const bench = await ConformanceBench.start();
    const client = await bench.client('c');
    await client.subscribe('t', 2);
    const writer = await bench.client('w');
    await writer.publish('t', 'one', 1, { dup: true });
    await writer.publish('t', 'two', 2, { dup: true });
    expect(await client.texts()).toEqual(['t one 1', 't two 2']);
  });

  it('[MQTT-3.3.1-4] QoS 3 is malformed', async () => {
    const bench = await ConformanceBench.start();
    for (const header of [0x36, 0x37, 0x3e, 0x3f]) {
      const client = await bench.client('c');
      expect(await client.fate(packet(header, 't', 0, 1, 0))).toEqual(['disconnect 0x81']);
    }
  });

  it('[MQTT-3.3.4-1] nothing answers QoS 0, PUBACK QoS 1 and PUBREC QoS 2', async () => {
    const bench = await ConformanceBench.start();
    const client = await bench.client('c');
    client.send(packet(0x30, 't', 0), packet(0x32, 't', 0, 1, 0), packet(0x34, 't', 0, 2, 0));
    const answers = await client.settled();
    expect(answers).toMatchObject([
      { type: 'puback', packetId: 1 },
      { type: 'pubrec', packetId: 2 },
    ]);
  });
});

describe('retained messages', () => {
  async function kept(bench: ConformanceBench, filter = '#'): Promise<string[]> {
    const late = await bench.client('late');
    await late.subscribe(filter, 2);
    return late.texts();
  }

  it('[MQTT-3.3.1-5] the newest takes the place of the one before, with its QoS', async () => {
    const bench = await ConformanceBench.start();
    const writer = await bench.client('w');
    await writer.publish('t', 'old', 0, { retain: true });
    expect(await kept(bench)).toEqual(['t old 0r']);
    await writer.publish('t', 'new', 1, { retain: true });
    await writer.publish('u', 'other', 2, { retain: true });
    expect((await kept(bench)).sort()).toEqual(['t new 1r', 'u other 2r']);
  });

  it('[MQTT-3.3.1-6] [MQTT-3.3.1-7] an empty one is delivered, removes, and is not kept', async () => {
    const bench = await ConformanceBench.start();
    const writer = await bench.client('w');
    const reader = await bench.client('r');
    await reader.subscribe('t', 1);
    await writer.publish('t', 'kept', 0, { retain: true });
    await writer.publish('t', '', 1, { retain: true });
    expect(await reader.texts()).toEqual(['t kept 0', 't  1']);
    expect(await kept(bench)).toEqual([]);
    expect(bench.broker.retainedCount).toBe(0);
    await writer.publish('never', '', 0, { retain: true });
    expect(await kept(bench)).toEqual([]);
  });

  it('[MQTT-3.3.1-8] a message without RETAIN leaves what is kept as it is', async () => {
    const bench = await ConformanceBench.start();
    const writer = await bench.client('w');
    await writer.publish('t', 'kept', 0, { retain: true });
    await writer.publish('t', 'passing', 1);
    await writer.publish('t', '', 2);
    await writer.publish('u', 'passing', 1);
    expect(await kept(bench)).toEqual(['t kept 0r']);
  });

  it('[MQTT-3.3.1-9] Retain Handling 0 sends them at every SUBSCRIBE', async () => {
    const bench = await ConformanceBench.start();
    const client = await bench.client('c');
    for (const topic of ['a/1', 'a/2', 'b/1']) await client.publish(topic, 'x', 0, { retain: true });
    for (let round = 0; round < 2; round++) {
      await client.subscribe('a/+', 0, { retainHandling: 0 });
      expect((await client.texts()).sort()).toEqual(['a/1 x 0r', 'a/2 x 0r']);
    }
  });

  it('[MQTT-3.3.1-10] Retain Handling 1 sends them for a new subscription only', async () => {
    const bench = await ConformanceBench.start();
    const client = await bench.client('c');
    await client.publish('t', 'x', 0, { retain: true });
    await client.subscribe('t', 0, { retainHandling: 1 });
    expect(await client.texts()).toEqual(['t x 0r']);
    await client.subscribe('t', 1, { retainHandling: 1 });
    expect(await client.texts()).toEqual([]);
    await client.ask({ type: 'unsubscribe', packetId: 3, filters: ['t'] });
    await client.subscribe('t', 1, { retainHandling: 1 });
    expect(await client.texts()).toEqual(['t x 0r']);
  });

  it('[MQTT-3.3.1-11] Retain Handling 2 never sends them', async () => {
    const bench = await ConformanceBench.start();
    const client = await bench.client('c');
    await client.publish('t', 'x', 0, { retain: true });
    await client.subscribe('t', 0, { retainHandling: 2 });
    await client.subscribe('+', 0, { retainHandling: 2 });
    expect(await client.texts()).toEqual([]);
  });

  it('[MQTT-3.3.1-12] RETAIN is 0 in what is passed on, without Retain As Published', async () => {
    const bench = await ConformanceBench.start();
    const client = await bench.client('c');
    await client.subscribe('t', 2);
    for (const qos of [0, 1, 2] as const) await client.publish('t', 'x', qos, { retain: true });
    expect(await client.texts()).toEqual(['t x 0', 't x 1', 't x 2']);
  });

  it('[MQTT-3.3.1-13] RETAIN is the publisher’s with Retain As Published', async () => {
    const bench = await ConformanceBench.start();
    const client = await bench.client('c');
    await client.subscribe('t', 2, { retainAsPublished: true });
    for (const qos of [0, 1, 2] as const) {
      await client.publish('t', 'x', qos, { retain: true });
      await client.publish('t', 'y', qos);
    }
    expect(await client.texts()).toEqual(['t x 0r', 't y 0', 't x 1r', 't y 1', 't x 2r', 't y 2']);
  });
});

describe('the topic name', () => {
  it('[MQTT-3.3.2-1] is there, and text', async () => {
    const bench = await ConformanceBench.start();
    for (const [bad, code] of [
      [packet(0x30), 'disconnect 0x81'],
      [packet(0x30, 0), 'disconnect 0x81'],
      [packet(0x30, 0, 9, 0x74), 'disconnect 0x81'],
      [packet(0x30, prefixed([0xc3]), 0), 'disconnect 0x81'],
      [packet(0x30, '', 0), 'disconnect 0x82'],
    ] as const) {
      const client = await bench.client('c');
      expect(await client.fate(bad)).toEqual([code]);
    }
  });

  it('[MQTT-3.3.2-2] [MQTT-4.7.0-1] has no wildcards', async () => {
    const bench = await ConformanceBench.start();
    const reader = await bench.client('r');
    await reader.subscribe('#');
    for (const topic of ['#', '+', 'a/#', 'a/+/b', 'a+', 'a#b']) {
      for (const bad of [packet(0x30, topic, 0), packet(0x31, topic, 0, 1), packet(0x32, topic, 0, 1, 0)]) {
        const client = await bench.client('c');
        expect(await client.fate(bad)).toEqual(['disconnect 0x90']);
      }
    }
    expect(await reader.settled()).toEqual([]);
  });

  it('[MQTT-3.3.2-3] of what a client gets matches its filter', async () => {
    const bench = await ConformanceBench.start();
    const client = await bench.client('c');
    await client.subscribe('a/+/c', 1);
    for (const topic of ['a/b/c', 'a/c', 'a/b/c/d', 'a//c', 'A/b/c', '/a/b/c', 'a/b/c/', 'a/x/c'])
      await client.publish(topic, 'x', 1);
    expect(await client.texts()).toEqual(['a/b/c x 1', 'a//c x 1', 'a/x/c x 1']);
  });
});

describe('overlapping subscriptions', () => {
  it('[MQTT-3.3.4-2] deliver at the highest QoS among them', async () => {
    const bench = await ConformanceBench.start();
    const client = await bench.client('c');
    await client.subscribe('a/b', 0);
    await client.subscribe('a/+', 2);
    await client.subscribe('#', 1);
    for (const qos of [0, 1, 2] as const) await client.publish('a/b', 'x', qos);
    expect(await client.texts()).toEqual(['a/b x 0', 'a/b x 1', 'a/b x 2']);
  });

  it('[MQTT-3.3.4-3] [MQTT-3.3.4-4] give all their identifiers to the one copy', async () => {
    const bench = await ConformanceBench.start();
    const client = await bench.client('c');
    await client.subscribe('a/b', 0, {}, { subscriptionIds: [7] });
    await client.subscribe('a/+', 2, {}, { subscriptionIds: [268_435_455] });
    await client.subscribe('+/b', 2);
    await client.subscribe('x', 2, {}, { subscriptionIds: [9] });
    for (const qos of [0, 1] as const) await client.publish('a/b', 'x', qos);
    const messages = await client.messages();
    expect(messages.length).toBe(2);
    for (const { properties } of messages)
      expect([...properties.subscriptionIds!].sort((a, b) => a - b)).toEqual([7, 268_435_455]);
  });

  it('[MQTT-3.3.4-6] a client’s PUBLISH has no identifier of a subscription', async () => {
    const bench = await ConformanceBench.start();
    const client = await bench.client('c');
    const before = await client.fate(packet(0x30, 't', 2, 0x0b, 1));
    expect(before.join()).toMatch(/^disconnect 0x8[12]$/);
    const zero = await bench.client('c');
    expect(outcomes([await zero.ask(packet(0x82, 0, 1, 2, 0x0b, 0, 't', 0))])).toEqual(['disconnect 0x82']);
  });
});
