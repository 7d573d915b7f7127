import fc from 'fast-check';
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
} from '../../../test/support/coap-transfer.ts';
import type { Reply, Script } from '../../../test/support/coap-transfer.ts';
import { encodeBlock } from '../codec/block.ts';
import { ACK, BAD_OPTION, CHANGED, CONTENT, CONTINUE, METHOD_CODES, code } from '../codec/codes.ts';
import {
  BLOCK1,
  BLOCK2,
  ETAG,
  OBSERVE,
  REQUEST_TAG,
  SIZE1,
  SIZE2,
  findOption,
  findUint,
  uintOption,
} from '../codec/options.ts';

describe('Block2', () => {
  test('a body of any size comes whole, whatever block size either side wants', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.integer({ min: 0, max: 5_000 }),
        fc.integer({ min: 0, max: 6 }),
        fc.option(fc.integer({ min: 0, max: 6 }), { nil: undefined }),
        async (bytes, serverSzx, wished) => {
          const content = body(bytes);
          const request = wished === undefined ? get : { ...get, szx: wished };
          const { transfer, requests } = transferWith(server(content, serverSzx), request);
          const result = await transfer.run();
          expect(Buffer.compare(result.message.payload, content)).toBe(0);
          const size = 16 << Math.min(serverSzx, wished ?? 6);
          expect(requests.length).toBe(Math.max(1, Math.ceil(bytes / size)));
          expect(result.blocks).toBe(requests.length);
        },
      ),
      { numRuns: 150 },
    );
  });

  test('without a wish the first request has no Block2, so that any server understands it', async () => {
    const { transfer, requests } = transferWith(server(body(2_000), 6), get);
    await transfer.run();
    expect(requests.map((request) => blockOf(request, BLOCK2)?.number)).toEqual([undefined, 1]);
  });

  test('what is still good is asked with the first block alone', async () => {
    const request = { ...get, options: [{ number: ETAG, value: body(4) }] };
    const { transfer, requests } = transferWith(server(body(2_000), 6), request);
    expect((await transfer.run()).message.payload).toHaveLength(2_000);
    const asked = requests.map(({ options }) => findOption(options, ETAG) !== undefined);
    expect(asked).toEqual([true, false]);
  });

  test('a server without block-wise transfer is asked again without the wish', async () => {
    const script: Script = (request) =>
      blockOf(request, BLOCK2) ? { code: BAD_OPTION } : { code: CONTENT, payload: body(3) };
    const { transfer } = transferWith(script, { ...get, szx: 2 });
    expect((await transfer.run()).message.code).toBe(CONTENT);
  });

  test('round trip and retransmissions are told', async () => {
    const { transfer } = transferWith(server(body(3_000), 6), get);
    expect(await transfer.run()).toMatchObject({ rttMs: 6, retransmissions: 3, blocks: 3 });
  });

  test('a representation that changes on the way is read anew, all of one version', async () => {
    const versions = [
      server(body(3_000, 1), 6, [option(ETAG, 1)]),
      server(body(2_500, 2), 6, [option(ETAG, 2)]),
    ];
    const { transfer, requests } = transferWith(
      (one, index) => versions[index < 2 ? 0 : 1]!(one, index),
      get,
    );
    const result = await transfer.run();
    expect(Buffer.compare(result.message.payload, body(2_500, 2))).toBe(0);
    expect(requests.map((request) => blockOf(request, BLOCK2)?.number)).toEqual([
      undefined,
      1,
      2,
      undefined,
      1,
      2,
    ]);
  });

  test('one that never holds still is given up', async () => {
    const script: Script = (one, index) => server(body(3_000), 6, [option(ETAG, index & 255)])(one, index);
    const { transfer, requests } = transferWith(script, get);
    expect(await failure(transfer.run())).toBe('coap.blocks_broken');
    expect(requests.length).toBe(8);
  });

  test('the answer to a POST that changes is not asked for again', async () => {
    const script: Script = (one, index) => server(body(3_000), 6, [option(ETAG, index & 255)])(one, index);
    const { transfer, requests } = transferWith(script, { ...put(body(2)), code: METHOD_CODES.POST });
    expect(await failure(transfer.run())).toBe('coap.blocks_broken');
    expect(requests.length).toBe(2);
  });

  const large = server(body(3_000), 6);
  const second =
    (change: (reply: Reply) => Reply): Script =>
    (one, index) =>
      index === 1 ? change(large(one, index)) : large(one, index);
  test.each<[string, Script]>([
    [
      'another number',
      second((reply) => ({ ...reply, options: [{ number: BLOCK2, value: encodeBlock(2, true, 6) }] })),
    ],
    [
      'the same block again',
      second((reply) => ({ ...reply, options: [{ number: BLOCK2, value: encodeBlock(0, true, 6) }] })),
    ],
    [
      'a larger size',
      (one, index) =>
        server(body(3_000), index === 0 ? 2 : 6)(
          { ...one, options: index === 0 ? [] : [{ number: BLOCK2, value: encodeBlock(0, false, 6) }] },
          index,
        ),
    ],
    ['no Block2', second((reply) => ({ ...reply, options: [] }))],
    ['a short block with more to come', second((reply) => ({ ...reply, payload: body(1_000) }))],
    ['a block that is too long', second((reply) => ({ ...reply, payload: body(1_025) }))],
    ['an error', second(() => ({ code: code(4, 4) }))],
    ['the reserved size', (one, index) => ({ ...large(one, index), options: [option(BLOCK2, 0x0f)] })],
    [
      'a first block that is not block 0',
      () => ({
        code: CONTENT,
        options: [{ number: BLOCK2, value: encodeBlock(1, true, 6) }],
        payload: body(1_024),
      }),
    ],
    [
      'a short first block',
      () => ({
        code: CONTENT,
        options: [{ number: BLOCK2, value: encodeBlock(0, true, 6) }],
        payload: body(9),
      }),
    ],
  ])('%s breaks the transfer', async (_what, script) => {
    expect(await failure(transferWith(script, get).transfer.run())).toBe('coap.blocks_broken');
  });

  test('past the limit it fails, at once where the server says the size', async () => {
    const grown = transferWith(server(body(5_000), 6), get, 4_096);
    expect(await failure(grown.transfer.run())).toBe('coap.too_large');
    expect(grown.requests.length).toBe(5);
    const told = transferWith(server(body(5_000), 6, [uintOption(SIZE2, 5_000)]), get, 4_096);
    expect(await failure(told.transfer.run())).toBe('coap.too_large');
    expect(told.requests.length).toBe(1);
    const exact = transferWith(server(body(4_096), 6), get, 4_096);
    expect((await exact.transfer.run()).message.payload.length).toBe(4_096);
  });

  test('the rest of a notification is asked for without Observe', async () => {
    const request = { ...get, options: [uintOption(OBSERVE, 0)] };
    const { transfer, requests } = transferWith(server(body(2_000), 6), request);
    const first = { type: ACK, messageId: 1, token: body(0), ...server(body(2_000), 6)({ ...get }, 0) };
    const result = await transfer.complete({ options: [], payload: body(0), ...first });
    expect(Buffer.compare(result.message.payload, body(2_000))).toBe(0);
    expect(requests.map((one) => findOption(one.options, OBSERVE))).toEqual([undefined]);
  });
});

