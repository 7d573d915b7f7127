import { isUtf8 } from 'node:buffer';

export const PREVIEW_BYTES = 512;

/**
 * The first 512 bytes of a payload as text, null when they are not UTF-8.
 * @param kept the payload or its beginning, at least 512 bytes of a longer one
 * @param payloadBytes length of the whole payload
 */
export function textPreview(
  kept: Uint8Array,
  payloadBytes: number,
): { text: string | null; truncated: boolean } {
  const truncated = payloadBytes > PREVIEW_BYTES;
  const end = truncated ? wholeCharacters(kept, Math.min(PREVIEW_BYTES, kept.length)) : kept.length;
  const bytes = Buffer.from(kept.buffer, kept.byteOffset, end);
  return isUtf8(bytes) ? { text: bytes.toString('utf8'), truncated } : { text: null, truncated };
}

/** `end`, or up to three bytes less when a character is cut there. */
function wholeCharacters(bytes: Uint8Array, end: number): number {
  for (let back = 1; back <= 3 && back <= end; back++) {
    const byte = bytes[end - back]!;
    if ((byte & 0xc0) === 0x80) continue;
    const length = byte >= 0xf0 ? 4 : byte >= 0xe0 ? 3 : byte >= 0xc0 ? 2 : 1;
    return length > back ? end - back : end;
  }
  return end;
}
