/** What fits into one message on its way (RFC 7252 §4.6, RFC 7959 §2.2, RFC 8323 §5.3.1). */
import type { Carrier } from '../carrier.ts';
import { BERT_SZX, LARGEST_SZX, blockBytes } from '../codec/block.ts';
import { bodyBytes, inOrder } from '../codec/option-list.ts';
import type { CoapOption } from '../codec/options.ts';
import type { TransferRequest } from './transfer.ts';

type Way = Pick<Carrier, 'reliable' | 'maxMessageBytes' | 'largestSzx'>;

const NO_BYTES = new Uint8Array(0);
/** Block1 with 3 bytes, Request-Tag with 4 and Size1 with 4, each with its head. */
const BLOCK_OPTION_BYTES = 4 + 6 + 6;
/** More in one message would hold up everything else on the connection. */
const MAX_BERT_BYTES = 256 * 1_024;

/**
 * Whether the payload goes without Block1. Over UDP, blocks are never larger than 1024 bytes, so neither is a payload
 * that is not split; over reliable transports only the wish and the size of the message count.
 */
export function fitsOneMessage(
  carrier: Way,
  request: TransferRequest,
  wishedSzx: number | undefined,
): boolean {
  const { options, payload } = request;
  if (payload.length <= 16) return true;
  if (wishedSzx !== undefined && payload.length > blockBytes(wishedSzx)) return false;
  if (!carrier.reliable && payload.length > blockBytes(LARGEST_SZX)) return false;
  // Nearly always there is room to spare, and nothing needs to be measured.
  const upTo = payload.length + aroundBytes(carrier) + BLOCK_OPTION_BYTES;
  if (options.length === 0) return upTo <= carrier.maxMessageBytes;
  return upTo + bodyBytes(inOrder(options), NO_BYTES) <= carrier.maxMessageBytes;
}

/** The largest block not above `szx` that fits beside the options, and what of the body it takes. */
export function blockRoom(
  carrier: Way,
  options: readonly CoapOption[],
  szx: number,
): { szx: number; bytes: number } {
  const others = bodyBytes(inOrder([...options]), NO_BYTES) + BLOCK_OPTION_BYTES + aroundBytes(carrier);
  const room = carrier.maxMessageBytes - others;
  if (szx === BERT_SZX) {
    const blocks = Math.floor(Math.min(room, MAX_BERT_BYTES) / 1_024);
    if (blocks > 0) return { szx, bytes: blocks * 1_024 };
  }
  let fitting = Math.min(szx, LARGEST_SZX);
  while (fitting > 0 && blockBytes(fitting) > room) fitting--;
  return { szx: fitting, bytes: blockBytes(fitting) };
}

/** Header, token of 8 bytes and payload marker. */
function aroundBytes(carrier: Way): number {
  return carrier.reliable ? 6 + 8 + 1 : 4 + 8 + 1;
}
