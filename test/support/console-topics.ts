/** The Topics page's part of the made-up station: the real topic tree, filled with made-up messages. */
import { CodedError } from '../../core/base/errors.ts';
import type { MessageProperties, SavedPublish } from '../../core/contract/broker.ts';
import { TopicTree } from '../../core/devices/topic-tree.ts';
import type { Feed, Handlers } from '../../core/rpc/types.ts';
import { plantTopics } from './console-payloads.ts';
import type { MadeUpTopic } from './console-payloads.ts';
import { MadeUpRetained } from './console-retained.ts';

export interface MadeUpTopicsOptions {
  /** Topics beside the plant's own. */
  extraTopics?: number;
  messagesPerSecond?: number;
}

const TICK_MS = 50;
const NONE = new Uint8Array(0);

export function madeUpTopics(options: MadeUpTopicsOptions = {}): {
  methods: Partial<Handlers['methods']>;
  subscriptions: Pick<Handlers['subscriptions'], 'topics' | 'retained'>;
  stop(): void;
} {
  const { extraTopics = 0, messagesPerSecond = 120 } = options;
  const tree = new TopicTree({ sink: { putTopic() {} } as never });
  const properties = new Map<string, MessageProperties>();
  const logs = new Map<string, { receivedMs: number; payload: Uint8Array }[]>();
  const saved: SavedPublish[] = [
    { id: 's1', name: 'Setpoint 21 °C', topic: 'plant/room1/setpoint', payload: btoa('{"celsius":21}'), qos: 1, retain: true, properties: { contentType: 'application/json' } },
    { id: 's2', name: 'Restart gateway 4', topic: 'plant/room4/gateway/cmd', payload: btoa('restart'), qos: 2, retain: false, properties: { responseTopic: 'plant/answers', correlationData: Uint8Array.of(1, 2, 3) } },
  ]; // prettier-ignore
  const topics = plantTopics();
  for (let i = 0; i < extraTopics; i++) {
    const number = (step: number) => new TextEncoder().encode(String(20 + ((i + step) % 17) / 10));
    const topic = `field/area${i % 50}/unit${Math.floor(i / 50) % 40}/point${Math.floor(i / 2_000)}`;
    topics.push({ topic, client: `plc-${i % 50}`, qos: 0, retain: false, moves: true, payload: number });
  }
  const retained = new MadeUpRetained(topics.filter((one) => one.retain));
  const moving = topics.filter((one) => one.moves);
  let step = 0;
  let at = 0;

  function publish(one: MadeUpTopic, receivedMs: number): void {
    const payload = one.payload(step);
    const { topic, qos, retain, client } = one;
    tree.record(
      { topic, payload, qos, retain, clientId: client, properties: NONE, receivedMs },
      { deviceId: null, rawReason: topic.startsWith('formats/') ? 'not_numeric' : null },
    );
    if (one.properties !== undefined) properties.set(topic, one.properties);
    if (!topic.startsWith('formats/')) return;
    const log = logs.get(topic) ?? [];
    logs.set(topic, [{ receivedMs, payload }, ...log].slice(0, 200));
  }

  for (const one of topics) publish(one, Date.now() - 45_000);
  const timer = setInterval(() => {
    const count = (messagesPerSecond * TICK_MS) / 1_000;
    for (let i = 0; i < count; i++) {
      if (at % moving.length === 0) step++;
      publish(moving[at++ % moving.length]!, Date.now());
    }
  }, TICK_MS);
  timer.unref();

  const methods: Partial<Handlers['methods']> = {
    'topics.get': ({ topic }) => ({ ...tree.detail(topic), properties: properties.get(topic) ?? {} }),
    'topics.messages': ({ topic, limit }) => ({
      messages: (logs.get(topic) ?? [])
        .slice(0, limit)
        .map((one) => ({ ...one, topic, qos: 1, retain: false, client: 'line-controller-7' })),
    }),
    'broker.subscribers': ({ topic }) => {
      const subscribers = [
        { clientId: 'historian', connected: true, filter: '#', qos: 1 as const },
        {
          clientId: 'hmi-control-room',
          connected: true,
          filter: `${topic.split('/')[0]}/#`,
          qos: 0 as const,
        },
        { clientId: 'night-report', connected: false, filter: topic, qos: 2 as const },
      ];
      return { subscribers, total: 3 };
    },
    'broker.publish': (message) => {
      if (message.topic.startsWith('denied/'))
        throw new CodedError('broker.not_taken', 'The rules do not allow this topic.');
      const payload =
        typeof message.payload === 'string' ? new TextEncoder().encode(message.payload) : message.payload;
      const { topic, qos, retain } = message;
      tree.record(
        { topic, payload, qos, retain, clientId: null, properties: NONE, receivedMs: Date.now() },
        { deviceId: null, rawReason: null },
      );
      properties.set(topic, message.properties);
      if (retain) retained.put({ topic, client: null, qos, payload, properties: message.properties });
      return { receivers: topic.startsWith('plant/') ? 3 : 0 };
    },
    'publishes.list': () => ({ publishes: saved }),
    'publishes.save': ({ id, ...input }) => {
      const one: SavedPublish = { ...input, id: id ?? `s${Date.now()}` };
      const index = saved.findIndex((other) => other.id === id);
      if (index >= 0) saved[index] = one;
      else saved.push(one);
      return one;
    },
    'publishes.remove': ({ id }) => {
      saved.splice(
        saved.findIndex((one) => one.id === id),
        1,
      );
      return { removed: true };
    },
    ...retained.methods,
  };
  return {
    methods,
    subscriptions: {
      topics: (params, dirty) => tree.openFeed(params, dirty) as Feed<never, never>,
      retained: (_, dirty) => retained.open(dirty),
    },
    stop() {
      clearInterval(timer);
      retained.stop();
    },
  };
}
