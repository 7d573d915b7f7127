/** Message types out of `.proto` files. */
import parse from 'protocol-buffers-schema';
import type { Schema, SchemaEnum, SchemaMessage } from 'protocol-buffers-schema';

export interface ProtoFile {
  name: string;
  text: string;
}

export interface ProtoField {
  name: string;
  number: number;
  repeated: boolean;
  /** A scalar's name, else the full name of a message or an enum. */
  type: string;
  kind: 'scalar' | 'enum' | 'message';
  /** Of a map its key; the field's type is then that of the values. */
  mapKey: string | null;
}

export interface ProtoTypes {
  /** Full name to fields by number. */
  messages: Map<string, Map<number, ProtoField>>;
  /** Full name to names by number. */
  enums: Map<string, Map<number, string>>;
  /** What could not be read, one line each. */
  problems: string[];
}

export const MAX_PROTO_CHARS = 256 * 1024;
const SCALARS = new Set(
  'double float int32 int64 uint32 uint64 sint32 sint64 fixed32 fixed64 sfixed32 sfixed64 bool string bytes'.split(
    ' ',
  ),
);

/** Types that files import without bringing them along (protobuf.dev, well-known types). */
const WELL_KNOWN = `syntax = "proto3"; package google.protobuf;
message Timestamp { int64 seconds = 1; int32 nanos = 2; }
message Duration { int64 seconds = 1; int32 nanos = 2; }
message Empty {}
message Any { string type_url = 1; bytes value = 2; }
message DoubleValue { double value = 1; }
message FloatValue { float value = 1; }
message Int64Value { int64 value = 1; }
message UInt64Value { uint64 value = 1; }
message Int32Value { int32 value = 1; }
message UInt32Value { uint32 value = 1; }
message BoolValue { bool value = 1; }
message StringValue { string value = 1; }
message BytesValue { bytes value = 1; }
message Struct { map<string, Value> fields = 1; }
message ListValue { repeated Value values = 1; }
enum NullValue { NULL_VALUE = 0; }
message Value { oneof kind { NullValue null_value = 1; double number_value = 2; string string_value = 3;
  bool bool_value = 4; Struct struct_value = 5; ListValue list_value = 6; } }`;

export function compileProto(files: readonly ProtoFile[]): ProtoTypes {
  const types: ProtoTypes = { messages: new Map(), enums: new Map(), problems: [] };
  const schemas: { schema: Schema; file: string }[] = [];
  for (const file of [{ name: 'google/protobuf', text: WELL_KNOWN }, ...files]) {
    const schema = parseOne(file, types.problems);
    if (schema === null) continue;
    schemas.push({ schema, file: file.name });
    const scope = schema.package ?? '';
    for (const one of schema.enums) addEnum(one, scope, types);
    for (const one of schema.messages) declare(one, scope, types);
  }
  for (const { schema, file } of schemas) {
    for (const one of schema.messages) fill(one, schema.package ?? '', types, file);
  }
  return types;
}

/** Names of the messages that the files define, in their order; not the well-known ones. */
export function messageNames(types: ProtoTypes): string[] {
  return [...types.messages.keys()].filter((name) => !name.startsWith('google.protobuf.'));
}

function parseOne(file: ProtoFile, problems: string[]): Schema | null {
  if (file.text.length > MAX_PROTO_CHARS) {
    problems.push(`${file.name}: larger than 256 KiB.`);
    return null;
  }
  // The parser would look for the end of an open `reserved` for ever.
  const bare = file.text.replace(/\/\*[\s\S]*?\*\/|\/\/[^\n]*|"(?:[^"\\\n]|\\.)*"/g, ' ');
  if (/\breserved\b[^;]*(?:\}|$)/.test(bare)) {
    problems.push(`${file.name}: a “reserved” has no semicolon.`);
    return null;
  }
  try {
    return parse(file.text);
  } catch (error) {
    problems.push(`${file.name}: ${error instanceof Error ? error.message : String(error)}`);
    return null;
  }
}

const join = (scope: string, name: string) => (scope === '' ? name : `${scope}.${name}`);

function addEnum(one: SchemaEnum, scope: string, types: ProtoTypes): void {
  const names = Object.entries(one.values).map(([name, { value }]) => [value, name] as const);
  // Of aliases the first name stands.
  types.enums.set(join(scope, one.name), new Map(names.reverse()));
}

function declare(message: SchemaMessage, scope: string, types: ProtoTypes): void {
  const name = join(scope, message.name);
  types.messages.set(name, new Map());
  for (const one of message.enums) addEnum(one, name, types);
  for (const one of message.messages) declare(one, name, types);
}

function fill(message: SchemaMessage, scope: string, types: ProtoTypes, file: string): void {
  const name = join(scope, message.name);
  const fields = types.messages.get(name)!;
  for (const field of message.fields) {
    const written = field.map === null ? field.type : field.map.to;
    const type = SCALARS.has(written) ? written : resolve(written, name, types);
    if (type === null) {
      types.problems.push(`${file}: ${name}.${field.name} is a ${written}, which no loaded file defines.`);
      continue;
    }
    const kind = SCALARS.has(type) ? 'scalar' : types.enums.has(type) ? 'enum' : 'message';
    const mapKey = field.map?.from ?? null;
    fields.set(field.tag, {
      name: field.name,
      number: field.tag,
      repeated: field.repeated || mapKey !== null,
      type,
      kind,
      mapKey,
    });
  }
  for (const one of message.messages) fill(one, name, types, file);
}

/** A name is looked for from the innermost scope outwards; a leading dot means the outermost. */
function resolve(written: string, scope: string, types: ProtoTypes): string | null {
  const known = (name: string) => types.messages.has(name) || types.enums.has(name);
  if (written.startsWith('.')) return known(written.slice(1)) ? written.slice(1) : null;
  for (let within = scope; ; within = within.slice(0, Math.max(0, within.lastIndexOf('.')))) {
    const name = join(within, written);
    if (known(name)) return name;
    if (within === '') return null;
  }
}
