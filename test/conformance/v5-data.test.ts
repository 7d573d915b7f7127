import { describe, expect, it } from 'vitest';
import { bytes, ConformanceBench, connectBytes, packet, prefixed } from '../support/conformance-client.ts';

/* Data types, fixed header, packet identifiers and properties: MQTT 5.0 §1.5, §2, §4.2. */

const NOT_UTF8: [name: string, text: Buffer][] = [
  ['a lone continuation byte', prefixed([0x61, 0x80])],
  ['an overlong slash', prefixed([0xc0, 0xaf])],
  ['the surrogate U+D800', prefixed([0xed, 0xa0, 0x80])],
  ['the surrogate U+DFFF', prefixed([0xed, 0xbf, 0xbf])],
  ['a sequence that is cut short', prefixed([0x61, 0xe2, 0x82])],
  ['a code point above U+10FFFF', prefixed([0xf4, 0x90, 0x80, 0x80])],
];

describe('text', () => {
  it.each(NOT_UTF8)('[MQTT-1.5.4-1] %s is no topic, filter, client id or property', async (_name, text) => {
    const bench = await ConformanceBench.start();
    const unnamed = await bench.open();
    expect(await unnamed.fate(connectBytes(2, text))).toEqual(['connack 0x81']);
    for (const packetBytes of [
      packet(0x30, text, 0),
      packet(0x82, 0, 1, 0, text, 0),
      packet(0xa2, 0, 1, 0, text),
      packet(0x30, 't', text.length + 1, 3, text),
    ]) {
      const client = await bench.client('c');
      expect(await client.fate(packetBytes)).toEqual(['disconnect 0x81']);
    }
  });

  it('[MQTT-1.5.4-2] U+0000 is refused wherever text is', async () => {
    const bench = await ConformanceBench.start();
    const unnamed = await bench.open();
    expect(await unnamed.fate(connectBytes(2, 'c\0'))).toEqual(['connack 0x81']);
    for (const packetBytes of [
      packet(0x30, 'a\0b', 0),
      packet(0x82, 0, 1, 0, 'a\0b', 0),
      packet(0x30, 't', 6, 3, 'a\0b'),
    ]) {
      const client = await bench.client('c');
      expect(await client.fate(packetBytes)).toEqual(['disconnect 0x81']);
    }
  });

  it('[MQTT-1.5.4-3] EF BB BF is U+FEFF and neither skipped nor stripped', async () => {
    const bench = await ConformanceBench.start();
    const client = await bench.client('c');
    await client.subscribe('#');
    const published = packet(
      0x30,
      prefixed([0xef, 0xbb, 0xbf, 0x61]),
      7,
      3,
      prefixed([0xef, 0xbb, 0xbf, 0x62]),
      0x78,
    );
    client.send(published);
    expect(await client.nextBytes()).toEqual(published);
    const other = await bench.client('other');
    await other.subscribe('a');
    await client.publish('\ufeffa', 'again');
    expect(await other.texts()).toEqual([]);
  });

  it('[MQTT-1.5.7-1] a user property with a half that is no text is refused', async () => {
    const bench = await ConformanceBench.start();
    for (const pair of [
      bytes(0x26, 'name', prefixed([0xff])),
      bytes(0x26, prefixed([0xff]), 'value'),
      bytes(0x26, 'na\0me', 'value'),
    ]) {
      const client = await bench.client('c');
      expect(await client.fate(packet(0x30, 't', pair.length, pair))).toEqual(['disconnect 0x81']);
    }
  });
});

describe('numbers and the fixed header', () => {
  it('[MQTT-1.5.5-1] variable byte integers that are longer than they need be are refused', async () => {
    const bench = await ConformanceBench.start();
    const longProperties = packet(0x30, 't', Buffer.from([0x80, 0x00]));
    const longRemaining = Buffer.from([0x30, 0x84, 0x00, 0x00, 0x01, 0x74, 0x00]);
    const longSubscriptionId = packet(0x82, 0, 1, 3, 0x0b, 0x81, 0x00, 't', 0);
    const fiveBytes = Buffer.from([0x30, 0xff, 0xff, 0xff, 0xff, 0x01]);
    for (const odd of [longProperties, longRemaining, longSubscriptionId, fiveBytes]) {
      const client = await bench.client('c');
      expect(await client.fate(odd)).toEqual(['disconnect 0x81']);
    }
  });

  it('[MQTT-1.5.5-1] what the broker sends is as short as it can be', async () => {
    const bench = await ConformanceBench.start();
    const client = await bench.client('c');
    await client.subscribe('t');
    for (const payloadBytes of [123, 124, 16_379, 16_380, 200_000]) {
      client.send({
        type: 'publish',
        topic: 't',
        payload: Buffer.alloc(payloadBytes),
        qos: 0,
        retain: false,
        dup: false,
        packetId: 0,
      });
      expect((await client.nextBytes()).length).toBe(
        4 + payloadBytes + (payloadBytes < 124 ? 2 : payloadBytes < 16_380 ? 3 : 4),
      );
    }
  });

  it('[MQTT-2.1.3-1] other flags than those of the table are malformed', async () => {
    const bench = await ConformanceBench.start();
    const odd: [header: number, ...body: number[]][] = [
      [0x41, 0, 1],
      [0x58, 0, 1],
      [0x60, 0, 1],
      [0x72, 0, 1],
      [0x80, 0, 1, 0, 0, 1, 0x74, 0],
      [0xa3, 0, 1, 0, 0, 1, 0x74],
      [0xc1],
      [0xe2],
      [0xf4],
      [0x00],
    ];
    for (const [header, ...body] of odd) {
      const client = await bench.client('c');
      expect([header, await client.fate(packet(header, ...body))]).toEqual([header, ['disconnect 0x81']]);
    }
    // Before CONNECT nothing is known of the client's version, so there are no words for it.
    const early = await bench.open();
    expect(await early.fate(packet(0x11, 'MQTT', 5, 2, 0, 0, 0, 'c'))).toEqual([]);
  });

  it('[MQTT-4.2.0-1] TCP carries packets however they are cut', async () => {
    const bench = await ConformanceBench.start();
    const client = await bench.client('c');
    await client.subscribe('t', 1);
    const payload = Buffer.from(Array.from({ length: 300 }, (_, index) => index & 255));
    const whole = packet(0x32, 't', 0, 7, 0, payload);
    for (const byte of whole) {
      client.send(Uint8Array.of(byte));
      await new Promise((resolve) => setImmediate(resolve));
    }
    const answers = [await client.next(), await client.next()].sort((a, b) => (a.type < b.type ? -1 : 1));
    expect(answers).toMatchObject([
      { type: 'puback', packetId: 7 },
      { type: 'publish', topic: 't', payload },
    ]);
    // And many in one.
    const ten = Array.from({ length: 10 }, (_, index) => packet(0x30, 't', 0, 0x30 + index));
    client.send(Buffer.concat(ten));
    expect((await client.texts()).join()).toBe(ten.map((_, index) => `t ${index} 0`).join());
  });
});

