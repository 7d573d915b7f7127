/** A Protocol Buffers message with its type. Fields that the type does not know are shown as they lie on the wire. */
import { BinaryReader, WireType } from '@bufbuild/protobuf/wire';
import { readerFault, readUnknown } from './protobuf-wire.ts';
import type { ProtoField, ProtoTypes } from './protobuf-types.ts';
import { Budget, container, decodeWith, Fault, floatText, hexOf, leaf, numberText } from './tree.ts';
import type { Decoded, TreeNode } from './tree.ts';

export function decodeProtobuf(bytes: Uint8Array, types: ProtoTypes, message: string): Decoded {
  return decodeWith((root) => {
    if (!types.messages.has(message)) throw new Fault(`No loaded .proto file defines ${message}.`);
    const node = container(null, 'map', message);
    root.push(node);
    new MessageReader(types).read(bytes, message, node, 0);
  });
}

const WIRE: Record<string, WireType> = {
  double: WireType.Bit64,
  fixed64: WireType.Bit64,
  sfixed64: WireType.Bit64,
  float: WireType.Bit32,
  fixed32: WireType.Bit32,
  sfixed32: WireType.Bit32,
  string: WireType.LengthDelimited,
  bytes: WireType.LengthDelimited,
};

class MessageReader {
  readonly #types: ProtoTypes;
  readonly #budget = new Budget();

  constructor(types: ProtoTypes) {
    this.#types = types;
  }

  read(bytes: Uint8Array, message: string, into: TreeNode, depth: number): void {
    const fields = this.#types.messages.get(message)!;
    const reader = new BinaryReader(bytes);
    while (reader.pos < reader.len) {
      const at = reader.pos;
      try {
        const [number, wire] = reader.tag();
        const field = fields.get(number);
        if (field === undefined || !fits(field, wire)) {
          readUnknown(reader, number, wire, `#${number}`, into, depth + 1, this.#budget);
          const added = into.children.at(-1)!;
          added.note = `${field === undefined ? 'not in the type' : `not a ${field.type}`}, ${added.note}`;
        } else this.#field(reader, field, wire, into, depth + 1);
      } catch (error) {
        throw readerFault(error, at);
      }
    }
  }

  #field(reader: BinaryReader, field: ProtoField, wire: WireType, into: TreeNode, depth: number): void {
    if (field.mapKey !== null) {
      this.#entry(reader.bytes(), field, gathered(into, field.name, 'map'), depth + 1);
    } else if (field.repeated) {
      const list = gathered(into, field.name, 'list');
      const packed = wire === WireType.LengthDelimited && wireOf(field) !== WireType.LengthDelimited;
      if (!packed) return this.#value(reader, field, String(list.children.length), list, depth + 1);
      const inner = new BinaryReader(reader.bytes());
      while (inner.pos < inner.len) {
        this.#value(inner, field, String(list.children.length), list, depth + 1);
      }
    } else {
      // Of a field that comes twice the last counts.
      const before = into.children.findIndex((child) => child.key === field.name);
      if (before >= 0) into.children.splice(before, 1);
      this.#value(reader, field, field.name, into, depth);
    }
  }

  #value(reader: BinaryReader, field: ProtoField, key: string, into: TreeNode, depth: number): void {
    this.#budget.take(depth);
    if (field.kind === 'message') {
      const node = container(key, 'map', field.type);
      into.children.push(node);
      this.read(reader.bytes(), field.type, node, depth);
      node.text = timeText(field.type, node);
    } else if (field.kind === 'enum') {
      const number = reader.int32();
      const name = this.#types.enums.get(field.type)!.get(number);
      into.children.push(leaf(key, 'word', name ?? String(number), `${field.type} ${number}`));
    } else into.children.push(scalar(reader, field.type, key));
  }

  #entry(bytes: Uint8Array, field: ProtoField, into: TreeNode, depth: number): void {
    const reader = new BinaryReader(bytes);
    const holder = container(null, 'map');
    let key = field.mapKey === 'string' ? '' : field.mapKey === 'bool' ? 'false' : '0';
    while (reader.pos < reader.len) {
      const [number, wire] = reader.tag();
      if (number === 1) key = scalar(reader, field.mapKey!, null).text;
      else if (number === 2)
        this.#value(reader, { ...field, repeated: false, mapKey: null }, '', holder, depth);
      else reader.skip(wire, number);
    }
    const value = holder.children.at(-1) ?? leaf('', 'word', 'default');
    value.key = key;
    into.children.push(value);
  }
}

function wireOf(field: ProtoField): WireType {
  if (field.kind === 'message') return WireType.LengthDelimited;
  return WIRE[field.type] ?? WireType.Varint;
}

function fits(field: ProtoField, wire: WireType): boolean {
  if (field.mapKey !== null) return wire === WireType.LengthDelimited;
  return wire === wireOf(field) || (field.repeated && wire === WireType.LengthDelimited);
}

function gathered(into: TreeNode, name: string, kind: 'list' | 'map'): TreeNode {
  const known = into.children.find((child) => child.key === name && child.kind === kind);
  if (known !== undefined) return known;
  const node = container(name, kind);
  into.children.push(node);
  return node;
}

function scalar(reader: BinaryReader, type: string, key: string | null): TreeNode {
  if (type === 'string') return leaf(key, 'text', reader.string(), type);
  if (type === 'bytes') return leaf(key, 'bytes', hexOf(reader.bytes()), type);
  if (type === 'bool') return leaf(key, 'word', String(reader.bool()), type);
  if (type === 'float') return leaf(key, 'number', floatText(reader.float()), type);
  // The methods of the reader are named as the types are.
  const read = reader[type as 'int64' | 'double'].bind(reader) as () => number | bigint | string;
  const value = read();
  return leaf(key, 'number', typeof value === 'string' ? value : numberText(value), type);
}

function timeText(type: string, node: TreeNode): string {
  if (type !== 'google.protobuf.Timestamp') return '';
  const part = (name: string) => Number(node.children.find((child) => child.key === name)?.text ?? 0);
  const date = new Date(part('seconds') * 1_000 + part('nanos') / 1e6);
  return Number.isNaN(date.getTime()) ? '' : date.toISOString();
}
