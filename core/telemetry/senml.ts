import { cutUnit } from './units.ts';

/** SenML in JSON (RFC 8428). Only numbers become readings; texts, flags, data and sums alone are left out. */

/** Numbers of a pack as columns. `tSeconds` is resolved (§4.6) and may be relative (§4.5.3). */
export interface SenmlPack {
  names: string[];
  units: string[];
  values: number[];
  tSeconds: number[];
  /** Values past the limit or not finite once base and own value are added. */
  leftOut: number;
  notFinite: number;
  /** Values whose name is too long to become a series. */
  longNames: number;
}

/** Version of the format that this is (§4.4): a pack of a later one is refused. */
const SENML_VERSION = 10;
/** Times below this many seconds are relative to now (§4.5.3). */
const RELATIVE_BELOW_S = 2 ** 28;
/** Characters of base name and name together: a base name is repeated for every record. */
const LONGEST_NAME = 1_024;

const NUMBER_LABELS = ['bt', 'bv', 'bs', 'bver', 'v', 's', 't', 'ut'];
const TEXT_LABELS = ['bn', 'bu', 'n', 'u', 'vs', 'vd'];
const VALUE_LABELS = ['v', 'vs', 'vb', 'vd', 's'];

type SenmlRecord = Record<string, unknown>;

/** True when a JSON value has the form of a SenML pack, for payloads that do not say what they are. */
export function looksLikeSenml(json: unknown): json is SenmlRecord[] {
  if (!Array.isArray(json) || json.length === 0 || !json.every(isRecord)) return false;
  const first = json[0] as SenmlRecord;
  const named = typeof own(first, 'n') === 'string' || typeof own(first, 'bn') === 'string';
  return named && json.some((record) => VALUE_LABELS.some((label) => Object.hasOwn(record, label)));
}

/** @returns null when it is no SenML pack that may be processed. */
export function readSenml(json: unknown, maxValues: number): SenmlPack | null {
  if (!Array.isArray(json) || !json.every(isRecord)) return null;
  const pack: SenmlPack = {
    names: [],
    units: [],
    values: [],
    tSeconds: [],
    leftOut: 0,
    notFinite: 0,
    longNames: 0,
  };
  const base = { name: '', unit: '', time: 0, value: 0 };
  for (const record of json) {
    if (!wellFormed(record)) return null;
    if (typeof own(record, 'bn') === 'string') base.name = own(record, 'bn') as string;
    if (typeof own(record, 'bu') === 'string') base.unit = own(record, 'bu') as string;
    if (typeof own(record, 'bt') === 'number') base.time = own(record, 'bt') as number;
    if (typeof own(record, 'bv') === 'number') base.value = own(record, 'bv') as number;
    const v = own(record, 'v');
    if (typeof v !== 'number') {
      if (VALUE_LABELS.some((label) => Object.hasOwn(record, label))) pack.leftOut++;
      continue;
    }
    const value = base.value + v;
    const name = (own(record, 'n') as string | undefined) ?? '';
    if (!Number.isFinite(value)) {
      pack.notFinite++;
      pack.leftOut++;
    } else if (pack.values.length === maxValues) {
      pack.leftOut++;
    } else if (base.name.length + name.length > LONGEST_NAME) {
      pack.longNames++;
      pack.leftOut++;
    } else {
      pack.names.push(base.name + name);
      pack.units.push(cutUnit((own(record, 'u') as string | undefined) ?? base.unit));
      pack.values.push(value);
      pack.tSeconds.push(base.time + ((own(record, 't') as number | undefined) ?? 0));
    }
  }
  return pack;
}

/** A resolved SenML time as ms since the epoch; 0 (none given) is now. */
export function msOfSenmlTime(tSeconds: number, receivedMs: number): number {
  if (tSeconds >= RELATIVE_BELOW_S) return tSeconds * 1_000;
  return receivedMs + tSeconds * 1_000;
}

function wellFormed(record: SenmlRecord): boolean {
  for (const label of Object.keys(record)) {
    // §4.4: a label that ends in "_" must be understood, and none is known here.
    if (label.endsWith('_')) return false;
  }
  const version = own(record, 'bver');
  if (typeof version === 'number' && version > SENML_VERSION) return false;
  return (
    NUMBER_LABELS.every((label) => has(record, label, 'number')) &&
    TEXT_LABELS.every((label) => has(record, label, 'string')) &&
    has(record, 'vb', 'boolean')
  );
}

function has(record: SenmlRecord, label: string, type: string): boolean {
  return !Object.hasOwn(record, label) || typeof record[label] === type;
}

/** Own fields only: a record has no business with `Object.prototype`. */
function own(record: SenmlRecord, label: string): unknown {
  return Object.hasOwn(record, label) ? record[label] : undefined;
}

function isRecord(value: unknown): value is SenmlRecord {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
