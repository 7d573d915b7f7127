/**
 * The numbers of a JSON text (RFC 8259), read from its bytes in one pass against a tree of known keys.
 *
 * Strict, but for what devices really send: a byte order mark and trailing NULs are passed over, and `NaN`,
 * `Infinity` and `-Infinity` (as Python writes them) are values left out, not a reason to lose the others. The
 * inside of strings that are not keys is not checked to be UTF-8. Of a doubled key the last number is taken.
 */
import { NumberScanner } from './number-text.ts';
import type { KeyNode } from './key-tree.ts';

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const COMMA = 0x2c;
const COLON = 0x3a;
const OPEN_OBJECT = 0x7b;
const CLOSE_OBJECT = 0x7d;
const OPEN_ARRAY = 0x5b;
const CLOSE_ARRAY = 0x5d;

/** Keys one payload may add to the tree; numbers below further ones are left out. */
const MAX_NEW_KEYS = 3_000;
/** A longer key fits into no name of a series, so that it is not remembered either. */
const LONGEST_KEY = 256;

const strictUtf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

export type WalkProblem = 'malformed_json' | 'too_deep';

/** One walker is used over and over; what it found is valid until the next `walk`. */
export class JsonWalker {
  /** Numbers found: row i is `values[i]` at `leaves[i]`. */
  count = 0;
  readonly leaves: (KeyNode | undefined)[];
  readonly values: Float64Array;
  /** Numbers left out because there were too many, not finite, or doubled. */
  leftOut = 0;
  notFinite = 0;
  /** Keys that were new to the tree. */
  newKeys = 0;
  /** A top-level time key: its number, else NaN, and where its text lies, else -1. */
  timeNumber = NaN;
  timeTextStart = -1;
  timeTextEnd = -1;
  /** Text of a top-level unit key, -1 when there was none. */
  unitTextStart = -1;
  unitTextEnd = -1;

  readonly #maxDepth: number;
  readonly #numbers = new NumberScanner();
  #bytes: Uint8Array = new Uint8Array(0);
  #at = 0;
  #stamp = 0;
  #problem: WalkProblem | null = null;

  constructor(limits: { maxDepth: number; maxValues: number }) {
    this.#maxDepth = limits.maxDepth;
    this.leaves = new Array<KeyNode | undefined>(limits.maxValues).fill(undefined);
    this.values = new Float64Array(limits.maxValues);
  }

