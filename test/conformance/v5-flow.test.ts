import { Buffer } from 'node:buffer';
import { describe, expect, it } from 'vitest';
import { ConformanceBench, outcomes, packet } from '../support/conformance-client.ts';

/* Receive Maximum and order: MQTT 5.0 §3.3.4, §4.6, §4.9. */

const x = Buffer.from('x');

describe('Receive Maximum of the client', () => {
  it('[MQTT-3.3.4-9] [MQTT-4.9.0-1] [MQTT-4.9.0-2] bounds what the server has unacknowledged', async () => {
    const bench = await ConformanceBench.start();
    const client = await bench.client('c', { properties: { receiveMaximum: 3 } });
    await client.subscribe('t', 2);
    for (let round = 0; round < 10; round++)
      bench.broker.publish({ topic: 't', payload: Buffer.from(String(round)), qos: round % 2 === 0 ? 1 : 2 });
    const first = await client.messages();
    expect(first.map(({ payload }) => Buffer.from(payload).toString())).toEqual(['0', '1', '2']);
    // PUBACK gives one back; so does a PUBREC that refuses; a PUBREC that does not, only with its PUBCOMP.
    client.send({ type: 'puback', packetId: first[0]!.packetId });
    expect((await client.messages()).length).toBe(1);
    client.send({ type: 'pubrec', packetId: first[1]!.packetId });
    expect(outcomes(await client.settled())).toEqual(['pubrel 0x00']);
    client.send({ type: 'pubcomp', packetId: first[1]!.packetId });
    const [fifth] = await client.messages();
    expect(Buffer.from(fifth!.payload).toString()).toBe('4');
    client.send({ type: 'puback', packetId: first[2]!.packetId });
    const [sixth, ...more] = await client.messages();
    expect(more).toEqual([]);
    client.send({ type: 'pubrec', packetId: sixth!.packetId, reasonCode: 0x80 });
    expect((await client.messages()).length).toBe(1);
  });

  it('[MQTT-4.9.0-1] [MQTT-3.3.4-9] 1 means one at a time, also for retained messages and after coming back', async () => {
    const bench = await ConformanceBench.start();
    const options = { properties: { receiveMaximum: 1, sessionExpirySeconds: 100 } };
    for (const topic of ['a', 'b', 'c']) bench.broker.publish({ topic, payload: x, qos: 1, retain: true });
    const client = await bench.client('c', options);
    await client.subscribe('#', 1);
    const [first, ...none] = await client.messages();
    expect(none).toEqual([]);
    await bench.cut(client);
    const again = await bench.client('c', { cleanStart: false, ...options });
    const second = await again.messages();
    expect(second).toMatchObject([{ topic: first!.topic, dup: true, packetId: first!.packetId }]);
    again.send({ type: 'puback', packetId: first!.packetId });
    expect((await again.messages()).length).toBe(1);
  });

  it('[MQTT-3.3.4-10] [MQTT-4.9.0-3] at its end everything else still goes', async () => {
    const bench = await ConformanceBench.start();
    const client = await bench.client('c', { properties: { receiveMaximum: 1 } });
    await client.subscribe('t', 2);
    for (let round = 0; round < 3; round++) bench.broker.publish({ topic: 't', payload: x, qos: 1 });
    expect((await client.messages()).length).toBe(1);
    client.send(
      packet(0x32, 'u', 0, 1, 0),
      packet(0x34, 'u', 0, 2, 0),
      packet(0x62, 0, 2),
      packet(0x82, 0, 3, 0, 'u', 0),
      packet(0x30, 'u', 0, 0x79),
      packet(0xa2, 0, 4, 0, 'u'),
    );
    const types = (await client.settled()).map(({ type }) => type);
    expect(types).toEqual(['puback', 'pubrec', 'pubcomp', 'suback', 'publish', 'unsuback']);
  });
});

describe('Receive Maximum of the server', () => {
  it('[MQTT-3.3.4-7] more than it allows is refused with 0x93', async () => {
    const bench = await ConformanceBench.start({ clientLimits: { receiveMaximum: 3 } });
    const client = await bench.open();
    expect(await client.login({ clientId: 'c' })).toMatchObject({ properties: { receiveMaximum: 3 } });
    for (const id of [1, 2, 3])
      expect(await client.ask(packet(0x34, 't', 0, id, 0))).toMatchObject({ type: 'pubrec', packetId: id });
    // What is answered does not count any more, and QoS 0 never did.
    expect(await client.ask(packet(0x62, 0, 2))).toMatchObject({ type: 'pubcomp' });
    client.send(packet(0x30, 't', 0));
    expect(await client.ask(packet(0x32, 't', 0, 4, 0))).toMatchObject({ type: 'puback' });
    expect(await client.ask(packet(0x34, 't', 0, 5, 0))).toMatchObject({ type: 'pubrec' });
    const before = await client.fate(packet(0x34, 't', 0, 6, 0));
    expect(before).toEqual(['disconnect 0x93']);
  });
});

describe('order', () => {
  it.each([0, 1, 2] as const)(
    '[MQTT-4.6.0-5] [MQTT-4.6.0-6] QoS %i: messages of a topic reach every subscriber as their publisher sent them',
    async (qos) => {
      const bench = await ConformanceBench.start();
      const exact = await bench.client('exact');
      await exact.subscribe('a/b', 2);
      const wide = await bench.client('wide', { protocolLevel: 4 });
      await wide.subscribe('#', 2);
      const away = await bench.client('away', { properties: { sessionExpirySeconds: 100 } });
      await away.subscribe('a/+', 2);
      await bench.cut(away);
      const one = await bench.client('one');
      const two = await bench.client('two');
      const wanted: string[] = [];
      for (let round = 0; round < 8; round++) {
        const writer = round % 2 === 0 ? one : two;
        await writer.publish('a/b', String(round), qos);
        wanted.push(`a/b ${round} ${qos}`);
      }
      expect(await exact.texts()).toEqual(wanted);
      expect(await wide.texts()).toEqual(wanted);
      if (qos === 0) return;
      const back = await bench.client('away', { cleanStart: false });
      expect(await back.texts()).toEqual(wanted);
    },
  );

  it('[MQTT-4.6.0-5] in one read or in several, with and without properties', async () => {
    const bench = await ConformanceBench.start();
    const reader = await bench.client('r');
    await reader.subscribe('t');
    const marked = await bench.client('marked');
    await marked.subscribe('t', 0, {}, { subscriptionIds: [3] });
    const writer = await bench.client('w');
    const many = Array.from({ length: 200 }, (_, index) =>
      index % 7 === 0 ? packet(0x30, 't', 2, 0x01, 0, index) : packet(0x30, 't', 0, index),
    );
    writer.send(Buffer.concat(many));
    await writer.settled();
    for (const client of [reader, marked])
      expect((await client.messages()).map(({ payload }) => payload[0])).toEqual(
        many.map((_, index) => index),
      );
  });
});
