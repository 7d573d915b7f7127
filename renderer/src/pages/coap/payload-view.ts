import { isJsonFormat } from './content-formats.ts';

export type PayloadLook = 'text' | 'json' | 'hex';

/** Rows of a hex view that are put on the screen; a count says what is left. */
export const MAX_HEX_ROWS = 512;
const ROW_BYTES = 16;

/** How a payload is shown first: as its format says, else as it can be read. */
export function firstLook(format: number | null, text: string | null): PayloadLook {
  if (text === null) return 'hex';
  if (isJsonFormat(format)) return 'json';
  return format === null && /^\s*[[{]/.test(text) && prettyJson(text) !== null ? 'json' : 'text';
}

/** Indented JSON, or null when the text is none. */
export function prettyJson(text: string): string | null {
  try {
    return JSON.stringify(JSON.parse(text), null, 2);
  } catch {
    return null;
  }
}

export interface HexRow {
  offset: string;
  hex: string;
  text: string;
}

/** 16 bytes a row: `0010`, `48 65 6c …`, `Hel…`. */
export function hexRows(bytes: Uint8Array): HexRow[] {
  const rows: HexRow[] = [];
  for (let at = 0; at < bytes.length && rows.length < MAX_HEX_ROWS; at += ROW_BYTES) {
    const part = [...bytes.subarray(at, at + ROW_BYTES)];
    const hex = part.map((byte) => byte.toString(16).padStart(2, '0'));
    rows.push({
      offset: at.toString(16).padStart(4, '0'),
      hex: `${hex.slice(0, 8).join(' ')}  ${hex.slice(8).join(' ')}`.trimEnd(),
      text: part.map((byte) => (byte >= 0x20 && byte < 0x7f ? String.fromCharCode(byte) : '·')).join(''),
    });
  }
  return rows;
}

/** Bytes written as hex digits with any spacing, or null when that is not what the text is. */
export function bytesFromHex(text: string): Uint8Array<ArrayBuffer> | null {
  const digits = text.replace(/\s+/g, '');
  if (!/^([0-9a-f]{2})*$/i.test(digits)) return null;
  return Uint8Array.from(digits.match(/../g) ?? [], (pair) => Number.parseInt(pair, 16));
}

/** The number a representation consists of, or null: what a small trend could be drawn of. */
export function numberOf(text: string | null): number | null {
  if (text === null || text.trim() === '') return null;
  const value = Number(text.trim());
  return Number.isFinite(value) ? value : null;
}
