/**
 * What a hostile network says to the station over CoAP, case by case: each has its one answer, code or counter, and the
 * neighbours (a client that reads and writes, a device that is observed) do not feel it. See also `bench -- fuzz-coap`.
 */
import { connect } from 'node:net';
import { networkInterfaces } from 'node:os';
import { once } from 'node:events';
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import { decodeMessage, encodeMessage } from '../../core/coap/codec/codec.ts';
import type { CoapMessage } from '../../core/coap/codec/codec.ts';
import { ACK, CON, CONTENT, NON, codeText } from '../../core/coap/codec/codes.ts';
import {
  BLOCK1,
  BLOCK2,
  CONTENT_FORMAT,
  ECHO,
  ETAG,
  OBSERVE,
  URI_QUERY,
  findOption,
  textOption,
  uintOption,
} from '../../core/coap/codec/options.ts';
import type { CoapOption } from '../../core/coap/codec/options.ts';
import { encodeFramed } from '../../core/coap/reliable/codec.ts';
import type { RpcClient } from '../../core/rpc/types.ts';
import { HostileServer, Neighbour, RawPeer, pathOptions } from '../support/coap-hostile.ts';
import { startStation, temporaryFolder } from '../support/station-process.ts';
import type { StationProcess } from '../support/station-process.ts';

/** An address of this machine that is not loopback: from there the station is asked as from another machine. */
const OUTSIDE = Object.values(networkInterfaces())
  .flat()
  .find((one) => one !== undefined && one.family === 'IPv4' && !one.internal)?.address;
if (OUTSIDE === undefined)
  console.log('no network but loopback: amplification and foreign peers are not tried');

let folder: ReturnType<typeof temporaryFolder>;
let station: StationProcess;
let rpc: RpcClient;
let peer: RawPeer;
let server: HostileServer;
let neighbourServer: HostileServer;
let neighbour: Neighbour;
let tcpPort = 0;
let wsPort = 0;
let lastId = 0;

beforeAll(async () => {
  folder = temporaryFolder();
  station = await startStation(folder.path, {
    coap: '0.0.0.0:0',
    switches: ['--coap-tcp', '127.0.0.1:0', '--coap-ws', '127.0.0.1:0'],
  });
  rpc = station.client();
  peer = await RawPeer.open(station.port('coap'));
  server = await HostileServer.start();
  neighbourServer = await HostileServer.start();
  neighbour = new Neighbour(neighbourServer);
  await rpc.call('coap.observe', { uri: neighbour.uri });
  const { listeners } = await rpc.call('coap.setServer', { others: 'nothing' });
  const portOf = (id: string): number =>
    Number(/:(\d+)$/.exec(listeners.find(({ config }) => config.id === id)!.address!)![1]);
  tcpPort = portOf('coap-tcp');
  wsPort = portOf('coap-ws');
  await peer.ask(request(3, 'topics/neighbour', { payload: Buffer.from('fine') }));
});
afterAll(async () => {
  rpc.close();
  peer.close();
  server.stop();
  neighbourServer.stop();
  await station.kill9();
  folder.remove();
});

/** Nothing else is disturbed, after every single case. */
afterEach(async () => {
  const read = decodeMessage((await peer.ask(request(1, 'topics/neighbour')))!);
  expect(read).toMatchObject({ ok: true, message: { type: ACK, code: CONTENT } });
  const value = neighbour.change();
  await vi.waitFor(
    async () => {
      const { resources } = await rpc.call('coap.resources', {});
      const { observation, last } = resources.find(({ uri }) => uri === neighbour.uri)!;
      expect([observation?.state, last?.text]).toEqual(['active', value]);
    },
    { timeout: 8_000, interval: 20 },
  );
});

function request(
  code: number,
  path: string,
  more: Partial<CoapMessage> = {},
  options: CoapOption[] = [],
): Uint8Array {
  return encodeMessage({
    ...{ type: CON, code, messageId: ++lastId, token: Uint8Array.of(1, lastId >> 8, lastId & 255) },
    payload: new Uint8Array(0),
    ...more,
    options: [...pathOptions(path), ...options],
  });
}

