/** The line that the CoAP page offers for coap-client, run by a shell: what it puts on the wire is what was written. */
import { spawn } from 'node:child_process';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { coapClientLine, curlLine } from '../../renderer/src/pages/coap/ask/copy-lines.ts';
import type { Request } from '../../renderer/src/pages/coap/ask/ask-form.ts';
import { decodeMessage } from '../../core/coap/codec/codec.ts';
import { missingPeers, stopChild } from '../support/peers.ts';

const missing = missingPeers('coap-client-notls');
const socket = createSocket('udp4');
const utf8 = (text: string): Uint8Array<ArrayBuffer> => new TextEncoder().encode(text);

describe.skipIf(missing.length > 0)('a line for coap-client', () => {
  let base = '';
  beforeEach(async () => {
    socket.bind(0, '127.0.0.1');
    await once(socket, 'listening');
    base = `coap://127.0.0.1:${socket.address().port}`;
  });
  afterEach(() => new Promise<void>((resolve) => socket.close(() => resolve())));

  test('puts method, options and every byte of the payload on the wire', async () => {
    const payload = utf8('{"t":"100%41","n":"caf\u00e9\'s $HOME `x` \\"}\n\0x');
    const request: Request = {
      uri: `${base}/it's?x=1&y=2`,
      method: 'iPATCH',
      confirmable: false,
      accept: 60,
      contentFormat: 50,
      options: [
        { number: 1, value: Uint8Array.of(0xa1, 0xb2) },
        { number: 5, value: new Uint8Array(0) },
        { number: 65_001, value: Uint8Array.of(0) },
      ],
      payload,
    };
    const child = spawn('/bin/sh', ['-c', `exec ${coapClientLine(request).line} -B 1`], { stdio: 'ignore' });
    const [datagram] = (await once(socket, 'message')) as [Buffer];
    await stopChild(child);
    const decoded = decodeMessage(datagram);
    if (!decoded.ok) throw new Error(decoded.malformed.reason);
    const { message } = decoded;
    expect(message).toMatchObject({ type: 1, code: 7 });
    expect(Buffer.from(message.payload).toString('hex')).toBe(Buffer.from(payload).toString('hex'));
    const hex = (number: number) =>
      message.options
        .filter((one) => one.number === number)
        .map(({ value }) => Buffer.from(value).toString('hex'));
    expect([hex(1), hex(5), hex(65_001), hex(17), hex(12)]).toEqual([['a1b2'], [''], ['00'], ['3c'], ['32']]);
    expect(
      message.options.filter(({ number }) => number === 11).map(({ value }) => String(Buffer.from(value))),
    ).toEqual(["it's"]);
  });
});

test('a line for curl gives the shell every word back', async () => {
  const request: Request = {
    uri: "coap://h:5683/it's?x=1&y=2",
    method: 'PUT',
    confirmable: true,
    payload: utf8("$HOME `x` 'y' \\ @z"),
  };
  const line = curlLine(request, 'http://127.0.0.1:8080').line!.replace(/^curl /, "printf '%s\\0' ");
  const child = spawn('/bin/sh', ['-c', line], { stdio: ['ignore', 'pipe', 'inherit'] });
  let printed = '';
  child.stdout.on('data', (part: Buffer) => (printed += String(part)));
  await once(child, 'close');
  expect(printed.split('\0').slice(0, -1)).toEqual([
    ...['-i', '-H', 'Authorization: Bearer TOKEN', '-X', 'PUT'],
    ...['--data-raw', "$HOME `x` 'y' \\ @z", "http://127.0.0.1:8080/hc/coap://h:5683/it's?x=1&y=2"],
  ]);
});
