import { encode } from 'cborg';
import type { SeriesInfo } from '../../contract/devices.ts';

/** Content-Formats of what the station answers (RFC 7252 §12.3, RFC 8428 §12.3). */
export const TEXT = 0;
export const LINKS = 40;
export const OCTETS = 42;
export const JSON_TEXT = 50;
export const SENML_JSON = 110;
export const SENML_CBOR = 112;

/** One value as a SenML record (RFC 8428 §4). `name`: what, with the base name, is unique in the world. */
export interface SenmlValue {
  name: string;
  unit: string;
  value: number;
  /** Seconds since the epoch. */
  timeS: number;
}

/** The latest values of these series; those without one are left out. */
export function latestValues(series: readonly SeriesInfo[]): SenmlValue[] {
  const values: SenmlValue[] = [];
  for (const { name, unit, last } of series) {
    if (last !== null) values.push({ name, unit, value: last.v, timeS: last.t / 1_000 });
  }
  return values;
}

/** A pack with a base name, as JSON (RFC 8428 §5). An empty pack is `[]`. */
export function senmlJson(baseName: string, values: readonly SenmlValue[]): Uint8Array {
  const records = values.map(({ name, unit, value, timeS }, index) => ({
    ...(index === 0 ? { bn: baseName } : {}),
    n: name,
    ...(unit === '' ? {} : { u: unit }),
    v: value,
    t: timeS,
  }));
  return Buffer.from(JSON.stringify(records));
}

/** Labels of RFC 8428 §6. */
const BN = -2;
const N = 0;
const U = 1;
const V = 2;
const T = 6;

/** The same as CBOR (RFC 8428 §6). */
export function senmlCbor(baseName: string, values: readonly SenmlValue[]): Uint8Array {
  const records = values.map(({ name, unit, value, timeS }, index) => {
    const record = new Map<number, string | number>();
    if (index === 0) record.set(BN, baseName);
    record.set(N, name);
    if (unit !== '') record.set(U, unit);
    record.set(V, value);
    record.set(T, timeS);
    return record;
  });
  return encode(records);
}

/** In the first format that is offered, or the one asked for; undefined when that one is not offered (4.06). */
export function chosenFormat(accept: number | null, offered: readonly number[]): number | undefined {
  if (accept === null) return offered[0];
  return offered.includes(accept) ? accept : undefined;
}

/**
 * Part of a SenML name: names have letters, digits and `-:./_` only and begin with a letter or a digit (RFC 8428
 * §4.5.1).
 */
export function senmlName(text: string): string {
  const plain = text.replace(/[^A-Za-z0-9\-:./_]/g, '_');
  return /^[A-Za-z0-9]/.test(plain) ? plain : `x${plain}`;
}
