/** The sign-in of a browser. Cookies do not tell ports apart, so the port is part of the name. */

/** 400 days, the longest that browsers keep one. */
const MAX_AGE_SECONDS = 400 * 24 * 3600;

export function cookieName(port: number): string {
  return `fieldstation_${port}`;
}

/** Out of reach of scripts, and never sent along by a page from elsewhere. */
export function signInCookie(port: number, token: string): string {
  return `${cookieName(port)}=${token}; Path=/; HttpOnly; SameSite=Strict; Max-Age=${MAX_AGE_SECONDS}`;
}

/** The token in a Cookie header, or undefined. The first of several of that name counts, as RFC 6265 §5.4 orders. */
export function tokenFromCookie(header: string | undefined, port: number): string | undefined {
  const name = cookieName(port);
  for (const part of header?.split(';') ?? []) {
    const equals = part.indexOf('=');
    if (equals > 0 && part.slice(0, equals).trim() === name) return part.slice(equals + 1).trim();
  }
  return undefined;
}
