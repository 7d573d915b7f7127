import { Buffer } from 'node:buffer';
import { describe, expect, it } from 'vitest';
import { ACK_NEVER } from '../../core/mqtt/types.ts';
import { ConformanceBench, packet, prefixed } from '../support/conformance-client.ts';
import { CLEAN, client311, connect311, hexOf } from '../support/conformance-v311.ts';

/* Topic names, filters and errors: MQTT 3.1.1 §4.7, §4.8. */

const TOPICS = [
  'sport',
  'sport/',
  '/sport',
  'sport/tennis',
  'sport/tennis/player1',
  'sport/tennis/player1/ranking',
  'sport/tennis/player1/score/wimbledon',
  'sport/tennis/player2',
  'sport//player1',
  '/',
  '//',
  '/finance',
  'Sport',
  ' ',
  '$odd',
  '$odd/sport',
  '$odd/sport/tennis',
];

/** What each filter matches of `TOPICS`, worked out by hand from §4.7. */
const MATCHES: Record<string, string[]> = {
  sport: ['sport'],
  'sport/tennis/player1/#': [
    'sport/tennis/player1',
    'sport/tennis/player1/ranking',
    'sport/tennis/player1/score/wimbledon',
  ],
  'sport/#': [
    'sport',
    'sport/',
    'sport/tennis',
    'sport/tennis/player1',
    'sport/tennis/player1/ranking',
    'sport/tennis/player1/score/wimbledon',
    'sport/tennis/player2',
    'sport//player1',
  ],
  '#': TOPICS.filter((topic) => !topic.startsWith('$')),
  'sport/tennis/+': ['sport/tennis/player1', 'sport/tennis/player2'],
  'sport/+': ['sport/', 'sport/tennis'],
  'sport/+/player1': ['sport/tennis/player1', 'sport//player1'],
  'sport/+/player1/#': [
    'sport/tennis/player1',
    'sport/tennis/player1/ranking',
    'sport/tennis/player1/score/wimbledon',
    'sport//player1',
  ],
  '+': ['sport', 'Sport', ' '],
  '+/+': ['sport/', '/sport', 'sport/tennis', '/', '/finance'],
  '/+': ['/sport', '/', '/finance'],
  '/#': ['/sport', '/', '//', '/finance'],
  '+/#': TOPICS.filter((topic) => !topic.startsWith('$')),
  '+/tennis/#': [
    'sport/tennis',
    'sport/tennis/player1',
    'sport/tennis/player1/ranking',
    'sport/tennis/player1/score/wimbledon',
    'sport/tennis/player2',
  ],
  '+//player1': ['sport//player1'],
  '//': ['//'],
  '//+': ['//'],
  '$odd/#': ['$odd', '$odd/sport', '$odd/sport/tennis'],
  '$odd/+': ['$odd/sport'],
  '$odd/+/tennis': ['$odd/sport/tennis'],
  $odd: ['$odd'],
};

