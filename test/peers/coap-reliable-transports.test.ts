/** CoAP over TCP, TLS, WebSocket and secure WebSocket: our connector and our listeners, on real sockets. */
import { once } from 'node:events';
import { connect, createServer } from 'node:net';
import type { AddressInfo, Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';
import { WebSocket } from 'ws';
import { afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { codeOf, messageOf } from '../../core/base/errors.ts';
import type { ReliableTransport } from '../../core/coap/reliable/acceptor.ts';
import type { ClientTls } from '../../core/coap/reliable/tls-client.ts';
import { ReliableNet, ask, plant, until, uriOf } from '../support/coap-reliable-net.ts';
import type { Plant } from '../support/coap-reliable-net.ts';

let made: Plant;
let net: ReliableNet;
beforeAll(async () => {
  made = await plant();
});
beforeEach(() => {
  net = new ReliableNet();
});
afterEach(() => net.close());

const trusting = (): ClientTls => ({ ca: [made.authority.certificate] });
const serverTls = () => ({ cert: made.server.certificate, key: made.server.key });
const listen = (transport: ReliableTransport, options: Parameters<ReliableNet['listen']>[1] = {}) =>
  net.listen(transport, { tls: serverTls(), ...options });
const connector = (options: Parameters<ReliableNet['connector']>[0] = {}) =>
  net.connector({ tlsFor: trusting, ...options });

/** A raw client: what it was sent, and when it was closed. */
function rawClient(port: number) {
  const socket = connect({ host: '127.0.0.1', port });
  const chunks: Buffer[] = [];
  socket.on('data', (chunk) => chunks.push(chunk));
  socket.on('error', () => undefined);
  const closed = new Promise<void>((resolve) => socket.once('close', () => resolve()));
  return { socket, closed, received: () => Buffer.concat(chunks) };
}

describe.each<ReliableTransport>(['tcp', 'tls', 'ws', 'wss'])('over %s', (transport) => {
  test('requests of any size, in both directions, on one connection', async () => {
    const listener = await listen(transport);
    const source = connector();
    const uri = uriOf(transport, listener.address.port);
    const [carrier, same] = await Promise.all([source.reach(uri), source.reach(uri)]);
    expect(same).toBe(carrier);
    expect([carrier.transport, carrier.reliable, carrier.largestSzx]).toEqual([transport, true, 7]);
    for (const size of [0, 1, 12, 13, 300, 1_200, 70_000, carrier.maxMessageBytes - 20]) {
      const payload = Buffer.alloc(size, 'ab');
      const response = await ask(carrier, payload);
      expect([response.code, Buffer.compare(response.payload, payload)]).toEqual([0x45, 0]);
    }
    expect((await carrier.ping()).rttMs).toBeGreaterThanOrEqual(0);
    // The server asks the client over the connection that the client opened (§3.3).
    const back = net.requests[0]!.carrier();
    expect((await ask(back)).code).toBe(0x84);
    expect([listener.connections, source.connections]).toEqual([1, 1]);
  });

  test('two thousand requests at once are all answered, each with its own', async () => {
    const listener = await listen(transport);
    const carrier = await connector().reach(uriOf(transport, listener.address.port));
    const payloads = Array.from({ length: 1_000 }, (_, i) => Buffer.from(`${i}`.padEnd(700, '.')));
    net.serve = (request) =>
      void setImmediate(() => request.answer({ code: 0x45, options: [], payload: request.payload }));
    const responses = await Promise.all(payloads.map((payload) => ask(carrier, payload)));
    expect(responses.every((one, i) => Buffer.compare(one.payload, payloads[i]!) === 0)).toBe(true);
    const more = await Promise.all(payloads.map((payload) => ask(carrier, payload)));
    expect(more).toHaveLength(1_000);
    expect([net.listenerCounters.served, net.listenerCounters.droppedByLimit]).toEqual([2_000, 0]);
  });

  test('the listener closes: whoever waits hears it, the connector opens another one later', async () => {
    const listener = await listen(transport);
    const { port } = listener.address;
    const source = connector();
    const uri = uriOf(transport, port);
    const first = await source.reach(uri);
    net.serve = (request) => request.answer(null);
    const waiting = ask(first).catch(codeOf);
    await until(() => net.requests.length === 1, 'the request is there');
    await listener.close();
    expect(await waiting).toBe('coap.closed');
    expect(first.closed).toBe(true);
    expect(await source.reach(uri).catch(codeOf)).toBe('coap.unreachable');
    await listen(transport, { port });
    expect((await source.reach(uri)).closed).toBe(false);
  });

  test('a taken port, and an address that is not here', async () => {
    const { port } = (await listen(transport)).address;
    expect(await listen(transport, { port }).catch(codeOf)).toBe('listen.port_taken');
    expect(await listen(transport, { host: '192.0.2.1' }).catch(codeOf)).toBe('listen.no_such_address');
  });

  test('newcomers who send nothing are sent away in time and counted', async () => {
    const listener = await listen(transport, { limits: { newcomerTimeoutMs: 1_200, csmTimeoutMs: 200 } });
    const silent = rawClient(listener.address.port);
    await silent.closed;
    expect(listener.connections).toBe(0);
  });

  test('garbage is sent away at once', async () => {
    const listener = await listen(transport);
    for (const garbage of [
      '\r\n\r\n',
      'GET / HTTP/1.1\r\n\r\n',
      '\x16\x03\x01\0\x05hello',
      '\0\0\0\0\0\xff',
    ]) {
      const client = rawClient(listener.address.port);
      client.socket.write(Buffer.from(garbage, 'latin1'));
      client.socket.end();
      await client.closed;
    }
    const carrier = await connector().reach(uriOf(transport, listener.address.port));
    expect((await ask(carrier)).code).toBe(0x45);
  });
});

describe('the connector', () => {
  test('several addresses: the next one is tried when one fails or keeps silent', async () => {
    const { port } = (await listen('tcp')).address;
    // 192.0.2.1 (TEST-NET-1) fails or says nothing; ::1 is refused.
    const source = connector({ resolver: () => Promise.resolve(['192.0.2.1', '::1', '127.0.0.1']) });
    const carrier = await source.reach(uriOf('tcp', port, '/', 'device.example'));
    expect(carrier.address).toEqual({ address: '127.0.0.1', port, family: 4 });
  });
  test('no name, no listener, no such scheme, not one device', async () => {
    const { port } = (await listen('tcp')).address;
    const unknown = connector({ resolver: () => Promise.reject(new Error('ENOTFOUND')) });
    const failing = async (uri: ReturnType<typeof uriOf>) => codeOf(await unknown.reach(uri).catch((e) => e));
    expect(await failing(uriOf('tcp', port, '/', 'nowhere.example'))).toBe('coap.host_not_found');
    expect(await failing(uriOf('tcp', 1))).toBe('coap.unreachable');
    expect(await failing({ ...uriOf('tcp', port), scheme: 'coap' })).toBe('coap.scheme');
    expect(await failing(uriOf('tcp', port, '/', '224.0.1.187'))).toBe('coap.bad_uri');
  });
  test('whoever gives up stops waiting; the opening ends when nobody waits any more', async () => {
    const silent = createServer();
    const sockets: Socket[] = [];
    silent.on('connection', (socket) => sockets.push(socket.on('error', () => undefined)));
    silent.listen(0, '127.0.0.1');
    await once(silent, 'listening');
    const uri = uriOf('tcp', (silent.address() as AddressInfo).port);
    const source = connector();
    const [first, second] = [new AbortController(), new AbortController()];
    const both = [source.reach(uri, first.signal), source.reach(uri, second.signal)].map((one) =>
      one.catch(codeOf),
    );
    await until(() => sockets.length === 1, 'it has called');
    first.abort();
    expect(await both[0]).toBe('coap.cancelled');
    expect(sockets[0]!.destroyed).toBe(false);
    const gone = once(sockets[0]!, 'close');
    sockets[0]!.resume();
    second.abort();
    expect(await both[1]).toBe('coap.cancelled');
    await gone;
    expect(sockets).toHaveLength(1);
    silent.close();
  });
  test('a server that never says CSM, or something else', async () => {
    let greeting = '';
    const strange = createServer((socket) => {
      socket.on('error', () => undefined);
      if (greeting !== '') socket.end(greeting);
    });
    strange.listen(0, '127.0.0.1');
    await once(strange, 'listening');
    const uri = uriOf('tcp', (strange.address() as AddressInfo).port);
    const source = connector({ limits: { csmTimeoutMs: 100 } });
    expect(await source.reach(uri).catch(codeOf)).toBe('coap.handshake');
    greeting = 'SSH-2.0-OpenSSH_9.2\r\n';
    expect(await source.reach(uri).catch(codeOf)).toBe('coap.handshake');
    strange.close();
  });
  test('a server that releases with Hold-Off is left alone for that long', async () => {
    let calls = 0;
    const server = createServer((socket) => {
      calls++;
      socket.on('error', () => undefined);
      socket.once('data', () => socket.write(Buffer.from('00e120e4411e', 'hex')));
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const uri = uriOf('tcp', (server.address() as AddressInfo).port);
    const source = connector();
    const carrier = await source.reach(uri);
    await until(() => carrier.closed, 'it is released');
    const refused = await source.reach(uri).catch((error: unknown) => error);
    expect([codeOf(refused), messageOf(refused)]).toEqual(['coap.busy', expect.stringContaining('30 s')]);
    expect(calls).toBe(1);
    server.close();
  });
  test('idle connections are closed; the number of connections is bounded', async () => {
    const ports = await Promise.all([listen('tcp'), listen('tcp'), listen('tcp')]);
    const [a, b, c] = ports.map(({ address }) => uriOf('tcp', address.port));
    const source = connector({ limits: { connections: 2 } });
    net.serve = (request) => void (request.payload.length === 0 && request.answer(null));
    const first = await source.reach(a!);
    const waiting = ask(first).catch(codeOf);
    const second = await source.reach(b!);
    await source.reach(c!);
    expect([first.closed, second.closed]).toEqual([false, true]); // the idle one made room
    const third = await source.reach(c!);
    const alsoWaiting = ask(third).catch(codeOf);
    expect(await source.reach(b!).catch(codeOf)).toBe('coap.busy');
    await source.stop();
    expect([await waiting, await alsoWaiting]).toEqual(['coap.closed', 'coap.closed']);
    expect(await source.reach(a!).catch(codeOf)).toBe('coap.not_running');
    const short = connector({ limits: { idleCloseMs: 50 } });
    await short.reach(a!);
    await until(() => short.connections === 0, 'it has closed');
  });
});

describe('TLS', () => {
  const reach = async (port: number, tls: ClientTls, host?: string) => {
    const source = connector({ tlsFor: () => tls });
    const carrier = await source.reach(uriOf('tls', port, '/', host));
    return (await ask(carrier)).code;
  };
  test('who is not trusted is told what to do', async () => {
    const { port } = (await listen('tls')).address;
    const untrusted = await reach(port, {}).catch((error: unknown) => error);
    expect([codeOf(untrusted), messageOf(untrusted)]).toEqual([
      'coap.tls',
      expect.stringMatching(/authority that is not trusted here\. Give/),
    ]);
    expect(await reach(port, { rejectUnauthorized: false })).toBe(0x45);
    const named = await reach(port, { ...trusting(), servername: 'other.example' }).catch((error) => error);
    expect([codeOf(named), messageOf(named)]).toEqual(['coap.tls', expect.stringContaining('other names')]);
    const plain = (await listen('tcp')).address.port;
    expect(await reach(plain, trusting()).catch(codeOf)).toBe('coap.tls');
  });
  test('client certificates: required, and known by name', async () => {
    const tls = { ...serverTls(), ca: [made.authority.certificate], requestCert: true };
    const { port } = (await listen('tls', { tls })).address;
    const refused = await reach(port, trusting()).catch((error: unknown) => error);
    expect([codeOf(refused), messageOf(refused)]).toEqual([
      'coap.tls',
      expect.stringContaining('client certificate'),
    ]);
    const { certificate: cert, key } = made.device;
    expect(await reach(port, { ...trusting(), cert, key })).toBe(0x45);
    expect(net.requests.map(({ identity }) => identity)).toEqual(['pump-1']);
  });
  test('a renewed certificate is used for new connections, open ones stay', async () => {
    const listener = await listen('tls');
    const source = connector();
    const carrier = await source.reach(uriOf('tls', listener.address.port));
    const other = await plant();
    listener.setTls({ cert: other.server.certificate, key: other.server.key });
    expect(() => listener.setTls({ cert: 'x', key: 'y' })).toThrow('cannot be used');
    expect((await ask(carrier)).code).toBe(0x45);
    expect(await reach(listener.address.port, trusting()).catch(codeOf)).toBe('coap.tls');
    expect(await reach(listener.address.port, { ca: [other.authority.certificate] })).toBe(0x45);
    expect(await listen('tls', { tls: { cert: 'x', key: 'y' } }).catch(codeOf)).toBe(
      'listen.bad_certificate',
    );
  });
  test('ALPN: coap is agreed on, nothing else is', async () => {
    const { port } = (await listen('tls')).address;
    const ca = made.authority.certificate;
    const agreed = connectTls({ host: '127.0.0.1', port, ca, ALPNProtocols: ['coap'] });
    await once(agreed, 'secureConnect');
    expect(agreed.alpnProtocol).toBe('coap');
    agreed.destroy();
    const other = connectTls({ host: '127.0.0.1', port, ca, ALPNProtocols: ['mqtt'] });
    const [error] = (await once(other, 'error')) as [Error];
    expect(messageOf(error)).toMatch(/no application protocol/i);
  });
});

describe('WebSocket', () => {
  let frames: string[];
  beforeEach(() => {
    frames = [];
  });
  const open = (port: number, path = '/.well-known/coap', protocol = 'coap', headers = {}) =>
    new Promise<WebSocket | number>((resolve) => {
      const webSocket = new WebSocket(`ws://127.0.0.1:${port}${path}`, protocol, { headers });
      webSocket.on('message', (data) => frames.push((data as Buffer).toString('hex')));
      webSocket.once('open', () => resolve(webSocket));
      webSocket.on('error', () => undefined);
      webSocket.once('unexpected-response', (_request, { statusCode = 0 }) => resolve(statusCode));
    });

  test('only at the well-known path, with the subprotocol, from no page of another host', async () => {
    const { port } = (await listen('ws')).address;
    expect(await open(port, '/')).toBe(404);
    expect(await open(port, '/.well-known/coap', 'mqtt')).toBe(400);
    expect(await open(port, undefined, undefined, { origin: 'http://evil.example' })).toBe(403);
    expect(await open(port, undefined, undefined, { origin: 'null' })).toBe(403);
    expect(await open(port, undefined, undefined, { host: 'rebound.example' })).toBe(403);
    const own = await open(port, undefined, undefined, { origin: `http://127.0.0.1:${port}` });
    expect(own).toBeInstanceOf(WebSocket);
    expect([(own as WebSocket).protocol, (own as WebSocket).extensions]).toEqual(['coap', '']);
    (own as WebSocket).terminate();
    const answer = await fetch(`http://127.0.0.1:${port}/.well-known/coap`);
    expect(answer.status).toBe(426);
  });

  test('hand-written frames: CSM, a request in fragments, a text frame', async () => {
    const { port } = (await listen('ws')).address;
    const webSocket = (await open(port)) as WebSocket;
    webSocket.send(Buffer.from('00e1', 'hex'));
    webSocket.send(Buffer.from('0101', 'hex'), { fin: false });
    webSocket.send(Buffer.from('7f', 'hex'), { fin: true });
    await until(() => frames.length === 2, 'the answer is there');
    expect(frames[0]).toMatch(/^00e1/);
    expect(frames[1]).toBe('01457f');
    const closed = once(webSocket, 'close');
    webSocket.send('text');
    expect((await closed)[0]).toBe(1003);
    expect(frames[2]).toMatch(/^00e5ff/); // Abort, and why
  });
});

describe('bounds of a listener', () => {
  test('a WebSocket message that is never finished, and many of them at once', async () => {
    const limits = { messageTimeoutMs: 200, unfinishedBytes: 40_000 };
    const { port } = (await listen('ws', { limits })).address;
    const open = async (): Promise<WebSocket> => {
      const webSocket = new WebSocket(`ws://127.0.0.1:${port}/.well-known/coap`, 'coap');
      webSocket.on('error', () => undefined);
      await once(webSocket, 'open');
      webSocket.send(Buffer.from('00e1', 'hex'));
      return webSocket;
    };
    const [slow, greedy, sane] = [await open(), await open(), await open()];
    slow.send(Buffer.from('0001', 'hex'), { fin: false });
    const pinging = setInterval(() => slow.ping('still here'), 20);
    const slowEnd = once(slow, 'close');
    const greedyEnd = once(greedy, 'close');
    greedy.send(Buffer.alloc(50_000), { fin: false });
    await Promise.all([greedyEnd, slowEnd]);
    clearInterval(pinging);
    expect(net.listenerCounters.droppedByLimit).toBe(2);
    const answered = once(sane, 'message');
    sane.ping();
    sane.send(Buffer.from('0001', 'hex'));
    await answered;
    sane.terminate();
  });

  test('connections in all, from one address, and newcomers', async () => {
    const limits = { connectionsPerAddress: 2, newcomersPerAddress: 1 };
    const { port } = (await listen('tcp', { limits })).address;
    const csm = Buffer.from('00e1', 'hex');
    const first = rawClient(port);
    first.socket.write(csm);
    await until(() => first.received().length > 0, 'it is greeted');
    await new Promise((resolve) => setImmediate(resolve));
    const second = rawClient(port);
    await until(() => second.received().length > 0, 'it is greeted');
    const third = rawClient(port); // the second has not said its CSM
    await third.closed;
    second.socket.write(csm);
    const fourth = rawClient(port); // there are two
    await fourth.closed;
    expect(net.listenerCounters.droppedByLimit).toBe(2);
    first.socket.destroy();
    second.socket.destroy();
  });
});