describe('packet identifiers', () => {
  it('[MQTT-2.2.1-2] a QoS 0 PUBLISH has none, in either direction', async () => {
    const bench = await ConformanceBench.start();
    const client = await bench.client('c');
    await client.subscribe('t', 2);
    // Were there an identifier, it would be the Property Length and the first byte of the payload.
    const published = packet(0x30, 't', 0, 7, 8);
    client.send(published);
    expect(await client.nextBytes()).toEqual(published);
  });

  it('[MQTT-2.2.1-3] 0 is no identifier of SUBSCRIBE, UNSUBSCRIBE or PUBLISH', async () => {
    const bench = await ConformanceBench.start();
    for (const zero of [
      packet(0x32, 't', 0, 0, 0),
      packet(0x34, 't', 0, 0, 0),
      packet(0x82, 0, 0, 0, 't', 0),
      packet(0xa2, 0, 0, 0, 't'),
    ]) {
      const client = await bench.client('c');
      expect((await client.fate(zero)).join()).toMatch(/^disconnect 0x8[12]$/);
    }
  });

  it('[MQTT-2.2.1-4] the broker gives identifiers that are not 0 and not in use', async () => {
    const bench = await ConformanceBench.start();
    const client = await bench.client('c');
    await client.subscribe('t', 2);
    const writer = await bench.client('w');
    const inUse = new Set<number>();
    for (let round = 0; round < 15; round++) {
      await writer.publish('t', String(round), round % 2 === 0 ? 1 : 2);
      const message = await client.next();
      if (message.type !== 'publish') throw new Error(message.type);
      expect(message.packetId).toBeGreaterThan(0);
      expect(inUse.has(message.packetId)).toBe(false);
      inUse.add(message.packetId);
    }
  });

  it('[MQTT-2.2.1-5] PUBACK, PUBREC, PUBREL and PUBCOMP have that of their PUBLISH', async () => {
    const bench = await ConformanceBench.start();
    const client = await bench.client('c');
    expect(await client.ask(packet(0x32, 't', 0x12, 0x34, 0))).toMatchObject({
      type: 'puback',
      packetId: 0x1234,
    });
    expect(await client.ask(packet(0x34, 't', 0xff, 0xff, 0))).toMatchObject({
      type: 'pubrec',
      packetId: 0xffff,
    });
    expect(await client.ask(packet(0x62, 0xff, 0xff))).toMatchObject({ type: 'pubcomp', packetId: 0xffff });
    await client.subscribe('q', 2);
    bench.broker.publish({ topic: 'q', payload: Buffer.from('x'), qos: 2 });
    const message = await client.next();
    if (message.type !== 'publish') throw new Error(message.type);
    const { packetId } = message;
    expect(await client.ask({ type: 'pubrec', packetId })).toMatchObject({ type: 'pubrel', packetId });
  });

  it('[MQTT-2.2.1-6] SUBACK and UNSUBACK have that of their request', async () => {
    const bench = await ConformanceBench.start();
    const client = await bench.client('c');
    expect(await client.ask(packet(0x82, 0xab, 0xcd, 0, 't', 0))).toMatchObject({
      type: 'suback',
      packetId: 0xabcd,
    });
    expect(await client.ask(packet(0xa2, 0xab, 0xce, 0, 't'))).toMatchObject({
      type: 'unsuback',
      packetId: 0xabce,
    });
  });
});

describe('properties', () => {
  it('[MQTT-2.2.2-1] none are said by a length of 0', async () => {
    const bench = await ConformanceBench.start();
    const client = await bench.client('c');
    client.send(packet(0x82, 0, 1, 0, 't', 0));
    expect(await client.nextBytes()).toEqual(Buffer.from([0x90, 4, 0, 1, 0, 0]));
    client.send(packet(0x30, 't', 0, 0x78));
    expect(await client.nextBytes()).toEqual(packet(0x30, 't', 0, 0x78));
    client.send(packet(0xa2, 0, 2, 0, 't'));
    expect(await client.nextBytes()).toEqual(Buffer.from([0xb0, 4, 0, 2, 0, 0]));
    const without = packet(0x30, 't');
    expect(await client.fate(without)).toEqual(['disconnect 0x81']);
  });
});
