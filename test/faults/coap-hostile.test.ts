/**
 * What a hostile network says to the station over CoAP, case by case: each has its one answer, code or counter, and the
 * neighbours (a client that reads and writes, a device that is observed) do not feel it. See also
 * `coap-hostile-servers.test.ts` and `bench -- fuzz-coap`.
 */
import { networkInterfaces } from 'node:os';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { decodeMessage, encodeMessage } from '../../core/coap/codec/codec.ts';
import { CON, CONTENT, NON } from '../../core/coap/codec/codes.ts';
import {
  BLOCK1,
  ECHO,
  OBSERVE,
  URI_QUERY,
  findOption,
  textOption,
  uintOption,
} from '../../core/coap/codec/options.ts';
import type { CoapOption } from '../../core/coap/codec/options.ts';
import { RawPeer, pathOptions } from '../support/coap-hostile.ts';
import { freshId, growth, hostileBench, nameOf, request } from '../support/coap-hostile-bench.ts';

/** An address of this machine that is not loopback: from there the station is asked as from another machine. */
const OUTSIDE = Object.values(networkInterfaces())
  .flat()
  .find((one) => one !== undefined && one.family === 'IPv4' && !one.internal)?.address;
if (OUTSIDE === undefined) process.stderr.write('no network but loopback: peers elsewhere are not tried\n');

const bench = hostileBench();
const hex = (text: string): Buffer => Buffer.from(text.replaceAll(' ', ''), 'hex');

describe('frames that break RFC 7252', () => {
  it.each([
    ['nothing at all', '', 'silence'],
    ['three bytes', '40 01 00', 'silence'],
    ['version 0', '00 01 10 01', 'silence'],
    ['version 2', '80 01 10 02', 'silence'],
    ['a token of 9 bytes', '49 01 10 03 00 00 00 00 00 00 00 00 00', 'RST'],
    ['a token of 15 bytes', '4f 01 10 04', 'RST'],
    ['a token past the end', '44 01 10 05 aa', 'RST'],
    ['an option delta of 15', '40 01 10 06 f0', 'RST'],
    ['an option length of 15', '40 01 10 07 1f', 'RST'],
    ['an option past the end', '40 01 10 08 b5 61', 'RST'],
    ['an extended delta past the end', '40 01 10 09 e0 ff', 'RST'],
    ['an option number past 65535', '40 01 10 0a e0 ff ff e0 ff ff', 'RST'],
    ['a marker without a payload', '40 01 10 0b ff', 'RST'],
    ['a code of class 1', '40 21 10 0c', 'RST'],
    ['a code of class 6', '40 c1 10 0d', 'RST'],
    ['a signal (7.01) over UDP', '40 e1 10 0e', 'RST'],
    ['an empty message with a token', '41 00 10 0f 01', 'RST'],
    ['an empty message with more', '40 00 10 10 ff 00', 'RST'],
    ['a RST with a code', '70 01 10 11', 'silence'],
    ['an ACK with a request', '60 01 10 12', 'silence'],
    ['a NON cut in its options', '50 01 10 13 bd', 'silence'],
  ])('%s', async (_what, bytes, answer) => {
    const grown = await growth(bench.rpc, 'coap.malformed', async () => {
      expect(nameOf(await bench.peer.askAtOnce(hex(bytes)))).toBe(answer);
    });
    expect(grown).toBe(1);
  });

  it('every beginning of a valid message, and each with one byte lost', async () => {
    const whole = request(3, 'topics/never/cut', { payload: Buffer.from('cut') }, [
      textOption(URI_QUERY, 'retain'),
    ]);
    for (let end = 0; end < whole.length; end++) {
      bench.peer.send(whole.subarray(0, end));
      bench.peer.send(Buffer.concat([whole.subarray(0, end), whole.subarray(end + 1)]));
    }
    await bench.peer.ping();
    // What is left of the payload is a payload, and a shorter name another topic. All of it is below the one topic.
    expect(nameOf(await bench.peer.ask(request(1, 'devices')))).toBe('2.05');
  });
});

