/** Which requests belong together: the blocks of one body, and the requests for one answer's blocks. */
import {
  BLOCK1,
  BLOCK2,
  CONTENT_FORMAT,
  ECHO,
  ETAG,
  HOP_LIMIT,
  IF_MATCH,
  IF_NONE_MATCH,
  NO_RESPONSE,
  OBSERVE,
} from '../codec/options.ts';
import type { CoapOption } from '../codec/options.ts';

/** What may differ from block to block without making it another request. */
const APART = new Set([OBSERVE, BLOCK1, BLOCK2, ETAG, IF_MATCH, IF_NONE_MATCH, HOP_LIMIT, NO_RESPONSE, ECHO]);

interface Keyed {
  peerKey: string;
  code: number;
  options: readonly CoapOption[];
}

/**
 * The key of a body that is being sent in blocks (RFC 7959 §2.5): peer, method and every option of the cache key
 * (RFC 7252 §5.4.2), so also Uri-Path, Content-Format and the whole list of Request-Tags (RFC 9175 §3.3).
 */
export function assemblyKey(request: Keyed): string {
  return keyOf(request, true);
}

/** The key of an answer that is fetched in blocks; later requests for it carry no body (RFC 7959 §3.3). */
export function answerKey(request: Keyed): string {
  return keyOf(request, false);
}

function keyOf({ peerKey, code, options }: Keyed, withContentFormat: boolean): string {
  let key = `${peerKey}\n${code}`;
  for (const { number, value } of options) {
    // The NoCacheKey pattern of RFC 7252 §5.4.6.
    if (APART.has(number) || (number & 0x1e) === 0x1c) continue;
    if (number === CONTENT_FORMAT && !withContentFormat) continue;
    key += `\n${number} ${value.length} `;
    key += Buffer.from(value.buffer, value.byteOffset, value.length).toString('latin1');
  }
  return key;
}
