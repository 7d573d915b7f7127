import { once } from 'node:events';
import { connect as connectTcp } from 'node:net';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { WebSocket } from 'ws';
import { CLIENT_INBOUND_LIMITS, HOST_INBOUND_LIMITS, decodeFrame, encodeFrame } from '../rpc/client-codec.ts';
import { createClient } from '../rpc/client.ts';
import { connectWebSocket, rpcUrlOf } from '../rpc/websocket-client.ts';
import { GatewayBench } from '../../test/support/gateway-bench.ts';
import { HELLO_TIMEOUT_MS, MAX_NEWCOMERS, MAX_SCREENS } from './screens.ts';
import { PING_INTERVAL_MS } from './websocket-host.ts';
import type { Socket } from 'node:net';
import type { HostFrame } from '../contract/frames.ts';

let bench: GatewayBench;
let open: WebSocket[];
const heard = new WeakMap<WebSocket, HostFrame[]>();

beforeEach(async () => {
  bench = new GatewayBench();
  open = [];
  await bench.start();
});

afterEach(async () => {
  for (const socket of open) socket.terminate();
  await bench.stop();
});

function dial(headers: Record<string, string> = {}, path = '/rpc'): WebSocket {
  const socket = new WebSocket(`ws://127.0.0.1:${bench.gateway.port}${path}`, { headers });
  socket.on('error', () => undefined);
  const frames: HostFrame[] = [];
  socket.on('message', (data: Buffer) => frames.push(decodeFrame(data, CLIENT_INBOUND_LIMITS) as HostFrame));
  heard.set(socket, frames);
  open.push(socket);
  return socket;
}

async function dialOpen(headers: Record<string, string> = {}): Promise<WebSocket> {
  const socket = dial(headers);
  await once(socket, 'open');
  return socket;
}

const say = (socket: WebSocket, frame: object): void => socket.send(encodeFrame(frame));
const hello = (token: string, version = 1): object => ({ kind: 'hello', version, token });
const cookie = (token: string): { cookie: string } => ({
  cookie: `other=1; fieldstation_${bench.gateway.port}=${token}`,
});

/** All frames and the close code of a connection, up to its end. */
async function untilClosed(socket: WebSocket): Promise<{ frames: HostFrame[]; code: number }> {
  const [code] = (await once(socket, 'close')) as [number];
  return { frames: heard.get(socket)!, code };
}

/** The next frame that was not asked for yet. Several may come in one piece, so they are kept from the beginning. */
async function nextFrame(socket: WebSocket): Promise<HostFrame> {
  const frames = heard.get(socket)!;
  if (frames.length === 0) await once(socket, 'message');
  return frames.shift()!;
}

/** The status of an upgrade that was refused. */
async function refusedStatus(socket: WebSocket): Promise<number> {
  const [, response] = (await once(socket, 'unexpected-response')) as [unknown, { statusCode: number }];
  return response.statusCode;
}

async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise((resolve) => setTimeout(resolve, 1));
}

describe('the first frame', () => {
  it.each(['view', 'operate', 'admin'] as const)(
    'with the token of %s opens a session of it',
    async (role) => {
      const socket = await dialOpen();
      say(socket, hello(bench.access.tokenOf(role)));
      expect(await nextFrame(socket)).toMatchObject({ kind: 'welcome', version: 1, role });
      expect(bench.gateway.screens).toBe(1);
      socket.close();
      await until(() => bench.gateway.screens === 0);
      expect(bench.host.sessions).toBe(0);
    },
  );

  it('with a wrong token is refused with 4401', async () => {
    const socket = await dialOpen();
    say(socket, hello('wrong'));
    expect(await untilClosed(socket)).toMatchObject({
      code: 4401,
      frames: [{ kind: 'err', id: 0, error: { code: 'rpc.bad_token' } }],
    });
    expect(bench.host.sessions).toBe(0);
    expect(bench.lines.join('\n')).not.toContain('wrong"');
  });

  it('without a token says that one is needed, and does not count as an attempt', async () => {
    for (let time = 0; time < 8; time++) {
      const socket = await dialOpen();
      say(socket, hello(''));
      expect(await untilClosed(socket)).toMatchObject({
        code: 4401,
        frames: [{ error: { code: 'rpc.token_needed' } }],
      });
    }
  });

  it('of another version is refused before its token is looked at', async () => {
    const socket = await dialOpen();
    say(socket, hello('wrong', 2));
    expect(await untilClosed(socket)).toMatchObject({ frames: [{ error: { code: 'rpc.version' } }] });
    expect(bench.gateway.counters.wrongTokens).toBe(0);
  });

  it('must be hello', async () => {
    const socket = await dialOpen();
    say(socket, { kind: 'call', id: 1, method: 'station.info', params: {} });
    expect(await untilClosed(socket)).toMatchObject({
      code: 4401,
      frames: [{ error: { code: 'rpc.token_needed' } }],
    });
  });

  it('must come within five seconds', async () => {
    const socket = await dialOpen();
    await until(() => bench.clock.pendingTimers >= 2);
    bench.clock.advance(HELLO_TIMEOUT_MS);
    expect((await untilClosed(socket)).code).toBe(4401);
    expect(bench.gateway.counters.helloTimeouts).toBe(1);
  });

  it('must be short as long as nobody knows who speaks', async () => {
    const socket = await dialOpen();
    socket.send(Buffer.alloc(1024 * 1024));
    expect((await untilClosed(socket)).code).toBe(1006);
    expect(bench.gateway.screens).toBe(0);
  });

  it('may have others right behind it', async () => {
    bench.test.on('devices.get', (params: { id: number }) => params.id);
    const socket = await dialOpen();
    const answers = heard.get(socket)!;
    // All in one piece on the wire, more than a stranger may send.
    const wire = (socket as unknown as { _socket: Socket })._socket;
    wire.cork();
    say(socket, hello(bench.access.tokenOf('view')));
    for (let id = 1; id <= 60; id++) {
      say(socket, { kind: 'call', id, method: 'devices.get', params: { id, padding: 'x'.repeat(200) } });
    }
    wire.uncork();
    await until(() => answers.length === 61);
    expect(answers.at(-1)).toEqual({ kind: 'ok', id: 60, result: 60 });
  });
});