describe('requests that are not served', () => {
  it.each([
    ['a critical option that is unknown, by CON', CON, [{ number: 9, value: Buffer.alloc(0) }], '4.02'],
    ['the same by NON', NON, [{ number: 9, value: Buffer.alloc(0) }], 'RST'],
    ['Uri-Host of 256 bytes', CON, [{ number: 3, value: Buffer.alloc(256, 97) }], '4.02'],
    ['Accept twice', CON, [uintOption(17, 0), uintOption(17, 50)], '4.02'],
    ['a segment ..', CON, pathOptions('..'), '4.02'],
    ['a segment that is no UTF-8', CON, [{ number: 11, value: Buffer.from([0xff]) }], '4.02'],
    ['If-Match', CON, [{ number: 1, value: Buffer.from([1]) }], '4.02', 3],
  ])('%s', async (_what, type, options, answer, code = 1) => {
    const grown = await growth(bench.rpc, 'coap_server.bad_option', async () => {
      expect(nameOf(await bench.peer.ask(request(code, 'topics/x', { type: type as 0 | 1 }, options)))).toBe(
        answer,
      );
    });
    expect(grown).toBe(1);
  });

  it.each([
    ['a filter as a topic', 3, 'topics/a/+', '4.00'],
    ['all topics', 3, 'topics/#', '4.00'],
    ['a topic with U+0000', 3, 'topics/a\0b', '4.00'],
    ['the topics of the broker', 3, 'topics/$SYS/x', '4.03'],
    ['a shared subscription', 3, 'topics/$share/g/t', '4.03'],
    ['no topic', 3, 'topics', '4.04'],
    ['a forward proxy', 1, '', '5.05', [{ number: 35, value: Buffer.from('coap://127.0.0.1:1/') }]],
    ['a prototype', 1, 'devices/__proto__', '4.04'],
    ['a constructor', 1, 'readings/constructor/name', '4.04'],
    ['a registration without a name', 2, 'rd', '4.00'],
    [
      'a registration of another base in the simple way',
      2,
      '.well-known/rd',
      '4.00',
      [textOption(URI_QUERY, 'ep=a'), textOption(URI_QUERY, 'base=coap://10.0.0.1')],
    ],
  ] as [string, number, string, string, CoapOption[]?][])(
    '%s',
    async (_what, code, path, answer, options = []) => {
      expect(nameOf(await bench.peer.ask(request(code, path, {}, options)))).toBe(answer);
    },
  );

  it('a topic of 51,000 bytes is one topic, or none; it is not cut', async () => {
    const long = Array.from({ length: 200 }, () => 'x'.repeat(255)).join('/');
    expect(['2.04', '4.00']).toContain(nameOf(await bench.peer.ask(request(3, `topics/${long}`))));
    expect(['2.05', '4.04']).toContain(nameOf(await bench.peer.ask(request(1, `topics/${long}`))));
  });

  it('a duplicate CON is answered the same, and carried out once', async () => {
    const once = request(3, 'topics/twice', { payload: Buffer.from('1') });
    const grown = await growth(bench.rpc, 'coap.duplicates', async () => {
      const first = await bench.peer.ask(once);
      expect(await bench.peer.ask(once)).toEqual(first);
      expect(nameOf(first)).toBe('2.04');
    });
    expect(grown).toBe(1);
  });

  it('answers that nobody asked for are rejected, and counted', async () => {
    const grown = await growth(bench.rpc, 'coap.unmatched', async () => {
      const answer = encodeMessage({
        ...{ type: CON, code: CONTENT, messageId: freshId(), token: Buffer.from('guessed!'), options: [] },
        payload: Buffer.from('999'),
      });
      expect(nameOf(await bench.peer.ask(answer))).toBe('RST');
    });
    expect(grown).toBe(1);
  });

  it('blocks with a gap are 4.08, a body past the limit 4.13, and neither is published', async () => {
    const block = (number: number, more: boolean): CoapOption =>
      uintOption(BLOCK1, number * 16 + (more ? 8 : 0) + 6);
    const put = (number: number, more: boolean) =>
      bench.peer.ask(request(3, 'topics/blocks', { payload: Buffer.alloc(1_024) }, [block(number, more)]));
    expect(nameOf(await put(0, true))).toBe('2.31');
    expect(nameOf(await put(2, true))).toBe('4.08');
    expect(nameOf(await put(5_000, true))).toMatch(/4\.(08|13)/);
    const size = uintOption(60, 0xffff_ffff);
    expect(
      nameOf(
        await bench.peer.ask(
          request(3, 'topics/blocks', { payload: Buffer.alloc(1_024) }, [block(0, true), size]),
        ),
      ),
    ).toBe('4.13');
    expect(nameOf(await bench.peer.ask(request(1, 'topics/blocks')))).toBe('4.04');
  });

  it('a token that observes again takes the place of its first observation', async () => {
    const observers = async (): Promise<number> =>
      (await bench.rpc.call('coap.setServer', { others: 'nothing' })).observers;
    const before = await observers();
    for (let again = 0; again < 50; again++) {
      const observe = request(1, 'topics/neighbour', { token: Uint8Array.of(9) }, [uintOption(OBSERVE, 0)]);
      expect(nameOf(await bench.peer.ask(observe))).toBe('2.05');
    }
    const after = await observers();
    expect(after - before).toBe(1);
    await bench.peer.ask(
      request(1, 'topics/neighbour', { token: Uint8Array.of(9) }, [uintOption(OBSERVE, 1)]),
    );
  });

  it('more observations than one peer may have are answered like plain requests', async () => {
    const grown = await growth(bench.rpc, 'coap_server.observers_refused', async () => {
      for (let token = 0; token < 120; token++) {
        const observe = request(1, 'topics/neighbour', { token: Uint8Array.of(8, token) }, [
          uintOption(OBSERVE, 0),
        ]);
        expect(nameOf(await bench.peer.ask(observe))).toBe('2.05');
      }
    });
    expect(grown).toBe(20);
    for (let token = 0; token < 120; token++) {
      await bench.peer.ask(
        request(1, 'topics/neighbour', { token: Uint8Array.of(8, token) }, [uintOption(OBSERVE, 1)]),
      );
    }
  });
});

