/** Block-wise transfers at their edges: BERT, sizes, silence, Echo, progress. */
import { describe, expect, test } from 'vitest';
import { option } from '../../../test/support/coap-net.ts';
import {
  blockOf,
  body,
  failure,
  get,
  put,
  server,
  sink,
  transferWith,
  UDP,
} from '../../../test/support/coap-transfer.ts';
import type { Script } from '../../../test/support/coap-transfer.ts';
import { encodeBlock } from '../codec/block.ts';
import { CHANGED, CONTENT, CONTINUE, METHOD_CODES, UNAUTHORIZED, code } from '../codec/codes.ts';
import { BLOCK1, BLOCK2, ECHO, SIZE2, findOption, uintOption } from '../codec/options.ts';
import { coapError } from '../errors.ts';
import type { TransferProgress, TransferRequest } from './transfer.ts';

const BERT = { reliable: true, maxMessageBytes: 5 * 1_024 + 100, largestSzx: 7 };

/** A server of one representation that gives so many blocks of 1024 at once (RFC 8323 §6.1). */
function bertServer(content: Uint8Array, blocks: number): Script {
  return (request) => {
    const number = blockOf(request, BLOCK2, 7)?.number ?? 0;
    const end = Math.min((number + blocks) * 1_024, content.length);
    return {
      code: CONTENT,
      options: [{ number: BLOCK2, value: encodeBlock(number, end < content.length, 7) }],
      payload: content.subarray(number * 1_024, end),
    };
  };
}

describe('BERT (RFC 8323 §6)', () => {
  test.each([
    [1, 10_000],
    [3, 10_000],
    [4, 8_192],
  ])('%i blocks in one message, %i bytes down', async (blocks, bytes) => {
    const content = body(bytes);
    const { transfer, requests } = transferWith(bertServer(content, blocks), get, undefined, BERT);
    const result = await transfer.run();
    expect(Buffer.compare(result.message.payload, content)).toBe(0);
    const asked = requests.slice(1).map((one) => blockOf(one, BLOCK2, 7));
    expect(asked.map((block) => block?.szx)).toEqual(asked.map(() => 7));
    expect(asked.map((block) => block?.number)).toEqual(asked.map((_, index) => (index + 1) * blocks));
  });

  test('as many blocks up as the other end takes', async () => {
    const received: number[] = [];
    const script: Script = (one) => {
      const { number, more } = blockOf(one, BLOCK1, 7)!;
      received.push(number, one.payload.length);
      return {
        code: more ? CONTINUE : CHANGED,
        options: [{ number: BLOCK1, value: encodeBlock(number, more, 7) }],
      };
    };
    const { transfer } = transferWith(script, put(body(9_000)), undefined, BERT);
    expect((await transfer.run()).message.code).toBe(CHANGED);
    expect(received).toEqual([0, 5_120, 5, 3_880]);
  });

  test('a server that wants blocks of 1024 gets them from then on', async () => {
    const { script, received } = sink(6);
    const one: Script = (request, index) => {
      const block = blockOf(request, BLOCK1, 7)!;
      if (block.szx < 7) return script(request, index);
      return { code: code(4, 13), options: [{ number: BLOCK1, value: encodeBlock(0, true, 6) }] };
    };
    const { transfer, requests } = transferWith(one, put(body(9_000)), undefined, BERT);
    expect((await transfer.run()).message.code).toBe(CHANGED);
    expect(Buffer.compare(received(), body(9_000))).toBe(0);
    expect(requests.slice(1).every((request) => request.payload.length <= 1_024)).toBe(true);
  });

  test.each<[string, Script]>([
    [
      'a part of a block in the middle',
      (_one, index) => ({
        code: CONTENT,
        options: [{ number: BLOCK2, value: encodeBlock(index, true, 7) }],
        payload: body(index === 0 ? 1_024 : 1_000),
      }),
    ],
    ['nothing where more follows', () => ({ code: CONTENT, options: [option(BLOCK2, 0x0f)] })],
  ])('%s breaks the transfer', async (_what, script) => {
    expect(await failure(transferWith(script, get, undefined, BERT).transfer.run())).toBe(
      'coap.blocks_broken',
    );
  });

  test('over UDP the exponent is the reserved one', async () => {
    expect(await failure(transferWith(bertServer(body(5_000), 2), get).transfer.run())).toBe(
      'coap.blocks_broken',
    );
  });
});

