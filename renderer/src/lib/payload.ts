/** How bytes are shown to people. Pure. */
export type PayloadForm = 'json' | 'text' | 'hex';

export interface PayloadView {
  /** Null where the bytes are not UTF-8, or hold control characters that no text has. */
  text: string | null;
  /** Indented, or null where the text is not JSON. */
  json: string | null;
  /** What shows it best. */
  best: PayloadForm;
}

const strict = new TextDecoder('utf-8', { fatal: true });

export function viewPayload(bytes: Uint8Array): PayloadView {
  const text = decodeText(bytes);
  const json = text === null ? null : prettyJson(text);
  return { text, json, best: json !== null ? 'json' : text !== null ? 'text' : 'hex' };
}

/** `whole` is false where `bytes` are the beginning of more: a character cut in two is then left out. */
export function decodeText(bytes: Uint8Array, whole = true): string | null {
  for (let cut = 0; cut <= (whole ? 0 : 3); cut++) {
    try {
      const text = strict.decode(cut === 0 ? bytes : bytes.subarray(0, bytes.byteLength - cut));
      // eslint-disable-next-line no-control-regex -- control characters are what tells bytes from text
      return /[\u0000-\u0008\u000e-\u001f]/.test(text) ? null : text;
    } catch {
      continue;
    }
  }
  return null;
}

/** Objects and lists only: a bare number or word is better shown as it came. */
export function prettyJson(text: string): string | null {
  if (!/^\s*[[{]/.test(text)) return null;
  try {
    return JSON.stringify(JSON.parse(text), null, 2);
  } catch {
    return null;
  }
}

export interface HexLine {
  offset: string;
  hex: string;
  ascii: string;
}

/** Sixteen bytes a line, in two groups of eight. */
export function hexLines(bytes: Uint8Array): HexLine[] {
  const lines: HexLine[] = [];
  for (let start = 0; start < bytes.byteLength; start += 16) {
    let hex = '';
    let ascii = '';
    for (let i = start; i < Math.min(start + 16, bytes.byteLength); i++) {
      const byte = bytes[i]!;
      hex += `${i === start + 8 ? '  ' : i === start ? '' : ' '}${byte.toString(16).padStart(2, '0')}`;
      ascii += byte >= 0x20 && byte < 0x7f ? String.fromCharCode(byte) : '·';
    }
    lines.push({ offset: start.toString(16).padStart(6, '0'), hex, ascii });
  }
  return lines;
}

export interface Token {
  kind: 'key' | 'string' | 'number' | 'word' | 'plain';
  text: string;
}

const TOKENS = /("(?:[^"\\]|\\.)*")(\s*:)?|(-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?)|\b(true|false|null)\b/g;

/** Indented JSON in pieces for colouring; joined they are the text again. */
export function jsonTokens(json: string): Token[] {
  const tokens: Token[] = [];
  let end = 0;
  for (const match of json.matchAll(TOKENS)) {
    if (match.index > end) tokens.push({ kind: 'plain', text: json.slice(end, match.index) });
    const [all, quoted, colon, number] = match;
    if (quoted !== undefined) {
      tokens.push({ kind: colon === undefined ? 'string' : 'key', text: quoted });
      if (colon !== undefined) tokens.push({ kind: 'plain', text: colon });
    } else tokens.push({ kind: number === undefined ? 'word' : 'number', text: all });
    end = match.index + all.length;
  }
  if (end < json.length) tokens.push({ kind: 'plain', text: json.slice(end) });
  return tokens;
}
