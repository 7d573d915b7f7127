/** Notifications whose representation comes in blocks (RFC 7959 §2.6, §3.4). */
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { STATION, option, textBytes } from '../../../test/support/coap-net.ts';
import { ObservedRig } from '../../../test/support/coap-observed.ts';
import { decodeBlock, encodeBlock } from '../codec/block.ts';
import { ACK, CONTENT } from '../codec/codes.ts';
import { BLOCK2, ETAG, OBSERVE, findOption } from '../codec/options.ts';

let rig: ObservedRig;

beforeEach(async () => {
  rig = await new ObservedRig().start();
});
afterEach(async () => {
  await rig.stop();
  expect(rig.clock.pendingTimers).toBe(0);
  expect(rig.endpoint.counters).toMatchObject({ observations: 0, exchanges: 0 });
});

describe('notifications in blocks', () => {
  const large = (seed: string) => textBytes(seed.repeat(2_500));

  /** Serves blocks of what `current` is now. */
  function serveBlocks(current: () => { content: Uint8Array; etag: number }): void {
    rig.device.answer = (request) => {
      const value = findOption(request.options, BLOCK2);
      if (request.code !== 1 || (value === undefined && findOption(request.options, OBSERVE) !== undefined))
        return;
      const { messageId, token } = request;
      const { content, etag } = current();
      const number = value === undefined ? 0 : decodeBlock(value)!.number;
      const { payload, options } = blockOf(content, etag, number);
      rig.device.send({ type: ACK, code: CONTENT, messageId, token, payload, options }, STATION);
    };
  }

  function blockOf(content: Uint8Array, etag: number, number: number) {
    const end = (number + 1) * 1_024;
    const block = { number: BLOCK2, value: encodeBlock(number, end < content.length, 6) };
    return { payload: content.subarray(number * 1_024, end), options: [option(ETAG, etag), block] };
  }

  test('are fetched whole with a token of their own', async () => {
    const current = { content: large('x'), etag: 1 };
    serveBlocks(() => current);
    const { texts, responses } = await rig.watch();
    await rig.reply('', 1, blockOf(current.content, 1, 0));
    expect(texts).toEqual(['x'.repeat(2_500)]);
    expect(responses[0]).toMatchObject({ blocks: 3, observe: 1, code: '2.05' });
    current.content = large('y');
    current.etag = 2;
    await rig.notify('', 2, blockOf(current.content, 2, 0));
    expect(texts.at(-1)).toBe('y'.repeat(2_500));
    const fetched = rig.device.received.filter(
      ({ message }) => findOption(message.options, BLOCK2) !== undefined,
    );
    expect(fetched.length).toBe(4);
    for (const { message } of fetched) {
      expect(findOption(message.options, OBSERVE)).toBeUndefined();
      expect(Buffer.compare(message.token, rig.device.received[0]!.message.token)).not.toBe(0);
    }
  });

  test('of those that come while one is read, the newest is read next', async () => {
    const { texts } = await rig.watch();
    await rig.reply('', 1, blockOf(large('a'), 1, 0));
    await rig.notify('', 2, blockOf(large('b'), 2, 0));
    await rig.notify('', 3, blockOf(large('c'), 3, 0));
    // The reading of the first one goes on: its last two blocks are still there, then the server has the third.
    let served = 0;
    serveBlocks(() => (served++ === 0 ? { content: large('a'), etag: 1 } : { content: large('c'), etag: 3 }));
    const { messageId, token } = rig.device.last();
    const second = blockOf(large('a'), 1, 1);
    rig.device.send({ type: ACK, code: CONTENT, messageId, token, ...second }, STATION);
    await rig.net.settle();
    expect(texts).toEqual(['a'.repeat(2_500), 'c'.repeat(2_500)]);
  });

  test('a small one that comes while a large one is read is handed over at once, and the large one dropped', async () => {
    const { texts } = await rig.watch();
    await rig.reply('', 1, blockOf(large('a'), 1, 0));
    await rig.notify('small', 2);
    serveBlocks(() => ({ content: large('a'), etag: 1 }));
    await rig.pass(10_000);
    expect(texts).toEqual(['small']);
  });

  test('one that cannot be read whole is no notification: registered again', async () => {
    const { states, texts } = await rig.watch();
    await rig.reply('', 1, blockOf(large('a'), 1, 0));
    await rig.pass(62_200);
    expect([texts, states.slice(0, 2)]).toEqual([[], ['active', 'retrying coap.timeout']]);
  });

  test('cancelling while one is read hands nothing over', async () => {
    const { observation, texts } = await rig.watch();
    await rig.reply('', 1, blockOf(large('a'), 1, 0));
    const cancelling = observation.cancel();
    await rig.pass(10_000);
    await cancelling;
    expect(texts).toEqual([]);
  });
});
