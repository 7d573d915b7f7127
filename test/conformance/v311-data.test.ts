import { Buffer } from 'node:buffer';
import { describe, expect, it } from 'vitest';
import { bytes, ConformanceBench, packet, prefixed } from '../support/conformance-client.ts';
import { CLEAN, client311, connect311, hexOf, USER_NAME, WILL } from '../support/conformance-v311.ts';

/* Strings and the fixed header: MQTT 3.1.1 §1.5.3, §2.2, §2.3.1. */

const ILL_FORMED = [
  [0xff],
  [0x80],
  [0xc3],
  [0xc0, 0x80],
  [0xc0, 0xaf],
  [0xe0, 0x80, 0xaf],
  [0xed, 0xa0, 0x80],
  [0xed, 0xbf, 0xbf],
  [0xed, 0xa0, 0x81, 0xed, 0xb0, 0x80],
  [0xf4, 0x90, 0x80, 0x80],
  [0x61, 0xe2, 0x82],
];

/** Packets with a string in each place that has one: those that come first, and those of a connected client. */
const FIRST: [string, (text: Buffer) => Buffer][] = [
  ['protocol name', (text) => packet(0x10, text, 4, CLEAN, 0, 0, 'c')],
  ['client identifier', (text) => connect311(CLEAN, text)],
  ['will topic', (text) => connect311(CLEAN | WILL, 'c', text, 'payload')],
  ['user name', (text) => connect311(CLEAN | USER_NAME, 'c', text)],
];
const LATER: [string, (text: Buffer) => Buffer][] = [
  ['topic name', (text) => packet(0x30, text, 0x78)],
  ['topic name with QoS 1', (text) => packet(0x32, text, 0, 1, 0x78)],
  ['filter of SUBSCRIBE', (text) => packet(0x82, 0, 1, text, 0)],
  ['second filter of SUBSCRIBE', (text) => packet(0x82, 0, 1, 'good', 0, text, 0)],
  ['filter of UNSUBSCRIBE', (text) => packet(0xa2, 0, 1, text)],
];

describe('strings', () => {
  it.each([
    ['[MQTT311-1.5.3-1] ill-formed UTF-8', ILL_FORMED],
    ['[MQTT311-1.5.3-2] U+0000', [[0], [0x61, 0, 0x62], [0x61, 0]]],
  ])('%s ends the connection wherever it is', async (_name, texts) => {
    const bench = await ConformanceBench.start();
    const reader = await client311(bench, 'reader');
    await reader.subscribe('#', 1);
    for (const text of texts.map((text) => prefixed(text))) {
      for (const [place, write] of FIRST) {
        const client = await bench.open(4);
        expect([place, await client.fate(write(text))]).toEqual([place, []]);
      }
      for (const [place, write] of LATER) {
        const client = await client311(bench, 'c');
        expect([place, await client.fate(write(text))]).toEqual([place, []]);
      }
    }
    expect(await reader.settled()).toEqual([]);
    expect(bench.broker.clients().map(({ clientId }) => clientId)).toEqual(['reader']);
  });

  it('[MQTT311-1.5.3-3] EF BB BF is a character of its own, at the beginning and elsewhere', async () => {
    const bench = await ConformanceBench.start();
    const reader = await client311(bench, 'reader');
    for (const topic of ['\u{feff}t', 't\u{feff}', '\u{feff}']) await reader.subscribe(topic);
    const plain = await client311(bench, 'plain');
    await plain.subscribe('t');
    plain.send(packet(0x30, Buffer.from([0, 4, 0xef, 0xbb, 0xbf, 0x74]), 0x78));
    plain.send(packet(0x30, Buffer.from([0, 4, 0x74, 0xef, 0xbb, 0xbf]), 0x79));
    plain.send(packet(0x30, Buffer.from([0, 3, 0xef, 0xbb, 0xbf]), 0x7a));
    expect(await plain.texts()).toEqual([]);
    expect(await hexOf(reader, 3)).toEqual(['30070004efbbbf7478', '3007000474efbbbf79', '30060003efbbbf7a']);
    // A client identifier likewise: nobody is taken over.
    await client311(bench, '\u{feff}plain');
    expect(await plain.settled()).toEqual([]);
  });
});

