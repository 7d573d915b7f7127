/**
 * SenML (RFC 8428) resolved into plain records (§4.6): base name, time, unit and value are applied, times made absolute
 * (§4.5.3: below 2^28 s they count from now). Both representations: JSON (§5) and CBOR (§6).
 */
import { hexOf } from './tree.ts';
import type { TreeNode } from './tree.ts';

export interface SenmlRecord {
  name: string;
  unit: string;
  /** Null where the record has none. */
  value: string | null;
  kind: 'number' | 'text' | 'boolean' | 'bytes' | 'none';
  /** Integrated value `s`, or empty. */
  sum: string;
  /** ms since the epoch. */
  timeMs: number;
  /** True where the record itself told no time: it is that of its arrival. */
  now: boolean;
  /** Seconds until the next is expected, or empty. */
  updateTime: string;
  /** Fields that no specification of this viewer names; `must` where one ends with `_` and the record may not be used. */
  others: string[];
  must: boolean;
}

export interface SenmlPack {
  records: SenmlRecord[];
  problem: string | null;
}

/** Labels of the CBOR form (RFC 8428 §6, table 4). */
const LABELS: Record<string, string> = {
  '-1': 'bver',
  '-2': 'bn',
  '-3': 'bt',
  '-4': 'bu',
  '-5': 'bv',
  '-6': 'bs',
  '0': 'n',
  '1': 'u',
  '2': 'v',
  '3': 'vs',
  '4': 'vb',
  '5': 's',
  '6': 't',
  '7': 'ut',
  '8': 'vd',
};
const NAMES = new Set(Object.values(LABELS));
const RELATIVE_BELOW_S = 2 ** 28;
const NAME = /^[A-Za-z0-9][A-Za-z0-9\-:./_]*$/;

/** True for a list of maps of which the first has a SenML name or value: what tells it from any other list. */
export function looksLikeSenml(tree: TreeNode | null, form: 'json' | 'cbor'): boolean {
  if (tree?.kind !== 'list' || tree.children.length === 0) return false;
  return tree.children.every((record) => {
    if (record.kind !== 'map' || record.children.length === 0) return false;
    const names = record.children.map((field) => fieldName(field, form));
    return (
      names.every((name) => NAMES.has(name) || name.endsWith('_') || form === 'json') &&
      names.some((name) => ['n', 'bn', 'v', 'vs', 'vb', 'vd', 's', 'bver'].includes(name))
    );
  });
}

export function resolveSenml(tree: TreeNode | null, form: 'json' | 'cbor', nowMs: number): SenmlPack {
  if (tree?.kind !== 'list') return { records: [], problem: 'SenML is a list of records, and this is none.' };
  const base = { name: '', time: 0, unit: '', value: null as string | null, sum: null as string | null };
  const records: SenmlRecord[] = [];
  for (const [index, entry] of tree.children.entries()) {
    if (entry.kind !== 'map') return { records, problem: `Entry ${index + 1} is no record.` };
    const fields = new Map(entry.children.map((field) => [fieldName(field, form), field]));
    const text = (name: string) => fields.get(name)?.text;
    base.name = text('bn') ?? base.name;
    base.time = Number(text('bt') ?? base.time);
    base.unit = text('bu') ?? base.unit;
    base.value = text('bv') ?? base.value;
    base.sum = text('bs') ?? base.sum;
    if (Number(text('bver') ?? 10) > 10)
      return { records, problem: `Version ${text('bver')} is not known here.` };
    const name = base.name + (text('n') ?? '');
    const [kind, value] = valueOf(fields, base.value);
    const sum = fields.has('s') ? added(base.sum, text('s')!) : '';
    if (kind === 'none' && sum === '') continue; // base fields only (RFC 8428 §4.1)
    if (!NAME.test(name))
      return { records, problem: `The name “${name}” of record ${index + 1} breaks RFC 8428 §4.5.1.` };
    const seconds = base.time + Number(text('t') ?? 0);
    if (!Number.isFinite(seconds))
      return { records, problem: `The time of record ${index + 1} is no number.` };
    const others = [...fields.keys()].filter((field) => !NAMES.has(field));
    records.push({
      name,
      unit: text('u') ?? base.unit,
      value,
      kind,
      sum,
      timeMs: seconds < RELATIVE_BELOW_S ? nowMs + seconds * 1_000 : seconds * 1_000,
      now: seconds === 0,
      updateTime: text('ut') ?? '',
      others,
      must: others.some((field) => field.endsWith('_')),
    });
  }
  return { records, problem: records.length === 0 ? 'There is no record with a value.' : null };
}

function fieldName(field: TreeNode, form: 'json' | 'cbor'): string {
  return form === 'cbor' ? (LABELS[field.key ?? ''] ?? field.key ?? '') : (field.key ?? '');
}

function valueOf(
  fields: Map<string, TreeNode>,
  baseValue: string | null,
): [SenmlRecord['kind'], string | null] {
  const number = fields.get('v');
  if (number !== undefined) return ['number', added(baseValue, number.text || decimal(number))];
  if (fields.has('vs')) return ['text', fields.get('vs')!.text];
  if (fields.has('vb')) return ['boolean', fields.get('vb')!.text];
  const data = fields.get('vd');
  if (data !== undefined) return ['bytes', data.kind === 'bytes' ? data.text : base64UrlHex(data.text)];
  return baseValue !== null && fields.has('n') ? ['number', baseValue] : ['none', null];
}

/** Without a base the number stays as it was written. */
function added(base: string | null, value: string): string {
  if (base === null || Number(base) === 0) return value;
  if (/^-?\d+$/.test(base) && /^-?\d+$/.test(value)) return String(BigInt(base) + BigInt(value));
  return String(Number(base) + Number(value));
}

/** Tag 4 of CBOR, [exponent, mantissa], which RFC 8428 §6 allows for numbers. */
function decimal(node: TreeNode): string {
  const [exponent, mantissa] = node.children[0]?.children ?? [];
  return exponent === undefined || mantissa === undefined
    ? 'NaN'
    : String(Number(`${mantissa.text}e${exponent.text}`));
}

function base64UrlHex(text: string): string {
  try {
    const raw = atob(text.replace(/-/g, '+').replace(/_/g, '/'));
    return hexOf(Uint8Array.from(raw, (letter) => letter.charCodeAt(0)));
  } catch {
    return text;
  }
}
