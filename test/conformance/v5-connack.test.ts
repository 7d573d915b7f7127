import { Buffer } from 'node:buffer';
import { describe, expect, it } from 'vitest';
import { ConformanceBench, connectBytes, outcomes, packet } from '../support/conformance-client.ts';

/* CONNACK and what client and server agree on with it: MQTT 5.0 §3.1.2.11, §3.2. */

const CLEAN = 0x02;
const LONG = 'a reason that has far too many words for a client that asked to be spared of them';

describe('CONNACK', () => {
  it('[MQTT-3.2.2-1] has no flag but Session Present', async () => {
    const bench = await ConformanceBench.start();
    for (const flags of [0, 1]) {
      const client = await bench.open();
      client.send(packet(0x10, 'MQTT', 5, 0, 0, 0, 5, 0x11, 0, 0, 1, 0, 'c'));
      const connack = await client.nextBytes();
      expect([connack[0], connack[2], connack[3]]).toEqual([0x20, flags, 0]);
      await bench.cut(client);
    }
  });

  it('[MQTT-3.2.2-6] [MQTT-3.2.2-7] [MQTT-4.13.2-1] that refuses has no session, and closes', async () => {
    const codes = [0x80, 0x83, 0x85, 0x86, 0x87, 0x88, 0x89, 0x8a, 0x97, 0x9c, 0x9d, 0x9f];
    let reasonCode = 0;
    const bench = await ConformanceBench.start({
      authenticate: () => (reasonCode === 0 ? { username: null } : { reasonCode }),
    });
    const before = await bench.client('c', { properties: { sessionExpirySeconds: 1_000 } });
    await bench.cut(before);
    for (reasonCode of codes) {
      const client = await bench.open();
      client.send(connectBytes(0, 'c'));
      expect(await client.closed()).toMatchObject([{ type: 'connack', sessionPresent: false, reasonCode }]);
    }
    reasonCode = 0;
    const after = await bench.open();
    expect(await after.login({ clientId: 'c', cleanStart: false })).toMatchObject({ sessionPresent: true });
  });

  it('[MQTT-3.2.2-8] [MQTT-3.14.0-1] [MQTT-3.2.0-1] has codes of its own, whatever goes wrong before it', async () => {
    const legal = [
      0x80, 0x81, 0x82, 0x83, 0x84, 0x85, 0x86, 0x87, 0x88, 0x89, 0x8a, 0x8c, 0x90, 0x95, 0x97, 0x99, 0x9a,
      0x9b, 0x9c, 0x9d, 0x9f,
    ];
    const bench = await ConformanceBench.start({ clientLimits: { maxPacketBytes: 300 } });
    for (const bad of [
      connectBytes(CLEAN, 'c', 'more'),
      connectBytes(CLEAN | 0x04, 'c', 0, 'a/#', 'x'),
      connectBytes(CLEAN | 0x04, 'c', 0, '', 'x'),
      packet(0x10, 'MQTT', 5, CLEAN, 0, 0, 5, 0x16, 0, 2, 1, 2, 'c'),
      packet(0x10, 'MQTT', 5, CLEAN, 0, 0, 8, 0x15, 'plain', 'c'),
      connectBytes(CLEAN | 0x80, 'c', 'x'.repeat(300)),
    ]) {
      const client = await bench.open();
      const before = await client.fate(bad);
      expect(before.length).toBeLessThan(2);
      for (const text of before) {
        expect(text).toMatch(/^connack /);
        expect(legal).toContain(Number(text.slice(8)));
      }
    }
  });

  it('[MQTT-3.2.2-19] [MQTT-3.2.2-20] leaves out words for which the client has no room', async () => {
    const bench = await ConformanceBench.start({ authenticate: () => ({ reasonCode: 0x87, reason: LONG }) });
    const tight = await bench.open();
    tight.send(packet(0x10, 'MQTT', 5, CLEAN, 0, 0, 5, 0x27, 0, 0, 0, 20, 'c'));
    expect(await tight.nextBytes()).toEqual(Buffer.from([0x20, 3, 0, 0x87, 0]));
    const roomy = await bench.open();
    expect(await roomy.login({ clientId: 'c' })).toMatchObject({ properties: { reasonString: LONG } });
  });

  it('[MQTT-3.1.2-28] has no Response Information for a client that does not ask', async () => {
    const bench = await ConformanceBench.start();
    for (const properties of [{}, { requestResponseInformation: 0 as const }]) {
      const client = await bench.open();
      const connack = await client.login({ clientId: 'c', properties });
      expect(connack.properties).not.toHaveProperty('responseInformation');
    }
  });
});

describe('what the server says about itself', () => {
  it('[MQTT-3.2.2-15] a packet above its Maximum Packet Size is refused with 0x95', async () => {
    const bench = await ConformanceBench.start({ clientLimits: { maxPacketBytes: 500 } });
    const client = await bench.open();
    expect(await client.login({ clientId: 'c' })).toMatchObject({ properties: { maximumPacketBytes: 500 } });
    const largest = packet(0x30, 't', 0, Buffer.alloc(500 - 7));
    expect(largest.length).toBe(500);
    client.send(largest);
    expect(await client.settled()).toEqual([]);
    expect(await client.fate(packet(0x30, 't', 0, Buffer.alloc(501 - 7)))).toEqual(['disconnect 0x95']);
  });

  it('[MQTT-3.2.2-17] [MQTT-3.3.2-9] an alias above its Topic Alias Maximum is refused with 0x94', async () => {
    const bench = await ConformanceBench.start({ clientLimits: { topicAliasMaximum: 3 } });
    const client = await bench.open();
    expect(await client.login({ clientId: 'c' })).toMatchObject({ properties: { topicAliasMaximum: 3 } });
    expect(await client.fate(packet(0x30, 't', 3, 0x23, 0, 4))).toEqual(['disconnect 0x94']);
  });

  it('[MQTT-3.2.2-18] without a Topic Alias Maximum every alias is refused', async () => {
    const bench = await ConformanceBench.start({ clientLimits: { topicAliasMaximum: 0 } });
    const client = await bench.open();
    const { properties } = await client.login({ clientId: 'c' });
    expect(properties.topicAliasMaximum ?? 0).toBe(0);
    expect(await client.fate(packet(0x30, 't', 3, 0x23, 0, 1))).toEqual(['disconnect 0x94']);
  });
});

