import { describe, expect, test } from 'vitest';
import { leastCpuMs } from '../../test/support/cost.ts';
import type { TopicsSnapshot } from '../contract/topics.ts';
import { MemorySink } from './memory-sink-for-tests.ts';
import type { TopicLimits } from './topic-tree.ts';
import { TopicTree } from './topic-tree.ts';

const NO_PROPERTIES = new Uint8Array(0);

type Details = { payload?: string | Uint8Array; deviceId?: number | null; rawReason?: 'not_numeric' | null };

function setUp(limits: Partial<TopicLimits> = {}) {
  const sink = new MemorySink();
  const tree = new TopicTree({ sink, ...limits });
  let receivedMs = 1_000;
  const say = (topic: string, { payload = '21.5', deviceId = null, rawReason = null }: Details = {}) => {
    const bytes = typeof payload === 'string' ? Buffer.from(payload) : payload;
    const publish = {
      topic,
      payload: bytes,
      qos: 1 as const,
      retain: true,
      clientId: 'c1',
      properties: NO_PROPERTIES,
      receivedMs: receivedMs++,
    };
    tree.record(publish, { deviceId, rawReason });
  };
  return { tree, sink, say };
}

/** `level children topics messages`, indented by depth. */
function drawn({ nodes }: TopicsSnapshot): string[] {
  return nodes.map(
    ({ level, depth, children, topics, messages }) =>
      `${'  '.repeat(depth)}${level} ${children} ${topics} ${messages}`,
  );
}

describe('the tree', () => {
  test('counts topics and messages at and below every level', () => {
    const { tree, say } = setUp();
    say('plant/room1/s7');
    say('plant/room1/s7');
    say('plant/room1');
    say('plant/room2/s8');
    say('lab');
    expect(drawn(tree.view({ expanded: ['plant', 'plant/room1'] }))).toEqual([
      'lab 0 1 1',
      'plant 2 3 4',
      '  room1 1 2 3',
      '    s7 0 1 2',
      '  room2 1 1 1',
    ]);
    expect(tree.topicCount).toBe(4);
    expect(tree.view({}).totalTopics).toBe(4);
  });

  test('a node shows the last message of exactly its topic', () => {
    const { tree, say } = setUp();
    say('a/b', { payload: 'one' });
    say('a/b', { payload: '{"temp":1}', deviceId: 7 });
    const [a, b] = tree.view({ expanded: ['a'] }).nodes;
    expect(a).toMatchObject({ last: null, deviceId: null });
    expect(b).toEqual({
      topic: 'a/b',
      level: 'b',
      depth: 1,
      children: 0,
      topics: 1,
      messages: 2,
      deviceId: 7,
      last: {
        receivedMs: 1_001,
        bytes: 10,
        qos: 1,
        retain: true,
        client: 'c1',
        text: '{"temp":1}',
        truncated: false,
      },
    });
  });

  test('siblings stand in natural order, also those that come later', () => {
    const { tree, say } = setUp();
    for (const topic of ['room10', 'Room9', 'room1', 'room02', 'attic']) say(topic);
    tree.view({});
    for (const topic of ['room2', 'room003', '7', '$SYS']) say(topic);
    const levels = tree.view({}).nodes.map(({ level }) => level);
    expect(levels).toEqual(['$SYS', '7', 'attic', 'room1', 'room02', 'room2', 'room003', 'Room9', 'room10']);
  });

  test('what does not fit below one parent is counted, by parent', () => {
    const { tree, say } = setUp();
    for (let index = 0; index < 30; index++) say(`plant/s${index}`);
    say('a');
    say('b');
    const view = tree.view({ expanded: ['plant'], perParent: 2 });
    expect(view.nodes.map(({ topic }) => topic)).toEqual(['a', 'b']);
    expect({ ...view.leftOut }).toEqual({ '': 1 });
    const wider = tree.view({ expanded: ['plant'], perParent: 3 });
    expect(wider.nodes.map(({ topic }) => topic)).toEqual([
      'a',
      'b',
      'plant',
      'plant/s0',
      'plant/s1',
      'plant/s2',
    ]);
    expect({ ...wider.leftOut }).toEqual({ plant: 27 });
  });

  test('one view has at most 20,000 nodes and says what is missing', () => {
    const { tree, say } = setUp();
    for (let parent = 0; parent < 5; parent++) {
      for (let index = 0; index < 5_000; index++) say(`p${parent}/s${index}`);
    }
    const view = tree.view({ expanded: ['p0', 'p1', 'p2', 'p3', 'p4'], perParent: 5_000 });
    expect(view.nodes).toHaveLength(20_000);
    // Four open parents fill it but for their own four rows; the fifth parent is left out with all below it.
    expect({ ...view.leftOut }).toEqual({ p3: 4, '': 1 });
  });

  test('a search shows the topics that contain it, with all levels above open', () => {
    const { tree, say } = setUp();
    say('plant/room1/s7/temperature');
    say('plant/room2/s8/humidity');
    say('lab/TEMP');
    expect(drawn(tree.view({ search: 'temp' }))).toEqual([
      'lab 1 1 1',
      '  TEMP 0 1 1',
      'plant 2 2 2',
      '  room1 1 1 1',
      '    s7 1 1 1',
      '      temperature 0 1 1',
    ]);
    expect(tree.view({ search: 'room2/s8' }).nodes.at(-1)?.topic).toBe('plant/room2/s8/humidity');
    expect(tree.view({ search: '.*' }).nodes).toEqual([]);
    expect(tree.view({ search: 'zzz' })).toMatchObject({ nodes: [], totalTopics: 3 });
  });

  test('a search with wildcards is a topic filter [MQTT-4.7.1-1] [MQTT-4.7.2-1]', () => {
    const { tree, say } = setUp();
    const topics = [
      'plant',
      'plant/room1/door',
      'plant/room2/door',
      'plant/room2/door/lock',
      '$SYS/door',
      '/a.b',
    ];
    for (const topic of topics) say(topic);
    const found = (search: string) =>
      tree
        .view({ search })
        .nodes.filter(({ last }) => last !== null)
        .map(({ topic }) => topic);
    expect(found('plant/+/door')).toEqual(['plant', 'plant/room1/door', 'plant/room2/door']);
    expect(found('plant/room2/#')).toEqual(['plant', 'plant/room2/door', 'plant/room2/door/lock']);
    expect(found('plant/#')).toHaveLength(4);
    expect(found('#')).toHaveLength(5);
    expect(found('+/door')).toEqual([]);
    expect(found('+/a.b')).toEqual(['/a.b']);
    expect(found('+/aXb')).toEqual([]);
    expect(found('PLANT/+/door')).toEqual([]);
    expect(found('room+')).toEqual([]);
  });

  test('empty levels are levels, opened and closed like any other', () => {
    const { tree, say } = setUp();
    for (const topic of ['/a', '/', 'b//c', '']) say(topic);
    const lines = (expanded: string[]) =>
      tree.view({ expanded }).nodes.map(({ topic, depth }) => `${depth} ${topic}`);
    expect(lines(['', 'b', 'b/'])).toEqual(['0 ', '1 /', '1 /a', '0 b', '1 b/', '2 b//c']);
    expect(lines([])).toEqual(['0 ', '0 b']);
  });

  test('odd names are names', () => {
    const { tree, say } = setUp();
    for (const topic of ['__proto__/constructor', '__proto__/x', 'a\u0000b']) say(topic);
    const view = tree.view({ expanded: ['__proto__'], perParent: 1 });
    expect(view.leftOut['__proto__']).toBe(1);
    expect(structuredClone(view).leftOut['__proto__']).toBe(1);
  });
});

