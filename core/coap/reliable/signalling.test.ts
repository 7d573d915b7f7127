import { describe, expect, test } from 'vitest';
import { codeOf } from '../../base/errors.ts';
import { option, textBytes } from '../../../test/support/coap-net.ts';
import {
  ABORT,
  CONTENT,
  CSM,
  GET,
  PING,
  PONG,
  RELEASE,
  abortOf,
  answer,
  get,
  message,
  nobody,
  opened,
  owner,
  rig,
  settle,
  text,
} from '../../../test/support/coap-reliable.ts';

const CUSTODY = option(2);

describe('options and messages that nobody knows', () => {
  test('a critical option in a CSM: Bad-CSM-Option', async () => {
    const one = rig();
    one.say(message(CSM, { options: [option(9, 1)] }));
    expect(await abortOf(one)).toEqual({
      diagnostic: 'unknown critical option 9 in CSM',
      badCsmOption: [9],
    });
  });
  test('a critical option in a Ping ends it too, an elective one is ignored', async () => {
    const one = await opened();
    one.say(message(PING, { options: [option(40, 1)] }));
    expect(one.heard()[0]!.code).toBe(PONG);
    one.say(message(PING, { options: [option(41, 1)] }));
    expect(await abortOf(one)).toMatchObject({ badCsmOption: [] });
  });
  test('a signal that nobody has defined', async () => {
    const one = await opened();
    one.say(message(0xe6));
    await abortOf(one);
  });
  test('a broken message: Abort, counted, and nothing after it is read', async () => {
    const one = await opened();
    one.connection.receive(Uint8Array.of(0x10, 0x45, 0xff, 0x00, GET));
    expect((await abortOf(one)).diagnostic).toContain('payload marker');
    expect([one.requests.length, one.context.counters.malformed]).toEqual([0, 1]);
    expect(codeOf(one.closed())).toBe('coap.closed');
  });
});

describe('Ping and Pong', () => {
  test('theirs is answered with its token', async () => {
    const one = await opened();
    one.say(message(PING, { token: Uint8Array.of(0x42) }));
    expect(one.heard().map(({ code, token }) => [code, ...token])).toEqual([[PONG, 0x42]]);
  });
  test('with Custody the Pong waits for what came before, and not for what came after', async () => {
    const one = await opened();
    one.say(
      message(GET, { token: Uint8Array.of(1) }),
      message(PING, { token: Uint8Array.of(8), options: [CUSTODY] }),
    );
    one.say(message(GET, { token: Uint8Array.of(2) }));
    expect(one.heard()).toEqual([]);
    one.requests[0]!.answer(answer('a'));
    await settle();
    expect(one.heard().map(({ code, token, options }) => [code, token[0], options.length])).toEqual([
      [CONTENT, 1, 0],
      [PONG, 8, 1],
    ]);
    one.say(message(PING));
    expect(one.heard()[0]!.code).toBe(PONG);
  });
  test('ours: the time that it took', async () => {
    const one = await opened();
    const rtt = one.connection.ping();
    await settle();
    const [ping] = one.heard();
    one.clock.advance(70);
    one.say(message(PONG, { token: Uint8Array.of(1) }), message(PONG, { token: ping!.token }));
    expect(await rtt).toEqual({ rttMs: 70 });
  });
  test('ours: a Pong without a token answers the oldest, as libcoap does it', async () => {
    const one = await opened();
    const rtt = one.connection.ping();
    one.say(message(PONG));
    expect(await rtt).toEqual({ rttMs: 0 });
  });
  test('ours: no answer, cancelled, too many', async () => {
    const one = await opened({ limits: { pingsPerConnection: 2 } });
    const giveUp = new AbortController();
    const [silent, left] = [one.connection.ping(), one.connection.ping(giveUp.signal)].map((each) =>
      each.catch(codeOf),
    );
    expect(await one.connection.ping().catch(codeOf)).toBe('coap.busy');
    giveUp.abort();
    one.clock.advance(21_000);
    expect([await silent, await left]).toEqual(['coap.timeout', 'coap.cancelled']);
    expect(await one.connection.ping(AbortSignal.abort()).catch(codeOf)).toBe('coap.cancelled');
  });
});

describe('Release and Abort', () => {
  test('theirs: what is under way in both directions is finished, nothing new is begun', async () => {
    const one = await opened();
    one.say(message(GET, { token: Uint8Array.of(9) }));
    const waiting = owner();
    one.connection.own(Uint8Array.of(1), waiting);
    const sending = one.connection.send(get(Uint8Array.of(1)), nobody);
    one.say(message(RELEASE, { options: [option(4, 30), option(2, 0x78)] }));
    expect([one.connection.closed, one.connection.holdOffMs, one.closed()]).toEqual([
      true,
      30_000,
      undefined,
    ]);
    expect(() => one.connection.send(get(Uint8Array.of(2)), nobody)).toThrow('has ended');
    one.requests[0]!.answer(answer('yes'));
    one.say(message(CONTENT, { token: Uint8Array.of(1) }));
    sending.release();
    await settle();
    expect(waiting.responses).toHaveLength(1);
    expect(one.heard().map(({ code }) => code)).toEqual([GET, CONTENT]);
    expect([codeOf(one.closed()), one.pipe.endCount]).toEqual(['coap.closed', 1]);
  });
  test('theirs, with nothing under way', async () => {
    const one = await opened();
    one.say(message(RELEASE));
    expect([one.pipe.endCount, one.connection.closed]).toEqual([1, true]);
    one.clock.advance(1_100);
    expect(one.pipe.destroyCount).toBe(1);
  });
  test('ours says why; a request that is never answered is not waited for for ever', async () => {
    const one = await opened();
    one.connection.send(get(Uint8Array.of(1)), nobody);
    one.connection.release('maintenance');
    one.connection.release('again');
    await settle();
    expect(one.heard().map(({ code, payload }) => [code, text(payload)])).toEqual([
      [GET, ''],
      [RELEASE, 'maintenance'],
    ]);
    expect(one.pipe.endCount).toBe(0);
    one.clock.advance(10_100);
    expect([one.pipe.endCount, codeOf(one.closed())]).toEqual([1, 'coap.closed']);
  });
  test('their Abort: whoever waits reads its diagnostic', async () => {
    const one = await opened();
    const waiting = owner();
    let failure: Error | undefined;
    one.connection.own(Uint8Array.of(1), waiting);
    one.connection.send(get(Uint8Array.of(1)), { ...nobody, failed: (error) => (failure = error) });
    one.say(message(ABORT, { payload: textBytes('out of memory') }), message(GET));
    expect(failure?.message).toContain('the other end aborted it: out of memory');
    expect([waiting.errors, one.requests]).toEqual([['coap.closed'], []]);
  });
});
