import { METHOD_CODES } from '../codec/codes.ts';

const IDEMPOTENT: ReadonlySet<number> = new Set([
  METHOD_CODES.GET,
  METHOD_CODES.FETCH,
  METHOD_CODES.PUT,
  METHOD_CODES.DELETE,
  METHOD_CODES.iPATCH,
]);

/** Doing it twice is like doing it once (RFC 7252 §5.8, RFC 8132). */
export function isIdempotent(method: number): boolean {
  return IDEMPOTENT.has(method);
}
