/** CBOR (RFC 8949) as a tree in the manner of its diagnostic notation: tags, byte strings and key types are kept. */
import { Tokenizer, Type } from 'cborg';
import type { Token } from 'cborg';
import { Budget, container, decodeWith, Fault, floatText, hexOf, leaf, numberText } from './tree.ts';
import type { Decoded, TreeNode } from './tree.ts';

/** Registered tags (IANA, RFC 8949 §3.4, RFC 9164, RFC 8746) that a device is likely to send. */
const TAGS: Record<string, string> = {
  0: 'date and time',
  1: 'epoch time',
  2: 'unsigned bignum',
  3: 'negative bignum',
  4: 'decimal fraction',
  5: 'bigfloat',
  21: 'as base64url',
  22: 'as base64',
  23: 'as base16',
  24: 'encoded CBOR',
  32: 'URI',
  33: 'base64url',
  34: 'base64',
  37: 'UUID',
  52: 'IPv4',
  54: 'IPv6',
  100: 'days since 1970',
  258: 'set',
  55799: 'self-described CBOR',
};

export function decodeCbor(bytes: Uint8Array): Decoded {
  return decodeWith((root) => {
    if (bytes.byteLength === 0) throw new Fault('There is no CBOR in an empty payload.');
    const reader = new CborReader(bytes);
    reader.value(null, root, 0);
    reader.end();
  });
}

class CborReader {
  readonly #tokens: Tokenizer;
  readonly #bytes: Uint8Array;
  readonly #budget = new Budget();

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
    this.#tokens = new Tokenizer(bytes, { allowIndefinite: true, allowUndefined: true, allowBigInt: true });
  }

  /** False where the break of an indefinite container stood instead of a value. */
  value(key: string | null, into: TreeNode[], depth: number): boolean {
    this.#budget.take(depth);
    const token = this.#next();
    const { name } = token.type;
    if (name === 'break') return false;
    if (name === 'array') this.#list(key, token, into, depth);
    else if (name === 'map') this.#map(key, token, into, depth);
    else if (name === 'tag') this.#tag(key, token, into, depth);
    else into.push(scalar(key, token));
    return true;
  }

  end(): void {
    const left = this.#bytes.byteLength - this.#tokens.pos();
    if (left > 0) throw new Fault(`The value ends at byte ${this.#tokens.pos()}, and ${left} more follow.`);
  }

  #next(): Token {
    const at = this.#tokens.pos();
    if (this.#tokens.done()) throw new Fault(`The CBOR breaks off at byte ${at}.`);
    let token: Token;
    try {
      token = this.#tokens.next();
    } catch (error) {
      const why = error instanceof Error ? error.message.replace(/^CBOR decode error: /, '') : String(error);
      throw new Fault(`Not CBOR at byte ${at}: ${why}.`);
    }
    if (this.#tokens.pos() > this.#bytes.byteLength) throw new Fault(`The CBOR breaks off at byte ${at}.`);
    return token;
  }

  #list(key: string | null, token: Token, into: TreeNode[], depth: number): void {
    const endless = token.value === Infinity;
    const node = container(key, 'list', endless ? 'indefinite' : '');
    into.push(node);
    for (let index = 0; index < token.value; index++) {
      if (!this.value(String(index), node.children, depth + 1)) return this.#broken(endless);
    }
  }

  #map(key: string | null, token: Token, into: TreeNode[], depth: number): void {
    const endless = token.value === Infinity;
    const node = container(key, 'map', endless ? 'indefinite' : '');
    into.push(node);
    for (let index = 0; index < token.value; index++) {
      const keys: TreeNode[] = [];
      if (!this.value(null, keys, depth + 1)) return this.#broken(endless);
      if (!this.value(keyText(keys[0]!), node.children, depth + 1)) return this.#broken(false);
    }
  }

  #tag(key: string | null, token: Token, into: TreeNode[], depth: number): void {
    const number = String(token.value);
    const meaning = TAGS[number];
    const node = container(key, 'tag', `tag ${number}${meaning === undefined ? '' : `: ${meaning}`}`);
    into.push(node);
    if (!this.value(null, node.children, depth + 1)) this.#broken(false);
    node.text = meant(number, node.children[0]);
  }

  #broken(allowed: boolean): void {
    if (!allowed) throw new Fault(`A break stands at byte ${this.#tokens.pos() - 1}, where no list ends.`);
  }
}

function scalar(key: string | null, token: Token): TreeNode {
  const { type } = token;
  if (Type.equals(type, Type.uint) || Type.equals(type, Type.negint)) {
    return leaf(key, 'number', numberText(token.value as number | bigint));
  }
  if (Type.equals(type, Type.bytes)) return leaf(key, 'bytes', hexOf(token.value as Uint8Array));
  if (Type.equals(type, Type.string)) return leaf(key, 'text', token.value as string);
  if (Type.equals(type, Type.float)) {
    const width = { 3: 'half', 5: 'single', 9: 'double' }[token.encodedLength ?? 0] ?? '';
    const text = (width === 'single' ? floatText : numberText)(token.value as number);
    return leaf(key, 'number', text, width === '' ? '' : `${width} float`);
  }
  return leaf(key, 'word', type.name);
}

/** Keys of another type than text are written as in diagnostic notation. */
function keyText(node: TreeNode): string {
  if (node.kind === 'bytes') return `h'${node.text}'`;
  if (node.kind === 'text' || node.children.length === 0) return node.text;
  return `${node.note}(${node.children.map(keyText).join(', ')})`;
}

/** What the common tags say, in words. */
function meant(tag: string, inner: TreeNode | undefined): string {
  if (inner === undefined) return '';
  if (tag === '1' && inner.kind === 'number') {
    const date = new Date(Number(inner.text) * 1_000);
    return Number.isNaN(date.getTime()) ? '' : date.toISOString();
  }
  if ((tag === '2' || tag === '3') && inner.kind === 'bytes' && inner.text.length <= 512) {
    const value = BigInt(`0x${inner.text === '' ? '0' : inner.text}`);
    return String(tag === '2' ? value : -1n - value);
  }
  if (tag === '37' && inner.kind === 'bytes' && inner.text.length === 32) {
    return inner.text.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5');
  }
  return '';
}