describe('matching', () => {
  it.each(Object.entries(MATCHES))(
    '[MQTT311-3.3.2-3] [MQTT311-4.7.1-2] [MQTT311-4.7.1-3] [MQTT311-4.7.2-1] %s',
    async (filter, expected) => {
      const bench = await ConformanceBench.start();
      const reader = await client311(bench, 'reader');
      expect(await reader.subscribe(filter, 0)).toEqual([0]);
      const writer = await client311(bench, 'w');
      for (const topic of TOPICS) await writer.publish(topic, 'x', 0, { retain: true });
      expect((await reader.messages()).map(({ topic }) => topic)).toEqual(expected);
      // Retained messages are found by the same rules.
      const late = await client311(bench, 'late');
      await late.subscribe(filter, 0);
      expect((await late.messages()).map(({ topic }) => topic).sort()).toEqual([...expected].sort());
    },
  );

  it('[MQTT311-4.7.2-1] no wildcard in front finds $SYS', async () => {
    const bench = await ConformanceBench.start();
    const reader = await client311(bench, 'reader');
    for (const filter of ['#', '+', '+/#', '+/broker/#', '+/+/version']) await reader.subscribe(filter, 0);
    expect((await reader.messages()).filter(({ topic }) => topic.startsWith('$'))).toEqual([]);
  });

  it('[MQTT311-4.7.3-4] changes no character', async () => {
    const bench = await ConformanceBench.start();
    const reader = await client311(bench, 'reader');
    const topics = [
      '\u{e9}',
      'e\u{301}',
      '\u{c9}',
      '\u{fb01}',
      'fi',
      '\u{212b}',
      '\u{c5}',
      'a b',
      'a  b',
      'a\u{a0}b',
      'a%20b',
      'a//b',
      'a/b',
      'a/./b',
      'a/../b',
      'A/B',
      '\u{1f600}',
      '\u{e123}',
      '\u{fffd}',
    ];
    const writer = await client311(bench, 'w');
    for (const topic of topics) {
      expect(await reader.subscribe(topic, 0)).toEqual([0]);
      for (const other of topics) await writer.publish(other, 'x');
      const came = await reader.messages();
      expect(came.map((message) => message.topic)).toEqual([topic]);
      reader.send(packet(0xa2, 0, 1, topic));
      expect(await hexOf(reader, 1)).toEqual(['b0020001']);
    }
  });
});

describe('filters and names', () => {
  it.each(['sport/tennis#', 'sport/#/ranking', '#/', '##', 'a/##', '#a', 'a#/b'])(
    '[MQTT311-4.7.1-2] %s is no filter',
    async (filter) => {
      const bench = await ConformanceBench.start();
      for (const wrong of [packet(0x82, 0, 1, filter, 0), packet(0x82, 0, 1, 'good', 0, filter, 0)]) {
        const client = await client311(bench, 'c');
        expect(await client.fate(wrong)).toEqual([]);
      }
    },
  );

  it.each(['sport+', '+sport', 'a/b+', 'a/+b/c', '++', 'a/++'])(
    '[MQTT311-4.7.1-3] %s is no filter',
    async (filter) => {
      const bench = await ConformanceBench.start();
      const client = await client311(bench, 'c');
      expect(await client.fate(packet(0x82, 0, 1, filter, 0))).toEqual([]);
    },
  );

  it('[MQTT311-4.7.1-1] wildcards are not for names, nor for the topic of a will', async () => {
    const bench = await ConformanceBench.start();
    for (const name of ['a/+', '#']) {
      const client = await client311(bench, 'c');
      expect(await client.fate(packet(0x30, name, 0x78))).toEqual([]);
      const mortal = await bench.open(4);
      expect(await mortal.fate(connect311(CLEAN | 0x04, 'c', name, 'x'))).toEqual([]);
    }
  });

  it.each([
    ['[MQTT311-4.7.3-1] an empty name', packet(0x30, '', 0x78)],
    ['[MQTT311-4.7.3-1] an empty filter', packet(0x82, 0, 1, '', 0)],
    ['[MQTT311-4.7.3-1] an empty filter to unsubscribe', packet(0xa2, 0, 1, '')],
    ['[MQTT311-4.7.3-1] a will for an empty name', connect311(CLEAN | 0x04, 'c', '', 'x')],
    ['[MQTT311-4.7.3-2] U+0000 in a name', packet(0x30, 'a\0b', 0x78)],
    ['[MQTT311-4.7.3-2] U+0000 in a filter', packet(0x82, 0, 1, 'a/\0', 0)],
    ['[MQTT311-4.7.3-2] U+0000 in a filter to unsubscribe', packet(0xa2, 0, 1, '\0')],
    ['[MQTT311-4.7.3-2] U+0000 in the name of a will', connect311(CLEAN | 0x04, 'c', 'a\0', 'x')],
  ])('%s ends the connection', async (_name, broken) => {
    const bench = await ConformanceBench.start();
    const client = broken[0] === 0x10 ? await bench.open(4) : await client311(bench, 'c');
    expect(await client.fate(broken)).toEqual([]);
  });

  it('[MQTT311-4.7.3-1] one character is enough, also if it is a slash', async () => {
    const bench = await ConformanceBench.start();
    const client = await client311(bench, 'c');
    for (const topic of ['/', 'a', ' ']) {
      await client.subscribe(topic);
      await client.publish(topic, 'x');
      expect(await client.texts()).toEqual([`${topic} x 0`]);
    }
  });

  it('[MQTT311-4.7.3-3] 65,535 bytes are taken, and more cannot be said', async () => {
    const bench = await ConformanceBench.start();
    const client = await client311(bench, 'c');
    const topic = `${'\u{e9}'.repeat(32_767)}x`;
    expect(Buffer.byteLength(topic)).toBe(65_535);
    expect(await client.subscribe(topic, 1)).toEqual([1]);
    await client.publish(topic, 'y', 1);
    expect((await client.messages()).map((message) => message.topic === topic)).toEqual([true]);
    // One byte more would have to be written as a length of 0: the topic name is empty then.
    const longer = Buffer.concat([Buffer.from([0, 0]), Buffer.alloc(65_536, 0x61)]);
    expect(await client.fate(packet(0x30, longer))).toEqual([]);
  });
});

