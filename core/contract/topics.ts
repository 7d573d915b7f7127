import type { MessageProperties } from './broker.ts';

/** The topic tree. The host keeps the tree; a screen sees the nodes that it expanded. */

export interface TopicMessage {
  receivedMs: number;
  bytes: number;
  qos: 0 | 1 | 2;
  retain: boolean;
  /** Who published it: MQTT client id, or null for the station itself. */
  client: string | null;
  /** First 512 bytes as text when they are UTF-8, else null. */
  text: string | null;
  /** True when `text` shows only the beginning. */
  truncated: boolean;
}

export interface TopicNode {
  /** Full topic up to this level; the node's identity. */
  topic: string;
  /** This level alone. */
  level: string;
  /** 0 for the first level. */
  depth: number;
  /** Levels directly below. */
  children: number;
  /** Topics with messages at or below this node. */
  topics: number;
  /** Messages at or below this node. */
  messages: number;
  /** Last message of exactly this topic; null when only levels below have messages. */
  last: TopicMessage | null;
  /** Device that this topic feeds, or null. */
  deviceId: number | null;
}

export interface TopicsSnapshot {
  /** In tree order: each expanded node is followed by its children, sorted by level. */
  nodes: TopicNode[];
  /** Children that were left out because a level has more than fit, by parent topic ('' = root). */
  leftOut: Record<string, number>;
  totalTopics: number;
}

export interface TopicsDelta {
  /** Nodes of the visible part whose numbers or last message changed. */
  changed: TopicNode[];
  /** When nodes were added or removed: the whole visible part anew. */
  replace: TopicsSnapshot | null;
  totalTopics: number;
}

/** One message of the raw log: what could not be read as readings, kept as it came. */
export interface RawMessage {
  topic: string;
  receivedMs: number;
  qos: 0 | 1 | 2;
  retain: boolean;
  client: string | null;
  payload: Uint8Array;
}

export interface TopicDetail {
  node: TopicNode;
  /** Last payload, up to 64 KiB. */
  payload: Uint8Array;
  payloadBytes: number;
  /** Series that the topic feeds. */
  seriesIds: number[];
  /** MQTT 5 properties of the last message. */
  properties: MessageProperties;
  /** Why the last payload is shown raw, or null when readings came of it: `not_numeric`, `too_large`, ... */
  rawReason: string | null;
}