  /** @returns what kept the text from being read, or null. `start` is at `{` or `[`. */
  walk(root: KeyNode, bytes: Uint8Array, start: number): WalkProblem | null {
    this.#bytes = bytes;
    this.#at = start;
    this.#stamp++;
    this.#problem = null;
    this.count = this.leftOut = this.notFinite = this.newKeys = 0;
    this.timeNumber = NaN;
    this.timeTextStart = this.unitTextStart = -1;
    const complete = this.#value(root, 0) && this.#atEnd();
    return complete ? null : (this.#problem ?? 'malformed_json');
  }

  /** True when the numbers found are at exactly these keys, in this order. */
  hasLeaves(leaves: readonly KeyNode[]): boolean {
    if (leaves.length !== this.count) return false;
    for (let row = 0; row < leaves.length; row++) if (leaves[row] !== this.leaves[row]) return false;
    return true;
  }

  /** Takes a number out of those found. */
  removeRow(row: number): number {
    const value = this.values[row]!;
    this.leaves.copyWithin(row, row + 1, this.count);
    this.values.copyWithin(row, row + 1, this.count);
    this.count--;
    return value;
  }

  #value(node: KeyNode | null, depth: number): boolean {
    const bytes = this.#bytes;
    switch (bytes[this.#at]) {
      case OPEN_OBJECT:
        return this.#object(node, depth + 1);
      case OPEN_ARRAY:
        return this.#array(node, depth + 1);
      case QUOTE:
        return this.#text(node);
      case 0x74:
        return this.#word('true');
      case 0x66:
        return this.#word('false');
      case 0x6e:
        return this.#word('null');
      case 0x4e:
        return this.#word('NaN') && this.#leaveOutNotFinite();
      case 0x49:
        return this.#word('Infinity') && this.#leaveOutNotFinite();
      default:
        return this.#number(node);
    }
  }

  #object(node: KeyNode | null, depth: number): boolean {
    if (depth > this.#maxDepth) return this.#fail('too_deep');
    this.#at++;
    if (this.#next() === CLOSE_OBJECT) {
      this.#at++;
      return true;
    }
    for (;;) {
      if (this.#next() !== QUOTE) return false;
      const start = this.#at + 1;
      const escaped = this.#skipText();
      if (escaped === -1) return false;
      const child = this.#childOf(node, start, this.#at - 1, escaped === 1);
      if (child === undefined) return false;
      if (this.#next() !== COLON) return false;
      this.#at++;
      this.#next();
      if (!this.#value(child, depth)) return false;
      const border = this.#next();
      this.#at++;
      if (border === CLOSE_OBJECT) return true;
      if (border !== COMMA) return false;
    }
  }

  #array(node: KeyNode | null, depth: number): boolean {
    if (depth > this.#maxDepth) return this.#fail('too_deep');
    this.#at++;
    if (this.#next() === CLOSE_ARRAY) {
      this.#at++;
      return true;
    }
    for (let index = 0; ; index++) {
      this.#next();
      if (!this.#value(this.#itemOf(node, index), depth)) return false;
      const border = this.#next();
      this.#at++;
      if (border === CLOSE_ARRAY) return true;
      if (border !== COMMA) return false;
    }
  }

  /** Null when the key is not followed further; undefined when its text is malformed. */
  #childOf(node: KeyNode | null, start: number, end: number, escaped: boolean): KeyNode | null | undefined {
    if (node === null) return null;
    const known = node.childSpelled(this.#bytes, start, end);
    if (known !== undefined) return known;
    let key: string;
    try {
      key = strictUtf8.decode(this.#bytes.subarray(start, end));
      if (escaped) key = JSON.parse(`"${key}"`) as string;
    } catch {
      return undefined;
    }
    const same = node.child(key);
    if (same !== undefined) return same;
    if (this.newKeys >= MAX_NEW_KEYS || key.length > LONGEST_KEY) return null;
    this.newKeys++;
    // A copy: `slice` of a Buffer would be a view that keeps the whole read buffer in memory.
    return node.addChild(key, new Uint8Array(this.#bytes.subarray(start, end)));
  }

  #itemOf(node: KeyNode | null, index: number): KeyNode | null {
    if (node === null || index >= this.values.length) return null;
    const known = node.item(index);
    if (known !== undefined) return known;
    if (this.newKeys >= MAX_NEW_KEYS) return null;
    this.newKeys++;
    return node.addItem();
  }

  #text(node: KeyNode | null): boolean {
    const start = this.#at + 1;
    if (this.#skipText() === -1) return false;
    if (node === null || node.role === 'none') return true;
    if (node.role === 'time' && this.timeTextStart === -1) {
      this.timeTextStart = start;
      this.timeTextEnd = this.#at - 1;
    } else if (node.role === 'unit' && this.unitTextStart === -1) {
      this.unitTextStart = start;
      this.unitTextEnd = this.#at - 1;
    }
    return true;
  }

  #number(node: KeyNode | null): boolean {
    const value = this.#numbers.scan(this.#bytes, this.#at, this.#bytes.length, true);
    if (this.#numbers.end === -1) {
      if (this.#bytes[this.#at] !== 0x2d) return false;
      this.#at++;
      return this.#word('Infinity') && this.#leaveOutNotFinite();
    }
    this.#at = this.#numbers.end;
    if (!Number.isFinite(value)) return this.#leaveOutNotFinite();
    if (node === null) {
      this.leftOut++;
    } else if (node.role === 'time') {
      if (Number.isNaN(this.timeNumber)) this.timeNumber = value;
    } else if (node.stamp === this.#stamp) {
      this.values[node.row] = value;
      this.leftOut++;
    } else if (this.count === this.values.length) {
      this.leftOut++;
    } else {
      node.stamp = this.#stamp;
      node.row = this.count;
      this.leaves[this.count] = node;
      this.values[this.count++] = value;
    }
    return true;
  }

  #leaveOutNotFinite(): boolean {
    this.notFinite++;
    this.leftOut++;
    return true;
  }

  /** Passes over a text whose opening quote is here. 1 when it has escapes, 0 when not, -1 when it is malformed. */
  #skipText(): -1 | 0 | 1 {
    const bytes = this.#bytes;
    let escaped: 0 | 1 = 0;
    for (let at = this.#at + 1; at < bytes.length; at++) {
      const byte = bytes[at]!;
      if (byte === QUOTE) {
        this.#at = at + 1;
        return escaped;
      }
      if (byte < 0x20) return -1;
      if (byte === BACKSLASH) {
        const length = escapeLength(bytes, at);
        if (length === 0) return -1;
        escaped = 1;
        at += length - 1;
      }
    }
    return -1;
  }

  #word(word: string): boolean {
    for (let index = 0; index < word.length; index++) {
      if (this.#bytes[this.#at + index] !== word.charCodeAt(index)) return false;
    }
    this.#at += word.length;
    return true;
  }

  /** Passes over blanks and gives the byte that follows. */
  #next(): number | undefined {
    const bytes = this.#bytes;
    let byte = bytes[this.#at];
    while (byte === 0x20 || byte === 0x0a || byte === 0x0d || byte === 0x09) byte = bytes[++this.#at];
    return byte;
  }

  #atEnd(): boolean {
    while (this.#next() === 0) this.#at++;
    return this.#at >= this.#bytes.length;
  }

  #fail(problem: WalkProblem): boolean {
    this.#problem = problem;
    return false;
  }
}

/** Bytes of the escape that begins at `at`, 0 when it is none of RFC 8259 §7. */
function escapeLength(bytes: Uint8Array, at: number): number {
  switch (bytes[at + 1]) {
    case QUOTE:
    case BACKSLASH:
    case 0x2f: // /
    case 0x62: // b
    case 0x66: // f
    case 0x6e: // n
    case 0x72: // r
    case 0x74: // t
      return 2;
    case 0x75: // u
      for (let digit = at + 2; digit < at + 6; digit++) if (!isHex(bytes[digit])) return 0;
      return 6;
    default:
      return 0;
  }
}

function isHex(byte: number | undefined): boolean {
  if (byte === undefined) return false;
  return (byte >= 0x30 && byte <= 0x39) || ((byte | 0x20) >= 0x61 && (byte | 0x20) <= 0x66);
}
