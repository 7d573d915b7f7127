/** Servers and connections that mean ill: one coded error each, and the neighbours do not feel it. */
import { connect } from 'node:net';
import { once } from 'node:events';
import { describe, expect, it, vi } from 'vitest';
import type { CoapMessage } from '../../core/coap/codec/codec.ts';
import { CON, NON } from '../../core/coap/codec/codes.ts';
import {
  BLOCK2,
  CONTENT_FORMAT,
  ETAG,
  OBSERVE,
  findOption,
  uintOption,
} from '../../core/coap/codec/options.ts';
import type { CoapOption } from '../../core/coap/codec/options.ts';
import { encodeFramed } from '../../core/coap/reliable/codec.ts';
import { growth, hostileBench } from '../support/coap-hostile-bench.ts';

const bench = hostileBench();
const hex = (text: string): Buffer => Buffer.from(text.replaceAll(' ', ''), 'hex');

describe('servers that mean ill', () => {
  const ask = (path: string) => bench.rpc.call('coap.request', { uri: `${bench.server.authority}/${path}` });

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
    bench.server.on(what, (asked, reply) => reply.raw(bytes(asked)));
    await expect(
      bench.rpc.call('coap.request', { uri: `${bench.server.authority}/${encodeURIComponent(what)}` }),
    ).rejects.toMatchObject({ code });
  });

  it('a critical option in an answer', async () => {
    bench.server.on('critical', (_asked, reply) =>
      reply({ options: [{ number: 2_049, value: Buffer.alloc(1) }] }),
    );
    await expect(ask('critical')).rejects.toMatchObject({ code: 'coap.bad_option' });
  });

  it('a wrong token, a wrong id, another source: the right answer behind them is taken', async () => {
    bench.server.on('spoofed', (asked, reply) => {
      const evil = { payload: Buffer.from('evil') };
      reply({ ...evil, token: Buffer.from('evil!!!!') });
      reply({ ...evil, messageId: asked.messageId ^ 1 });
      reply.elsewhere(evil);
      reply.elsewhere({ ...evil, type: NON });
      setTimeout(() => reply({ payload: Buffer.from('right') }), 50);
    });
    const grown = await growth(bench.rpc, 'coap.unmatched', async () => {
      expect((await ask('spoofed')).text).toBe('right');
    });
    expect(grown).toBe(4);
  });

  it('an answer many times over is one answer', async () => {
    bench.server.on('many', (_asked, reply) => {
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
    bench.server.on(what, blocks(next));
    await expect(
      bench.rpc.call('coap.request', { uri: `${bench.server.authority}/${encodeURIComponent(what)}` }),
    ).rejects.toMatchObject({
      code: 'coap.blocks_broken',
    });
  });

  it('blocks without end', { timeout: 60_000 }, async () => {
    const from = bench.server.asked.length;
    bench.server.on('endless', (asked, reply) => {
      const wanted = findOption(asked.options, BLOCK2)?.reduce((sum, byte) => sum * 256 + byte, 0) ?? 0;
      reply({ options: [uintOption(BLOCK2, (wanted >> 4) * 16 + 8 + 6)], payload: Buffer.alloc(1_024) });
    });
    await expect(ask('endless')).rejects.toMatchObject({ code: 'coap.too_large' });
    expect(bench.server.asked.length - from).toBeLessThanOrEqual(16 * 1_024 + 1);
  });

  it('a list that is none, and one that is too long', async () => {
    const list = (text: string) => (_asked: CoapMessage, reply: (answer: Partial<CoapMessage>) => void) =>
      reply({ options: [uintOption(CONTENT_FORMAT, 40)], payload: Buffer.from(text) });
    bench.server.on('.well-known/core', list('<a>;b="'));
    await expect(bench.rpc.call('coap.discover', { uri: bench.server.authority })).rejects.toMatchObject({
      code: 'coap.links_malformed',
    });
    bench.server.on('.well-known/core', list(`<>,`.repeat(10_001)));
    await expect(bench.rpc.call('coap.discover', { uri: bench.server.authority })).rejects.toMatchObject({
      code: 'coap.too_large',
    });
    bench.server.on('.well-known/core', list(`${' '.repeat(60_000)}<`));
    await expect(bench.rpc.call('coap.discover', { uri: bench.server.authority })).rejects.toMatchObject({
      code: 'coap.links_malformed',
    });
  });

  it('a storm of notifications, most of them older than the last', async () => {
    bench.server.on('storm', (_asked, reply) => {
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
    const uri = `${bench.server.authority}/storm`;
    const grown = await growth(bench.rpc, 'coap.reordered', async () => {
      await bench.rpc.call('coap.observe', { uri });
      await vi.waitFor(
        async () => {
          const { resources } = await bench.rpc.call('coap.resources', { authority: bench.server.authority });
          expect(resources.find((one) => one.uri === uri)?.last?.text).toBe('new');
        },
        { timeout: 8_000 },
      );
    });
    expect(grown).toBeGreaterThan(100);
    bench.server.on('storm', (_asked, reply) => reply({}));
    await bench.rpc.call('coap.cancelObserve', { uri });
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
    const heard = await closedAfter(bench.tcpPort, bytes);
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
      bench.wsPort,
      Buffer.from(`GET /.well-known/coap HTTP/1.1\r\n${lines.join('\r\n')}\r\n\r\n`),
    );
    expect(heard.toString()).toMatch(new RegExp(`^HTTP/1.1 ${status} `));
  });
});

it('after all of that the station has logged no fault of its own', () => {
  expect(bench.station.log()).not.toMatch(/ error |could not be served|failed:/);
});
