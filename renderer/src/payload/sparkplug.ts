/** Sparkplug B (Eclipse, 3.0 §6.4): the payload's schema, and its metrics as rows. */
import { decodeProtobuf } from './protobuf-message.ts';
import { compileProto } from './protobuf-types.ts';
import type { ProtoTypes } from './protobuf-types.ts';
import type { TreeNode } from './tree.ts';

/** Field numbers and types of 3.0 §6.4.1, in our own words. */
const SCHEMA = `syntax = "proto2"; package sparkplug;
message Payload { optional uint64 timestamp = 1; repeated Metric metrics = 2; optional uint64 seq = 3;
  optional string uuid = 4; optional bytes body = 5; }
message Metric { optional string name = 1; optional uint64 alias = 2; optional uint64 timestamp = 3;
  optional uint32 datatype = 4; optional bool is_historical = 5; optional bool is_transient = 6;
  optional bool is_null = 7; optional MetaData metadata = 8; optional PropertySet properties = 9;
  optional uint32 int_value = 10; optional uint64 long_value = 11; optional float float_value = 12;
  optional double double_value = 13; optional bool boolean_value = 14; optional string string_value = 15;
  optional bytes bytes_value = 16; optional DataSet dataset_value = 17; optional Template template_value = 18; }
message MetaData { optional bool is_multi_part = 1; optional string content_type = 2; optional uint64 size = 3;
  optional uint64 seq = 4; optional string file_name = 5; optional string file_type = 6; optional string md5 = 7;
  optional string description = 8; }
message PropertySet { repeated string keys = 1; repeated PropertyValue values = 2; }
message PropertySetList { repeated PropertySet propertyset = 1; }
message PropertyValue { optional uint32 type = 1; optional bool is_null = 2; optional uint32 int_value = 3;
  optional uint64 long_value = 4; optional float float_value = 5; optional double double_value = 6;
  optional bool boolean_value = 7; optional string string_value = 8; optional PropertySet propertyset_value = 9;
  optional PropertySetList propertysets_value = 10; }
message DataSet { optional uint64 num_of_columns = 1; repeated string columns = 2; repeated uint32 types = 3;
  repeated Row rows = 4;
  message Value { optional uint32 int_value = 1; optional uint64 long_value = 2; optional float float_value = 3;
    optional double double_value = 4; optional bool boolean_value = 5; optional string string_value = 6; }
  message Row { repeated Value elements = 1; } }
message Template { optional string version = 1; repeated Metric metrics = 2; repeated Parameter parameters = 3;
  optional string template_ref = 4; optional bool is_definition = 5;
  message Parameter { optional string name = 1; optional uint32 type = 2; optional uint32 int_value = 3;
    optional uint64 long_value = 4; optional float float_value = 5; optional double double_value = 6;
    optional bool boolean_value = 7; optional string string_value = 8; } }`;

/** Data types by number (3.0 §6.4.16). */
const TYPES = [
  'Unknown', 'Int8', 'Int16', 'Int32', 'Int64', 'UInt8', 'UInt16', 'UInt32', 'UInt64', 'Float', 'Double', 'Boolean',
  'String', 'DateTime', 'Text', 'UUID', 'DataSet', 'Bytes', 'File', 'Template', 'PropertySet', 'PropertySetList',
  'Int8Array', 'Int16Array', 'Int32Array', 'Int64Array', 'UInt8Array', 'UInt16Array', 'UInt32Array', 'UInt64Array',
  'FloatArray', 'DoubleArray', 'BooleanArray', 'StringArray', 'DateTimeArray',
]; // prettier-ignore
const SIGNED_BITS: Record<string, number> = { Int8: 8, Int16: 16, Int32: 32, Int64: 64 };

export interface SparkplugMetric {
  /** Null in DATA messages that give the alias only. */
  name: string | null;
  alias: string | null;
  type: string;
  /** Null where the metric says is_null, or brings none. */
  value: string | null;
  /** ms since the epoch, null without one. */
  timeMs: number | null;
  isNull: boolean;
  historical: boolean;
  transient: boolean;
  /** What a data set, template or property set holds; null for plain values. */
  detail: TreeNode | null;
}

export interface SparkplugPayload {
  timeMs: number | null;
  seq: string | null;
  uuid: string | null;
  metrics: SparkplugMetric[];
  problem: string | null;
}

let schema: ProtoTypes | undefined;

/** Topics of messages; STATE messages are JSON and not meant. */
export function isSparkplugTopic(topic: string): boolean {
  return /^spBv1\.0\/[^/]+\/[ND](?:BIRTH|DEATH|DATA|CMD)(?:\/|$)/.test(topic);
}

export function decodeSparkplug(bytes: Uint8Array): SparkplugPayload {
  schema ??= compileProto([{ name: 'sparkplug_b.proto', text: SCHEMA }]);
  const { tree, problem } = decodeProtobuf(bytes, schema, 'sparkplug.Payload');
  const stray = tree?.children.find((child) => child.key?.startsWith('#'));
  return {
    timeMs: numberOf(tree, 'timestamp'),
    seq: textOf(tree, 'seq'),
    uuid: textOf(tree, 'uuid'),
    metrics: childOf(tree, 'metrics')?.children.map(metric) ?? [],
    problem: problem ?? (stray === undefined ? null : `Field ${stray.key} is none of a Sparkplug payload.`),
  };
}

function metric(node: TreeNode): SparkplugMetric {
  const number = numberOf(node, 'datatype');
  const type = number === null ? '' : (TYPES[number] ?? `type ${number}`);
  const held = node.children.find((child) => child.key?.endsWith('_value'));
  const isNull = textOf(node, 'is_null') === 'true';
  const plain = held === undefined || isNull || held.children.length > 0 ? null : valueText(held, type);
  const properties = childOf(node, 'properties');
  return {
    name: textOf(node, 'name'),
    alias: textOf(node, 'alias'),
    type,
    value: plain,
    timeMs: numberOf(node, 'timestamp'),
    isNull,
    historical: textOf(node, 'is_historical') === 'true',
    transient: textOf(node, 'is_transient') === 'true',
    detail: held !== undefined && held.children.length > 0 ? held : (properties ?? null),
  };
}

/** Signed numbers travel as unsigned ones of the same bits (3.0 §6.4.16); times as ms. */
function valueText(held: TreeNode, type: string): string {
  const bits = SIGNED_BITS[type];
  if (bits !== undefined && held.kind === 'number' && /^\d+$/.test(held.text)) {
    return String(BigInt.asIntN(bits, BigInt(held.text)));
  }
  if (type === 'DateTime' && held.kind === 'number') {
    const date = new Date(Number(held.text));
    if (!Number.isNaN(date.getTime())) return date.toISOString();
  }
  return held.kind === 'bytes' ? `h'${held.text}'` : held.text;
}

function childOf(node: TreeNode | null, name: string): TreeNode | undefined {
  return node?.children.find((child) => child.key === name);
}

function textOf(node: TreeNode | null, name: string): string | null {
  return childOf(node, name)?.text ?? null;
}

function numberOf(node: TreeNode | null, name: string): number | null {
  const text = textOf(node, name);
  return text === null ? null : Number(text);
}