describe('a cookie', () => {
  it('decides when hello has no token', async () => {
    const socket = await dialOpen(cookie(bench.access.tokenOf('operate')));
    say(socket, hello(''));
    expect(await nextFrame(socket)).toMatchObject({ kind: 'welcome', role: 'operate' });
  });

  it('is outdone by a token', async () => {
    const socket = await dialOpen(cookie(bench.access.tokenOf('view')));
    say(socket, hello(bench.access.tokenOf('admin')));
    expect(await nextFrame(socket)).toMatchObject({ kind: 'welcome', role: 'admin' });
  });

  it('does not save a wrong token', async () => {
    const socket = await dialOpen(cookie(bench.access.tokenOf('admin')));
    say(socket, hello('wrong'));
    expect((await untilClosed(socket)).code).toBe(4401);
  });

  it('lets a screen begin without hello', async () => {
    const socket = await dialOpen(cookie(bench.access.tokenOf('view')));
    say(socket, { kind: 'ping', id: 5 });
    expect(await nextFrame(socket)).toMatchObject({ kind: 'welcome', role: 'view' });
    expect(await nextFrame(socket)).toMatchObject({ kind: 'pong', id: 5 });
  });

  it('lets a screen say nothing', async () => {
    const socket = await dialOpen(cookie(bench.access.tokenOf('view')));
    await until(() => bench.clock.pendingTimers >= 2);
    bench.clock.advance(HELLO_TIMEOUT_MS);
    expect(await nextFrame(socket)).toMatchObject({ kind: 'welcome', role: 'view' });
  });

  it.each([
    ['with a wrong token', () => cookie('wrong')],
    ['of another port', () => ({ cookie: `fieldstation_1=${bench.access.tokenOf('admin')}` })],
    [
      'of a name that ends alike',
      () => ({ cookie: `x${cookie(bench.access.tokenOf('admin')).cookie.slice(9)}` }),
    ],
  ])('%s is none', async (_what, headers) => {
    const socket = await dialOpen(headers());
    say(socket, hello(''));
    expect(await untilClosed(socket)).toMatchObject({ frames: [{ error: { code: 'rpc.token_needed' } }] });
  });
});

describe('an upgrade', () => {
  it.each([
    [{ host: 'evil.example' }, 421],
    [{ host: '10.0.0.9:8080' }, 421],
    [{ origin: 'http://evil.example' }, 403],
    [{ origin: 'null' }, 403],
    [{ origin: 'http://localhost:1', host: 'localhost:2' }, 403],
  ])('with %j is refused', async (headers, status) => {
    const withCookie = { ...headers, ...cookie(bench.access.tokenOf('admin')) };
    expect(await refusedStatus(dial(withCookie as unknown as Record<string, string>))).toBe(status);
    expect(bench.gateway.screens).toBe(0);
  });

  it.each([{ origin: 'http://localhost:9', host: 'localhost:9' }, { host: 'localhost' }, {}])(
    'with %j is taken',
    async (headers) => {
      const socket = await dialOpen(headers as Record<string, string>);
      say(socket, hello(bench.access.tokenOf('view')));
      expect(await nextFrame(socket)).toMatchObject({ kind: 'welcome' });
    },
  );

  it.each(['/', '/rpc/', '/rpc2', '/RPC', '/rpc?x=1'])('of %s leads nowhere', async (path) => {
    expect(await refusedStatus(dial({}, path))).toBe(404);
  });

  it('is told to a plain request', async () => {
    const { status, headers } = await bench.ask('/rpc');
    expect([status, headers.upgrade]).toEqual([426, 'websocket']);
  });
});