describe('flags of the fixed header', () => {
  it.each([
    ['CONNECT', 0x10, connect311(CLEAN, 'c').subarray(2)],
    ['PUBACK', 0x40, bytes(0, 1)],
    ['PUBREC', 0x50, bytes(0, 1)],
    ['[MQTT311-3.6.1-1] PUBREL', 0x62, bytes(0, 1)],
    ['PUBCOMP', 0x70, bytes(0, 1)],
    ['[MQTT311-3.8.1-1] SUBSCRIBE', 0x82, bytes(0, 1, 't', 0)],
    ['[MQTT311-3.10.1-1] UNSUBSCRIBE', 0xa2, bytes(0, 1, 't')],
    ['PINGREQ', 0xc0, bytes()],
    ['[MQTT311-3.14.1-1] DISCONNECT', 0xe0, bytes()],
  ])(
    '[MQTT311-2.2.2-1] [MQTT311-2.2.2-2] %s with any others ends the connection',
    async (_name, right, body) => {
      const bench = await ConformanceBench.start();
      for (let flags = 0; flags < 16; flags++) {
        const header = (right & 0xf0) | flags;
        if (header === right) continue;
        const client = right === 0x10 ? await bench.open(4) : await client311(bench, 'c');
        expect([flags, await client.fate(packet(header, body))]).toEqual([flags, []]);
      }
      expect(bench.broker.counters.malformedPackets).toBe(15);
    },
  );

  it('[MQTT311-3.14.1-1] a DISCONNECT with flags takes no leave: the will is published', async () => {
    const bench = await ConformanceBench.start();
    const reader = await client311(bench, 'reader');
    await reader.subscribe('will');
    const client = await bench.open(4);
    await client.ask(connect311(CLEAN | WILL, 'c', 'will', 'gone'));
    await client.fate(packet(0xe1));
    expect(await reader.texts()).toEqual(['will gone 0']);
  });

  it('[MQTT311-2.2.2-1] are right in everything that the broker sends', async () => {
    const bench = await ConformanceBench.start();
    const client = await bench.open(4);
    client.send(connect311(CLEAN, 'c'), packet(0x82, 0, 5, 't', 2), packet(0x34, 't', 0, 6, 0x78));
    expect((await hexOf(client, 4)).sort()).toEqual([
      '20020000',
      '3406000174000178',
      '50020006',
      '9003000502',
    ]);
    client.send(packet(0x62, 0, 6), packet(0x50, 0, 1));
    expect((await hexOf(client, 2)).sort()).toEqual(['62020001', '70020006']);
    client.send(packet(0x70, 0, 1), packet(0x32, 'u', 0, 7), packet(0xa2, 0, 8, 't'), packet(0xc0));
    expect(await hexOf(client, 3)).toEqual(['40020007', 'b0020008', 'd000']);
  });
});

describe('packet identifiers', () => {
  it.each([
    ['PUBLISH of QoS 1', packet(0x32, 't', 0, 0, 0x78)],
    ['PUBLISH of QoS 2', packet(0x34, 't', 0, 0, 0x78)],
    ['SUBSCRIBE', packet(0x82, 0, 0, 't', 0)],
    ['UNSUBSCRIBE', packet(0xa2, 0, 0, 't')],
  ])('[MQTT311-2.3.1-1] 0 in %s ends the connection', async (_name, zero) => {
    const bench = await ConformanceBench.start();
    const reader = await client311(bench, 'reader');
    await reader.subscribe('t');
    const client = await client311(bench, 'c');
    expect(await client.fate(zero)).toEqual([]);
    expect(await reader.settled()).toEqual([]);
  });

  it('[MQTT311-2.3.1-1] none at all ends the connection too', async () => {
    const bench = await ConformanceBench.start();
    for (const short of [
      packet(0x32, 't'),
      packet(0x34, 't', 1),
      packet(0x82),
      packet(0x82, 1),
      packet(0xa2, 1),
    ]) {
      const client = await client311(bench, 'c');
      expect(await client.fate(short)).toEqual([]);
    }
  });

  it('[MQTT311-2.3.1-1] are not 0 in what the broker sends, in 65,540 messages', async () => {
    const bench = await ConformanceBench.start();
    const client = await client311(bench, 'c');
    await client.subscribe('t', 1);
    const writer = await client311(bench, 'w');
    const ids = new Set<number>();
    for (let sent = 0; sent < 65_540; sent += 20) {
      writer.send(Buffer.concat(Array.from({ length: 20 }, () => packet(0x32, 't', 0, 1))));
      for (let round = 0; round < 20; round++) {
        const message = await client.next();
        if (message.type !== 'publish') throw new Error(message.type);
        ids.add(message.packetId);
        client.send(packet(0x40, message.packetId >> 8, message.packetId & 255));
      }
    }
    expect([ids.has(0), ids.size > 1, Math.max(...ids) <= 65_535]).toEqual([false, true, true]);
  });

  it('[MQTT311-2.3.1-5] are not in PUBLISH of QoS 0, in neither direction', async () => {
    const bench = await ConformanceBench.start();
    const client = await client311(bench, 'c');
    await client.subscribe('t', 2);
    client.send(packet(0x30, 't', 0, 1));
    client.send(packet(0x30, 't'));
    expect(await hexOf(client, 2)).toEqual(['30050001740001', '3003000174']);
  });
});
