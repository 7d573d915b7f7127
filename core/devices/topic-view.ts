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

/** Topics that contain the text, case aside, and the levels above them. */
export function matchingNodes(nodes: Iterable<TreeNode>, search: string): Set<TreeNode> {
  const matches = new Set<TreeNode>();
  const wanted = containing(search);
  for (const node of nodes) {
    if (node.own === null || !wanted.test(node.topic)) continue;
    for (let up: TreeNode | null = node; up !== null && !matches.has(up); up = up.parent) matches.add(up);
  }
  return matches;
}

/** Finds the text whatever its case, without a lower-case copy of every topic. */
export function containing(search: string): RegExp {
  return new RegExp(search.replace(/[\\^$.*+?()[\]{}|/-]/g, '\\$&'), 'i');
}

export function snapshotOf({ nodes, leftOut }: VisibleTopics, totalTopics: number): TopicsSnapshot {
  return { nodes: viewsOf(nodes), leftOut, totalTopics };
}

export function viewsOf(nodes: readonly TreeNode[]): TopicNode[] {
  return nodes.map((node) => node.view());
}