describe('limits', () => {
  it('slow down an address with wrong tokens, but not its good cookies', async () => {
    for (let attempt = 0; attempt < 5; attempt++) {
      const socket = await dialOpen();
      say(socket, hello('wrong'));
      expect((await untilClosed(socket)).code).toBe(4401);
    }
    const admin = bench.access.tokenOf('admin');
    const blocked = await dialOpen();
    say(blocked, hello(admin));
    expect(await untilClosed(blocked)).toMatchObject({
      code: 4429,
      frames: [{ error: { code: 'rpc.too_many_attempts' } }],
    });
    const wall = await dialOpen(cookie(admin));
    say(wall, hello(''));
    expect(await nextFrame(wall)).toMatchObject({ kind: 'welcome' });
    bench.clock.advance(1_000);
    const later = await dialOpen();
    say(later, hello(admin));
    expect(await nextFrame(later)).toMatchObject({ kind: 'welcome' });
    expect(bench.gateway.counters).toMatchObject({ wrongTokens: 5, throttled: 1 });
  });

  it('forget the slips of one who then signs in', async () => {
    for (let round = 0; round < 3; round++) {
      for (let attempt = 0; attempt < 4; attempt++) {
        const socket = await dialOpen();
        say(socket, hello('wrong'));
        expect((await untilClosed(socket)).code).toBe(4401);
      }
      const socket = await dialOpen();
      say(socket, hello(bench.access.tokenOf('view')));
      expect(await nextFrame(socket)).toMatchObject({ kind: 'welcome' });
    }
  });

  it('serve 64 screens, tell the next one, and serve again when one goes', async () => {
    const token = bench.access.tokenOf('view');
    const screens: WebSocket[] = [];
    for (let index = 0; index < MAX_SCREENS; index++) {
      const socket = await dialOpen();
      say(socket, hello(token));
      await nextFrame(socket);
      screens.push(socket);
    }
    expect(await untilClosed(dial())).toMatchObject({
      code: 4429,
      frames: [{ error: { code: 'rpc.too_many_screens' } }],
    });
    expect(bench.gateway.counters.tooManyScreens).toBe(1);
    screens[0]!.close();
    await until(() => bench.gateway.screens === MAX_SCREENS - 1);
    const next = await dialOpen();
    say(next, hello(token));
    expect(await nextFrame(next)).toMatchObject({ kind: 'welcome' });
  });

  it('hold also for newcomers who all passed the door while there was room', async () => {
    const token = bench.access.tokenOf('view');
    for (let index = 0; index < MAX_SCREENS - 1; index++) {
      const socket = await dialOpen();
      say(socket, hello(token));
      await nextFrame(socket);
    }
    const [first, second] = [await dialOpen(), await dialOpen(cookie(token))];
    say(first, hello(token));
    expect(await nextFrame(first)).toMatchObject({ kind: 'welcome' });
    say(second, hello(''));
    expect(await untilClosed(second)).toMatchObject({
      code: 4429,
      frames: [{ error: { code: 'rpc.too_many_screens' } }],
    });
    expect(bench.gateway.screens).toBe(MAX_SCREENS);
  });

  it('let a few wait at the door', async () => {
    await Promise.all(Array.from({ length: MAX_NEWCOMERS }, () => dialOpen()));
    expect(await refusedStatus(dial())).toBe(503);
    open[0]!.terminate();
    await until(() => bench.clock.pendingTimers < 2 * MAX_NEWCOMERS);
    await dialOpen();
  });

  it('cut a screen that sends more than 8 MiB at once', async () => {
    const socket = await dialOpen();
    say(socket, hello(bench.access.tokenOf('admin')));
    await nextFrame(socket);
    socket.send(Buffer.alloc(HOST_INBOUND_LIMITS.maxBytes + 1));
    expect((await untilClosed(socket)).code).toBe(1009);
    await until(() => bench.host.sessions === 0);
    expect(bench.gateway.counters.badMessages).toBe(1);
  });
});

