/** Who asks for `/hc/`. Everyone has to say it (RFC 8075 §10). */
import type { IncomingMessage } from 'node:http';
import type { Role } from '../../contract/roles.ts';
import { CHALLENGE, addressOf, bearerToken } from '../answers.ts';
import { tokenFromCookie } from '../cookie.ts';
import type { GatewayParts } from '../parts.ts';
import { cookieRole, signIn } from '../sign-in.ts';

export interface Unknown {
  status: 401 | 429;
  message: string;
  retryAfterMs: number;
  challenge: string | null;
}

/** What a page may do with an answer without running it. */
const HARMLESS = new Set(['empty', 'document', 'image']);

/**
 * The role of a bearer (RFC 6750). The console's cookie counts only for reading, and only where the browser says that
 * the console's own page asks: a cookie comes along with whatever a page makes the browser fetch.
 */
export function whoAsks(parts: GatewayParts, request: IncomingMessage): Role | Unknown {
  const address = addressOf(request);
  const token = bearerToken(request.headers.authorization);
  if (token !== undefined) {
    const result = signIn(parts, token, address);
    if ('role' in result) return result.role;
    const slowed = result.retryAfterMs > 0;
    return {
      status: slowed ? 429 : 401,
      message: result.error.message,
      retryAfterMs: result.retryAfterMs,
      challenge: slowed ? null : `${CHALLENGE}, error="invalid_token"`,
    };
  }
  if (cookieCounts(request)) {
    const role = cookieRole(parts, tokenFromCookie(request.headers.cookie, parts.port()), address);
    if (role !== null) return role;
  }
  return {
    status: 401,
    message: 'A token of this station is needed: Authorization: Bearer TOKEN.',
    retryAfterMs: 0,
    challenge: CHALLENGE,
  };
}

function cookieCounts({ method, headers }: IncomingMessage): boolean {
  return (
    (method === 'GET' || method === 'HEAD') &&
    headers['sec-fetch-site'] === 'same-origin' &&
    HARMLESS.has(String(headers['sec-fetch-dest']))
  );
}
