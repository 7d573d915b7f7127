import { Buffer } from 'node:buffer';
import { describe, expect, it } from 'vitest';
import { bytes, ConformanceBench, type ConformanceClient, packet } from '../support/conformance-client.ts';

/* Topic names, filters and shared subscriptions: MQTT 5.0 §4.7, §4.8. */

/** Which of `topics` a subscriber of `filter` gets, while it is there and among the retained. */
async function matched(filter: string, topics: string[]): Promise<string[]> {
  const bench = await ConformanceBench.start();
  const live = await bench.client('live');
  await live.subscribe(filter);
  const writer = await bench.client('w');
  for (const topic of topics) await writer.publish(topic, 'x', 0, { retain: true });
  const late = await bench.client('late');
  await late.subscribe(filter);
  const [now, kept] = [await live.messages(), await late.messages()].map((messages) =>
    messages.map(({ topic }) => topic),
  );
  expect(kept!.sort()).toEqual([...now!].sort());
  return now!;
}

async function fateOf(bench: ConformanceBench, bad: Buffer): Promise<string[]> {
  return (await bench.client('c')).fate(bad);
}

describe('wildcards', () => {
  it('[MQTT-4.7.1-1] # stands alone, on the last level', async () => {
    const bench = await ConformanceBench.start();
    for (const filter of ['a#', '#/', '#/a', 'a/#/b', 'a/b#', '##', 'a/##', '$share/g/a#', '$share/g/#/a'])
      expect([filter, await fateOf(bench, packet(0x82, 0, 1, 0, filter, 0))]).toEqual([
        filter,
        ['disconnect 0x8f'],
      ]);
    expect(await matched('a/#', ['a', 'a/', 'a/b', 'a/b/c', 'ab', 'b/a', 'A'])).toEqual([
      'a',
      'a/',
      'a/b',
      'a/b/c',
    ]);
    expect(await matched('#', ['a', '/', '/a/b', 'ä'])).toEqual(['a', '/', '/a/b', 'ä']);
  });

  it('[MQTT-4.7.1-2] + fills a whole level, any one', async () => {
    const bench = await ConformanceBench.start();
    for (const filter of ['a+', '+a', 'a/+b', 'a/b+/c', '++', 'a/++/b', '+#', '$share/g/a+'])
      expect([filter, await fateOf(bench, packet(0x82, 0, 1, 0, filter, 0))]).toEqual([
        filter,
        ['disconnect 0x8f'],
      ]);
    expect(await matched('+', ['a', 'a/b', '/', 'b'])).toEqual(['a', 'b']);
    expect(await matched('+/+', ['a', 'a/b', '/', '/a', 'a/', 'a/b/c'])).toEqual(['a/b', '/', '/a', 'a/']);
    expect(await matched('a/+/c/+', ['a/b/c/d', 'a//c/', 'a/b/c', 'a/b/x/d'])).toEqual(['a/b/c/d', 'a//c/']);
    expect(await matched('+/b/#', ['a/b', 'a/b/c', '/b', 'b', 'a/c'])).toEqual(['a/b', 'a/b/c', '/b']);
  });

  it('[MQTT-4.7.2-1] at the beginning do not match topics that begin with $', async () => {
    const topics = ['$own/a', '$own', 'a/$own', 'plain/a'];
    expect(await matched('#', topics)).toEqual(['a/$own', 'plain/a']);
    expect(await matched('+/a', topics)).toEqual(['plain/a']);
    expect(await matched('+', topics)).toEqual([]);
    expect(await matched('$own/#', topics)).toEqual(['$own/a', '$own']);
    expect(await matched('$own/+', topics)).toEqual(['$own/a']);
    expect(await matched('+/$own', topics)).toEqual(['a/$own']);
  });

  it('[MQTT-4.7.2-1] nor do those of a shared subscription', async () => {
    const bench = await ConformanceBench.start();
    const client = await bench.client('c');
    await client.subscribe('$share/g/#');
    await client.publish('$own/a', 'x');
    await client.publish('a', 'x');
    expect(await client.texts()).toEqual(['a x 0']);
  });

  it('[MQTT-4.7.0-1] are for filters only: not in topics, wills and answers', async () => {
    const bench = await ConformanceBench.start();
    for (const topic of ['a/+', '#']) {
      expect(await fateOf(bench, packet(0x30, topic, 0))).toEqual(['disconnect 0x90']);
      const willing = await bench.open();
      const before = await willing.fate(packet(0x10, 'MQTT', 5, 6, 0, 0, 0, 'w', 0, topic, 'gone'));
      expect(before).toEqual(['connack 0x90']);
    }
  });
});

describe('names and filters', () => {
  it('[MQTT-4.7.3-1] have at least one character', async () => {
    const bench = await ConformanceBench.start();
    expect(await fateOf(bench, packet(0x82, 0, 1, 0, '', 0))).toEqual(['disconnect 0x8f']);
    expect(await fateOf(bench, packet(0xa2, 0, 1, 0, ''))).toEqual(['disconnect 0x8f']);
    expect(await fateOf(bench, packet(0x30, '', 0))).toEqual(['disconnect 0x82']);
    expect(await matched('/', ['/'])).toEqual(['/']);
    expect(await matched(' ', [' '])).toEqual([' ']);
  });

  it('[MQTT-4.7.3-2] have no U+0000', async () => {
    const bench = await ConformanceBench.start();
    for (const bad of [packet(0x30, 'a\0', 0), packet(0x82, 0, 1, 0, '\0', 0), packet(0xa2, 0, 1, 0, 'a/\0')])
      expect(await fateOf(bench, bad)).toEqual(['disconnect 0x81']);
  });

  it('[MQTT-4.7.3-3] may have 65,535 bytes, and cannot have more', async () => {
    const longest = 'x'.repeat(65_532) + '€';
    expect(bytes(longest).length).toBe(2 + 65_535);
    expect(await matched(longest, [longest, 'x'])).toEqual([longest]);
    // One more cannot be said in two bytes of length: the filter ends, and what is left is no option.
    const bench = await ConformanceBench.start();
    const tooLong = Buffer.concat([Buffer.from([0, 0]), Buffer.alloc(65_536, 0x78)]);
    expect(await fateOf(bench, packet(0x82, 0, 1, 0, tooLong, 0))).toEqual(['disconnect 0x8f']);
  });

  it('[MQTT-4.7.3-4] are compared as they are', async () => {
    const composed = '\u00e9';
    const decomposed = 'e\u0301';
    const topics = [composed, decomposed, 'É', 'a', 'A', 'a ', 'a/', '\ufb01', 'fi', '\ufeffa', '\u{10ffff}'];
    for (const filter of topics) expect(await matched(filter, topics)).toEqual([filter]);
  });
});