describe('garbage', () => {
  it.each([
    ['text', 'hello'],
    ['an empty message', Buffer.alloc(0)],
    ['a header past the end', Buffer.from([255, 255, 255, 255, 0])],
    ['noise', Buffer.from('7b0000007b7d7d7d', 'hex')],
  ])('as a message closes its socket and no other: %s', async (_what, message) => {
    const other = await dialOpen();
    say(other, hello(bench.access.tokenOf('view')));
    await nextFrame(other);
    const socket = await dialOpen();
    say(socket, hello(bench.access.tokenOf('admin')));
    await nextFrame(socket);
    socket.send(message);
    expect((await untilClosed(socket)).code).toBe(4400);
    expect(bench.gateway.counters.badMessages).toBe(1);
    say(other, { kind: 'ping', id: 1 });
    expect(await nextFrame(other)).toMatchObject({ kind: 'pong' });
  });

  it('from one who does not take part in closing is cut off after a while', async () => {
    const socket = await rawUpgrade();
    // A masked text message of two letters; what comes back is the close frame, and nobody answers it.
    socket.write(Buffer.from('8182000000006869', 'hex'));
    const [answer] = (await once(socket, 'data')) as [Buffer];
    expect([answer[0], answer.readUInt16BE(2)]).toEqual([0x88, 4400]);
    const closed = once(socket, 'close');
    bench.clock.advance(2_000);
    await closed;
  });

  it('instead of WebSocket frames closes its socket too', async () => {
    const socket = await rawUpgrade();
    socket.write(Buffer.from('ffffffffffff', 'hex'));
    await once(socket, 'close');
    expect(bench.gateway.counters.badMessages).toBe(1);
    expect((await bench.ask('/healthz')).status).toBe(200);
  });
});

/** A WebSocket made by hand, for what no library does. */
async function rawUpgrade(): Promise<Socket> {
  const socket = connectTcp(bench.gateway.port, '127.0.0.1');
  socket.write(
    'GET /rpc HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n' +
      'Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: MDEyMzQ1Njc4OWFiY2RlZg==\r\n\r\n',
  );
  await once(socket, 'data');
  return socket;
}

describe('a screen that hears pings but says nothing itself', () => {
  it('is kept, as a hidden page is', async () => {
    const socket = await dialOpen();
    say(socket, hello(bench.access.tokenOf('view')));
    await nextFrame(socket);
    for (let round = 0; round < 6; round++) {
      const ping = once(socket, 'ping');
      bench.clock.advance(PING_INTERVAL_MS);
      await ping;
      // Several turns of the event loop, in which the pong arrives.
      await bench.ask('/healthz');
      await bench.ask('/healthz');
    }
    expect(bench.host.sessions).toBe(1);
  });
});

describe('a screen that is gone without a word', () => {
  it('is dropped when it answers no ping', async () => {
    const socket = await dialOpen();
    say(socket, hello(bench.access.tokenOf('view')));
    await nextFrame(socket);
    bench.clock.advance(PING_INTERVAL_MS);
    await once(socket, 'ping');
    // Its last sign of life. From then on it hears nothing and answers nothing, as behind a cable that was pulled.
    const last = Promise.withResolvers<void>();
    bench.test.on('station.info', () => last.resolve());
    socket.pause();
    say(socket, { kind: 'call', id: 1, method: 'station.info', params: {} });
    await last.promise;
    bench.clock.advance(PING_INTERVAL_MS);
    expect(bench.host.sessions).toBe(1);
    bench.clock.advance(PING_INTERVAL_MS);
    expect(bench.host.sessions).toBe(0);
  });
});

describe('the client over a real socket', () => {
  it('finds the station again after a restart on the same port', async () => {
    bench.test.on('station.info', () => 'here');
    const { url, port } = bench.gateway;
    const token = bench.access.tokenOf('view');
    const client = createClient(() => connectWebSocket(rpcUrlOf(url), token), {
      timing: { firstRetryMs: 20 },
    });
    expect(await client.call('station.info', {})).toBe('here');
    const lost = new Promise<string>((resolve) =>
      client.onState((state, reason) => state === 'lost' && resolve(reason)),
    );
    await bench.gateway.close();
    expect(await lost).toBe('the station is stopping');
    await bench.listen(port);
    expect(await client.call('station.info', {})).toBe('here');
    client.close();
  });

  it('stops asking when its token is refused', async () => {
    const client = createClient(() => connectWebSocket(rpcUrlOf(bench.gateway.url), 'wrong'));
    await expect(client.call('station.info', {})).rejects.toMatchObject({ code: 'rpc.bad_token' });
    expect(client.state).toBe('refused');
    expect(bench.gateway.counters.wrongTokens).toBe(1);
  });
});
