/** Protocol Buffers without a schema: field numbers, wire types, and what the bytes may mean. */
import { BinaryReader, WireType } from '@bufbuild/protobuf/wire';
import { decodeText } from '../lib/payload.ts';
import { Budget, container, decodeWith, Fault, floatText, hexOf, leaf, numberText } from './tree.ts';
import type { Decoded, TreeNode } from './tree.ts';

export function decodeProtobufWire(bytes: Uint8Array): Decoded {
  return decodeWith((root) => {
    const node = container(null, 'map', 'message');
    root.push(node);
    readMessage(bytes, node, 0, new Budget());
  });
}

export function readerFault(error: unknown, at: number): Fault {
  if (error instanceof Fault) return error;
  const why = error instanceof Error ? error.message : String(error);
  if (/premature EOF|out of range|Offset is outside/i.test(why))
    return new Fault(`The message breaks off at byte ${at}.`);
  return new Fault(`Not a Protocol Buffers message at byte ${at}: ${why}.`);
}

function readMessage(bytes: Uint8Array, into: TreeNode, depth: number, budget: Budget): void {
  const reader = new BinaryReader(bytes);
  while (reader.pos < reader.len) {
    const at = reader.pos;
    try {
      const [field, type] = reader.tag();
      readUnknown(reader, field, type, String(field), into, depth + 1, budget);
    } catch (error) {
      throw readerFault(error, at);
    }
  }
}

/** One field of unknown meaning, the tag already read. */
export function readUnknown(
  reader: BinaryReader,
  field: number,
  type: WireType,
  key: string,
  into: TreeNode,
  depth: number,
  budget: Budget,
): void {
  budget.take(depth);
  if (type === WireType.Varint) {
    const value = BigInt(reader.uint64());
    into.children.push(leaf(key, 'number', String(value), varintNote(value)));
  } else if (type === WireType.Bit32) {
    const at = reader.pos;
    const value = reader.fixed32();
    reader.pos = at;
    into.children.push(leaf(key, 'number', String(value), `32-bit, as float ${floatText(reader.float())}`));
  } else if (type === WireType.Bit64) {
    const at = reader.pos;
    const value = reader.fixed64();
    reader.pos = at;
    into.children.push(
      leaf(key, 'number', String(value), `64-bit, as double ${numberText(reader.double())}`),
    );
  } else if (type === WireType.LengthDelimited) {
    into.children.push(delimited(key, reader.bytes(), depth, budget));
  } else if (type === WireType.StartGroup) {
    const node = container(key, 'map', 'group');
    into.children.push(node);
    for (;;) {
      const [inner, innerType] = reader.tag();
      if (innerType === WireType.EndGroup) {
        if (inner !== field) throw new Fault(`Group ${field} ends as group ${inner}.`);
        return;
      }
      readUnknown(reader, inner, innerType, String(inner), node, depth + 1, budget);
    }
  } else throw new Fault(`A group ends that never began (field ${field}).`);
}

function varintNote(value: bigint): string {
  if (value > 0x7fff_ffff_ffff_ffffn) return `varint, signed ${BigInt.asIntN(64, value)}`;
  return 'varint';
}

/** Text where it reads as text, else a message where all of it does, else bytes: the wire does not say which. */
function delimited(key: string, bytes: Uint8Array, depth: number, budget: Budget): TreeNode {
  const text = decodeText(bytes);
  if (text !== null) return leaf(key, 'text', text, 'length-delimited');
  const node = container(key, 'map', 'length-delimited, reads as a message');
  try {
    readMessage(bytes, node, depth, budget);
    return node;
  } catch {
    return leaf(key, 'bytes', hexOf(bytes), 'length-delimited');
  }
}
