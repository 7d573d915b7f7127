/** What a person fills in to ask, and the request that it makes. Pure. */
import type { CoapMethod } from '../../../../../core/contract/coap.ts';
import type { SavedCoapRequest } from '../../../../../core/contract/coap-browser.ts';
import { readAddress } from '../coap-address.ts';
import { formatText, isCbor, isJson, readFormat } from '../content-formats.ts';
import { encodeOptions, rowsOf } from './option-rows.ts';
import type { EncodedOption, OptionProblem, OptionRow } from './option-rows.ts';
import { asWritten, jsonProblem, payloadBytes } from './payload-forms.ts';
import type { OwnBytes, PayloadForm } from './payload-forms.ts';

export const BLOCK_SIZES = [16, 32, 64, 128, 256, 512, 1024] as const;
export type BlockBytes = (typeof BLOCK_SIZES)[number];
/** The contract keeps no more of a payload. */
export const MAX_SAVED_BYTES = 64 * 1024;
/** Block size that the station begins with over UDP (RFC 7252 §4.6). */
export const USUAL_BLOCK_BYTES = 1024;

export interface AskFields {
  confirmable: boolean;
  blockBytes: BlockBytes | null;
  /** As written: a number, a name, or nothing. */
  accept: string;
  contentFormat: string;
  options: OptionRow[];
  payload: string;
  payloadAs: PayloadForm;
  /** Sent instead of what is written. */
  file: { name: string; bytes: OwnBytes } | null;
}

export const EMPTY_FIELDS: AskFields = {
  confirmable: true,
  blockBytes: null,
  accept: '',
  contentFormat: '',
  options: [],
  payload: '',
  payloadAs: 'text',
  file: null,
};

export interface Request {
  uri: string;
  method: CoapMethod;
  confirmable: boolean;
  payload?: OwnBytes;
  contentFormat?: number;
  accept?: number;
  options?: EncodedOption[];
  blockBytes?: BlockBytes;
}

export interface AskProblems {
  address?: string;
  accept?: string;
  contentFormat?: string;
  payload?: string;
  /** By the id of the line. */
  options: Map<number, OptionProblem>;
}

/** GET and DELETE have a payload without a meaning (RFC 7252 §5.8): none is sent. */
export function carriesPayload(method: CoapMethod): boolean {
  return method !== 'GET' && method !== 'DELETE';
}

/** Bytes of the payload, from the file or from what is written. */
export function bytesOf(fields: AskFields): ReturnType<typeof payloadBytes> {
  if (fields.file !== null) return { ok: true, value: fields.file.bytes };
  return payloadBytes(fields.payload, fields.payloadAs);
}

/** The request, or null and what is wrong with it by field. */
export function compose(
  address: string,
  method: CoapMethod,
  fields: AskFields,
): { request: Request | null; problems: AskProblems } {
  const { options, problems: optionProblems } = encodeOptions(fields.options);
  const problems: AskProblems = { options: optionProblems };
  const at = readAddress(address);
  if (!at.ok) problems.address = at.problem;
  const accept = readFormat(fields.accept);
  if (accept === undefined) problems.accept = 'A number from 0 to 65535, or a name from the list.';
  const request: Request = { uri: at.ok ? at.uri : '', method, confirmable: fields.confirmable };
  if (typeof accept === 'number') request.accept = accept;
  if (fields.blockBytes !== null) request.blockBytes = fields.blockBytes;
  if (options.length > 0) request.options = options;
  if (carriesPayload(method)) addPayload(request, fields, problems);
  const wrong = Object.keys(problems).length > 1 || optionProblems.size > 0;
  return { request: wrong ? null : request, problems };
}

function addPayload(request: Request, fields: AskFields, problems: AskProblems): void {
  const format = readFormat(fields.contentFormat);
  if (format === undefined) problems.contentFormat = 'A number from 0 to 65535, or a name from the list.';
  const bytes = bytesOf(fields);
  if (!bytes.ok) problems.payload = bytes.problem;
  else {
    if (bytes.value.byteLength > 0) request.payload = bytes.value;
    if (typeof format === 'number') {
      request.contentFormat = format;
      const wrong = formatProblem(fields, format);
      if (wrong !== null) problems.payload = wrong;
    }
  }
}

/** Text that is said to be JSON and is none, or CBOR that is written as text. */
function formatProblem({ file, payload, payloadAs }: AskFields, format: number): string | null {
  if (file !== null || payloadAs !== 'text' || payload === '') return null;
  if (isJson(format)) return jsonProblem(payload);
  if (isCbor(format) && /^\s*[[{"]/.test(payload)) {
    return 'This is text, and the format is CBOR. “JSON to CBOR” makes the bytes of it.';
  }
  return null;
}

/** What is kept of the fields; the contract takes at most 64 KiB of payload. */
export function savedOf(
  name: string,
  method: CoapMethod,
  uri: string,
  fields: AskFields,
): Omit<SavedCoapRequest, 'id'> | { problem: string } {
  const { request, problems } = compose(uri, 'POST', fields);
  if (request === null) {
    const first = [problems.address, problems.accept, problems.contentFormat, problems.payload].find(Boolean);
    return { problem: `It cannot be kept like this: ${first ?? 'see the options'}` };
  }
  const payload = request.payload ?? new Uint8Array(0);
  if (payload.byteLength > MAX_SAVED_BYTES) return { problem: 'At most 64 KiB of payload are kept.' };
  return {
    name: name.trim(),
    uri: request.uri,
    method,
    confirmable: fields.confirmable,
    blockBytes: fields.blockBytes,
    accept: request.accept ?? null,
    contentFormat: request.contentFormat ?? null,
    options: request.options ?? [],
    payload,
    payloadAs: fields.payloadAs,
  };
}

/** A saved request back in the fields. Option lines count from `firstId`. */
export function fieldsOf(saved: SavedCoapRequest, firstId: number): AskFields {
  const { form, text } = asWritten(saved.payload, saved.payloadAs);
  return {
    confirmable: saved.confirmable,
    blockBytes: BLOCK_SIZES.find((size) => size === saved.blockBytes) ?? null,
    accept: saved.accept === null ? '' : formatText(saved.accept),
    contentFormat: saved.contentFormat === null ? '' : formatText(saved.contentFormat),
    options: rowsOf(saved.options, firstId),
    payload: text,
    payloadAs: form,
    file: null,
  };
}