describe('what the client says about itself', () => {
  it('[MQTT-3.1.2-24] [MQTT-3.1.2-25] nothing above its Maximum Packet Size is sent, and counts as delivered', async () => {
    const bench = await ConformanceBench.start();
    const properties = { maximumPacketBytes: 40, receiveMaximum: 1, sessionExpirySeconds: 100 };
    const client = await bench.client('c', { properties });
    await client.subscribe('t', 2);
    const writer = await bench.client('w');
    for (const qos of [0, 1, 2] as const) await writer.publish('t', 'x'.repeat(40), qos);
    // One byte too many, and just right.
    await writer.publish('t', 'x'.repeat(33), 1);
    await writer.publish('t', 'y'.repeat(32), 1);
    const exact = await client.nextBytes();
    expect(exact.length).toBe(40);
    expect(exact.subarray(8).toString()).toBe('y'.repeat(32));
    client.send(packet(0x40, exact[5]!, exact[6]!));
    await writer.publish('t', 'next', 1);
    expect(await client.texts()).toEqual(['t next 1']);
    await bench.cut(client);
    const again = await bench.client('c', { properties, cleanStart: false });
    expect(await again.texts()).toEqual(['t next 1d']);
  });

  it('[MQTT-3.1.2-24] a retained message and a shared one are measured too', async () => {
    const bench = await ConformanceBench.start();
    const writer = await bench.client('w');
    await writer.publish('kept/large', 'x'.repeat(100), 0, { retain: true });
    await writer.publish('kept/small', 'y', 0, { retain: true });
    const client = await bench.client('c', { properties: { maximumPacketBytes: 60 } });
    await client.subscribe('kept/#', 1);
    await client.subscribe('$share/group/s', 1);
    await writer.publish('s', 'x'.repeat(100), 1);
    await writer.publish('s', 'z', 0);
    expect(await client.texts()).toEqual(['kept/small y 0r', 's z 0']);
  });

  it('[MQTT-3.1.2-26] [MQTT-3.3.2-11] aliases stay within its Topic Alias Maximum', async () => {
    const bench = await ConformanceBench.start();
    const client = await bench.client('c', { properties: { topicAliasMaximum: 2 } });
    await client.subscribe('#');
    const writer = await bench.client('w');
    const topics = ['one', 'two', 'three', 'four'];
    const set = new Map<number, string>();
    const seen: string[] = [];
    for (let round = 0; round < 3; round++) {
      for (const topic of topics) {
        await writer.publish(topic, `${topic}${round}`);
        const message = await client.next();
        if (message.type !== 'publish') throw new Error(message.type);
        const alias = message.properties.topicAlias;
        if (alias !== undefined) {
          expect(alias).toBeGreaterThan(0);
          expect(alias).toBeLessThanOrEqual(2);
          if (message.topic !== '') set.set(alias, message.topic);
        }
        seen.push(message.topic === '' ? set.get(alias!)! : message.topic);
      }
    }
    expect(seen).toEqual([...topics, ...topics, ...topics]);
    expect(set.size).toBeGreaterThan(0);
  });

  it('[MQTT-3.1.2-27] without one there are no aliases', async () => {
    const bench = await ConformanceBench.start();
    const writer = await bench.client('w');
    for (const properties of [{}, { topicAliasMaximum: 0 }]) {
      const client = await bench.client('c', { properties });
      await client.subscribe('t');
      for (let round = 0; round < 3; round++) await writer.publish('t', 'x');
      const messages = await client.messages();
      expect(messages.map(({ topic }) => topic)).toEqual(['t', 't', 't']);
      for (const message of messages) expect(message.properties).not.toHaveProperty('topicAlias');
    }
  });

  it('[MQTT-3.1.2-29] without Request Problem Information acknowledgements have no words', async () => {
    const bench = await ConformanceBench.start({ authorize: ({ topic }) => topic !== 'secret' });
    const client = await bench.client('c', { properties: { requestProblemInformation: 0 } });
    client.send(
      packet(0x32, 'secret', 0, 1, 0, 0x78),
      packet(0x34, 'secret', 0, 2, 0, 0x78),
      packet(0x62, 0, 3),
      packet(0x82, 0, 4, 0, 'secret', 0),
      packet(0xa2, 0, 5, 0, 'never/there'),
    );
    const answers = await client.settled();
    expect(outcomes(answers)).toEqual(['puback 0x87', 'pubrec 0x87', 'pubcomp 0x92', 'suback', 'unsuback']);
    for (const answer of answers) expect(answer).toMatchObject({ properties: {} });
    expect(answers.map((answer) => 'properties' in answer && Object.keys(answer.properties))).toEqual([
      [],
      [],
      [],
      [],
      [],
    ]);
    // What belongs to a message is not problem information.
    await client.subscribe('t');
    await client.publish('t', 'x', 0, { properties: { userProperties: [['a', 'b']] } });
    expect(await client.messages()).toMatchObject([{ properties: { userProperties: [['a', 'b']] } }]);
  });
});
