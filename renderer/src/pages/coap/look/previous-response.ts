/** What a resource answered before: for the difference to it. Bounded; it ends with the page. */
import type { CoapResponseView } from '../../../../../core/contract/coap.ts';

const MOST_KEPT = 50;
const kept = new Map<string, { now: CoapResponseView; before: CoapResponseView | null }>();

/** The response that this method got from this URI before this one; the same for every call with this one. */
export function responseBefore(method: string, response: CoapResponseView): CoapResponseView | null {
  const key = `${method} ${response.uri}`;
  const known = kept.get(key);
  if (known?.now === response) return known.before;
  const before = known?.now ?? null;
  kept.delete(key);
  kept.set(key, { now: response, before });
  if (kept.size > MOST_KEPT) kept.delete(kept.keys().next().value!);
  return before;
}
