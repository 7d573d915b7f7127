/** The token in what a person pasted: the whole link, or the token alone. Null when there is none. */
export function tokenOf(text: string): string | null {
  const trimmed = text.trim();
  const query = /\?([^#\s]+)/.exec(trimmed)?.[1];
  if (query !== undefined) return new URLSearchParams(query).get('token');
  return /^[\w.~-]{8,}$/.test(trimmed) ? trimmed : null;
}

/** Asks the gateway for the cookie. Null when it is set, else what is wrong, for people. */
export async function signIn(token: string): Promise<string | null> {
  try {
    const answer = await fetch('/session', {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ token }),
    });
    if (answer.ok) return null;
    const { message } = (await answer.json()) as { message?: unknown };
    return typeof message === 'string' ? message : `The station refused it (${answer.status}).`;
  } catch {
    return 'The station does not answer. Is it running?';
  }
}
