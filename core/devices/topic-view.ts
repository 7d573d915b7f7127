import type { TopicNode, TopicsSnapshot } from '../contract/topics.ts';
import type { TreeNode } from './topic-node.ts';

/** As `topicTreeParams` of the contract. */
export interface TopicViewParams {
  expanded?: readonly string[] | undefined;
  search?: string | undefined;
  perParent?: number | undefined;
}

/** Nodes that one view shows at most; what is past them counts as left out of its parent. */
export const MAX_VISIBLE_NODES = 20_000;
const DEFAULT_PER_PARENT = 500;

/** The part of the tree that somebody looks at. */
export interface VisibleTopics {
  /** In tree order. */
  nodes: TreeNode[];
  /** Nodes whose children are in sight: the root, and the open ones among `nodes`. */
  open: TreeNode[];
  leftOut: Record<string, number>;
}

/** @param matches nodes to show when there is a search, null for all (`matchingNodes`) */
export function visibleTopics(
  root: TreeNode,
  params: TopicViewParams,
  matches: ReadonlySet<TreeNode> | null,
): VisibleTopics {
  const expanded = new Set(params.expanded);
  const perParent = params.perParent ?? DEFAULT_PER_PARENT;
  // Without a prototype: a topic may be called `__proto__`.
  const leftOut = Object.create(null) as Record<string, number>;
  const visible: VisibleTopics = { nodes: [], open: [], leftOut };
  const show = (parent: TreeNode) => {
    visible.open.push(parent);
    let shown = 0;
    let hidden = 0;
    for (const child of parent.children()) {
      if (matches !== null && !matches.has(child)) continue;
      if (shown === perParent || visible.nodes.length >= MAX_VISIBLE_NODES) {
        hidden++;
        continue;
      }
      shown++;
      visible.nodes.push(child);
      if (child.childCount > 0 && isOpen(child)) show(child);
    }
    // The first level of `/a` shares its empty name with the root: their counts are told together.
    if (hidden > 0) leftOut[parent.topic] = (leftOut[parent.topic] ?? 0) + hidden;
  };
  const isOpen = (node: TreeNode) => matches !== null || expanded.has(node.topic);
  show(root);
  return visible;
}

/** Topics that `wantedBy` finds, and the levels above them. */
export function matchingNodes(nodes: Iterable<TreeNode>, search: string): Set<TreeNode> {
  const matches = new Set<TreeNode>();
  const wanted = wantedBy(search);
  for (const node of nodes) {
    if (node.own === null || !wanted.test(node.topic)) continue;
    for (let up: TreeNode | null = node; up !== null && !matches.has(up); up = up.parent) matches.add(up);
  }
  return matches;
}

/**
 * What a search finds: the topics of an MQTT filter where the text is one with wildcards (v5 §4.7), else every topic that
 * contains the text, whatever its case. No topic has a wildcard in its name (MQTT-3.3.2-2), so the two are never mixed up.
 */
export function wantedBy(search: string): RegExp {
  const levels = search.split('/');
  const last = levels.length - 1;
  const isWild = levels.some((level) => level === '+' || level === '#');
  const isFilter = levels.every(
    (level, at) =>
      (level === '+' || !level.includes('+')) && (!level.includes('#') || (level === '#' && at === last)),
  );
  // Without a lower-case copy of every topic.
  if (!isWild || !isFilter) return new RegExp(escaped(search), 'i');
  // A wildcard in front does not reach what begins with a dollar (MQTT-4.7.2-1).
  let pattern = levels[0] === '+' || levels[0] === '#' ? '^(?!\\$)' : '^';
  for (const [at, level] of levels.entries()) {
    const border = at === 0 ? '' : '/';
    // `a/#` is also `a` itself (§4.7.1.2).
    if (level === '#') return new RegExp(at === 0 ? pattern : `${pattern}(?:/|$)`);
    pattern += border + (level === '+' ? '[^/]*' : escaped(level));
  }
  return new RegExp(`${pattern}$`);
}

function escaped(text: string): string {
  return text.replace(/[\\^$.*+?()[\]{}|/-]/g, '\\$&');
}

export function snapshotOf({ nodes, leftOut }: VisibleTopics, totalTopics: number): TopicsSnapshot {
  return { nodes: viewsOf(nodes), leftOut, totalTopics };
}

export function viewsOf(nodes: readonly TreeNode[]): TopicNode[] {
  return nodes.map((node) => node.view());
}
