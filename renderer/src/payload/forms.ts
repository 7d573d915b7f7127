/** The ways to show a payload, and which of them fit one. Pure. */
import { decodeText } from '../lib/payload.ts';
import { imageType, isGzip } from './bytes.ts';
import { decodeCbor } from './cbor.ts';
import { decodeJson } from './json.ts';
import { decodeMsgpack } from './msgpack.ts';
import { looksLikeSenml } from './senml.ts';
import { decodeSparkplug, isSparkplugTopic } from './sparkplug.ts';
import type { Decoded, TreeNode } from './tree.ts';

export const FORMS = [
  'json',
  'senml',
  'text',
  'cbor',
  'msgpack',
  'sparkplug',
  'protobuf',
  'wire',
  'image',
  'gzip',
  'base64',
  'hex',
] as const;
export type Form = (typeof FORMS)[number];

export const FORM_NAMES: Record<Form, string> = {
  json: 'JSON',
  senml: 'SenML',
  text: 'Text',
  cbor: 'CBOR',
  msgpack: 'MessagePack',
  sparkplug: 'Sparkplug B',
  protobuf: 'Protobuf',
  wire: 'Protobuf fields',
  image: 'Image',
  gzip: 'Unpacked',
  base64: 'Base64',
  hex: 'Hex',
};

export interface Subject {
  bytes: Uint8Array;
  /** False where `bytes` are only the beginning. */
  whole: boolean;
  topic: string | null;
  /** As the publisher or the CoAP option tells it: `application/cbor`. */
  contentType?: string | undefined;
  /** True when a message type is chosen for the topic. */
  hasProtoType?: boolean | undefined;
}

/** What a content type promises, the more exact first. */
const PROMISES: [RegExp, Form[]][] = [
  [/^application\/(?:senml|sensml)\+json/, ['senml', 'json']],
  [/^application\/(?:senml|sensml)\+cbor/, ['senml', 'cbor']],
  [/^application\/cbor|\+cbor/, ['cbor']],
  [/^application\/(?:vnd\.)?(?:x-)?msgpack/, ['msgpack']],
  [/^application\/(?:vnd\.google\.)?(?:x-)?protobuf/, ['wire']],
  [/^application\/json|\+json/, ['json']],
];

/** The forms that fit, the best first; hex always closes the list. */
export function likelyForms(subject: Subject): Form[] {
  const { bytes, whole, topic } = subject;
  const forms = new Set<Form>();
  const text = decodeText(bytes, whole);
  if (subject.hasProtoType === true) forms.add('protobuf');
  if (topic !== null && isSparkplugTopic(topic) && decodeSparkplug(bytes).problem === null)
    forms.add('sparkplug');
  if (imageType(bytes) !== null) forms.add('image');
  if (isGzip(bytes)) forms.add('gzip');
  for (const form of promised(subject.contentType ?? '')) forms.add(form);
  if (text !== null && text !== '') addText(text, whole, forms);
  else if (bytes.byteLength > 0 && forms.size === 0) addBinary(bytes, whole, forms);
  if (text !== null) forms.add('text');
  forms.add('hex');
  return [...forms];
}

function promised(contentType: string): Form[] {
  const plain = contentType.toLowerCase();
  return PROMISES.find(([pattern]) => pattern.test(plain))?.[1] ?? [];
}

function addText(text: string, whole: boolean, forms: Set<Form>): void {
  if (!/^\s*[[{]/.test(text)) return;
  const { tree, problem } = decodeJson(text);
  if (problem !== null && whole) return;
  if (looksLikeSenml(tree, 'json')) forms.add('senml');
  forms.add('json');
}

function addBinary(bytes: Uint8Array, whole: boolean, forms: Set<Form>): void {
  const fits = ({ tree, problem }: Decoded) => isContainer(tree) && (problem === null || !whole);
  const cbor = decodeCbor(bytes);
  if (looksLikeSenml(cbor.tree, 'cbor') && (cbor.problem === null || !whole)) forms.add('senml');
  // 0x80 to 0x8f begin a small map in MessagePack and a small list in CBOR.
  const pack = decodeMsgpack(bytes);
  const order: [Form, Decoded][] =
    bytes[0]! < 0x90 ? [['msgpack', pack], ['cbor', cbor]] : [['cbor', cbor], ['msgpack', pack]]; // prettier-ignore
  for (const [form, decoded] of order) if (fits(decoded)) forms.add(form);
}

function isContainer(tree: TreeNode | null): boolean {
  if (tree === null) return false;
  return (tree.kind === 'map' || tree.kind === 'list' || tree.kind === 'tag') && tree.children.length > 0;
}

/** The payload as a tree in a form that has one; null for the others. */
export function treeIn(form: Form, bytes: Uint8Array, whole: boolean): Decoded | null {
  if (form === 'cbor') return decodeCbor(bytes);
  if (form === 'msgpack') return decodeMsgpack(bytes);
  if (form !== 'json') return null;
  const text = decodeText(bytes, whole);
  return text === null ? { tree: null, problem: 'The bytes are no UTF-8 text.' } : decodeJson(text);
}
