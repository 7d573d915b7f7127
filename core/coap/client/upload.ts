import { codeOf } from '../../base/errors.ts';
import { BERT_SZX, LARGEST_SZX, MAX_BLOCK_NUMBER, blockBytes, encodeBlock } from '../codec/block.ts';
import { CONTINUE, REQUEST_ENTITY_INCOMPLETE, REQUEST_ENTITY_TOO_LARGE, isSuccess } from '../codec/codes.ts';
import {
  BLOCK1,
  BLOCK2,
  NO_RESPONSE,
  REQUEST_TAG,
  SIZE1,
  uintOption,
  withoutOptions,
} from '../codec/options.ts';
import type { CoapOption } from '../codec/options.ts';
import { blocksBroken } from '../errors.ts';
import type { Conversation } from './conversation.ts';
import type { ResponseMessage } from './exchange.ts';
import { isIdempotent } from './idempotent.ts';
import { blockRoom, fitsOneMessage } from './room.ts';

/** An upload that the server lost is sent anew so often. */
const MAX_RESTARTS = 3;

/**
 * Sends the request with its body, in blocks where it does not fit into one message (RFC 7959 §2.5). The answer is the
 * last one, and may be the first block of a body that comes back. `wishedSzx` is asked for in both directions.
 */
export async function upload(
  conversation: Conversation,
  wishedSzx: number | undefined,
): Promise<ResponseMessage> {
  const { request, context } = conversation;
  const { payload, options } = request;
  const early = earlyNegotiation(wishedSzx);
  if (!fitsOneMessage(context.carrier, request, wishedSzx)) {
    const bert = wishedSzx === undefined && context.carrier.largestSzx >= BERT_SZX;
    return uploadBlocks(conversation, bert ? BERT_SZX : (wishedSzx ?? LARGEST_SZX), early);
  }
  const all = early.length === 0 ? options : [...options, ...early];
  const response = await conversation.send(all, payload, false);
  // §2.9.3: too large in one piece, and the answer says which piece would do.
  const hint = conversation.block(response, BLOCK1);
  if (response.code !== REQUEST_ENTITY_TOO_LARGE || hint === undefined || payload.length <= hint.bytes) {
    return response;
  }
  return uploadBlocks(conversation, hint.szx, early);
}

/** One block after the other, smaller from then on when the server says so. */
async function uploadBlocks(
  conversation: Conversation,
  firstSzx: number,
  early: CoapOption[],
): Promise<ResponseMessage> {
  const { payload, options, code } = conversation.request;
  const { carrier, randomBytes } = conversation.context;
  // A block in the middle is always answered (RFC 7967 §2.1 lets only the whole go without).
  const middle = withoutOptions(options, NO_RESPONSE);
  let szx = firstSzx;
  let tag = randomBytes(4);
  let offset = 0;
  let restarts = 0;
  conversation.progress.totalBytes = payload.length;
  for (;;) {
    const room = blockRoom(carrier, conversation.withEcho([...options, ...early]), szx);
    szx = room.szx;
    const end = Math.min(offset + room.bytes, payload.length);
    const number = offset / blockBytes(szx);
    const more = end < payload.length;
    if (number > MAX_BLOCK_NUMBER) throw conversation.tooLarge(payload.length);
    const own = [
      { number: BLOCK1, value: encodeBlock(number, more, szx) },
      { number: REQUEST_TAG, value: tag },
      ...(number === 0 ? [uintOption(SIZE1, payload.length)] : []),
      // Only the last block is answered with a body (§3.3).
      ...(more ? [] : early),
    ];
    const part = payload.subarray(offset, end);
    let response: ResponseMessage;
    try {
      response = await conversation.send([...(more ? middle : options), ...own], part, more);
    } catch (error) {
      // The last block may have been the end of it: alone it would be taken for another body (seen with libcoap), and
      // what may not be done twice is not.
      const again = !more && number > 0 && isIdempotent(code) && restarts < MAX_RESTARTS;
      if (!again || codeOf(error) !== 'coap.timeout') throw error;
      restarts++;
      offset = 0;
      tag = randomBytes(4);
      continue;
    }
    const echo = conversation.block(response, BLOCK1);

    const shrink =
      response.code === REQUEST_ENTITY_TOO_LARGE &&
      echo !== undefined &&
      (echo.szx < szx || (szx === BERT_SZX && part.length > 1_024));
    const lost = response.code === REQUEST_ENTITY_INCOMPLETE && number > 0 && restarts < MAX_RESTARTS;
    if (shrink || lost) {
      if (shrink) szx = Math.min(echo.szx, LARGEST_SZX);
      else restarts++;
      offset = 0;
      tag = randomBytes(4);
      continue;
    }
    if (!isSuccess(response.code)) return response;
    conversation.sent(end);
    if (!more) {
      if (response.code === CONTINUE) throw blocksBroken('the server asks for more after the last block');
      return response;
    }
    if (echo === undefined) throw blocksBroken(`block ${number} was answered without Block1`);
    if (echo.number !== number)
      throw blocksBroken(`block ${number} was acknowledged as block ${echo.number}`);
    offset = end;
    // A smaller size divides the larger one: the next number follows from the offset (§2.5).
    szx = Math.min(szx, echo.szx);
  }
}

/** Asks for blocks of that size from the start (§2.4). */
export function earlyNegotiation(szx: number | undefined): CoapOption[] {
  return szx === undefined ? [] : [{ number: BLOCK2, value: encodeBlock(0, false, szx) }];
}
