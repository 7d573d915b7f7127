/** Images and packed bytes known by their first bytes; hex and base64 to bytes and back. */

const MAGIC: { type: string; at: number; bytes: number[] }[] = [
  { type: 'image/png', at: 0, bytes: [0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a] },
  { type: 'image/jpeg', at: 0, bytes: [0xff, 0xd8, 0xff] },
  { type: 'image/gif', at: 0, bytes: [0x47, 0x49, 0x46, 0x38] },
  { type: 'image/webp', at: 8, bytes: [0x57, 0x45, 0x42, 0x50] },
];

/** `image/png`, … or null. SVG never: it is a document that may bring a script. */
export function imageType(bytes: Uint8Array): string | null {
  const fits = MAGIC.find(({ at, bytes: magic }) => magic.every((byte, index) => bytes[at + index] === byte));
  return fits?.type ?? null;
}

export function isGzip(bytes: Uint8Array): boolean {
  return bytes[0] === 0x1f && bytes[1] === 0x8b && bytes[2] === 8;
}

const MAX_INFLATED_BYTES = 4 * 1024 * 1024;

/** Unpacks gzip up to 4 MiB. Never rejects. */
export async function inflate(
  bytes: Uint8Array,
): Promise<{ bytes: Uint8Array | null; problem: string | null }> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  let problem: string | null = null;
  try {
    const stream = new Blob([bytes.slice()]).stream().pipeThrough(new DecompressionStream('gzip'));
    const reader = stream.getReader();
    for (;;) {
      const { done, value } = await reader.read();
      if (done) break;
      chunks.push(value);
      size += value.byteLength;
      if (size <= MAX_INFLATED_BYTES) continue;
      problem = 'More than 4 MiB when unpacked; the rest is not shown.';
      await reader.cancel();
      break;
    }
  } catch {
    problem = 'The gzip data is damaged or breaks off.';
  }
  const all = new Uint8Array(size);
  let at = 0;
  for (const chunk of chunks) {
    all.set(chunk, at);
    at += chunk.byteLength;
  }
  return { bytes: size === 0 && problem !== null ? null : all, problem };
}

export function base64Of(bytes: Uint8Array): string {
  let raw = '';
  for (let at = 0; at < bytes.byteLength; at += 0x2000) {
    raw += String.fromCharCode(...bytes.subarray(at, at + 0x2000));
  }
  return btoa(raw);
}

/** Base64 or base64url with any spacing; null where it is none. */
export function bytesFromBase64(text: string): Uint8Array<ArrayBuffer> | null {
  const packed = text.replace(/\s+/g, '').replace(/-/g, '+').replace(/_/g, '/').replace(/=+$/, '');
  if (!/^[A-Za-z0-9+/]*$/.test(packed) || packed.length % 4 === 1) return null;
  return Uint8Array.from(atob(packed), (letter) => letter.charCodeAt(0));
}

/** Hex digits with any spacing, commas or colons, with or without `0x`; null where it is none. */
export function bytesFromHex(text: string): Uint8Array<ArrayBuffer> | null {
  const digits = text.replace(/0x/gi, ' ').replace(/[\s,:]+/g, '');
  if (digits.length % 2 === 1 || !/^[0-9a-f]*$/i.test(digits)) return null;
  return Uint8Array.from({ length: digits.length / 2 }, (_, index) =>
    Number.parseInt(digits.slice(index * 2, index * 2 + 2), 16),
  );
}
