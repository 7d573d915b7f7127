import { CodedError } from '../base/errors.ts';
import type { TopicDetail, TopicsDelta, TopicsSnapshot } from '../contract/topics.ts';
import type { DecodeOutcome } from '../telemetry/types.ts';
import type { DeviceFeed } from './feed.ts';
import { naturalKey } from './natural-order.ts';
import { KeptPayloads } from './kept-payloads.ts';
import type { KeptTopic, TopicSink } from './records.ts';
import { TopicsFeed } from './topics-feed.ts';
import { TreeNode } from './topic-node.ts';
import { matchingNodes, snapshotOf, visibleTopics } from './topic-view.ts';
import type { TopicViewParams, VisibleTopics } from './topic-view.ts';

/** One message as a topic shows it: an InboundPublish of core/mqtt/types.ts, by shape. Valid during the call only. */
export interface TopicPublish {
  topic: string;
  payload: Uint8Array;
  qos: 0 | 1 | 2;
  retain: boolean;
  clientId: string | null;
  /** Encoded MQTT 5 properties; empty for most messages. */
  properties: Uint8Array;
  receivedMs: number;
}

/** A topic's detail but for the properties of its last message, which only the protocol's own folder can read. */
export type TopicFacts = Omit<TopicDetail, 'properties'>;

const NO_PROPERTIES = new Uint8Array(0);
/** Longer properties of a last message are not kept. */
const MAX_PROPERTY_BYTES = 4_096;

/** Stated for people in docs/limits.md. */
export interface TopicLimits {
  maxTopics: number;
  /** Levels of all topics together. */
  maxNodes: number;
  /** Characters of all topic names together. */
  maxNameLength: number;
  /** Deeper levels are one level. */
  maxDepth: number;
  /** Bytes kept of one last payload. */
  maxPayloadBytes: number;
  /** Bytes kept of all last payloads; past it only the beginning of each is kept. */
  maxPayloadBytesInAll: number;
}

export const TOPIC_LIMITS: Readonly<TopicLimits> = {
  maxTopics: 200_000,
  maxNodes: 600_000,
  maxNameLength: 64 * 1024 * 1024,
  maxDepth: 32,
  maxPayloadBytes: 64 * 1024,
  maxPayloadBytesInAll: 256 * 1024 * 1024,
};

/** All topics that messages came on, as a tree with counts. `record` is the hot path: it allocates next to nothing. */
export class TopicTree {
  /** Messages whose topic is not in the tree because the tree is full. */
  readonly counters = { topics_limit: 0 };
  readonly #sink: TopicSink;
  readonly #seriesOf: (topic: string, payload: Uint8Array) => number[];
  readonly #limits: TopicLimits;
  readonly #payloads: KeptPayloads;
  readonly #root = new TreeNode(null, '', '');
  readonly #nodes = new Map<string, TreeNode>();
  readonly #byDevice = new Map<number, Set<string>>();
  readonly #feeds = new Set<TopicsFeed>();
  #nameLength = 0;
  /** Grows with every look of a feed: a node changed since a look when its epoch is later than the look's. */
  #epoch = 1;

  /** @param parts.seriesOf series that a payload of a topic feeds (telemetry's `seriesOfMqtt`) */
  constructor(
    parts: {
      sink: TopicSink;
      seriesOf?: (topic: string, payload: Uint8Array) => number[];
    } & Partial<TopicLimits>,
  ) {
    const { sink, seriesOf, ...limits } = parts;
    this.#sink = sink;
    this.#seriesOf = seriesOf ?? (() => []);
    this.#limits = { ...TOPIC_LIMITS, ...limits };
    this.#payloads = new KeptPayloads(this.#limits.maxPayloadBytes, this.#limits.maxPayloadBytesInAll);
  }

  /** Topics with messages. */
  get topicCount(): number {
    return this.#root.topics;
  }

