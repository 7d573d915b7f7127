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
import { decodeUint } from '../codec/options.ts';
import { DEFAULT_RELIABLE_LIMITS } from './context.ts';

describe('the beginning', () => {
  test('our CSM comes first and at once, with Max-Message-Size and Block-Wise-Transfer', async () => {
    const one = rig();
    await settle();
    const { code, options } = one.heard()[0]!;
    expect(code).toBe(CSM);
    expect(options.map(({ number, value }) => [number, decodeUint(value)])).toEqual([
      [2, DEFAULT_RELIABLE_LIMITS.maxMessageBytes],
      [4, 0],
    ]);
  });

  test('the CSM of the other end makes it ready; a token in it is tolerated', () => {
    const one = rig();
    one.say(
      message(0),
      message(CSM, { token: Uint8Array.of(1, 2), options: [option(2, 0x20, 0), option(4)] }),
    );
    expect([one.readyCount(), one.connection.maxMessageBytes, one.connection.largestSzx]).toEqual([
      1, 8_192, 7,
    ]);
    // Settings are cumulative; BERT goes with a size that has no room for it.
    one.say(message(CSM));
    expect([one.connection.maxMessageBytes, one.connection.largestSzx]).toEqual([8_192, 7]);
    one.say(message(CSM, { options: [option(6, 1), option(2, 0x04, 0x80)] }));
    expect([one.readyCount(), one.connection.maxMessageBytes, one.connection.largestSzx]).toEqual([
      1, 1_152, 6,
    ]);
    one.say(message(CSM));
    expect(one.connection.maxMessageBytes).toBe(1_152);
  });

  test('a Max-Message-Size into which nothing fits: Bad-CSM-Option', async () => {
    const one = rig();
    one.say(message(CSM, { options: [option(2)] }));
    expect(await abortOf(one)).toEqual({ diagnostic: 'no message fits into 0 bytes', badCsmOption: [2] });
    expect([one.readyCount(), codeOf(one.closed())]).toEqual([0, 'coap.handshake']);
  });

  test('without Block-Wise-Transfer there is no BERT', () => {
    const one = rig();
    one.say(message(CSM, { options: [option(2, 0x20, 0)] }));
    expect(one.connection.largestSzx).toBe(6);
  });

  test.each<[string, Parameters<typeof message>]>([
    ['a request', [GET, { token: Uint8Array.of(1) }]],
    ['a response', [CONTENT]],
    ['a ping', [PING]],
  ])('%s before the CSM ends it', async (_what, [code, change]) => {
    const one = rig();
    one.say(message(code, change));
    expect((await abortOf(one)).diagnostic).toContain('CSM');
    expect(codeOf(one.closed())).toBe('coap.handshake');
    expect(one.requests).toEqual([]);
  });

  test.each([
    ['HTTP', 'GET / HTTP/1.1\r\nHost: x\r\n\r\n'],
    ['MQTT', '\x10\x10\0\x04MQTT\x05\x02\0\x3c\0\0\x03abc'],
    ['TLS', '\x16\x03\x01\x02\0\x01\0\x01\xfc\x03\x03aaaa'],
  ])('%s is not taken for CoAP', async (_what, bytes) => {
    const one = rig();
    one.connection.receive(new Uint8Array(Buffer.from(bytes, 'latin1')));
    await abortOf(one);
    expect(codeOf(one.closed())).toBe('coap.handshake');
  });

  test('a first message larger than any CSM is not waited for', async () => {
    const one = rig();
    one.connection.receive(Uint8Array.of(0xe0, 0x10, 0x00, CSM));
    expect((await abortOf(one)).diagnostic).toContain('Max-Message-Size');
  });

  test('no CSM in time', async () => {
    const one = rig();
    one.clock.advance(9_900);
    expect(one.closed()).toBeUndefined();
    one.clock.advance(200);
    expect((await abortOf(one)).diagnostic).toContain('in time');
    one.clock.advance(1_100);
    expect(one.pipe.destroyCount).toBe(1);
  });

  test('an Abort instead: its diagnostic is in the error', () => {
    const one = rig();
    one.say(message(ABORT, { payload: textBytes('go\naway'), options: [option(2, 9)] }));
    expect(codeOf(one.closed())).toBe('coap.handshake');
    expect(one.closed()?.message).toContain('go away');
    expect(one.closed()?.detail).toEqual({ diagnostic: 'go away', badCsmOption: 9 });
  });
});