/** What a counter of `station.status.limits` grows by during `run`. */
async function growth(counter: string, run: () => Promise<void>): Promise<number> {
  const read = async (): Promise<number> => (await rpc.call('station.status', {})).limits[counter] ?? 0;
  const before = await read();
  await run();
  return (await read()) - before;
}

/** `2.05`, `RST`, or `silence`. */
function nameOf(answer: Buffer | undefined): string {
  if (answer === undefined) return 'silence';
  const decoded = decodeMessage(answer);
  if (!decoded.ok) return `unreadable: ${decoded.malformed.reason}`;
  return decoded.message.type === 3 ? 'RST' : codeText(decoded.message.code);
}

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
    const grown = await growth('coap.malformed', async () => {
      expect(nameOf(await peer.askAtOnce(hex(bytes)))).toBe(answer);
    });
    expect(grown).toBe(1);
  });

  it('every beginning of a valid message, and each with one byte lost', async () => {
    const whole = request(3, 'topics/never/cut', { payload: Buffer.from('cut') }, [
      textOption(URI_QUERY, 'retain'),
    ]);
    for (let end = 0; end < whole.length; end++) {
      peer.send(whole.subarray(0, end));
      peer.send(Buffer.concat([whole.subarray(0, end), whole.subarray(end + 1)]));
    }
    await peer.ping();
    // What is left of the payload is a payload, and a shorter name another topic. All of it is below the one topic.
    expect(nameOf(await peer.ask(request(1, 'devices')))).toBe('2.05');
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
    const grown = await growth('coap_server.bad_option', async () => {
      expect(nameOf(await peer.ask(request(code, 'topics/x', { type: type as 0 | 1 }, options)))).toBe(
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
      expect(nameOf(await peer.ask(request(code, path, {}, options)))).toBe(answer);
    },
  );

  it('a topic of 51,000 bytes is one topic, or none; it is not cut', async () => {
    const long = Array.from({ length: 200 }, () => 'x'.repeat(255)).join('/');
    expect(['2.04', '4.00']).toContain(nameOf(await peer.ask(request(3, `topics/${long}`))));
    expect(['2.05', '4.04']).toContain(nameOf(await peer.ask(request(1, `topics/${long}`))));
  });

  it('a duplicate CON is answered the same, and carried out once', async () => {
    const once = request(3, 'topics/twice', { payload: Buffer.from('1') });
    const grown = await growth('coap.duplicates', async () => {
      const first = await peer.ask(once);
      expect(await peer.ask(once)).toEqual(first);
      expect(nameOf(first)).toBe('2.04');
    });
    expect(grown).toBe(1);
  });

  it('answers that nobody asked for are rejected, and counted', async () => {
    const grown = await growth('coap.unmatched', async () => {
      const answer = encodeMessage({
        ...{ type: CON, code: CONTENT, messageId: ++lastId, token: Buffer.from('guessed!'), options: [] },
        payload: Buffer.from('999'),
      });
      expect(nameOf(await peer.ask(answer))).toBe('RST');
    });
    expect(grown).toBe(1);
  });

  it('blocks with a gap are 4.08, a body past the limit 4.13, and neither is published', async () => {
    const block = (number: number, more: boolean): CoapOption =>
      uintOption(BLOCK1, number * 16 + (more ? 8 : 0) + 6);
    const put = (number: number, more: boolean) =>
      peer.ask(request(3, 'topics/blocks', { payload: Buffer.alloc(1_024) }, [block(number, more)]));
    expect(nameOf(await put(0, true))).toBe('2.31');
    expect(nameOf(await put(2, true))).toBe('4.08');
    expect(nameOf(await put(5_000, true))).toMatch(/4\.(08|13)/);
    const size = uintOption(60, 0xffff_ffff);
    expect(
      nameOf(
        await peer.ask(request(3, 'topics/blocks', { payload: Buffer.alloc(1_024) }, [block(0, true), size])),
      ),
    ).toBe('4.13');
    expect(nameOf(await peer.ask(request(1, 'topics/blocks')))).toBe('4.04');
  });

  it('a token that observes again takes the place of its first observation', async () => {
    const observers = async (): Promise<number> =>
      (await rpc.call('coap.setServer', { others: 'nothing' })).observers;
    const before = await observers();
    for (let again = 0; again < 50; again++) {
      const observe = request(1, 'topics/neighbour', { token: Uint8Array.of(9) }, [uintOption(OBSERVE, 0)]);
      expect(nameOf(await peer.ask(observe))).toBe('2.05');
    }
    const after = await observers();
    expect(after - before).toBe(1);
    await peer.ask(request(1, 'topics/neighbour', { token: Uint8Array.of(9) }, [uintOption(OBSERVE, 1)]));
  });

  it('more observations than one peer may have are answered like plain requests', async () => {
    const grown = await growth('coap_server.observers_refused', async () => {
      for (let token = 0; token < 120; token++) {
        const observe = request(1, 'topics/neighbour', { token: Uint8Array.of(8, token) }, [
          uintOption(OBSERVE, 0),
        ]);
        expect(nameOf(await peer.ask(observe))).toBe('2.05');
      }
    });
    expect(grown).toBe(20);
    for (let token = 0; token < 120; token++) {
      await peer.ask(
        request(1, 'topics/neighbour', { token: Uint8Array.of(8, token) }, [uintOption(OBSERVE, 1)]),
      );
    }
  });
});

describe('servers that mean ill', () => {
  const ask = (path: string) => rpc.call('coap.request', { uri: `${server.authority}/${path}` });

  it.each([
    [
      'RST',
      'coap.reset',
      (asked: CoapMessage) => Buffer.from([0x70, 0, asked.messageId >> 8, asked.messageId & 255]),
    ],
    [
      'an answer that cannot be read',
      'coap.malformed',
      (asked: CoapMessage) =>
        Buffer.from([
          0x60 | asked.token.length,
          0x45,
          asked.messageId >> 8,
          asked.messageId & 255,
          ...asked.token,
          0xff,
        ]),
    ],
  ] as [string, string, (asked: CoapMessage) => Buffer][])('%s', async (what, code, bytes) => {
    server.on(what, (asked, reply) => reply.raw(bytes(asked)));
    await expect(
      rpc.call('coap.request', { uri: `${server.authority}/${encodeURIComponent(what)}` }),
    ).rejects.toMatchObject({ code });
  });

  it('a critical option in an answer', async () => {
    server.on('critical', (_asked, reply) => reply({ options: [{ number: 2_049, value: Buffer.alloc(1) }] }));
    await expect(ask('critical')).rejects.toMatchObject({ code: 'coap.bad_option' });
  });

  it('a wrong token, a wrong id, another source: the right answer behind them is taken', async () => {
    server.on('spoofed', (asked, reply) => {
      const evil = { payload: Buffer.from('evil') };
      reply({ ...evil, token: Buffer.from('evil!!!!') });
      reply({ ...evil, messageId: asked.messageId ^ 1 });
      reply.elsewhere(evil);
      reply.elsewhere({ ...evil, type: NON });
      setTimeout(() => reply({ payload: Buffer.from('right') }), 50);
    });
    const grown = await growth('coap.unmatched', async () => {
      expect((await ask('spoofed')).text).toBe('right');
    });
    expect(grown).toBe(4);
  });

  it('an answer many times over is one answer', async () => {
    server.on('many', (_asked, reply) => {
      for (let count = 0; count < 200; count++) reply({ payload: Buffer.from('once') });
    });
    expect((await ask('many')).text).toBe('once');
  });

  const blocks =
    (next: (asked: number) => { number: number; more: boolean; etag?: number; bytes?: number }) =>
    (asked: CoapMessage, reply: (answer: Partial<CoapMessage>) => void): void => {
      const wanted = findOption(asked.options, BLOCK2)?.reduce((sum, byte) => sum * 256 + byte, 0) ?? 0;
      const { number, more, etag, bytes = 64 } = next(wanted >> 4);
      reply({
        options: [
          uintOption(BLOCK2, number * 16 + (more ? 8 : 0) + 2),
          ...(etag === undefined ? [] : [{ number: ETAG, value: Uint8Array.of(etag) }]),
        ],
        payload: Buffer.alloc(bytes, 120),
      });
    };

  it.each([
    ['a block that was not asked for', (asked: number) => ({ number: asked === 2 ? 5 : asked, more: true })],
    [
      'an ETag that changes with every block',
      (asked: number) => ({ number: asked, more: true, etag: asked }),
    ],
    [
      'a block shorter than the others',
      (asked: number) => ({ number: asked, more: true, bytes: asked === 3 ? 63 : 64 }),
    ],
    [
      'an empty block with more to come',
      (asked: number) => ({ number: asked, more: true, bytes: asked === 1 ? 0 : 64 }),
    ],
  ])('%s', async (what, next) => {
    server.on(what, blocks(next));
    await expect(
      rpc.call('coap.request', { uri: `${server.authority}/${encodeURIComponent(what)}` }),
    ).rejects.toMatchObject({
      code: 'coap.blocks_broken',
    });
  });

  it('blocks without end', { timeout: 60_000 }, async () => {
    const from = server.asked.length;
    server.on('endless', (asked, reply) => {
      const wanted = findOption(asked.options, BLOCK2)?.reduce((sum, byte) => sum * 256 + byte, 0) ?? 0;
      reply({ options: [uintOption(BLOCK2, (wanted >> 4) * 16 + 8 + 6)], payload: Buffer.alloc(1_024) });
    });
    await expect(ask('endless')).rejects.toMatchObject({ code: 'coap.too_large' });
    expect(server.asked.length - from).toBeLessThanOrEqual(16 * 1_024 + 1);
  });

  it('a list that is none, and one that is too long', async () => {
    const list = (text: string) => (_asked: CoapMessage, reply: (answer: Partial<CoapMessage>) => void) =>
      reply({ options: [uintOption(CONTENT_FORMAT, 40)], payload: Buffer.from(text) });
    server.on('.well-known/core', list('<a>;b="'));
    await expect(rpc.call('coap.discover', { uri: server.authority })).rejects.toMatchObject({
      code: 'coap.links_malformed',
    });
    server.on('.well-known/core', list(`<>,`.repeat(10_001)));
    await expect(rpc.call('coap.discover', { uri: server.authority })).rejects.toMatchObject({
      code: 'coap.too_large',
    });
    server.on('.well-known/core', list(`${' '.repeat(60_000)}<`));
    await expect(rpc.call('coap.discover', { uri: server.authority })).rejects.toMatchObject({
      code: 'coap.links_malformed',
    });
  });

  it('a storm of notifications, most of them older than the last', async () => {
    server.on('storm', (_asked, reply) => {
      reply({ options: [uintOption(OBSERVE, 100)], payload: Buffer.from('0') });
      for (let count = 0; count < 2_000; count++) {
        const messageId = count;
        reply({ type: NON, messageId, options: [uintOption(OBSERVE, 99)], payload: Buffer.from('old') });
      }
      reply({
        type: CON,
        messageId: 60_000,
        options: [uintOption(OBSERVE, 101)],
        payload: Buffer.from('new'),
      });
    });
    const uri = `${server.authority}/storm`;
    const grown = await growth('coap.reordered', async () => {
      await rpc.call('coap.observe', { uri });
      await vi.waitFor(
        async () => {
          const { resources } = await rpc.call('coap.resources', { authority: server.authority });
          expect(resources.find((one) => one.uri === uri)?.last?.text).toBe('new');
        },
        { timeout: 8_000 },
      );
    });
    expect(grown).toBeGreaterThan(100);
    server.on('storm', (_asked, reply) => reply({}));
    await rpc.call('coap.cancelObserve', { uri });
  });
});

describe('connections', () => {
  /** Everything that came until the other end closed. */
  async function closedAfter(port: number, bytes: Uint8Array): Promise<Buffer> {
    const socket = connect({ port, host: '127.0.0.1' });
    const heard: Buffer[] = [];
    socket.on('data', (chunk) => heard.push(chunk));
    socket.on('error', () => undefined);
    await once(socket, 'connect');
    socket.write(bytes);
    await once(socket, 'close');
    return Buffer.concat(heard);
  }
  const signal = (code: number, options: CoapOption[] = []): Uint8Array =>
    encodeFramed({ code, token: Buffer.alloc(0), options, payload: Buffer.alloc(0) }, 'stream', 1_000);

  it.each([
    ['HTTP', Buffer.from('GET / HTTP/1.1\r\nHost: x\r\n\r\n')],
    ['a request before the CSM', hex('00 01')],
    ['a message of 4 GiB', hex('f0 ff ff ff ff 01')],
    ['a flood of CSMs', Buffer.concat(Array.from({ length: 5_000 }, () => signal(225)))],
    ['a flood of Pings', Buffer.concat([signal(225), ...Array.from({ length: 5_000 }, () => signal(226))])],
    ['a CSM with a critical option', signal(225, [{ number: 1, value: Buffer.alloc(0) }])],
  ])('%s over TCP is ended with Abort', async (_what, bytes) => {
    const heard = await closedAfter(tcpPort, bytes);
    // The last word: 7.05 with a diagnostic payload.
    expect(heard.includes(0xe5)).toBe(true);
  });

  it.each([
    ['a page of another host', { Host: '127.0.0.1', Origin: 'http://evil.example' }, '403'],
    ['a name that was pointed here', { Host: 'evil.example', Origin: 'http://evil.example' }, '403'],
    ['no subprotocol', { Host: '127.0.0.1', 'Sec-WebSocket-Protocol': 'mqtt' }, '400'],
  ])('%s gets no WebSocket', async (_what, headers, status) => {
    const lines = Object.entries({
      ...{ Connection: 'Upgrade', Upgrade: 'websocket', 'Sec-WebSocket-Version': '13' },
      ...{ 'Sec-WebSocket-Key': Buffer.alloc(16).toString('base64'), 'Sec-WebSocket-Protocol': 'coap' },
      ...headers,
    }).map(([name, value]) => `${name}: ${value}`);
    const heard = await closedAfter(
      wsPort,
      Buffer.from(`GET /.well-known/coap HTTP/1.1\r\n${lines.join('\r\n')}\r\n\r\n`),
    );
    expect(heard.toString()).toMatch(new RegExp(`^HTTP/1.1 ${status} `));
  });
});

describe.runIf(OUTSIDE !== undefined)('from other machines', () => {
  let outside: RawPeer;
  beforeAll(async () => {
    outside = await RawPeer.open(station.port('coap'), OUTSIDE);
  });
  afterAll(() => outside.close());

  it('nothing is allowed until somebody allows it', async () => {
    const grown = await growth('coap_server.denied', async () => {
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
    await rpc.call('coap.setServer', { others: 'publish' });
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
    await rpc.call('coap.setServer', { others: 'nothing' });
  });

  it('an Echo value that was not given, or was changed, proves nothing; the one that was given does', async () => {
    await rpc.call('coap.setServer', { others: 'read' });
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
    await rpc.call('coap.setServer', { others: 'nothing' });
  });

  it('a registration that names other hosts makes the station ask none of them', async () => {
    await rpc.call('coap.setServer', { others: 'register' });
    const from = server.asked.length;
    const register = (base: string, links: string) =>
      outside.ask(
        request(2, 'rd', { payload: Buffer.from(links) }, [
          textOption(URI_QUERY, 'ep=evil'),
          textOption(URI_QUERY, `base=${base}`),
        ]),
      );
    expect(nameOf(await register(server.authority, '</a>'))).toBe('4.00');
    expect(nameOf(await register('coap://10.255.255.1', `</a>;obs,<${server.authority}/b>;obs`))).toBe(
      '2.01',
    );
    await peer.ping();
    expect(server.asked.length).toBe(from);
    const { resources } = await rpc.call('coap.resources', { authority: server.authority });
    expect(resources.some(({ uri }) => uri.endsWith('/b'))).toBe(false);
    await rpc.call('coap.setServer', { others: 'nothing' });
  });
});

it('after all of that the station has logged no fault of its own', () => {
  expect(station.log()).not.toMatch(/ error |could not be served|failed:/);
});