describe('Block1', () => {
  test('a body of any size arrives whole, in the block size that the server asks for', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.integer({ min: 0, max: 6_000 }),
        fc.integer({ min: 0, max: 6 }),
        fc.option(fc.integer({ min: 0, max: 6 }), { nil: undefined }),
        async (bytes, serverSzx, wished) => {
          const { script, received } = sink(serverSzx);
          const request = wished === undefined ? put(body(bytes)) : { ...put(body(bytes)), szx: wished };
          const { transfer } = transferWith(script, request);
          expect((await transfer.run()).message.code).toBe(CHANGED);
          expect(Buffer.compare(received(), body(bytes))).toBe(0);
        },
      ),
      { numRuns: 100 },
    );
  });

  test('1024 bytes go in one piece, 1025 in two with the size told first and one tag', async () => {
    const small = transferWith(sink(6).script, put(body(1_024)));
    await small.transfer.run();
    expect(small.requests.map((one) => one.options.length)).toEqual([0]);
    const { transfer, requests } = transferWith(sink(6).script, put(body(1_025)));
    await transfer.run();
    expect(requests.map((one) => findUint(one.options, SIZE1))).toEqual([1_025, undefined]);
    expect(requests.map((one) => blockOf(one, BLOCK1))).toMatchObject([
      { number: 0, more: true },
      { number: 1, more: false },
    ]);
    const tags = requests.map((one) => Buffer.from(findOption(one.options, REQUEST_TAG)!).toString('hex'));
    expect(new Set(tags).size).toBe(1);
  });

  test('4.13 with a smaller size begins again in that size, also when it went in one piece', async () => {
    for (const bytes of [1_000, 3_000]) {
      const { script, received } = sink(6);
      const strict: Script = (one, index) => {
        const block = blockOf(one, BLOCK1);
        if (block === undefined || block.szx > 3) {
          return { code: code(4, 13), options: [{ number: BLOCK1, value: encodeBlock(0, true, 3) }] };
        }
        return script(one, index);
      };
      const { transfer } = transferWith(strict, put(body(bytes)));
      expect((await transfer.run()).message.code).toBe(CHANGED);
      expect(Buffer.compare(received(), body(bytes))).toBe(0);
    }
  });

  test('a server that lost the beginning (4.08) gets it again, but not for ever', async () => {
    const { script, received } = sink(6);
    const forgetful: Script = (one, index) => (index === 2 ? { code: code(4, 8) } : script(one, index));
    const { transfer, requests } = transferWith(forgetful, put(body(4_000)));
    expect((await transfer.run()).message.code).toBe(CHANGED);
    expect(Buffer.compare(received(), body(4_000))).toBe(0);
    expect(requests.length).toBe(3 + 4);
    const hopeless: Script = (one, index) =>
      blockOf(one, BLOCK1)!.number > 0 ? { code: code(4, 8) } : script(one, index);
    const lost = transferWith(hopeless, put(body(4_000)));
    expect((await lost.transfer.run()).message.code).toBe(code(4, 8));
    expect(lost.requests.length).toBe(8);
  });

  test('a refusal on the way is the response', async () => {
    const { transfer, requests } = transferWith(() => ({ code: code(4, 3) }), put(body(4_000)));
    expect((await transfer.run()).message.code).toBe(code(4, 3));
    expect(requests.length).toBe(1);
  });

  test('a server that acts on each block by itself answers 2.04 each time', async () => {
    const each: Script = (one) => {
      const { number, szx } = blockOf(one, BLOCK1)!;
      return { code: CHANGED, options: [{ number: BLOCK1, value: encodeBlock(number, false, szx) }] };
    };
    const { transfer, requests } = transferWith(each, put(body(2_500)));
    expect((await transfer.run()).message.code).toBe(CHANGED);
    expect(requests.length).toBe(3);
  });

  test('the answer to an upload may come in blocks too, and is read without sending the body again', async () => {
    const upload = sink(6);
    const content = server(body(2_100, 9), 6);
    const both: Script = (one, index) => {
      const block = blockOf(one, BLOCK1);
      if (block === undefined) return content(one, index);
      const reply = upload.script(one, index);
      return block.more
        ? reply
        : {
            ...content({ ...one, options: [] }, index),
            options: [...reply.options!, ...content({ ...one, options: [] }, index).options!],
          };
    };
    const { transfer, requests } = transferWith(both, { ...put(body(1_500)), code: METHOD_CODES.POST });
    const result = await transfer.run();
    expect(Buffer.compare(result.message.payload, body(2_100, 9))).toBe(0);
    expect(requests.map((one) => one.payload.length)).toEqual([1_024, 476, 0, 0]);
  });

  test.each<[string, Script]>([
    ['no Block1 in the answer', () => ({ code: CONTINUE })],
    ['another number in the answer', () => ({ code: CONTINUE, options: [option(BLOCK1, 0x1e)] })],
    ['2.31 after the last block', () => ({ code: CONTINUE, options: [option(BLOCK1, 0x0e)] })],
  ])('%s breaks the transfer', async (what, script) => {
    const last: Script = (one, index) => {
      const { number } = blockOf(one, BLOCK1)!;
      return { ...script(one, index), options: [{ number: BLOCK1, value: encodeBlock(number, true, 6) }] };
    };
    const used = what.startsWith('2.31') ? last : script;
    expect(await failure(transferWith(used, put(body(2_000))).transfer.run())).toBe('coap.blocks_broken');
  });

  test('past the limit nothing is sent', async () => {
    const { transfer, requests } = transferWith(sink(6).script, put(body(5_000)), 4_999);
    expect(await failure(transfer.run())).toBe('coap.too_large');
    expect(requests.length).toBe(0);
  });
});