describe('one topic in detail', () => {
  test('has its payload, its series and the reason why it is raw', () => {
    const asked: string[] = [];
    const sink = new MemorySink();
    const seriesOf = (topic: string, payload: Uint8Array) => {
      asked.push(`${topic} ${Buffer.from(payload).toString()}`);
      return [4, 5];
    };
    const tree = new TopicTree({ sink, seriesOf });
    const publish = {
      topic: 'a/b',
      qos: 0 as const,
      retain: false,
      clientId: null,
      properties: Buffer.from([0x01, 1]),
      receivedMs: 1,
    };
    tree.record({ ...publish, payload: Buffer.from('{"x":1}') }, { deviceId: 3, rawReason: null });
    const detail = tree.detail('a/b');
    expect(detail).toMatchObject({
      payloadBytes: 7,
      seriesIds: [4, 5],
      rawReason: null,
      node: { deviceId: 3 },
    });
    expect(Buffer.from(detail.payload).toString()).toBe('{"x":1}');
    expect([...tree.propertiesOf('a/b')]).toEqual([1, 1]);
    expect(asked).toEqual(['a/b {"x":1}']);
    tree.record(
      { ...publish, payload: Buffer.from('offline') },
      { deviceId: null, rawReason: 'not_numeric' },
    );
    expect(tree.detail('a/b')).toMatchObject({
      seriesIds: [],
      rawReason: 'not_numeric',
      node: { deviceId: 3 },
    });
    expect(Buffer.from(detail.payload).toString()).toBe('{"x":1}');
    expect(tree.detail('a')).toMatchObject({ payloadBytes: 0, node: { last: null, topics: 1 } });
    expect(() => tree.detail('a/c')).toThrow(expect.objectContaining({ code: 'topics.unknown' }));
  });

  test('a payload is kept up to 64 KiB, in memory of its own', () => {
    const { tree, say, sink } = setUp();
    const socket = Buffer.alloc(300_000, 'x');
    say('a', { payload: socket.subarray(1_000, 201_000) });
    socket.fill('y');
    const { payload, payloadBytes, node } = tree.detail('a');
    expect([payload.length, payloadBytes, node.last?.truncated]).toEqual([65_536, 200_000, true]);
    expect(payload.every((byte) => byte === 0x78)).toBe(true);
    expect(sink.topics.get('a')!.payload.buffer.byteLength).toBe(65_536);
  });

  test('past the limit for all payloads only beginnings are kept', () => {
    const { tree, say } = setUp({ maxPayloadBytesInAll: 10_000 });
    for (const topic of ['a', 'b', 'c']) say(topic, { payload: 'z'.repeat(6_000) });
    expect(['a', 'b', 'c'].map((topic) => tree.detail(topic).payload.length)).toEqual([6_000, 512, 512]);
    say('a', { payload: 'z' });
    say('b', { payload: 'z'.repeat(6_000) });
    expect(['a', 'b'].map((topic) => tree.detail(topic).payload.length)).toEqual([1, 6_000]);
  });
});