describe('sizes', () => {
  const long = (bytes: number) => Array.from({ length: bytes / 50 }, () => option(11, ...body(49)));

  test('with long options the blocks get smaller until the message fits', async () => {
    for (const [optionBytes, largest] of [
      [50, 1_024],
      [150, 512],
      [700, 256],
      [1_100, 16],
    ] as const) {
      const { script, received } = sink(6);
      const request = { ...put(body(1_024)), options: long(optionBytes) };
      const { transfer, requests } = transferWith(script, request);
      expect((await transfer.run()).message.code).toBe(CHANGED);
      expect(Buffer.compare(received(), body(1_024))).toBe(0);
      expect(requests[0]!.payload.length).toBe(largest);
    }
  });

  test('over a connection without BERT blocks are of 1024 at most, and a body that fits is not split', async () => {
    const { script, received } = sink(6);
    const base = { reliable: true, maxMessageBytes: 1_152, largestSzx: 6 };
    const small = transferWith(script, put(body(1_100)), undefined, base);
    await small.transfer.run();
    expect(small.requests.length).toBe(1);
    const large = transferWith(script, put(body(3_000)), undefined, base);
    await large.transfer.run();
    expect(large.requests.map(({ payload }) => payload.length)).toEqual([1_024, 1_024, 952]);
    expect(Buffer.compare(received(), body(3_000))).toBe(0);
  });
});

describe('silence in the middle', () => {
  const silent = (at: number, times: number, script: Script): Script => {
    let left = times;
    return (one, index) => {
      const number = (blockOf(one, BLOCK1) ?? blockOf(one, BLOCK2))?.number ?? 0;
      if (number === at && left-- > 0) throw coapError('coap.timeout', 'silence');
      return script(one, index);
    };
  };

  test('a block that was met with it is tried again, three times', async () => {
    const up = sink(6);
    const upload = transferWith(silent(1, 3, up.script), put(body(3_000)));
    expect((await upload.transfer.run()).message.code).toBe(CHANGED);
    expect(Buffer.compare(up.received(), body(3_000))).toBe(0);
    const download = transferWith(silent(2, 3, server(body(3_000), 6)), get);
    expect((await download.transfer.run()).message.payload.length).toBe(3_000);
    expect(await failure(transferWith(silent(2, 4, server(body(3_000), 6)), get).transfer.run())).toBe(
      'coap.timeout',
    );
  });

  test('the last block is not sent alone: the server may have the whole, and take it for another', async () => {
    const { script, received } = sink(6);
    const numbers: number[] = [];
    const deaf: Script = (one, index) => {
      numbers.push(blockOf(one, BLOCK1)!.number);
      return script(one, index);
    };
    const { transfer } = transferWith(silent(2, 1, deaf), put(body(3_000)));
    expect((await transfer.run()).message.code).toBe(CHANGED);
    expect(Buffer.compare(received(), body(3_000))).toBe(0);
    expect(numbers).toEqual([0, 1, 0, 1, 2]);
  });

  test('not the first message of a question, nor the last block of what may not be done twice', async () => {
    const asked = transferWith(silent(0, 1, server(body(3_000), 6)), get);
    expect(await failure(asked.transfer.run())).toBe('coap.timeout');
    const post = { ...put(body(3_000)), code: METHOD_CODES.POST };
    expect(await failure(transferWith(silent(2, 1, sink(6).script), post).transfer.run())).toBe(
      'coap.timeout',
    );
    expect((await transferWith(silent(1, 1, sink(6).script), post).transfer.run()).message.code).toBe(
      CHANGED,
    );
  });
});

describe('Echo in the middle of a transfer', () => {
  test('a block is repeated once, and the value goes along from then on', async () => {
    const { script, received } = sink(6);
    const doubting: Script = (one, index) =>
      blockOf(one, BLOCK1)!.number > 0 && findOption(one.options, ECHO) === undefined
        ? { code: UNAUTHORIZED, options: [option(ECHO, 5)] }
        : script(one, index);
    const { transfer, requests } = transferWith(doubting, put(body(4_000)));
    expect((await transfer.run()).message.code).toBe(CHANGED);
    expect(Buffer.compare(received(), body(4_000))).toBe(0);
    expect(requests.map((one) => findOption(one.options, ECHO)?.[0])).toEqual([
      undefined,
      undefined,
      5,
      5,
      5,
    ]);
  });
});

describe('progress', () => {
  const watched = (script: Script, request: TransferRequest) => {
    const told: TransferProgress[] = [];
    const { transfer, requests } = transferWith(script, request, undefined, UDP, (one) => told.push(one));
    return { transfer, requests, told };
  };

  test('up: what was taken, of what there is', async () => {
    const { transfer, told } = watched(sink(6).script, put(body(2_500)));
    await transfer.run();
    expect(told.map((one) => one.sentBytes)).toEqual([1_024, 2_048, 2_500]);
    expect(new Set(told.map((one) => one.totalBytes))).toEqual(new Set([2_500]));
  });

  test('down: the size is asked for, and told when it is known', async () => {
    const script: Script = (one, index) => {
      const reply = server(body(2_500), 6)(one, index);
      const size = findOption(one.options, SIZE2) === undefined ? [] : [uintOption(SIZE2, 2_500)];
      return { ...reply, options: [...reply.options!, ...size] };
    };
    const { transfer, requests, told } = watched(script, get);
    await transfer.run();
    expect(told.map((one) => [one.receivedBytes, one.totalBytes])).toEqual([
      [1_024, null],
      [2_048, 2_500],
      [2_500, 2_500],
    ]);
    expect(requests.map((one) => findOption(one.options, SIZE2) !== undefined)).toEqual([false, true, false]);
  });
});
