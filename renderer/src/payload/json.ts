/**
 * JSON (RFC 8259) with numbers as they were written: nothing above 2^53 is rounded, doubled names stay, and text that
 * breaks off is shown as far as it goes.
 */
import { Budget, container, decodeWith, Fault, leaf } from './tree.ts';
import type { Decoded, TreeNode } from './tree.ts';

const NUMBER = /-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?/y;
const BLANK = /[ \t\n\r]*/y;
// eslint-disable-next-line no-control-regex -- control characters may not stand in a string (RFC 8259 §7)
const STRING = /"(?:[^"\\\u0000-\u001f]|\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4}))*"/y;

export function decodeJson(text: string): Decoded {
  return decodeWith((root) => new JsonReader(text).read(root));
}

class JsonReader {
  readonly #text: string;
  readonly #budget = new Budget();
  #at = 0;

  constructor(text: string) {
    this.#text = text;
  }

  read(root: TreeNode[]): void {
    this.#blank();
    this.#value(null, root, 0);
    this.#blank();
    if (this.#at < this.#text.length) this.#fail('Something follows the value');
  }

  #value(key: string | null, into: TreeNode[], depth: number): void {
    this.#budget.take(depth);
    const first = this.#text[this.#at];
    if (first === '{') this.#object(key, into, depth);
    else if (first === '[') this.#list(key, into, depth);
    else if (first === '"') into.push(leaf(key, 'text', this.#string()));
    else into.push(this.#scalar(key));
  }

  #object(key: string | null, into: TreeNode[], depth: number): void {
    const node = container(key, 'map');
    into.push(node);
    this.#at++;
    this.#blank();
    if (this.#text[this.#at] === '}') return void this.#at++;
    for (;;) {
      this.#blank();
      if (this.#text[this.#at] !== '"') this.#fail('A name in quotes is missing');
      const name = this.#string();
      this.#blank();
      if (this.#text[this.#at] !== ':') this.#fail('A colon is missing');
      this.#at++;
      this.#blank();
      this.#value(name, node.children, depth + 1);
      if (this.#ends('}')) return;
    }
  }

  #list(key: string | null, into: TreeNode[], depth: number): void {
    const node = container(key, 'list');
    into.push(node);
    this.#at++;
    this.#blank();
    if (this.#text[this.#at] === ']') return void this.#at++;
    for (let index = 0; ; index++) {
      this.#blank();
      this.#value(String(index), node.children, depth + 1);
      if (this.#ends(']')) return;
    }
  }

  /** After an element: true at the end of the container, false after a comma. */
  #ends(close: string): boolean {
    this.#blank();
    const mark = this.#text[this.#at];
    if (mark !== ',' && mark !== close) this.#fail(`“,” or “${close}” is missing`);
    this.#at++;
    return mark === close;
  }

  #string(): string {
    const quoted = this.#match(STRING);
    if (quoted === null) this.#fail('A string is not closed or has a character that it may not have');
    return JSON.parse(quoted) as string;
  }

  #scalar(key: string | null): TreeNode {
    for (const word of ['true', 'false', 'null']) {
      if (!this.#text.startsWith(word, this.#at)) continue;
      this.#at += word.length;
      return leaf(key, 'word', word);
    }
    const number = this.#match(NUMBER);
    if (number === null) this.#fail('A value is missing');
    return leaf(key, 'number', number);
  }

  #match(pattern: RegExp): string | null {
    pattern.lastIndex = this.#at;
    const found = pattern.exec(this.#text)?.[0];
    if (found === undefined) return null;
    this.#at += found.length;
    return found;
  }

  #blank(): void {
    this.#match(BLANK);
  }

  #fail(what: string): never {
    if (this.#at >= this.#text.length) throw new Fault('The JSON breaks off before its end.');
    const before = this.#text.slice(0, this.#at).split('\n');
    throw new Fault(`${what}: line ${before.length}, column ${before.at(-1)!.length + 1}.`);
  }
}

/** The tree as indented JSON again, numbers as they were. Only for trees of `decodeJson`. */
export function printJson(node: TreeNode, indent = ''): string {
  const inner = `${indent}  `;
  if (node.kind === 'text') return JSON.stringify(node.text);
  if (node.kind !== 'map' && node.kind !== 'list') return node.text;
  const [open, close] = node.kind === 'map' ? '{}' : '[]';
  if (node.children.length === 0) return `${open}${close}`;
  const lines = node.children.map((child) => {
    const name = node.kind === 'map' ? `${JSON.stringify(child.key)}: ` : '';
    return `${inner}${name}${printJson(child, inner)}`;
  });
  return `${open}\n${lines.join(',\n')}\n${indent}${close}`;
}
