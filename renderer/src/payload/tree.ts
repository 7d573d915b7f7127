/**
 * What every decoder gives: values in the order they came, numbers as exact text. A decoder never throws; what it could
 * read before a fault stays in `tree`, and `problem` says what is wrong and where.
 */
export type NodeKind = 'map' | 'list' | 'text' | 'number' | 'bytes' | 'word' | 'tag';

export interface TreeNode {
  /** Name or index within the parent; null for the root and for what a tag holds. */
  key: string | null;
  kind: NodeKind;
  /** The value as exact text; of a container empty, of bytes their hex digits. */
  text: string;
  /** The wire type, or what a tag means; empty where the format has none. */
  note: string;
  children: TreeNode[];
}

export interface Decoded {
  tree: TreeNode | null;
  /** One line for people, or null. */
  problem: string | null;
}

/** Deeper nesting is not followed: it would be no reading matter, and a decoder must not run out of stack. */
export const MAX_DEPTH = 100;
/** Most values of one payload that are shown. */
export const MAX_NODES = 50_000;

export function leaf(key: string | null, kind: NodeKind, text: string, note = ''): TreeNode {
  return { key, kind, text, note, children: [] };
}

export function container(key: string | null, kind: 'map' | 'list' | 'tag', note = ''): TreeNode {
  return { key, kind, text: '', note, children: [] };
}

/** Thrown inside decoders only; `decodeWith` turns it into a problem. */
export class Fault extends Error {}

/** Runs a decoder that fills `root` as it goes, so that a fault leaves what came before it. */
export function decodeWith(read: (root: TreeNode[]) => void): Decoded {
  const root: TreeNode[] = [];
  try {
    read(root);
    return { tree: root[0] ?? null, problem: null };
  } catch (error) {
    return { tree: root[0] ?? null, problem: error instanceof Error ? error.message : String(error) };
  }
}

/** Counts nodes and levels, and stops a payload that has too many of either. */
export class Budget {
  #nodes = 0;

  take(depth: number): void {
    if (depth > MAX_DEPTH) throw new Fault(`Nested more than ${MAX_DEPTH} levels deep; no more is shown.`);
    if (++this.#nodes > MAX_NODES) throw new Fault('More than 50,000 values; the rest is not shown.');
  }
}

export function hexOf(bytes: Uint8Array): string {
  let text = '';
  for (const byte of bytes) text += byte.toString(16).padStart(2, '0');
  return text;
}

/** A double as text that reads back to the same double; `NaN` and infinities by name. */
export function numberText(value: number | bigint): string {
  return Object.is(value, -0) ? '-0' : String(value);
}

/** The shortest text that reads back to the same 32-bit float: 21.1, where as a double it is 21.100000381469727. */
export function floatText(value: number): string {
  for (let digits = 6; digits < 9; digits++) {
    const short = Number(value.toPrecision(digits));
    if (Object.is(Math.fround(short), value)) return numberText(short);
  }
  return numberText(value);
}

/** One line of a container: `{ 3 }`, `[ 12 ]`. */
export function summaryOf(node: TreeNode): string {
  if (node.kind === 'map') return `{ ${node.children.length} }`;
  if (node.kind === 'list') return `[ ${node.children.length} ]`;
  return '';
}

/** `sensors[2].value`: where a value is. The root is `$`. */
export function pathOf(parent: string, node: TreeNode, within: NodeKind): string {
  if (node.key === null) return parent;
  if (within === 'list') return `${parent}[${node.key}]`;
  const plain = /^[\p{L}_][\p{L}\p{N}_-]*$/u.test(node.key) ? node.key : JSON.stringify(node.key);
  return parent === '$' ? plain : `${parent}.${plain}`;
}
