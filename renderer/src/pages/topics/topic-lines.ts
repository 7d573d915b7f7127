/** The visible part of the tree as lines. Pure. */
import type { TopicNode, TopicsSnapshot } from '../../../../core/contract/topics.ts';

export type TopicLine =
  | { kind: 'node'; key: string; node: TopicNode; expanded: boolean }
  /** Levels that the station left out because one parent has too many; told, never hidden. */
  | { kind: 'left-out'; key: string; parent: string; depth: number; count: number };

/** `expanded` are the topics whose children are among the nodes; with a search every parent is. */
export function topicLines(
  snapshot: Pick<TopicsSnapshot, 'nodes' | 'leftOut'>,
  expanded: ReadonlySet<string>,
  searching: boolean,
): TopicLine[] {
  const lines: TopicLine[] = [];
  const open: TopicNode[] = [];
  const close = (depth: number) => {
    while (open.length > 0 && open.at(-1)!.depth >= depth) {
      const parent = open.pop()!;
      tellLeftOut(lines, snapshot.leftOut, parent.topic, parent.depth + 1);
    }
  };
  for (const node of snapshot.nodes) {
    close(node.depth);
    const isOpen = node.children > 0 && (expanded.has(node.topic) || searching);
    lines.push({ kind: 'node', key: `n${node.topic}`, node, expanded: isOpen });
    open.push(node);
  }
  close(0);
  tellLeftOut(lines, snapshot.leftOut, '', 0, true);
  return lines;
}

function tellLeftOut(
  lines: TopicLine[],
  leftOut: Record<string, number>,
  parent: string,
  depth: number,
  root = false,
): void {
  // The root is the empty topic, and so is the first level of `/a`: only one of them may tell.
  const count = parent === '' && !root ? 0 : (leftOut[parent] ?? 0);
  if (count > 0) lines.push({ kind: 'left-out', key: `l${parent}`, parent, depth, count });
}

/** `plant/room1/a`: `['plant', 'plant/room1']`. */
export function ancestorsOf(topic: string): string[] {
  const list: string[] = [];
  for (let at = topic.indexOf('/'); at >= 0; at = topic.indexOf('/', at + 1)) list.push(topic.slice(0, at));
  return list;
}

/** The new numbers on the old lines: for while the rows hold still. */
export function mergeNodes(old: readonly TopicNode[], changed: readonly TopicNode[]): TopicNode[] {
  const byTopic = new Map(changed.map((node) => [node.topic, node]));
  return old.map((node) => byTopic.get(node.topic) ?? node);
}

/** True where both show the same topics in the same order. */
export function sameShape(a: TopicsSnapshot, b: TopicsSnapshot): boolean {
  return (
    a.nodes.length === b.nodes.length && a.nodes.every((node, index) => node.topic === b.nodes[index]!.topic)
  );
}