describe.runIf(OUTSIDE !== undefined)('from other machines', () => {
  let outside: RawPeer;
  beforeAll(async () => {
    outside = await RawPeer.open(bench.station.port('coap'), OUTSIDE);
  });
  afterAll(() => outside.close());

  it('nothing is allowed until somebody allows it', async () => {
    const grown = await growth(bench.rpc, 'coap_server.denied', async () => {
      expect(nameOf(await outside.ask(request(1, 'devices')))).toBe('4.03');
      expect(
        nameOf(await outside.ask(request(3, 'topics/neighbour', { payload: Buffer.from('evil') }))),
      ).toBe('4.03');
      expect(nameOf(await outside.ask(request(2, 'rd', {}, [textOption(URI_QUERY, 'ep=evil')])))).toBe(
        '4.03',
      );
      expect(nameOf(await outside.ask(request(1, '.well-known/core')))).toBe('4.03');
    });
    expect(grown).toBe(4);
  });

  it('what may be forged is answered by no more than 136 bytes or three times as much, until it is proved', async () => {
    await bench.rpc.call('coap.setServer', { others: 'publish' });
    const tries = [
      ...['.well-known/core', 'devices', 'rd-lookup/res', 'topics/neighbour', 'topics/none', 'nothing', ''],
    ].flatMap((path) => [
      request(1, path),
      request(1, path, { type: NON }),
      request(1, path, {}, [uintOption(OBSERVE, 0)]),
      request(5, path, {}, [{ number: 9, value: Buffer.alloc(0) }]),
    ]);
    for (const bytes of tries) {
      const before = outside.heard.length;
      outside.send(bytes);
      await outside.ping();
      const out = outside.heard.slice(before).reduce((sum, one) => sum + one.length, 0);
      expect(out).toBeLessThanOrEqual(Math.max(136, 3 * bytes.length));
    }
    await bench.rpc.call('coap.setServer', { others: 'nothing' });
  });

  it('an Echo value that was not given, or was changed, proves nothing; the one that was given does', async () => {
    await bench.rpc.call('coap.setServer', { others: 'read' });
    const observe = (echo: Uint8Array) =>
      request(1, 'devices', {}, [uintOption(OBSERVE, 0), { number: ECHO, value: echo }]);
    const challenged = await outside.ask(observe(Buffer.alloc(12)));
    expect(nameOf(challenged)).toBe('4.01');
    const decoded = decodeMessage(challenged!);
    const echo = Buffer.from(decoded.ok ? findOption(decoded.message.options, ECHO)! : []);
    for (let at = 0; at < echo.length; at++) {
      const forged = Buffer.from(echo);
      forged[at] = forged[at]! ^ 0x80;
      expect(nameOf(await outside.ask(observe(forged)))).toBe('4.01');
    }
    expect(nameOf(await outside.ask(observe(echo)))).toBe('2.05');
    await bench.rpc.call('coap.setServer', { others: 'nothing' });
  });

  it('a registration that names other hosts makes the station ask none of them', async () => {
    await bench.rpc.call('coap.setServer', { others: 'register' });
    const from = bench.server.asked.length;
    const register = (base: string, links: string) =>
      outside.ask(
        request(2, 'rd', { payload: Buffer.from(links) }, [
          textOption(URI_QUERY, 'ep=evil'),
          textOption(URI_QUERY, `base=${base}`),
        ]),
      );
    expect(nameOf(await register(bench.server.authority, '</a>'))).toBe('4.00');
    expect(nameOf(await register('coap://10.255.255.1', `</a>;obs,<${bench.server.authority}/b>;obs`))).toBe(
      '2.01',
    );
    await bench.peer.ping();
    expect(bench.server.asked.length).toBe(from);
    const { resources } = await bench.rpc.call('coap.resources', { authority: bench.server.authority });
    expect(resources.some(({ uri }) => uri.endsWith('/b'))).toBe(false);
    await bench.rpc.call('coap.setServer', { others: 'nothing' });
  });
});

it('after all of that the station has logged no fault of its own', () => {
  expect(bench.station.log()).not.toMatch(/ error |could not be served|failed:/);
});
