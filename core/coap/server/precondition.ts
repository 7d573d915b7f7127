/** Conditional requests (RFC 7252 §5.10.8), for resources that say `preconditions`. */
import { sameBytes } from '../bytes.ts';
import { code } from '../codec/codes.ts';
import { IF_MATCH, IF_NONE_MATCH } from '../codec/options.ts';
import type { CoapOption } from '../codec/options.ts';
import type { ServedAnswer } from './resource.ts';

export const PRECONDITION_FAILED = code(4, 12);

/**
 * 4.12 when the request must not be carried out; undefined when it may. `current` is the ETag of what is there now,
 * `null` when nothing is, `true` when something without an ETag is.
 */
export function failedPrecondition(
  options: readonly CoapOption[],
  current: Uint8Array | true | null,
): ServedAnswer | undefined {
  let asked = false;
  let matched = false;
  for (const { number, value } of options) {
    if (number === IF_NONE_MATCH && current !== null) return failed('something is there already');
    if (number !== IF_MATCH) continue;
    asked = true;
    // An empty value asks for anything that exists (§5.10.8.1).
    if (value.length === 0 ? current !== null : current instanceof Uint8Array && sameBytes(value, current)) {
      matched = true;
    }
  }
  return asked && !matched ? failed('the ETag is another one') : undefined;
}

export function hasPrecondition(options: readonly CoapOption[]): boolean {
  return options.some(({ number }) => number === IF_MATCH || number === IF_NONE_MATCH);
}

function failed(diagnostic: string): ServedAnswer {
  return { code: PRECONDITION_FAILED, diagnostic };
}