describe('shared subscriptions', () => {
  async function group(bench: ConformanceBench, ids: string[], qos: 0 | 1 | 2): Promise<ConformanceClient[]> {
    const clients: ConformanceClient[] = [];
    for (const id of ids) {
      const client = await bench.client(id, { properties: { sessionExpirySeconds: 100, receiveMaximum: 5 } });
      await client.subscribe('$share/group/t', qos);
      clients.push(client);
    }
    return clients;
  }

  it.each([
    ['[MQTT-4.8.2-1] without a name', '$share//t'],
    ['[MQTT-4.8.2-1] that ends behind $share/', '$share/'],
    ['[MQTT-4.8.2-2] with + in its name', '$share/a+/t'],
    ['[MQTT-4.8.2-2] with # in its name', '$share/#/t'],
    ['[MQTT-4.8.2-2] without a slash behind the name', '$share/name'],
    ['[MQTT-4.8.2-2] without a filter behind the slash', '$share/name/'],
  ])('%s is refused', async (_name, filter) => {
    const bench = await ConformanceBench.start();
    expect(await fateOf(bench, packet(0x82, 0, 1, 0, filter, 0))).toEqual(['disconnect 0x8f']);
  });

  it('[MQTT-4.8.2-1] give each message to one of their members, beside everybody else', async () => {
    const bench = await ConformanceBench.start();
    const members = await group(bench, ['one', 'two', 'three'], 0);
    const plain = await bench.client('plain');
    await plain.subscribe('t');
    const other = await bench.client('other');
    await other.subscribe('$share/other/t');
    for (let round = 0; round < 9; round++) await plain.publish('t', String(round));
    const counts = await Promise.all(members.map(async (member) => (await member.messages()).length));
    expect(counts.reduce((sum, count) => sum + count)).toBe(9);
    expect((await plain.messages()).length).toBe(9);
    expect((await other.messages()).length).toBe(9);
  });

  it('[MQTT-4.8.2-3] respect the granted QoS of the member', async () => {
    const bench = await ConformanceBench.start();
    for (const granted of [0, 1, 2] as const) {
      const client = await bench.client('c');
      await client.subscribe('$share/group/t', granted);
      for (const qos of [0, 1, 2] as const) await client.publish('t', 'x', qos);
      const lower = [0, 1, 2].map((qos) => `t x ${Math.min(qos, granted)}`);
      expect(await client.texts()).toEqual(lower);
    }
  });

  it('[MQTT-4.8.2-4] finish with the member with whom they began', async () => {
    const bench = await ConformanceBench.start();
    const [one] = await group(bench, ['one'], 2);
    await (await bench.client('w')).publish('t', 'x', 2);
    const [begun] = await one!.messages();
    await bench.cut(one!);
    const [two] = await group(bench, ['two'], 2);
    expect(await two!.settled()).toEqual([]);
    const again = await bench.client('one', { cleanStart: false, properties: { sessionExpirySeconds: 100 } });
    expect(await again.messages()).toMatchObject([{ packetId: begun!.packetId, dup: true }]);
    expect(await two!.settled()).toEqual([]);
  });

  it('[MQTT-4.5.0-1] keep a message above QoS 0 for a member that is away when nobody is there', async () => {
    const bench = await ConformanceBench.start();
    const [one] = await group(bench, ['one'], 1);
    await bench.cut(one!);
    await (await bench.client('w')).publish('t', 'x', 1);
    const again = await bench.client('one', { cleanStart: false, properties: { sessionExpirySeconds: 100 } });
    expect(await again.texts()).toEqual(['t x 1']);
  });

  it('[MQTT-4.8.2-5] do not give it to another when that member’s session ends', async () => {
    const bench = await ConformanceBench.start();
    const [one] = await group(bench, ['one'], 2);
    await (await bench.client('w')).publish('t', 'x', 2);
    expect((await one!.messages()).length).toBe(1);
    const [two] = await group(bench, ['two'], 2);
    await bench.cut(one!);
    bench.clock.advance(101_000);
    expect(bench.broker.client('one')).toBeNull();
    expect(await two!.settled()).toEqual([]);
  });

  it.each([
    ['PUBACK', 1, 'puback'],
    ['PUBREC', 2, 'pubrec'],
  ] as const)('[MQTT-4.8.2-6] a %s that refuses discards the message for all', async (_name, qos, type) => {
    const bench = await ConformanceBench.start();
    const members = await group(bench, ['one', 'two'], 2);
    await (await bench.client('w')).publish('t', 'x', qos);
    for (const member of members) {
      for (const { packetId } of await member.messages()) member.send({ type, packetId, reasonCode: 0x80 });
    }
    for (const member of members) expect(await member.settled()).toEqual([]);
  });
});
