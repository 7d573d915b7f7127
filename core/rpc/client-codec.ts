/**
 * Frames as bytes, for transports that have no structured clone. All numbers little-endian:
 *
 *   u32 header length | header: JSON in UTF-8 | zeros up to a multiple of 8 | section | zeros | section ...
 *
 * The header is `{"frame": {...}, "columns": [[path, type, length], ...]}`; each column is null inside the frame
 * and lies in its own section, in order, every section starting at a multiple of 8 from the beginning of the frame
 * so that a Float64Array can be laid over it without a copy. Inside the JSON part a number that is not finite
 * becomes null, as JSON does; columns keep NaN and the infinities.
 */
import { CodedError } from '../base/errors.ts';
import { BYTES_PER_ELEMENT, columnType, replaceColumns } from './client-columns.ts';
import type { Column, ColumnPath, ColumnType } from './client-columns.ts';

export interface CodecLimits {
  maxBytes: number;
  maxColumns: number;
}

/** What a host takes from a screen. */
export const HOST_INBOUND_LIMITS: CodecLimits = { maxBytes: 8 * 1024 * 1024, maxColumns: 64 };
/** What a screen takes from its host: the longest query of the contract fits. */
export const CLIENT_INBOUND_LIMITS: CodecLimits = { maxBytes: 256 * 1024 * 1024, maxColumns: 65_536 };

const MAX_PATH = 32;
const LITTLE_ENDIAN = new Uint8Array(new Uint16Array([1]).buffer)[0] === 1;

const encoder = new TextEncoder();
const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

const align8 = (offset: number): number => (offset + 7) & ~7;

/** Throws `rpc.unsendable` for a frame that JSON and columns cannot carry, `rpc.too_large` for one past all limits. */
export function encodeFrame(frame: object): Uint8Array<ArrayBuffer> {
  if (!LITTLE_ENDIAN) throw new CodedError('rpc.unsendable', 'Columns need a little-endian machine.');
  const columns: Column[] = [];
  const entries: [ColumnPath, ColumnType, number][] = [];
  const bare = replaceColumns(frame, (column, path) => {
    columns.push(column);
    entries.push([path, columnType(column), column.length]);
    return null;
  });
  const header = encoder.encode(toJson({ frame: bare, columns: entries }));
  let total = 4 + header.byteLength;
  for (const column of columns) total = align8(total) + column.byteLength;
  if (total > CLIENT_INBOUND_LIMITS.maxBytes) {
    throw new CodedError('rpc.too_large', 'The answer is too large for one frame. Ask for less at once.');
  }
  const bytes = new Uint8Array(total);
  new DataView(bytes.buffer).setUint32(0, header.byteLength, true);
  bytes.set(header, 4);
  let offset = 4 + header.byteLength;
  for (const column of columns) {
    offset = align8(offset);
    bytes.set(new Uint8Array(column.buffer, column.byteOffset, column.byteLength), offset);
    offset += column.byteLength;
  }
  return bytes;
}

function toJson(value: unknown): string {
  try {
    return JSON.stringify(value);
  } catch (error) {
    throw new CodedError('rpc.unsendable', 'A frame holds something that JSON cannot carry.', {
      cause: error,
    });
  }
}

/**
 * The frame in `bytes`; its shape is not checked here. Throws `rpc.bad_frame` unless every byte is accounted for.
 * Columns are laid over `bytes` when it owns its whole buffer, else copied out of it.
 */
export function decodeFrame(bytes: Uint8Array, limits: CodecLimits): unknown {
  if (bytes.byteLength > limits.maxBytes) throw bad(`more than ${limits.maxBytes} bytes`);
  if (bytes.byteLength < 4) throw bad('shorter than its header length');
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const headerEnd = 4 + view.getUint32(0, true);
  if (headerEnd > bytes.byteLength) throw bad('the header runs past the end');
  const header = parseHeader(bytes.subarray(4, headerEnd));
  if (header.columns.length > limits.maxColumns) throw bad(`more than ${limits.maxColumns} columns`);
  let offset = headerEnd;
  for (const entry of header.columns) {
    const { path, type, length } = checkEntry(entry);
    const start = align8(offset);
    const end = start + length * BYTES_PER_ELEMENT[type];
    if (end > bytes.byteLength) throw bad('a column runs past the end');
    for (let index = offset; index < start; index++) {
      if (bytes[index] !== 0) throw bad('padding is not zero');
    }
    plant(header, path, columnAt(bytes, start, type, length));
    offset = end;
  }
  if (offset !== bytes.byteLength) throw bad('bytes are left over');
  return header.frame;
}

interface Header {
  frame: unknown;
  columns: unknown[];
}

function parseHeader(bytes: Uint8Array): Header {
  let header: unknown;
  try {
    header = JSON.parse(decoder.decode(bytes));
  } catch {
    throw bad('the header is not JSON');
  }
  if (typeof header !== 'object' || header === null) throw bad('the header is not an object');
  const { frame, columns } = header as Partial<Header>;
  if (!Array.isArray(columns)) throw bad('the header lists no columns');
  return { frame, columns };
}

function checkEntry(entry: unknown): { path: ColumnPath; type: ColumnType; length: number } {
  if (!Array.isArray(entry) || entry.length !== 3) throw bad('a column entry has the wrong shape');
  const [path, type, length] = entry as unknown[];
  if (!Array.isArray(path) || path.length === 0 || path.length > MAX_PATH) throw bad('a column has no path');
  if (!path.every((key) => typeof key === 'string' || typeof key === 'number'))
    throw bad('a path is damaged');
  if (type !== 'f64' && type !== 'i32' && type !== 'u8') throw bad('a column has an unknown type');
  if (typeof length !== 'number' || !Number.isSafeInteger(length) || length < 0) {
    throw bad('a column has no length');
  }
  return { path: path as ColumnPath, type, length };
}

function columnAt(bytes: Uint8Array, start: number, type: ColumnType, length: number): Column {
  const whole = bytes.byteLength === bytes.buffer.byteLength;
  const end = start + length * BYTES_PER_ELEMENT[type];
  const buffer = whole ? bytes.buffer : new Uint8Array(bytes.subarray(start, end)).buffer;
  const at = whole ? start : 0;
  if (type === 'f64') return new Float64Array(buffer, at, length);
  return type === 'i32' ? new Int32Array(buffer, at, length) : new Uint8Array(buffer, at, length);
}

/** Puts a column where the frame has null for it. Only own properties are followed, so no path reaches a prototype. */
function plant(header: Header, path: ColumnPath, column: Column): void {
  let container: unknown = header.frame;
  for (let step = 0; step < path.length; step++) {
    const key = path[step]!;
    if (typeof container !== 'object' || container === null || !Object.hasOwn(container, key)) {
      throw bad('a path leads nowhere');
    }
    const owner = container as Record<string | number, unknown>;
    if (step < path.length - 1) {
      container = owner[key];
    } else {
      if (owner[key] !== null || key === '__proto__') throw bad('a path leads to something else');
      owner[key] = column;
    }
  }
}

function bad(why: string): CodedError {
  return new CodedError('rpc.bad_frame', `The frame cannot be read: ${why}.`);
}
