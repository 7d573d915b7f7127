/**
 * The keys a topic's JSON payloads have had so far, as a tree that is walked along with the next payload: a payload
 * of known shape is read without making a string of any key.
 */

/** What a key at the top of a payload means besides its number. */
export type KeyRole = 'none' | 'time' | 'unit' | 'maybe_time';

const TIME_KEYS = new Set(['ts', 'timestamp', 'time', 'datetime']);
const UNIT_KEYS = new Set(['unit', 'units', 'uom', 'unit_of_measurement']);

/** Children looked through byte by byte before the map of strings is asked. */
const SCANNED_CHILDREN = 12;

export class KeyNode {
  readonly parent: KeyNode | null;
  /** The key as decoded text; an item's index in decimal. */
  readonly key: string;
  readonly isIndex: boolean;
  readonly depth: number;
  readonly role: KeyRole;
  /** Number of the payload in which this node last had a number, and the row it had. */
  stamp = 0;
  row = 0;
  readonly #bytes: Uint8Array;
  #children: KeyNode[] | undefined;
  #byKey: Map<string, KeyNode> | undefined;
  #items: KeyNode[] | undefined;
  /** Where the next key is expected: devices send their keys in the same order every time. */
  #expected = 0;

  constructor(parent: KeyNode | null, key: string, isIndex: boolean, bytes: Uint8Array) {
    this.parent = parent;
    this.key = key;
    this.isIndex = isIndex;
    this.depth = parent === null ? 0 : parent.depth + 1;
    this.role = this.depth === 1 && !isIndex ? roleOf(key) : 'none';
    this.#bytes = bytes;
  }

  static root(): KeyNode {
    return new KeyNode(null, '', false, new Uint8Array(0));
  }

  /** Known child whose key is spelled with exactly these bytes, found without allocating. */
  childSpelled(bytes: Uint8Array, start: number, end: number): KeyNode | undefined {
    const children = this.#children;
    if (children === undefined) return undefined;
    const expected = this.#expected < children.length ? this.#expected : 0;
    const guess = children[expected]!;
    if (guess.#spelled(bytes, start, end)) {
      this.#expected = expected + 1;
      return guess;
    }
    const count = Math.min(children.length, SCANNED_CHILDREN);
    for (let index = 0; index < count; index++) {
      if (!children[index]!.#spelled(bytes, start, end)) continue;
      this.#expected = index + 1;
      return children[index];
    }
    return undefined;
  }

  child(key: string): KeyNode | undefined {
    return this.#byKey?.get(key);
  }

  addChild(key: string, spelling: Uint8Array): KeyNode {
    const node = new KeyNode(this, key, false, spelling);
    (this.#children ??= []).push(node);
    (this.#byKey ??= new Map()).set(key, node);
    this.#expected = this.#children.length;
    return node;
  }

  item(index: number): KeyNode | undefined {
    return this.#items?.[index];
  }

  /** The next item: items are added in order. */
  addItem(): KeyNode {
    this.#items ??= [];
    const node = new KeyNode(this, String(this.#items.length), true, EMPTY);
    this.#items.push(node);
    return node;
  }

  /** Keys and indices from the top down to this node. */
  path(): KeyNode[] {
    const path: KeyNode[] = [];
    // eslint-disable-next-line @typescript-eslint/no-this-alias
    for (let node: KeyNode = this; node.parent !== null; node = node.parent) path.push(node);
    return path.reverse();
  }

  #spelled(bytes: Uint8Array, start: number, end: number): boolean {
    const own = this.#bytes;
    if (own.length !== end - start) return false;
    for (let at = 0; at < own.length; at++) {
      if (own[at] !== bytes[start + at]) return false;
    }
    return true;
  }
}

const EMPTY = new Uint8Array(0);

function roleOf(key: string): KeyRole {
  const lower = key.toLowerCase();
  if (TIME_KEYS.has(lower)) return 'time';
  if (UNIT_KEYS.has(lower)) return 'unit';
  return lower === 't' ? 'maybe_time' : 'none';
}