describe('requests of the other end', () => {
  test('are served once and answered in any order, with their tokens', async () => {
    const one = await opened();
    one.say(message(GET, { token: Uint8Array.of(1) }), message(GET, { token: Uint8Array.of(2) }));
    const [first, second] = one.requests;
    expect(first).toMatchObject({ confirmable: true, multicast: false, bytes: 3, transport: 'tcp' });
    expect(first!.peerKey).toMatch(/^tcp \d+$/);
    expect(first!.carrier()).toBe(one.connection);
    second!.answer(answer('b'));
    first!.answer(answer('a'));
    first!.answer(answer('again'));
    await settle();
    expect(one.heard().map((each) => [each.token[0], text(each.payload)])).toEqual([
      [2, 'b'],
      [1, 'a'],
    ]);
    expect(one.context.counters.served).toBe(2);
  });
  test('null and undefined are silence', async () => {
    const one = await opened({ serve: (request) => request.answer(request.code === GET ? null : undefined) });
    one.say(message(GET), message(2));
    await settle();
    expect(one.heard()).toEqual([]);
    expect(one.connection.busy).toBe(false);
  });
  test('an answer larger than the other end takes becomes 5.00', async () => {
    const one = await opened({}, option(2, 200));
    one.say(message(GET, { token: Uint8Array.of(7) }));
    one.requests[0]!.answer(answer('x'.repeat(300)));
    await settle();
    expect(one.heard().map(({ code, token }) => [code, token[0]])).toEqual([[0xa0, 7]]);
    expect(one.context.counters.sendErrors).toBe(1);
  });
  test('one that cannot be served becomes 5.00', async () => {
    const one = await opened({
      serve: () => {
        throw new Error('a fault');
      },
    });
    one.say(message(GET));
    expect(one.heard()[0]!.code).toBe(0xa0);
  });
  test('too many at once are asked to wait', async () => {
    const one = await opened({ limits: { servedPerConnection: 2 } });
    one.say(...[1, 2, 3].map((each) => message(GET, { token: Uint8Array.of(each) })));
    const [refused] = one.heard();
    expect([refused!.code, refused!.token[0], refused!.options[0]!.number]).toEqual([0x9d, 3, 14]);
    expect(one.requests).toHaveLength(2);
    expect(one.context.counters.droppedByLimit).toBe(1);
  });
  test('an answer after the end does nothing', async () => {
    const one = await opened();
    one.say(message(GET));
    one.connection.ended('gone');
    one.requests[0]!.answer(answer('late'));
    await settle();
    expect(one.heard()).toEqual([]);
  });
});

