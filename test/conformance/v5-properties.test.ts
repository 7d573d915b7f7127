import { Buffer } from 'node:buffer';
import { describe, expect, it } from 'vitest';
import { bytes, ConformanceBench, packet, prefixed } from '../support/conformance-client.ts';

/* Properties of PUBLISH: MQTT 5.0 §3.3.2.3. */

const alias = (topic: string, value: number, payload: string) =>
  packet(0x30, topic, 3, 0x23, value >> 8, value & 255, Buffer.from(payload));

describe('properties that are passed on', () => {
  const all = bytes(
    ...[0x26, 'z', '1', 0x03, 'application/json', 0x26, 'a', '', 0x08, 'answers/here', 0x26, 'z', '1'],
    ...[0x01, 1, 0x26, '', 'nameless', 0x09, prefixed([0, 255, 1, 0])],
  );
  const wanted = {
    payloadFormat: 1,
    contentType: 'application/json',
    responseTopic: 'answers/here',
    correlationData: Buffer.from([0, 255, 1, 0]),
    userProperties: [
      ['z', '1'],
      ['a', ''],
      ['z', '1'],
      ['', 'nameless'],
    ],
  };

  it.each([0, 1, 2])(
    '[MQTT-3.3.2-4] [MQTT-3.3.2-15] [MQTT-3.3.2-16] [MQTT-3.3.2-17] [MQTT-3.3.2-18] [MQTT-3.3.2-20] unaltered at QoS %i: to one who is there, one who comes back, one who comes late',
    async (qos) => {
      const bench = await ConformanceBench.start();
      const lasting = { properties: { sessionExpirySeconds: 100 } };
      const away = await bench.client('away', lasting);
      await away.subscribe('t', 2);
      await bench.cut(away);
      const here = await bench.client('here');
      await here.subscribe('t', 2);
      const writer = await bench.client('w');
      const id = qos === 0 ? [] : [0, 5];
      writer.send(packet(0x31 | (qos << 1), 't', ...id, all.length, all, Buffer.from('{}')));
      await writer.settled();
      const late = await bench.client('late');
      await late.subscribe('#', 2);
      const back = await bench.client('away', { cleanStart: false, ...lasting });
      for (const client of qos === 0 ? [here, late] : [here, late, back])
        expect(await client.messages()).toMatchObject([
          { qos, properties: wanted, payload: Buffer.from('{}') },
        ]);
    },
  );

  it('[MQTT-3.3.2-4] Payload Format Indicator 0, and none, stay what they are', async () => {
    const bench = await ConformanceBench.start();
    const client = await bench.client('c');
    await client.subscribe('t');
    const without = packet(0x30, 't', 0, 0xff);
    const zero = packet(0x30, 't', 2, 0x01, 0, 0xff);
    for (const sent of [without, zero]) {
      client.send(sent);
      expect(await client.nextBytes()).toEqual(sent);
    }
  });

  it.each([
    ['[MQTT-3.3.2-13] a Response Topic that is no text', bytes(0x08, prefixed([0xff])), '0x81'],
    ['[MQTT-3.3.2-14] a Response Topic with +', bytes(0x08, 'a/+'), '0x82'],
    ['[MQTT-3.3.2-14] a Response Topic with #', bytes(0x08, '#'), '0x82'],
    ['[MQTT-3.3.2-19] a Content Type that is no text', bytes(0x03, prefixed([0xed, 0xa0, 0x80])), '0x81'],
  ])('%s is refused', async (_name, property, code) => {
    const bench = await ConformanceBench.start();
    const client = await bench.client('c');
    expect(await client.fate(packet(0x30, 't', property.length, property))).toEqual([`disconnect ${code}`]);
    const unnamed = await bench.open();
    const will = packet(0x10, 'MQTT', 5, 6, 0, 0, 0, 'c', property.length, property, 'will', 'gone');
    expect(await unnamed.fate(will)).toEqual([`connack ${code}`]);
  });
});

