/** What changed between two payloads: by path in trees, by line in text, by place in bytes. Pure. */
import { pathOf, summaryOf } from './tree.ts';
import type { TreeNode } from './tree.ts';

export interface Change {
  path: string;
  /** One line; null on the side where it is not. */
  before: string | null;
  after: string | null;
}

export const MAX_CHANGES = 500;

/** In the order of the newer tree, what is gone after what was beside it. Lists are compared by index. */
export function diffTrees(before: TreeNode, after: TreeNode): { changes: Change[]; leftOut: number } {
  const changes: Change[] = [];
  let count = 0;
  const tell = (path: string, old: TreeNode | null, now: TreeNode | null) => {
    if (++count <= MAX_CHANGES) changes.push({ path, before: line(old), after: line(now) });
  };
  const compare = (path: string, old: TreeNode, now: TreeNode) => {
    const nested = now.kind === 'map' || now.kind === 'list' || now.kind === 'tag';
    if (old.kind !== now.kind || (!nested && old.text !== now.text)) return tell(path, old, now);
    if (now.kind === 'tag' && old.note !== now.note) return tell(path, old, now);
    if (!nested) return;
    const left = new Map(old.children.map((child) => [child.key, child]));
    for (const child of now.children) {
      const was = left.get(child.key);
      left.delete(child.key);
      if (was === undefined) tell(pathOf(path, child, now.kind), null, child);
      else compare(pathOf(path, child, now.kind), was, child);
    }
    for (const child of left.values()) tell(pathOf(path, child, old.kind), child, null);
  };
  compare('$', before, after);
  return { changes, leftOut: Math.max(0, count - MAX_CHANGES) };
}

function line(node: TreeNode | null): string | null {
  if (node === null) return null;
  if (node.kind === 'text') return JSON.stringify(node.text);
  if (node.kind === 'bytes') return `h'${node.text}'`;
  if (node.kind === 'tag') return `${node.note} ${node.children.map(line).join(', ')}`;
  return node.kind === 'map' || node.kind === 'list' ? summaryOf(node) : node.text;
}

export interface DiffLine {
  mark: 'same' | 'added' | 'removed';
  text: string;
}

/** Beyond so many pairs of lines the middle is given as removed and added whole. */
const MAX_PAIRS = 1_000_000;

export function diffLines(before: string, after: string): DiffLine[] {
  const old = before.split('\n');
  const now = after.split('\n');
  let start = 0;
  while (start < old.length && start < now.length && old[start] === now[start]) start++;
  let end = 0;
  const most = Math.min(old.length, now.length) - start;
  while (end < most && old[old.length - 1 - end] === now[now.length - 1 - end]) end++;
  const same = (text: string): DiffLine => ({ mark: 'same', text });
  return [
    ...now.slice(0, start).map(same),
    ...middle(old.slice(start, old.length - end), now.slice(start, now.length - end)),
    ...now.slice(now.length - end).map(same),
  ];
}

/** By the longest common subsequence. */
function middle(old: string[], now: string[]): DiffLine[] {
  const removed = (text: string): DiffLine => ({ mark: 'removed', text });
  const added = (text: string): DiffLine => ({ mark: 'added', text });
  if (old.length * now.length > MAX_PAIRS) return [...old.map(removed), ...now.map(added)];
  const width = now.length + 1;
  const longest = new Uint32Array((old.length + 1) * width);
  for (let i = old.length - 1; i >= 0; i--) {
    for (let j = now.length - 1; j >= 0; j--) {
      longest[i * width + j] =
        old[i] === now[j]
          ? longest[(i + 1) * width + j + 1]! + 1
          : Math.max(longest[(i + 1) * width + j]!, longest[i * width + j + 1]!);
    }
  }
  const lines: DiffLine[] = [];
  let i = 0;
  let j = 0;
  while (i < old.length || j < now.length) {
    if (i < old.length && j < now.length && old[i] === now[j]) {
      lines.push({ mark: 'same', text: now[j]! });
      i++;
      j++;
    } else if (
      i < old.length &&
      (j === now.length || longest[(i + 1) * width + j]! >= longest[i * width + j + 1]!)
    ) {
      lines.push(removed(old[i++]!));
    } else lines.push(added(now[j++]!));
  }
  return lines;
}

export interface ByteCell {
  /** Two digits, or blanks where this side has no byte. */
  before: string;
  after: string;
  differs: boolean;
}

export interface ByteRow {
  offset: number;
  cells: ByteCell[];
}

/** Rows of sixteen that differ, place by place, with how many bytes differ in all. */
export function diffBytes(
  before: Uint8Array,
  after: Uint8Array,
): { rows: ByteRow[]; differing: number; leftOut: number } {
  const rows: ByteRow[] = [];
  let differing = 0;
  let leftOut = 0;
  const digits = (byte: number | undefined) =>
    byte === undefined ? '  ' : byte.toString(16).padStart(2, '0');
  for (let offset = 0; offset < Math.max(before.length, after.length); offset += 16) {
    const cells: ByteCell[] = [];
    let count = 0;
    for (let at = offset; at < offset + 16; at++) {
      const differs = before[at] !== after[at];
      if (differs) count++;
      cells.push({ before: digits(before[at]), after: digits(after[at]), differs });
    }
    differing += count;
    if (count === 0) continue;
    if (rows.length < MAX_CHANGES) rows.push({ offset, cells });
    else leftOut++;
  }
  return { rows, differing, leftOut };
}