describe('our requests', () => {
  test('go out together; answers find the owners of their tokens', async () => {
    const one = await opened();
    const [a, b] = [owner(), owner()];
    const sent: string[] = [];
    for (const [who, token] of [[a, 1], [b, 2]] as const) {
      one.connection.own(Uint8Array.of(token), who);
      const sending = one.connection.send(get(Uint8Array.of(token)), { ...nobody, sent: () => sent.push('out') });
      expect([sending.state, sent.length]).toEqual(['waiting', 0]);
    } // prettier-ignore
    await settle();
    expect(sent).toEqual(['out', 'out']);
    expect(one.heard().map(({ code }) => code)).toEqual([GET, GET]);
    one.say(message(CONTENT, { token: Uint8Array.of(2), payload: textBytes('b') }));
    expect([a.responses.length, text(b.responses[0]!.payload)]).toEqual([0, 'b']);
    one.connection.disown(Uint8Array.of(2), a);
    one.say(message(CONTENT, { token: Uint8Array.of(2) }));
    one.connection.disown(Uint8Array.of(2), b);
    one.say(message(CONTENT, { token: Uint8Array.of(2) }), message(CONTENT));
    expect([b.responses.length, one.context.counters.unmatched]).toEqual([2, 2]);
  });
  test('one larger than the other end takes is not sent', async () => {
    const one = await opened({}, option(2, 200));
    const failed = (run: () => unknown) => {
      try {
        run();
        return 'sent';
      } catch (error) {
        return codeOf(error);
      }
    };
    expect(failed(() => one.connection.send(get(Uint8Array.of(1), 200), nobody))).toBe('coap.too_large');
    expect(failed(() => one.connection.sendUnawaited(get(Uint8Array.of(1), 200)))).toBe('coap.too_large');
    await settle();
    expect(one.heard()).toEqual([]);
  });
  test('their number is bounded', async () => {
    const one = await opened({ limits: { requestsPerConnection: 1 } });
    const sending = one.connection.send(get(Uint8Array.of(1)), nobody);
    expect(() => one.connection.send(get(Uint8Array.of(2)), nobody)).toThrow('waits');
    sending.release();
    sending.release();
    expect(one.connection.send(get(Uint8Array.of(3)), nobody).state).toBe('waiting');
  });
  test('when the connection ends, each owner and each watcher hears it once', async () => {
    const one = await opened();
    const [asking, observing] = [owner(), owner()];
    const failures: string[] = [];
    one.connection.own(Uint8Array.of(1), asking);
    one.connection.own(Uint8Array.of(2), observing);
    one.connection.send(get(Uint8Array.of(1)), {
      ...nobody,
      failed: (error) => failures.push(codeOf(error)),
    });
    const ping = one.connection.ping().catch(codeOf);
    one.connection.ended('ECONNRESET');
    one.connection.ended('again');
    expect([asking.errors, observing.errors, failures]).toEqual([
      ['coap.closed'],
      ['coap.closed'],
      ['coap.closed'],
    ]);
    expect(await ping).toBe('coap.closed');
    expect(() => one.connection.send(get(Uint8Array.of(3)), nobody)).toThrow('has ended');
    const late = owner();
    one.connection.own(Uint8Array.of(4), late);
    expect(late.errors).toEqual([]);
    await settle();
    expect(late.errors).toEqual(['coap.closed']);
    expect(one.wheel.size).toBe(0);
  });
});

test('over WebSocket each frame is one message, and its size is checked', async () => {
  const one = await opened({ framing: 'websocket' });
  one.say(message(GET, { token: Uint8Array.of(5) }), message(PING));
  expect(one.requests[0]!.peerKey).toMatch(/^ws /);
  expect(one.heard().map(({ code }) => code)).toEqual([PONG]);
  one.connection.receive(new Uint8Array(DEFAULT_RELIABLE_LIMITS.maxMessageBytes + 1));
  expect((await abortOf(one)).diagnostic).toContain('Max-Message-Size');
});

test('a tap sees every message with its bytes and what became of it; without one nothing is made', async () => {
  const one = await opened({ tapped: true });
  one.say(message(PING), message(GET), message(CONTENT));
  one.connection.receive(Uint8Array.of(0x00, 0x21));
  expect(one.events.map(({ direction, verdict, bytes }) => [direction, verdict, bytes[1] ?? 0])).toEqual([
    ['out', 'ok', expect.any(Number)],
    ['in', 'ok', CSM],
    ['in', 'ok', PING],
    ['out', 'ok', PONG],
    ['in', 'ok', GET],
    ['in', 'unmatched', CONTENT],
    ['in', 'malformed', 0x21],
    ['out', 'ok', expect.any(Number)],
  ]);
  expect((await opened()).events).toEqual([]);
});
