/** The token in what a person pasted: the whole link, or the token alone. Null when there is none. */
export function tokenOf(text: string): string | null {
  const trimmed = text.trim();
  const query = /\?([^#\s]+)/.exec(trimmed)?.[1];
  if (query !== undefined) return new URLSearchParams(query).get('token');
  return /^[\w.~-]{8,}$/.test(trimmed) ? trimmed : null;
}
