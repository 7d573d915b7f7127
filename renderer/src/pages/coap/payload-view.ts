/** The number a representation consists of, or null: what a small trend could be drawn of. */
export function numberOf(text: string | null): number | null {
  if (text === null || text.trim() === '') return null;
  const value = Number(text.trim());
  return Number.isFinite(value) ? value : null;
}

/** Ending of a file that holds a payload of this media type. */
export function endingOf(mediaType: string | null, isText: boolean): string {
  const plain = mediaType ?? '';
  if (/json/.test(plain)) return 'json';
  if (/cbor/.test(plain)) return 'cbor';
  if (/xml/.test(plain)) return 'xml';
  if (/link-format/.test(plain)) return 'link';
  const image = /^image\/(png|jpeg|gif|webp)/.exec(plain)?.[1];
  return image ?? (isText ? 'txt' : 'bin');
}