describe('Message Expiry Interval', () => {
  const expiring = (seconds: number) => ({ properties: { messageExpirySeconds: seconds } });

  it('[MQTT-3.3.2-5] a message that is too old is deleted: in the queue, and among the retained', async () => {
    const bench = await ConformanceBench.start();
    const lasting = { properties: { sessionExpirySeconds: 1_000 } };
    const client = await bench.client('c', lasting);
    await client.subscribe('#', 2);
    await bench.cut(client);
    const writer = await bench.client('w');
    await writer.publish('short/1', 'x', 1, expiring(10));
    await writer.publish('short/2', 'x', 2, { ...expiring(10), retain: true });
    await writer.publish('long', 'x', 1, { ...expiring(100), retain: true });
    bench.clock.advance(11_000);
    const late = await bench.client('late');
    await late.subscribe('#', 1);
    expect(await late.texts()).toEqual(['long x 1r']);
    const back = await bench.client('c', { cleanStart: false, ...lasting });
    expect(await back.texts()).toEqual(['long x 1']);
  });

  it('[MQTT-3.3.2-6] goes out less the time that it waited', async () => {
    const bench = await ConformanceBench.start();
    const lasting = { properties: { sessionExpirySeconds: 1_000 } };
    const client = await bench.client('c', lasting);
    await client.subscribe('t', 1);
    const writer = await bench.client('w');
    await writer.publish('t', 'at once', 1, expiring(100));
    expect(await client.messages()).toMatchObject([{ properties: { messageExpirySeconds: 100 } }]);
    await client.settled();
    await bench.cut(client);
    await writer.publish('t', 'later', 1, { ...expiring(100), retain: true });
    bench.clock.advance(30_000);
    const back = await bench.client('c', { cleanStart: false, ...lasting });
    const messages = await back.messages();
    expect(messages.at(-1)).toMatchObject({ properties: { messageExpirySeconds: 70 } });
    const late = await bench.client('late');
    await late.subscribe('t');
    expect(await late.messages()).toMatchObject([{ properties: { messageExpirySeconds: 70 } }]);
  });
});

describe('Topic Alias', () => {
  it('[MQTT-3.3.2-12] every one up to the server’s maximum is taken', async () => {
    const bench = await ConformanceBench.start({ clientLimits: { topicAliasMaximum: 20 } });
    const client = await bench.open();
    const { properties } = await client.login({ clientId: 'c' });
    expect(properties.topicAliasMaximum).toBe(20);
    await client.subscribe('#');
    for (let value = 1; value <= 20; value++) client.send(alias(`topic/${value}`, value, 'set'));
    for (let value = 20; value >= 1; value--) client.send(alias('', value, 'used'));
    const texts = await client.texts();
    expect(texts.slice(0, 20)).toEqual(Array.from({ length: 20 }, (_, index) => `topic/${index + 1} set 0`));
    expect(texts.slice(20)).toEqual(Array.from({ length: 20 }, (_, index) => `topic/${20 - index} used 0`));
    client.send(alias('another', 3, 'set anew'), alias('', 3, 'used'));
    expect(await client.texts()).toEqual(['another set anew 0', 'another used 0']);
  });

  it('[MQTT-3.3.2-7] ends with the connection', async () => {
    const bench = await ConformanceBench.start();
    const lasting = { properties: { sessionExpirySeconds: 100 } };
    const client = await bench.client('c', lasting);
    client.send(alias('t', 1, 'x'));
    expect(await client.settled()).toEqual([]);
    await bench.cut(client);
    const again = await bench.client('c', { cleanStart: false, ...lasting });
    expect(await again.fate(alias('', 1, 'x'))).toEqual(['disconnect 0x82']);
  });

  it('[MQTT-3.3.2-7] those of the server end with it as well', async () => {
    const bench = await ConformanceBench.start();
    const wanted = { properties: { sessionExpirySeconds: 100, topicAliasMaximum: 5 } };
    const writer = await bench.client('w');
    for (let connection = 0; connection < 2; connection++) {
      const client = await bench.client('c', { cleanStart: false, ...wanted });
      await client.subscribe('t');
      for (let round = 0; round < 3; round++) await writer.publish('t', 'x');
      expect((await client.messages())[0]).toMatchObject({ topic: 't' });
      await bench.cut(client);
    }
  });

  it('[MQTT-3.3.2-8] is never 0', async () => {
    const bench = await ConformanceBench.start();
    const client = await bench.client('c');
    expect(await client.fate(alias('t', 0, 'x'))).toEqual(['disconnect 0x94']);
  });
});