describe('errors', () => {
  it.each([
    ['control packet type 0', packet(0x00)],
    ['control packet type 15', packet(0xf0)],
    ['CONNACK from a client', packet(0x20, 0, 0)],
    ['SUBACK from a client', packet(0x90, 0, 1, 0)],
    ['UNSUBACK from a client', packet(0xb0, 0, 1)],
    ['PINGRESP from a client', packet(0xd0)],
    ['PINGREQ with a body', packet(0xc0, 0)],
    ['DISCONNECT with a body', packet(0xe0, 0)],
    ['PUBACK without an identifier', packet(0x40)],
    ['PUBACK with a byte too many', packet(0x40, 0, 1, 0)],
    ['PUBREL with a byte too many', packet(0x62, 0, 1, 0)],
    ['PUBACK of identifier 0', packet(0x40, 0, 0)],
    ['a Remaining Length of five bytes', Buffer.from([0x30, 0xff, 0xff, 0xff, 0xff, 0x01])],
    ['a Remaining Length that does not end', Buffer.from([0xc0, 0x80, 0x80, 0x80, 0x80])],
    ['a topic name longer than its packet', packet(0x30, 0, 9, 0x74)],
    ['QoS 3', packet(0x36, 't', 0, 1)],
    ['a filter longer than its packet', packet(0x82, 0, 1, 0, 9, 0x74)],
    ['a string that is no text', packet(0x82, 0, 1, prefixed([0xff]), 0)],
    ['a second CONNECT', connect311(CLEAN, 'c')],
  ])('[MQTT311-4.8.0-1] %s ends that one connection', async (_name, broken) => {
    const bench = await ConformanceBench.start();
    const other = await client311(bench, 'other');
    await other.subscribe('#');
    const client = await client311(bench, 'c');
    await client.subscribe('t');
    // What came before it in the same write is acted upon, what comes behind it is not.
    client.send(packet(0x30, 't', 0x61), broken, packet(0x30, 't', 0x62));
    await client.closed();
    expect(await other.texts()).toEqual(['t a 0']);
    await client311(bench, 'c');
  });

  it.each([1, 2] as const)(
    '[MQTT311-4.8.0-2] a QoS %i message that cannot be kept now is not acknowledged, and the connection ends',
    async (qos) => {
      const bench = await ConformanceBench.start({
        intake: { take: ({ topic }) => (topic === 'full' ? ACK_NEVER : 0) },
      });
      const other = await client311(bench, 'other');
      const client = await client311(bench, 'c');
      expect(await client.publish('t', 'x', qos)).toBe(0);
      expect(await client.fate(packet(qos === 1 ? 0x32 : 0x34, 'full', 0, 1, 0x78))).toEqual([]);
      expect(await other.settled()).toEqual([]);
    },
  );
});
