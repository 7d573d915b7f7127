/** The payload as it is written, as bytes, and from one way of writing to another without loss. Pure. */
import { encode } from 'cborg';
import { decode as decodeJsonValue } from 'cborg/json';
import { base64Of, bytesFromBase64, bytesFromHex } from '../../../payload/bytes.ts';
import { decodeJson, printJson } from '../../../payload/json.ts';
import { hexOf } from '../../../payload/tree.ts';

export type PayloadForm = 'text' | 'hex' | 'base64';
export type OwnBytes = Uint8Array<ArrayBuffer>;

export const MAX_PAYLOAD_BYTES = 1024 * 1024;
/** Larger files are sent as they are and not put into a text field. */
export const MAX_EDITED_BYTES = 64 * 1024;

export type Made<T> = { ok: true; value: T } | { ok: false; problem: string };
const ok = <T>(value: T): Made<T> => ({ ok: true, value });
const no = (problem: string): Made<never> => ({ ok: false, problem });

/** What is written, as bytes. */
export function payloadBytes(text: string, form: PayloadForm): Made<OwnBytes> {
  const bytes = written(text, form);
  if (bytes === null) {
    return no(form === 'hex' ? 'Hex digits in pairs, such as 01 ff.' : 'This is no base64.');
  }
  return bytes.byteLength > MAX_PAYLOAD_BYTES ? no('Larger than 1 MiB.') : ok(bytes);
}

function written(text: string, form: PayloadForm): OwnBytes | null {
  if (form === 'hex') return bytesFromHex(text);
  return form === 'base64' ? bytesFromBase64(text) : new TextEncoder().encode(text);
}

/** Bytes as text of that form; refused where reading them back would give other bytes. */
export function payloadText(bytes: Uint8Array, form: PayloadForm): Made<string> {
  if (form === 'hex') return ok(hexOf(bytes).replace(/../g, '$& ').trimEnd());
  if (form === 'base64') return ok(base64Of(bytes));
  let text: string;
  try {
    text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    return no('These bytes are no UTF-8 text. They stay as they are.');
  }
  // A text field makes \n of every \r and \r\n; others cannot be seen there.
  if (text.includes('\r'))
    return no('A text field would change the carriage returns in it. It stays as it is.');
  // eslint-disable-next-line no-control-regex -- control characters are what tells bytes from text
  if (/[\u0000-\u0008\u000b\u000c\u000e-\u001f]/.test(text)) {
    return no('There are control characters in it that a text field cannot show. It stays as it is.');
  }
  return ok(text);
}

/** The same bytes written in another form. */
export function rewritten(text: string, from: PayloadForm, to: PayloadForm): Made<string> {
  if (from === to || text === '') return ok(text);
  const bytes = payloadBytes(text, from);
  return bytes.ok
    ? payloadText(bytes.value, to)
    : no(`${bytes.problem} Correct it before it is written in another form.`);
}

/** Bytes of a file or of a saved request: as text where that loses nothing, else as hex. */
export function asWritten(
  bytes: Uint8Array,
  preferred: PayloadForm = 'text',
): { form: PayloadForm; text: string } {
  const first = payloadText(bytes, preferred);
  if (first.ok) return { form: preferred, text: first.value };
  return { form: 'hex', text: (payloadText(bytes, 'hex') as { value: string }).value };
}

/** Why the text is no JSON, or null. */
export function jsonProblem(text: string): string | null {
  return decodeJson(text).problem;
}

/** Indented, numbers as they were written. */
export function indentedJson(text: string): Made<string> {
  const { tree, problem } = decodeJson(text);
  return tree === null || problem !== null ? no(problem ?? 'There is no JSON in it.') : ok(printJson(tree));
}

/** Labels of SenML in CBOR (RFC 8428 §6, table 4). */
const SENML_LABELS: Record<string, number> = {
  bver: -1, bn: -2, bt: -3, bu: -4, bv: -5, bs: -6,
  n: 0, u: 1, v: 2, vs: 3, vb: 4, s: 5, t: 6, ut: 7, vd: 8,
}; // prettier-ignore

/** JSON as CBOR (RFC 8949 §6.2), whole numbers of any size kept; `senml` writes its labels as numbers. */
export function cborOfJson(text: string, senml: boolean): Made<OwnBytes> {
  const problem = jsonProblem(text);
  if (problem !== null) return no(problem);
  try {
    const value: unknown = decodeJsonValue(new TextEncoder().encode(text), { allowBigInt: true });
    return ok(new Uint8Array(encode(senml ? labelled(value) : value)));
  } catch (error) {
    const why =
      error instanceof Error ? error.message.replace(/^CBOR (en|de)code error: /, '') : String(error);
    return no(`It cannot be written as CBOR: ${why}.`);
  }
}

function labelled(value: unknown): unknown {
  if (!Array.isArray(value)) throw new Error('SenML is a list of records');
  return value.map((record: unknown) => {
    if (typeof record !== 'object' || record === null) throw new Error('SenML is a list of records');
    const fields = Object.entries(record).map(([name, field]): [string | number, unknown] => [
      SENML_LABELS[name] ?? name,
      // Data values are base64url text in JSON and bytes in CBOR.
      name === 'vd' && typeof field === 'string' ? (bytesFromBase64(field) ?? field) : field,
    ]);
    return new Map(fields);
  });
}

/** How many blocks it takes (RFC 7959); 1 where it fits into one message. */
export function blockCount(bytes: number, blockBytes: number): number {
  return Math.max(1, Math.ceil(bytes / blockBytes));
}
