/** MessagePack as a tree. Whole numbers of 64 bits are exact; maps keep their order and keys of any type. */
import { decode, ExtData, ExtensionCodec } from '@msgpack/msgpack';
import { Budget, container, decodeWith, Fault, hexOf, leaf, numberText } from './tree.ts';
import type { Decoded, TreeNode } from './tree.ts';

// A codec without extensions gives them back as ExtData; the timestamp (type -1) is read here.
const extensions = new ExtensionCodec();
extensions.register({ type: -1, encode: () => null, decode: (data, type) => new ExtData(type, data) });

export function decodeMsgpack(bytes: Uint8Array): Decoded {
  return decodeWith((root) => {
    if (bytes.byteLength === 0) throw new Fault('There is no MessagePack in an empty payload.');
    // A length that is larger than the payload is refused before memory is taken for it.
    const most = bytes.byteLength;
    let value: unknown;
    try {
      value = decode(bytes, {
        extensionCodec: extensions,
        useBigInt64: true,
        maxStrLength: most,
        maxBinLength: most,
        maxArrayLength: most,
        maxMapLength: most,
        maxExtLength: most,
        // A letter before each key keeps keys that are whole numbers in the order they came.
        keyDecoder: null,
        mapKeyConverter: (key) =>
          typeof key === 'string'
            ? `s${key}`
            : `o${key instanceof Uint8Array ? `h'${hexOf(key)}'` : keyText(key)}`,
      });
    } catch (error) {
      throw new Fault(`Not MessagePack: ${reason(error)}.`);
    }
    add(value, null, root, 0, new Budget());
  });
}

function keyText(key: unknown): string {
  return typeof key === 'object' && key !== null ? JSON.stringify(Object.values(key)) : String(key);
}

function reason(error: unknown): string {
  const text = error instanceof Error ? error.message : String(error);
  if (/Insufficient data|Offset is outside/i.test(text)) return 'it breaks off before its end';
  if (/Extra .* of (\d+) byte/i.test(text)) return 'more bytes follow the value';
  return text.replace(/\.$/, '');
}

function add(value: unknown, key: string | null, into: TreeNode[], depth: number, budget: Budget): void {
  budget.take(depth);
  if (Array.isArray(value)) {
    const node = container(key, 'list');
    into.push(node);
    value.forEach((one, index) => add(one, String(index), node.children, depth + 1, budget));
  } else if (value instanceof Uint8Array) into.push(leaf(key, 'bytes', hexOf(value)));
  else if (value instanceof ExtData) into.push(extension(key, value));
  else if (typeof value === 'object' && value !== null) {
    const node = container(key, 'map');
    into.push(node);
    for (const [name, one] of Object.entries(value))
      add(one, name.slice(1), node.children, depth + 1, budget);
  } else if (typeof value === 'string') into.push(leaf(key, 'text', value));
  else if (typeof value === 'number' || typeof value === 'bigint')
    into.push(leaf(key, 'number', numberText(value)));
  else into.push(leaf(key, 'word', value === null ? 'null' : String(value)));
}

/** Timestamps (type -1) of 4, 8 and 12 bytes in words; other extensions as bytes. */
function extension(key: string | null, { type, data: raw }: ExtData): TreeNode {
  const data = raw instanceof Uint8Array ? raw : raw(0);
  if (type !== -1) return leaf(key, 'bytes', hexOf(data), `extension ${type}`);
  const view = new DataView(data.buffer, data.byteOffset, data.byteLength);
  let ms: number | null = null;
  if (data.byteLength === 4) ms = view.getUint32(0) * 1_000;
  else if (data.byteLength === 8) {
    const both = view.getBigUint64(0);
    ms = Number(both & 0x3_ffff_ffffn) * 1_000 + Number(both >> 34n) / 1e6;
  } else if (data.byteLength === 12) ms = Number(view.getBigInt64(4)) * 1_000 + view.getUint32(0) / 1e6;
  const date = new Date(ms ?? NaN);
  if (Number.isNaN(date.getTime())) return leaf(key, 'bytes', hexOf(data), 'timestamp, not readable');
  return leaf(key, 'word', date.toISOString(), 'timestamp');
}
