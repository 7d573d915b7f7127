/** Lines of the options table: what a person wrote, as bytes; and bytes of a saved request as lines. Pure. */
import { bytesFromHex } from '../../../payload/bytes.ts';
import { hexOf } from '../../../payload/tree.ts';
import { KNOWN_OPTIONS, knownOption, setElsewhere } from './known-options.ts';
import type { OptionForm } from './known-options.ts';

export interface OptionRow {
  /** Only tells lines apart. */
  id: number;
  /** `If-Match`, `If-Match (1)` or a number. */
  which: string;
  /** Of a number that is not known here; known options have their own. */
  form: OptionForm;
  value: string;
}

export interface OptionProblem {
  which?: string;
  value?: string;
}

export interface EncodedOption {
  number: number;
  value: Uint8Array<ArrayBuffer>;
}

const MAX_NUMBER = 65_535;
/** The contract's bound, and Proxy-Uri's. */
const MAX_VALUE_BYTES = 1_034;
const MAX_UINT = 0xffff_ffff;
export const MAX_OPTIONS = 100;

/** The number that the words mean, or null. */
export function optionNumber(which: string): number | null {
  const text = which.trim();
  const digits = /^\d+$/.test(text) ? text : (/\((\d+)\)$/.exec(text)?.[1] ?? null);
  if (digits !== null) return Number(digits) <= MAX_NUMBER ? Number(digits) : null;
  return KNOWN_OPTIONS.find(({ name }) => name.toLowerCase() === text.toLowerCase())?.number ?? null;
}

/** How the value of a line is written: by the option, or as chosen where it is not known. */
export function formOf(row: OptionRow): OptionForm {
  const number = optionNumber(row.which);
  return (number === null ? undefined : knownOption(number)?.form) ?? row.form;
}

/** Unsigned, without leading zero bytes; 0 is empty (RFC 7252 §3.2). */
export function uintBytes(value: number): Uint8Array<ArrayBuffer> {
  const bytes: number[] = [];
  for (let left = value; left > 0; left = Math.floor(left / 256)) bytes.unshift(left % 256);
  return Uint8Array.from(bytes);
}

/** Every line as an option, or what is wrong with it under its id. Lines with nothing in them are passed over. */
export function encodeOptions(rows: readonly OptionRow[]): {
  options: EncodedOption[];
  problems: Map<number, OptionProblem>;
} {
  const options: EncodedOption[] = [];
  const problems = new Map<number, OptionProblem>();
  for (const row of rows) {
    if (row.which.trim() === '' && row.value.trim() === '') continue;
    const result = encodeRow(row);
    if (!('value' in result) || !(result.value instanceof Uint8Array)) {
      problems.set(row.id, result as OptionProblem);
      continue;
    }
    const option = result as EncodedOption;
    const twice = options.some(({ number }) => number === option.number);
    if (twice && knownOption(option.number)?.repeatable === false) {
      problems.set(row.id, { which: 'This option may be there once only.' });
    } else options.push(option);
  }
  if (options.length > MAX_OPTIONS) {
    problems.set(rows.at(-1)!.id, { which: `At most ${MAX_OPTIONS} options.` });
  }
  return { options, problems };
}

function encodeRow(row: OptionRow): EncodedOption | OptionProblem {
  const number = optionNumber(row.which);
  if (number === null) return { which: 'A name from the list, or a number from 1 to 65535.' };
  if (number === 0) return { which: 'Option 0 is reserved.' };
  const elsewhere = setElsewhere(number);
  if (elsewhere !== null) return { which: elsewhere };
  const value = valueBytes(row.value, formOf(row));
  if (typeof value === 'string') return { value };
  const length = lengthProblem(number, value.byteLength);
  return length === null ? { number, value } : { value: length };
}

/** The bytes, or what is wrong. */
function valueBytes(text: string, form: OptionForm): Uint8Array<ArrayBuffer> | string {
  if (form === 'empty') return new Uint8Array(0);
  if (form === 'text') return new TextEncoder().encode(text);
  if (form === 'hex') return bytesFromHex(text) ?? 'Hex digits in pairs, such as 01 ff.';
  const number = Number(text.trim());
  if (!/^\d+$/.test(text.trim()) || number > MAX_UINT) return 'A whole number, 0 to 4294967295.';
  return uintBytes(number);
}

function lengthProblem(number: number, bytes: number): string | null {
  const option = knownOption(number);
  const [least, most] = option === undefined ? [0, MAX_VALUE_BYTES] : [option.minBytes, option.maxBytes];
  if (bytes >= least && bytes <= most) return null;
  if (option?.form === 'uint') {
    return `${option.name} is a number from ${least === 0 ? 0 : 1} to ${256 ** most - 1}.`;
  }
  const room = least === 0 ? `at most ${most}` : `${least} to ${most}`;
  return `${option?.name ?? 'An option'} has ${room} bytes; these are ${bytes}.`;
}

/** Options of a saved request as lines again. Ids count from `firstId`. */
export function rowsOf(
  options: readonly { number: number; value: Uint8Array }[],
  firstId: number,
): OptionRow[] {
  return options.map(({ number, value }, index) => {
    const option = knownOption(number);
    const form = option?.form ?? guessedForm(value);
    const which = option === undefined ? String(number) : `${option.name} (${number})`;
    return { id: firstId + index, which, form, value: written(value, form) };
  });
}

function guessedForm(value: Uint8Array): OptionForm {
  return value.byteLength === 0 ? 'empty' : 'hex';
}

function written(value: Uint8Array, form: OptionForm): string {
  if (form === 'uint' && value.byteLength <= 4) {
    return String(value.reduce((number, byte) => number * 256 + byte, 0));
  }
  return form === 'empty' ? '' : hexOf(value);
}
