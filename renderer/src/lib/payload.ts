/** How bytes are shown to people. Pure. */
const strict = new TextDecoder('utf-8', { fatal: true });

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