test('topics of a device, in natural order', () => {
  const { tree, say } = setUp();
  for (const topic of ['s7/t10', 's7/t9', 's8', 's7']) say(topic, { deviceId: topic === 's8' ? 2 : 1 });
  expect(tree.topicsOf(1, 2)).toEqual({ topics: ['s7', 's7/t9'], total: 3 });
  say('s8', { deviceId: 1 });
  expect(tree.topicsOf(2, 10)).toEqual({ topics: [], total: 0 });
  expect(tree.topicsOf(1, 10).total).toBe(4);
  expect(tree.topicsOf(99, 10)).toEqual({ topics: [], total: 0 });
});

describe('limits', () => {
  test('past the most topics the known ones go on and the others are counted', () => {
    const { tree, say } = setUp({ maxTopics: 2 });
    for (const topic of ['a/x', 'b', 'c', 'c', 'a', 'b']) say(topic);
    expect(tree.topicCount).toBe(2);
    expect(tree.counters).toEqual({ topics_limit: 3 });
    expect(tree.detail('b').node.messages).toBe(2);
  });

  test('a topic of 65,535 bytes with 32,768 levels is 32 deep and costs next to nothing', () => {
    const { tree, say } = setUp();
    const topic = Array.from({ length: 32_768 }, () => 'a').join('/');
    const costMs = leastCpuMs(() => {
      for (let index = 0; index < 100; index++) say(topic);
    });
    expect(costMs).toBeLessThan(500);
    const { nodes } = tree.view({ search: 'a' });
    expect(nodes).toHaveLength(32);
    expect(nodes.at(-1)).toMatchObject({ topic, depth: 31, messages: 100 });
    expect(nodes.at(-1)?.level).toBe(topic.slice(62));
  });

  test('long names and deep levels count on their own', () => {
    const long = setUp({ maxNameLength: 100 });
    long.say('x'.repeat(60));
    long.say('y'.repeat(60));
    expect(long.tree.counters.topics_limit).toBe(1);
    const deep = setUp({ maxNodes: 40, maxDepth: 10 });
    for (let index = 0; index < 10; index++) deep.say(`${index}/1/2/3/4/5/6/7`);
    expect(deep.tree.topicCount).toBe(4);
    expect(deep.tree.counters.topics_limit).toBe(6);
  });
});