  /** Takes in what the record knew. Called once, before the first message. */
  load(topics: readonly KeptTopic[]): void {
    for (const kept of topics) {
      const node = this.#admit(kept.topic);
      if (node?.own !== null) continue;
      node.own = { ...kept, payload: this.#payloads.keep(null, kept.payload) };
      this.#count(node, 1, kept.messages);
      if (kept.deviceId !== null) this.#fed(kept.deviceId, kept.topic);
    }
  }

  record(publish: TopicPublish, outcome: Pick<DecodeOutcome, 'deviceId' | 'rawReason'>): void {
    const { topic, payload } = publish;
    const node = this.#nodes.get(topic) ?? this.#admit(topic);
    if (node === undefined || (node.own === null && this.#root.topics >= this.#limits.maxTopics)) {
      this.counters.topics_limit++;
      return;
    }
    const own = (node.own ??= this.#newTopic(node, topic));
    own.messages++;
    own.receivedMs = publish.receivedMs;
    own.qos = publish.qos;
    own.retain = publish.retain;
    own.client = publish.clientId;
    own.payload = this.#payloads.keep(own.payload, payload);
    own.payloadBytes = payload.length;
    own.rawReason = outcome.rawReason;
    own.properties = publish.properties.length === 0 ? NO_PROPERTIES : keptProperties(publish.properties);
    // A raw message on the topic of a device does not part them.
    if (outcome.deviceId !== null && outcome.deviceId !== own.deviceId) this.#reassign(own, outcome.deviceId);
    this.#count(node, 0, 1);
    this.#sink.putTopic(own);
    for (const feed of this.#feeds) feed.mark();
  }

  view(params: TopicViewParams): TopicsSnapshot {
    return snapshotOf(this.#visible(params), this.topicCount);
  }

  /** `dirty` is called when there may be something to drain, once until it is drained. */
  openFeed(params: TopicViewParams, dirty: () => void): DeviceFeed<TopicsSnapshot, TopicsDelta> {
    const feed = new TopicsFeed({
      search: params.search ?? '',
      look: () => this.#visible(params),
      nextEpoch: () => this.#epoch++,
      totalTopics: () => this.topicCount,
      dirty,
      onClose: () => this.#feeds.delete(feed),
    });
    this.#feeds.add(feed);
    return feed;
  }

  /** @throws CodedError `topics.unknown` */
  detail(topic: string): TopicFacts {
    const node = this.#nodes.get(topic);
    if (node === undefined) {
      throw new CodedError('topics.unknown', `No message has come on ${topic} or below it.`);
    }
    const { own } = node;
    if (own === null) {
      return {
        node: node.view(),
        payload: new Uint8Array(0),
        payloadBytes: 0,
        seriesIds: [],
        rawReason: null,
      };
    }
    const { payloadBytes, rawReason } = own;
    const payload = own.payload.slice();
    const readable = rawReason === null && payload.length === payloadBytes;
    const seriesIds = readable ? this.#seriesOf(topic, payload) : [];
    return { node: node.view(), payload, payloadBytes, seriesIds, rawReason };
  }

  /** Of the last message on exactly this topic: its payload, or only the beginning of a long one. */
  lastPayload(topic: string): { payload: Uint8Array; payloadBytes: number } | undefined {
    const own = this.#nodes.get(topic)?.own;
    return own == null ? undefined : { payload: own.payload.slice(), payloadBytes: own.payloadBytes };
  }

  /** Encoded MQTT 5 properties of the last message; empty when it had none, or too many. */
  propertiesOf(topic: string): Uint8Array {
    return this.#nodes.get(topic)?.own?.properties ?? NO_PROPERTIES;
  }

  /** Topics that feed the device, in natural order: the first ones, and how many there are. */
  topicsOf(deviceId: number, limit: number): { topics: string[]; total: number } {
    const topics = [...(this.#byDevice.get(deviceId) ?? [])];
    const keyed = topics.map((topic) => ({ topic, key: naturalKey(topic) }));
    keyed.sort((a, b) => (a.key < b.key ? -1 : 1));
    return { topics: keyed.slice(0, limit).map(({ topic }) => topic), total: topics.length };
  }

  #visible(params: TopicViewParams): VisibleTopics {
    const search = params.search ?? '';
    const matches = search === '' ? null : matchingNodes(this.#nodes.values(), search);
    return visibleTopics(this.#root, params, matches);
  }

  #count(node: TreeNode, topics: number, messages: number): void {
    const epoch = this.#epoch;
    for (let up: TreeNode | null = node; up !== null; up = up.parent) {
      up.topics += topics;
      up.messages += messages;
      up.changedIn = epoch;
    }
  }

  #newTopic(node: TreeNode, topic: string): KeptTopic {
    this.#count(node, 1, 0);
    this.#nameLength += topic.length;
    for (const feed of this.#feeds) feed.topicAdded(topic);
    return {
      topic,
      deviceId: null,
      messages: 0,
      receivedMs: 0,
      qos: 0,
      retain: false,
      client: null,
      payload: new Uint8Array(0),
      payloadBytes: 0,
      rawReason: null,
      properties: NO_PROPERTIES,
    };
  }

  /** The node of the topic with all levels above it; undefined when the tree is full. */
  #admit(topic: string): TreeNode | undefined {
    const { maxTopics, maxNodes, maxNameLength, maxDepth } = this.#limits;
    const full =
      this.#root.topics >= maxTopics ||
      this.#nodes.size + maxDepth > maxNodes ||
      this.#nameLength + topic.length > maxNameLength;
    if (full) return undefined;
    let parent = this.#root;
    let start = 0;
    for (let depth = 1; depth < maxDepth; depth++) {
      const border = topic.indexOf('/', start);
      if (border === -1) break;
      parent = this.#child(parent, topic.slice(0, border), topic.slice(start, border));
      start = border + 1;
    }
    return this.#child(parent, topic, topic.slice(start));
  }

  #child(parent: TreeNode, topic: string, level: string): TreeNode {
    const known = this.#nodes.get(topic);
    if (known !== undefined) return known;
    const node = new TreeNode(parent, topic, level);
    node.changedIn = this.#epoch;
    parent.addChild(node, this.#epoch);
    this.#nodes.set(topic, node);
    return node;
  }

  #reassign(own: KeptTopic, deviceId: number): void {
    if (own.deviceId !== null) this.#byDevice.get(own.deviceId)?.delete(own.topic);
    own.deviceId = deviceId;
    this.#fed(deviceId, own.topic);
  }

  #fed(deviceId: number, topic: string): void {
    const topics = this.#byDevice.get(deviceId);
    if (topics === undefined) this.#byDevice.set(deviceId, new Set([topic]));
    else topics.add(topic);
  }
}

function keptProperties(properties: Uint8Array): Uint8Array {
  return properties.length > MAX_PROPERTY_BYTES ? NO_PROPERTIES : new Uint8Array(properties);
}
