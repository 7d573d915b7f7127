/** Block-wise transfers without a network: a script answers each message. */
import { decodeBlock, encodeBlock } from '../../core/coap/codec/block.ts';
import type { Block } from '../../core/coap/codec/block.ts';
import { ACK, CHANGED, CONTENT, CONTINUE, METHOD_CODES, code } from '../../core/coap/codec/codes.ts';
import { BLOCK1, BLOCK2, findOption } from '../../core/coap/codec/options.ts';
import type { CoapOption } from '../../core/coap/codec/options.ts';
import type { ExchangeRequest } from '../../core/coap/client/exchange.ts';
import { Transfer } from '../../core/coap/client/transfer.ts';
import type { TransferContext, TransferRequest } from '../../core/coap/client/transfer.ts';
import { codeOf } from '../../core/base/errors.ts';

export interface Reply {
  code: number;
  options?: CoapOption[];
  payload?: Uint8Array;
}
export type Script = (request: ExchangeRequest, index: number) => Reply;

export const body = (bytes: number, seed = 0) =>
  Uint8Array.from({ length: bytes }, (_, i) => (i * 7 + (i >> 8) + seed) & 255);
export const get: TransferRequest = {
  code: METHOD_CODES.GET,
  options: [],
  payload: body(0),
  confirmable: true,
};
export const put = (payload: Uint8Array): TransferRequest => ({ ...get, code: METHOD_CODES.PUT, payload });

export function blockOf(
  request: { options: CoapOption[] },
  number: number,
  largestSzx = 6,
): Block | undefined {
  const value = findOption(request.options, number);
  return value === undefined ? undefined : decodeBlock(value, largestSzx);
}

export const UDP = { reliable: false, maxMessageBytes: 1_152, largestSzx: 6 };

export function transferWith(
  script: Script,
  request: TransferRequest,
  maxBodyBytes = 16 * 1024 * 1024,
  carrier: TransferContext['carrier'] = UDP,
  onProgress?: TransferContext['onProgress'],
) {
  const requests: ExchangeRequest[] = [];
  // Async: a script that throws is an exchange that fails.
  const exchange = async (one: ExchangeRequest) => {
    await Promise.resolve();
    const reply = script(one, requests.length);
    requests.push(one);
    const message = { type: ACK, messageId: 0, token: body(0), options: [], payload: body(0), ...reply };
    return { message, rttMs: 5 + requests.length, retransmissions: 1 };
  };
  const transfer = new Transfer(
    { exchange, carrier, randomBytes: (count) => body(count, requests.length), maxBodyBytes, onProgress },
    request,
  );
  return { transfer, requests };
}

/** A server of one representation that never gives more than `largestSzx`. */
export function server(content: Uint8Array, largestSzx: number, more: CoapOption[] = []): Script {
  return (request) => {
    const asked = blockOf(request, BLOCK2) ?? { number: 0, szx: 6 };
    const szx = Math.min(asked.szx, largestSzx);
    const size = 16 << szx;
    const start = asked.number * (16 << asked.szx);
    const end = Math.min(start + size, content.length);
    const block = encodeBlock(start / size, end < content.length, szx);
    return {
      code: CONTENT,
      options: [{ number: BLOCK2, value: block }, ...more],
      payload: content.subarray(start, end),
    };
  };
}

export async function failure(run: Promise<unknown>): Promise<string> {
  try {
    await run;
    return 'none';
  } catch (error) {
    return codeOf(error);
  }
}

/** Takes blocks in order; answers 2.31 and in the end 2.04. `szxWanted` is told from the first answer on. */
export function sink(szxWanted: number): { script: Script; received: () => Uint8Array } {
  let received = new Uint8Array(0);
  const script: Script = (request) => {
    const block = blockOf(request, BLOCK1);
    if (block === undefined) {
      received = Uint8Array.from(request.payload);
      return { code: CHANGED };
    }
    if (block.number === 0) received = new Uint8Array(0);
    if (block.number * block.bytes !== received.length) return { code: code(4, 8) };
    received = Uint8Array.from([...received, ...request.payload]);
    const szx = Math.min(block.szx, szxWanted);
    return {
      code: block.more ? CONTINUE : CHANGED,
      options: [{ number: BLOCK1, value: encodeBlock(block.number, block.more, szx) }],
    };
  };
  return { script, received: () => received };
}
