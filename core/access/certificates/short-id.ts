const MAX_WORD = 34;

/** An id that people recognise: small letters, digits and dashes of `name`, and a number where it is taken. */
export function shortId(name: string, fallback: string, isTaken: (id: string) => boolean): string {
  const word = name
    .normalize('NFKD')
    .replace(/\p{Mark}/gu, '')
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, '-')
    .slice(0, MAX_WORD)
    .replace(/^-+|-+$/g, '');
  const base = word === '' ? fallback : word;
  for (let number = 1; ; number++) {
    const id = number === 1 ? base : `${base}-${number}`;
    if (!isTaken(id)) return id;
  }
}
