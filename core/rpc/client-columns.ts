/** The typed arrays that frames may carry, and how they are found inside a frame. */
import { CodedError } from '../base/errors.ts';

export type Column = Float64Array | Int32Array | Uint8Array;
export type ColumnType = 'f64' | 'i32' | 'u8';
/** Keys that lead from the frame to the column. */
export type ColumnPath = (string | number)[];

export const BYTES_PER_ELEMENT: Record<ColumnType, number> = { f64: 8, i32: 4, u8: 1 };

/** Deeper nesting is a mistake or a cycle: nothing of the contract comes near it. */
const MAX_DEPTH = 32;

export function columnType(column: Column): ColumnType {
  if (column instanceof Float64Array) return 'f64';
  return column instanceof Int32Array ? 'i32' : 'u8';
}

/** A copy that owns its buffer. A Node Buffer becomes a plain Uint8Array. */
export function copyColumn(column: Column): Column {
  if (column instanceof Float64Array) return new Float64Array(column);
  return column instanceof Int32Array ? new Int32Array(column) : new Uint8Array(column);
}

/**
 * `value` with every column replaced by what `replace` gives. Objects on the way are copied only where something
 * below them changed; the value itself is never written to. Throws `rpc.unsendable` for other binary data.
 */
export function replaceColumns(
  value: unknown,
  replace: (column: Column, path: ColumnPath) => unknown,
): unknown {
  return visit(value, [], replace);
}

function visit(
  value: unknown,
  path: ColumnPath,
  replace: (column: Column, path: ColumnPath) => unknown,
): unknown {
  if (typeof value !== 'object' || value === null) return value;
  if (value instanceof Float64Array || value instanceof Int32Array || value instanceof Uint8Array) {
    return replace(value, path.slice());
  }
  if (ArrayBuffer.isView(value) || value instanceof ArrayBuffer) throw unsendable(path, 'binary data');
  if (path.length >= MAX_DEPTH) throw unsendable(path, 'nesting');
  return Array.isArray(value)
    ? visitArray(value, path, replace)
    : visitObject(value as Record<string, unknown>, path, replace);
}

function visitArray(
  items: unknown[],
  path: ColumnPath,
  replace: (column: Column, path: ColumnPath) => unknown,
): unknown[] {
  let copy: unknown[] | undefined;
  for (let index = 0; index < items.length; index++) {
    const item = items[index];
    if (typeof item !== 'object' || item === null) continue;
    path.push(index);
    const replaced = visit(item, path, replace);
    path.pop();
    if (replaced !== item) (copy ??= items.slice())[index] = replaced;
  }
  return copy ?? items;
}

function visitObject(
  object: Record<string, unknown>,
  path: ColumnPath,
  replace: (column: Column, path: ColumnPath) => unknown,
): Record<string, unknown> {
  let copy: Record<string, unknown> | undefined;
  for (const key of Object.keys(object)) {
    const item = object[key];
    if (typeof item !== 'object' || item === null) continue;
    path.push(key);
    const replaced = visit(item, path, replace);
    path.pop();
    if (replaced !== item) (copy ??= { ...object })[key] = replaced;
  }
  return copy ?? object;
}

function unsendable(path: ColumnPath, what: string): CodedError {
  return new CodedError('rpc.unsendable', `A frame cannot carry this ${what} (at ${path.join('.')}).`);
}
