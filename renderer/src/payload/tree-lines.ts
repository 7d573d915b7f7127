/** The open part of a tree as lines. Pure. */
import { pathOf } from './tree.ts';
import type { TreeNode } from './tree.ts';

export interface TreeLine {
  path: string;
  depth: number;
  node: TreeNode;
  open: boolean;
  /** True where the key is an index. */
  indexed: boolean;
}

/** So many values are opened at once; of larger payloads only the first levels. */
const OPEN_AT_ONCE = 300;
const LEVELS_AT_ONCE = 2;

/** `toggled` holds the paths that are not as they begin. */
export function treeLines(root: TreeNode, toggled: ReadonlySet<string>): TreeLine[] {
  const all = countUpTo(root, OPEN_AT_ONCE + 1) <= OPEN_AT_ONCE;
  const lines: TreeLine[] = [];
  const add = (node: TreeNode, path: string, depth: number, indexed: boolean) => {
    const begins = all || depth < LEVELS_AT_ONCE;
    const open = node.children.length > 0 && begins !== toggled.has(path);
    lines.push({ path, depth, node, open, indexed });
    if (!open) return;
    for (const [index, child] of node.children.entries()) {
      // Doubled names must not share a line's identity.
      const doubled = index > 0 && node.kind === 'map' && node.children[index - 1]!.key === child.key;
      const at = pathOf(path, child, node.kind);
      add(child, child.key === null || doubled ? `${at}/${index}` : at, depth + 1, node.kind === 'list');
    }
  };
  add(root, '$', 0, false);
  return lines;
}

function countUpTo(node: TreeNode, most: number): number {
  let count = 1;
  for (const child of node.children) {
    if (count >= most) return count;
    count += countUpTo(child, most - count);
  }
  return count;
}
