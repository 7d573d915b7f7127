const MAX_WORD = 34;
/** Windows means its devices by these, whatever folder and ending a file has. */
const DEVICE = /^(?:con|prn|aux|nul|com\d|lpt\d)$/;

/** An id that people recognise: small letters, digits and dashes of `name`, and a number where it is taken. */
export function shortId(name: string, fallback: string, isTaken: (id: string) => boolean): string {
  const word = name
    .normalize('NFKD')
    .replace(/\p{Mark}/gu, '')
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, '-')
    .slice(0, MAX_WORD)
    .replace(/^-+|-+$/g, '');
  const base = word === '' ? fallback : DEVICE.test(word) ? `${fallback}-${word}` : word;
  for (let number = 1; ; number++) {
    const id = number === 1 ? base : `${base}-${number}`;
    if (!isTaken(id)) return id;
  }
}
