/**
 * SASLprep (RFC 4013): user names and passwords in the one form in which they are compared, so that a name typed on
 * another keyboard, composed or decomposed, is the same name.
 *
 * Of its steps these are done: mapping (§2.1), NFKC (§2.2), prohibited output (§2.3). Left out: the check of
 * bidirectional text (§2.4) and of code points that Unicode 3.2 did not know (§2.5); both would only refuse more.
 */

/** RFC 3454 C.1.2 (without ASCII space), which become a space. */
const OTHER_SPACES = /[\u00a0\u1680\u2000-\u200b\u202f\u205f\u3000]/g;

/** RFC 3454 B.1, which vanish. */
const MAPPED_TO_NOTHING = /\u00ad|\u034f|\u1806|\p{Variation_Selector}|\u200c|\u200d|\u2060|\ufeff/gu;

/**
 * RFC 3454 C.2.1, C.2.2, C.3 (private use), C.4 (no characters), C.6, C.7, C.8, C.9. Lone surrogates (C.5) are looked
 * for apart.
 */
const PROHIBITED = new RegExp(
  [
    String.raw`[\u0000-\u001f\u007f-\u009f]`,
    String.raw`[\u06dd\u070f\u180e\u2028\u2029\u2060-\u2063\u206a-\u206f\ufff9-\uffff]`,
    String.raw`[\u{1d173}-\u{1d17a}]`,
    String.raw`\p{Co}`,
    String.raw`\p{Noncharacter_Code_Point}`,
    String.raw`\u0340|\u0341|[\u2ff0-\u2ffb\u200e\u200f\u202a-\u202e]`,
    String.raw`[\u{e0001}\u{e0020}-\u{e007f}]`,
  ].join('|'),
  'u',
);

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** `text` prepared, or null when it has characters that no name or password may have. */
export function saslPrep(text: string): string | null {
  if (!text.isWellFormed()) return null;
  const mapped = text.replace(OTHER_SPACES, ' ').replace(MAPPED_TO_NOTHING, '').normalize('NFKC');
  return PROHIBITED.test(mapped) ? null : mapped;
}

/** The same of UTF-8 bytes; null also for bytes that are no UTF-8. */
export function saslPrepBytes(bytes: Uint8Array): string | null {
  try {
    return saslPrep(utf8.decode(bytes));
  } catch {
    return null;
  }
}
