import { sameBytes } from '../bytes.ts';
import { MAX_BLOCK_NUMBER, blockBytes, decodeBlock, encodeBlock, fitsBlock } from '../codec/block.ts';
import { Body } from '../codec/body.ts';
import { METHOD_CODES, REQUEST_ENTITY_INCOMPLETE, codeText } from '../codec/codes.ts';
import {
  BLOCK2,
  ETAG,
  OBSERVE,
  SIZE2,
  findOption,
  findUint,
  uintOption,
  withoutOptions,
} from '../codec/options.ts';
import { blocksBroken } from '../errors.ts';
import type { Conversation } from './conversation.ts';
import type { ResponseMessage } from './exchange.ts';
import { fitsOneMessage } from './room.ts';

const NO_BYTES = new Uint8Array(0);

/**
 * The whole body of a response whose first message this is: itself, or block after block (RFC 7959 §2.4). Undefined when
 * the representation changed on the way.
 */
export async function download(
  conversation: Conversation,
  first: ResponseMessage,
): Promise<Uint8Array | undefined> {
  const { carrier, maxBodyBytes } = conversation.context;
  const value = findOption(first.options, BLOCK2);
  if (value === undefined) return first.payload;
  const start = decodeBlock(value, carrier.largestSzx);
  if (start === undefined) throw blocksBroken('the block size is the reserved one');
  if (start.number !== 0) throw blocksBroken(`the answer begins with block ${start.number}`);
  if (!start.more) return first.payload;
  if (!fitsBlock(start, first.payload.length)) {
    throw blocksBroken('the first block does not have its stated size');
  }

  const total = findUint(first.options, SIZE2);
  const least = Math.max(total ?? 0, first.payload.length);
  if (least > maxBodyBytes) throw conversation.tooLarge(least);
  const body = new Body(total ?? 0, maxBodyBytes);
  body.append(first.payload);
  const { progress } = conversation;
  progress.totalBytes = total ?? null;
  conversation.received(body.length);
  const etag = findOption(first.options, ETAG);
  let szx = start.szx;
  for (;;) {
    const response = await askForBlock(conversation, body.length / blockBytes(szx), szx);
    if (response.code !== first.code) {
      // 4.08, 4.04 and the like: the server does not have this version any more.
      if (response.code === REQUEST_ENTITY_INCOMPLETE) return undefined;
      throw blocksBroken(`a block was answered with ${codeText(response.code)}`);
    }
    if (!sameBytes(etag, findOption(response.options, ETAG))) return undefined;
    const block = conversation.block(response, BLOCK2);
    if (block === undefined) throw blocksBroken('a block came without Block2');
    const offset = block.number * block.bytes;
    if (block.szx > szx || offset !== body.length) {
      throw blocksBroken(`byte ${offset} came where byte ${body.length} was asked for`);
    }
    const { payload } = response;
    if (!fitsBlock(block, payload.length)) {
      throw blocksBroken(`block ${block.number} has ${payload.length} bytes instead of ${block.bytes}`);
    }
    if (body.length + payload.length > maxBodyBytes) {
      throw conversation.tooLarge(body.length + payload.length);
    }
    body.append(payload);
    progress.totalBytes ??= findUint(response.options, SIZE2) ?? null;
    conversation.received(body.length);
    if (!block.more) return body.bytes();
    szx = block.szx;
  }
}

function askForBlock(conversation: Conversation, number: number, szx: number): Promise<ResponseMessage> {
  if (number > MAX_BLOCK_NUMBER) throw conversation.tooLarge(number * blockBytes(szx));
  const { request, context, progress } = conversation;
  // The body of the request is not sent again (§3.3), except with FETCH, where it is part of the question.
  const whole = request.code === METHOD_CODES.FETCH && fitsOneMessage(context.carrier, request, request.szx);
  // Whether the first block is still good has been answered; libcoap leaves its own ETag out where one is asked with.
  const asked = withoutOptions(request.options, OBSERVE, ETAG);
  asked.push({ number: BLOCK2, value: encodeBlock(number, false, szx) });
  // Asks how much there is (§4); a server that does not know says nothing.
  if (context.onProgress !== undefined && progress.totalBytes === null) asked.push(uintOption(SIZE2, 0));
  // After a notification nobody has been heard yet; it is forgotten, and its server asked anew.
  return conversation.send(asked, whole ? request.payload : NO_BYTES, conversation.begun);
}