describe('a feed of topics', () => {
  test('gives changed nodes with the levels above them, once, and a new whole when one is added in sight', () => {
    const { tree, say } = setUp();
    say('plant/room1/s7');
    say('lab');
    let calls = 0;
    const feed = tree.openFeed({ expanded: ['plant'] }, () => calls++);
    expect(drawn(feed.snapshot())).toEqual(['lab 0 1 1', 'plant 1 1 1', '  room1 1 1 1']);
    expect(feed.drain()).toBeNull();

    for (let index = 0; index < 10; index++) say('plant/room1/s7');
    expect(calls).toBe(1);
    const delta = feed.drain()!;
    expect(delta.replace).toBeNull();
    expect(delta.changed.map(({ topic, messages }) => [topic, messages])).toEqual([
      ['plant', 11],
      ['plant/room1', 11],
    ]);
    expect(feed.drain()).toBeNull();

    say('plant/room1/s8');
    const inside = feed.drain()!;
    expect(inside.replace).toBeNull();
    expect(inside.changed.find(({ topic }) => topic === 'plant/room1')).toMatchObject({
      children: 2,
      topics: 2,
    });
    expect(inside.totalTopics).toBe(3);

    say('plant/room2/s1');
    const added = feed.drain()!;
    expect(added.changed).toEqual([]);
    expect(added.replace).toEqual(tree.view({ expanded: ['plant'] }));
    expect(feed.drain()).toBeNull();
  });

  test('with a search, only topics that match make it look anew', () => {
    const { tree, say } = setUp();
    say('plant/s7/temp');
    const feed = tree.openFeed({ search: 'TEMP' }, () => undefined);
    feed.snapshot();
    say('plant/s7/humidity');
    expect(feed.drain()).toMatchObject({
      replace: null,
      changed: [{ topic: 'plant' }, { topic: 'plant/s7' }],
    });
    say('plant/s8/temp');
    expect(feed.drain()?.replace?.nodes.map(({ topic }) => topic)).toEqual([
      'plant',
      'plant/s7',
      'plant/s7/temp',
      'plant/s8',
      'plant/s8/temp',
    ]);
  });

  test('a level that gets its own first message is a changed node', () => {
    const { tree, say } = setUp();
    say('plant/s7');
    const feed = tree.openFeed({}, () => undefined);
    feed.snapshot();
    say('plant', { payload: 'up' });
    expect(feed.drain()?.changed).toMatchObject([{ topic: 'plant', topics: 2, last: { text: 'up' } }]);
  });

  test('drained before its first snapshot it gives the whole; feeds do not share what they saw', () => {
    const { tree, say } = setUp();
    const feed = tree.openFeed({}, () => undefined);
    const other = tree.openFeed({}, () => undefined);
    expect(feed.drain()).toBeNull();
    say('a');
    expect(feed.drain()?.replace?.nodes).toHaveLength(1);
    other.snapshot();
    say('a');
    expect(feed.drain()?.changed).toHaveLength(1);
    expect(other.drain()?.changed).toHaveLength(1);
  });

  test('a message out of sight gives nothing to drain', () => {
    const { tree, say } = setUp();
    say('a');
    say('b');
    const feed = tree.openFeed({ perParent: 1 }, () => undefined);
    feed.snapshot();
    say('b');
    expect(feed.drain()).toBeNull();
  });

  test('a closed feed hears nothing', () => {
    const { tree, say } = setUp();
    let calls = 0;
    const feed = tree.openFeed({}, () => calls++);
    feed.close();
    feed.close();
    say('a');
    expect(calls).toBe(0);
    expect(feed.drain()).toBeNull();
  });
});

test('a restart shows the same tree, details and topics of devices', () => {
  const { tree, sink, say } = setUp();
  say('plant/s7', { payload: '{"temp":1}', deviceId: 1 });
  say('plant/s7', { payload: Uint8Array.of(0xff), rawReason: 'not_numeric' });
  say('plant', { payload: 'x'.repeat(100_000), rawReason: 'not_numeric' });
  say('lab/room10');
  say('lab/room9');
  const again = new TopicTree({ sink: new MemorySink() });
  again.load(sink.catalog().topics);
  const open = { expanded: ['plant', 'lab'] };
  expect(again.view(open)).toEqual(tree.view(open));
  for (const topic of ['plant', 'plant/s7', 'lab']) expect(again.detail(topic)).toEqual(tree.detail(topic));
  expect(again.topicsOf(1, 10)).toEqual(tree.topicsOf(1, 10));
});

test('100,000 topics: recorded and looked at within bounds that a busy station can bear', () => {
  const { tree } = setUp();
  const publishes = Array.from({ length: 100_000 }, (_, index) => ({
    topic: `plant/room${index % 100}/sensor${index}/temperature`,
    payload: Buffer.from('21.5'),
    qos: 0 as const,
    retain: false,
    clientId: 'c',
    properties: NO_PROPERTIES,
    receivedMs: 1,
  }));
  const outcome = { deviceId: 1, rawReason: null };
  for (const publish of publishes) tree.record(publish, outcome);
  // Bounds ten times what was measured, so that a slow machine passes and a quadratic one does not.
  const again = (): void => publishes.forEach((publish) => tree.record(publish, outcome));
  expect(leastCpuMs(again, 3)).toBeLessThan(1_000);
  expect(tree.topicCount).toBe(100_000);
  const rooms = Array.from({ length: 100 }, (_, index) => `plant/room${index}`);
  expect(leastCpuMs(() => tree.view({ expanded: ['plant', ...rooms] }), 3)).toBeLessThan(1_000);
  expect(leastCpuMs(() => tree.view({ search: 'sensor99' }), 3)).toBeLessThan(1_000);
  const feed = tree.openFeed({ expanded: ['plant'] }, () => undefined);
  feed.snapshot();
  const oneChange = (): void => {
    tree.record(publishes[0]!, outcome);
    feed.drain();
  };
  expect(leastCpuMs(oneChange, 3)).toBeLessThan(50);
});
