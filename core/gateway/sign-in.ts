/** Tokens as they come in by link, form and first frame, all through one door. */
import type { WireError } from '../contract/frames.ts';
import type { Role } from '../contract/roles.ts';
import type { GatewayParts } from './parts.ts';

export type SignIn = { role: Role } | { error: WireError; retryAfterMs: number };

/**
 * The role of `token`, offered from `address`. Fails `rpc.too_many_attempts` without looking at the token while the
 * address is in its back-off, else `rpc.bad_token`.
 */
export function signIn(parts: GatewayParts, token: string, address: string): SignIn {
  const waitMs = parts.attempts.waitMs(address);
  if (waitMs > 0) {
    parts.counters.throttled++;
    const message = `Too many wrong tokens came from this address. Try again in ${Math.ceil(waitMs / 1000)} s.`;
    return { error: { code: 'rpc.too_many_attempts', message }, retryAfterMs: waitMs };
  }
  const role = parts.access.roleOf(token);
  if (role !== null) {
    parts.attempts.succeeded(address);
    return { role };
  }
  parts.attempts.failed(address);
  parts.counters.wrongTokens++;
  parts.log.warn('wrong token', { address });
  const message = 'This token is not known here. Use one that the station printed when it started.';
  return { error: { code: 'rpc.bad_token', message }, retryAfterMs: 0 };
}

/**
 * The role of a cookie's token, or null. A good one passes also while its address is in back-off: it is from an
 * earlier sign-in, and a wall of screens must not go dark because somebody beside it mistypes.
 */
export function cookieRole(parts: GatewayParts, token: string | undefined, address: string): Role | null {
  if (token === undefined) return null;
  const role = parts.access.roleOf(token);
  if (role === null) parts.attempts.failed(address);
  return role;
}
