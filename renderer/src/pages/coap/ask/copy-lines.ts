/** A request as a line for a shell: libcoap's coap-client, and curl through the station's proxy. Pure. */
import { mediaOf } from '../content-formats.ts';
import { readAddress } from '../coap-address.ts';
import type { Request } from './ask-form.ts';
import { base64Of } from '../../../payload/bytes.ts';
import { hexOf } from '../../../payload/tree.ts';

export interface CopyLine {
  /** Null where that program cannot ask this. */
  line: string | null;
  /** What the line leaves out, or why there is none. */
  notes: string[];
}

/** Longer payloads are read from a file: a shell's line has an end. */
const MAX_LINE_PAYLOAD_BYTES = 4_096;
const FILE = 'payload.bin';

/** One word for a POSIX shell. */
export function quoted(text: string): string {
  if (/^[\w@%+=:,./-]+$/.test(text)) return text;
  return `'${text.replaceAll("'", `'\\''`)}'`;
}

/** libcoap 4.3.1: `-e` and `-O` take percent-encoding and 0x. */
export function coapClientLine(request: Request): CopyLine {
  const address = readAddress(request.uri);
  if (!address.ok) return { line: null, notes: [address.problem] };
  if (address.scheme.includes('ws')) return { line: null, notes: ['coap-client does not speak WebSocket.'] };
  const notes: string[] = [];
  const program = address.scheme === 'coaps+tcp' ? 'coap-client-openssl' : 'coap-client-notls';
  const words = [program, '-m', request.method.toLowerCase()];
  if (!request.confirmable) words.push('-N');
  if (request.blockBytes !== undefined) words.push('-b', String(request.blockBytes));
  if (request.accept !== undefined) words.push('-A', String(request.accept));
  if (request.contentFormat !== undefined) words.push('-t', String(request.contentFormat));
  for (const { number, value } of request.options ?? []) words.push('-O', `${number},${optionText(value)}`);
  const { payload } = request;
  if (payload !== undefined && payload.byteLength > MAX_LINE_PAYLOAD_BYTES) {
    words.push('-f', FILE);
    notes.push(`The payload is read from ${FILE}: it is too long for a line.`);
  } else if (payload !== undefined) words.push('-e', percentEncoded(payload));
  words.push(request.uri);
  return { line: words.map(quoted).join(' '), notes };
}

function optionText(value: Uint8Array): string {
  return value.byteLength === 0 ? '' : `0x${hexOf(value)}`;
}

/** What coap-client decodes again: printable ASCII but % stays. */
function percentEncoded(bytes: Uint8Array): string {
  let text = '';
  for (const byte of bytes) {
    const plain = byte >= 0x20 && byte < 0x7f && byte !== 0x25;
    text += plain ? String.fromCharCode(byte) : `%${byte.toString(16).padStart(2, '0').toUpperCase()}`;
  }
  return text;
}

const HTTP_METHODS: Partial<Record<Request['method'], string>> = {
  GET: 'GET',
  POST: 'POST',
  PUT: 'PUT',
  DELETE: 'DELETE',
  PATCH: 'PATCH',
};

/**
 * curl through `/hc/` of the station (RFC 8075).
 *
 * @param station `http://127.0.0.1:8080`, without a slash at the end.
 */
export function curlLine(request: Request, station: string): CopyLine {
  const method = HTTP_METHODS[request.method];
  if (method === undefined) return { line: null, notes: [`HTTP has no ${request.method}.`] };
  const notes = ['TOKEN is a token of this station; the server must be on the list of its proxy.'];
  const words = ['curl', '-i', '-H', 'Authorization: Bearer TOKEN'];
  if (method !== 'GET') words.push('-X', method);
  if (request.accept !== undefined) words.push('-H', `Accept: ${httpMedia(request.accept)}`);
  if (request.contentFormat !== undefined) {
    words.push('-H', `Content-Type: ${httpMedia(request.contentFormat)}`);
  }
  const left: string[] = [];
  for (const option of request.options ?? []) {
    const header = httpHeader(option);
    if (header === null) left.push(String(option.number));
    else words.push('-H', header);
  }
  if (left.length > 0) notes.push(`HTTP cannot carry option ${left.join(', ')}.`);
  if (!request.confirmable) notes.push('The proxy asks with CON.');
  const before = bodyWords(request.payload, words, notes);
  words.push(`${station}/hc/${request.uri}`);
  return { line: before + words.map(quoted).join(' '), notes };
}

/** Media type of a format; without a name as RFC 8075 §6.2 writes it. */
function httpMedia(format: number): string {
  return mediaOf(format) ?? `application/coap-payload;cf=${format}`;
}

/** Conditions that HTTP has too (RFC 8075 §7). */
function httpHeader({ number, value }: { number: number; value: Uint8Array }): string | null {
  const tag = `"${hexOf(value)}"`;
  if (number === 1) return value.byteLength === 0 ? 'If-Match: *' : `If-Match: ${tag}`;
  if (number === 4) return `If-None-Match: ${tag}`;
  return number === 5 ? 'If-None-Match: *' : null;
}

/** Adds the body to the words; gives what stands before curl. */
function bodyWords(payload: Uint8Array | undefined, words: string[], notes: string[]): string {
  if (payload === undefined) return '';
  if (payload.byteLength > MAX_LINE_PAYLOAD_BYTES) {
    words.push('--data-binary', `@${FILE}`);
    notes.push(`The payload is read from ${FILE}: it is too long for a line.`);
    return '';
  }
  if (payload.every((byte) => byte >= 0x20 && byte < 0x7f)) {
    words.push('--data-raw', String.fromCharCode(...payload));
    return '';
  }
  words.push('--data-binary', '@-');
  return `echo ${base64Of(payload)} | base64 -d | `;
}
