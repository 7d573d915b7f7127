import type { TopicMessage, TopicNode } from '../contract/topics.ts';
import { naturalKey } from './natural-order.ts';
import type { KeptTopic } from './records.ts';
import { textPreview } from './text-preview.ts';

/** One level of the tree as it is kept in memory. Changed in place on the hot path; screens get copies. */
export class TreeNode {
  /** Null for the root alone, which is no topic. */
  readonly parent: TreeNode | null;
  readonly topic: string;
  readonly level: string;
  readonly depth: number;
  /** Topics and messages at or below. */
  topics = 0;
  messages = 0;
  /** State of exactly this topic; null while only levels below have messages. */
  own: KeptTopic | null = null;
  /** The tree's epoch in which this node, or the list of its children, changed last. */
  changedIn = 0;
  childrenChangedIn = 0;
  readonly #sortKey: string;
  #sorted: TreeNode[] = [];
  /** Children that came since the list was last asked for: sorting waits until somebody looks. */
  #unsorted: TreeNode[] = [];

  constructor(parent: TreeNode | null, topic: string, level: string) {
    this.parent = parent;
    this.topic = topic;
    this.level = level;
    this.depth = parent === null ? -1 : parent.depth + 1;
    this.#sortKey = naturalKey(level);
  }

  get childCount(): number {
    return this.#sorted.length + this.#unsorted.length;
  }

  addChild(child: TreeNode, epoch: number): void {
    this.#unsorted.push(child);
    this.changedIn = epoch;
    this.childrenChangedIn = epoch;
  }

  /** Children in natural order. The list is the node's own. */
  children(): readonly TreeNode[] {
    if (this.#unsorted.length > 0) {
      this.#sorted = merged(this.#sorted, this.#unsorted.sort(TreeNode.#compare));
      this.#unsorted = [];
    }
    return this.#sorted;
  }

  view(): TopicNode {
    const { topic, level, depth, topics, messages, own } = this;
    return {
      topic,
      level,
      depth,
      children: this.childCount,
      topics,
      messages,
      last: own === null ? null : lastMessage(own),
      deviceId: own?.deviceId ?? null,
    };
  }

  static before(a: TreeNode, b: TreeNode): boolean {
    return TreeNode.#compare(a, b) < 0;
  }

  static #compare(a: TreeNode, b: TreeNode): number {
    if (a.#sortKey !== b.#sortKey) return a.#sortKey < b.#sortKey ? -1 : 1;
    return a.level < b.level ? -1 : 1;
  }
}

function merged(left: TreeNode[], right: TreeNode[]): TreeNode[] {
  if (left.length === 0) return right;
  const all = new Array<TreeNode>(left.length + right.length);
  let l = 0;
  let r = 0;
  for (let at = 0; at < all.length; at++) {
    const takeRight = l === left.length || (r < right.length && TreeNode.before(right[r]!, left[l]!));
    all[at] = takeRight ? right[r++]! : left[l++]!;
  }
  return all;
}

function lastMessage({ receivedMs, payloadBytes, qos, retain, client, payload }: KeptTopic): TopicMessage {
  return { receivedMs, bytes: payloadBytes, qos, retain, client, ...textPreview(payload, payloadBytes) };
}
