/**
 * ETSI's CORE cases with a proxy between. Ours is one from HTTP: curl asks `/hc/`. Behind a proxy of CoAP our server is
 * shown by libcoap's, which libcoap's client asks with Proxy-Uri.
 */
import { spawn } from 'node:child_process';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { systemClock } from '../../core/base/clock.ts';
import { silentLog } from '../../core/base/log.ts';
import { CoapEndpoint } from '../../core/coap/endpoint.ts';
import { createGateway } from '../../core/gateway/gateway.ts';
import { CoapProxy } from '../../core/station/coap/proxy.ts';
import { onePair, pduAt } from '../support/coap-plugtest-checks.ts';
import { LibcoapServer, missingLibcoap, runCoapClient, valuesOf } from '../support/coap-plugtest-libcoap.ts';
import type { ClientRun, Pdu } from '../support/coap-plugtest-libcoap.ts';
import { PlugtestServer } from '../support/coap-plugtest-server.ts';
import { optionValues } from '../support/coap-plugtest-wire.ts';
import type { WireMessage } from '../support/coap-plugtest-wire.ts';
import { GatewayBench } from '../support/gateway-bench.ts';
import { findProgram, missingPeers } from '../support/peers.ts';

const missing = [...missingLibcoap('udp'), ...missingPeers('curl')];

let server: PlugtestServer;
beforeAll(async () => {
  server = await PlugtestServer.start();
});
afterAll(() => server.stop());
beforeEach(() => {
  server.resources.reset();
  server.wire.take();
});

describe.skipIf(missing.length > 0)('curl through /hc/', () => {
  let bench: GatewayBench;
  let endpoint: CoapEndpoint;
  let libcoap: LibcoapServer;
  let base: string;
  let bearer: string;

  beforeAll(async () => {
    libcoap = await LibcoapServer.start('udp', '-d', '10');
    bench = new GatewayBench();
    endpoint = new CoapEndpoint({ clock: systemClock, log: silentLog, tickMs: 10 });
    await endpoint.start({ host: '127.0.0.1', port: 0 });
    const proxy = new CoapProxy({ folder: bench.folder, endpoint, log: silentLog });
    proxy.set({ enabled: true, allow: ['127.0.0.1'] });
    const { host: rpcHost, access, consoleFolder } = bench;
    bench.gateway = await createGateway({
      ...{ rpcHost, access, consoleFolder, proxy, log: silentLog, clock: systemClock },
    }).listen({ host: '127.0.0.1', port: 0 });
    base = `${bench.gateway.url}/hc`;
    bearer = `Authorization: Bearer ${access.tokenOf('operate')}`;
  });
  afterAll(async () => {
    await endpoint?.stop();
    await bench?.stop();
    await libcoap?.stop();
  });

  interface Answered {
    status: number;
    header(name: string): string | undefined;
    body: string;
  }

  async function curl(uri: string, ...args: string[]): Promise<Answered> {
    const all = ['-s', '-i', '--max-time', '20', '-H', bearer, ...args, `${base}/${uri}`];
    const printed = await new Promise<string>((resolve, reject) => {
      const child = spawn(findProgram('curl') ?? '', all);
      let heard = '';
      child.stdout.on('data', (part: Buffer) => (heard += part.toString()));
      child.once('error', reject);
      child.once('close', () => resolve(heard));
    });
    const end = printed.indexOf('\r\n\r\n');
    const [first = '', ...lines] = printed.slice(0, end).split('\r\n');
    const headers = new Map(
      lines.map((line) => [line.split(':')[0]!.toLowerCase(), line.replace(/^[^:]*: /, '')]),
    );
    return {
      status: Number(first.split(' ')[1]),
      header: (name) => headers.get(name),
      body: printed.slice(end + 4),
    };
  }

  const at = (path: string): string => `${server.base('udp')}${path}`;
  const body = (text: string): string[] => ['-H', 'Content-Type: text/plain', '--data-binary', text];

  /** What our server was asked since the last call: requests that the proxy made. */
  function forwarded(): WireMessage[] {
    return server.wire.take().filter(({ direction }) => direction === 'in');
  }

  function expectForwarded(request: WireMessage | undefined, code: string, payload: string): void {
    expect([request?.type, request?.code, request?.payload.toString()]).toEqual(['CON', code, payload]);
  }

  test('TD_COAP_CORE_24: Location-Path in segments', async () => {
    const created = await curl(at('/test'), '-X', 'POST', ...body('x'));
    const [request] = forwarded();
    expectForwarded(request, '0.02', 'x');
    expect(optionValues(request!, 'Content-Format')).toEqual([Buffer.alloc(0)]);
    expect([created.status, created.header('location')]).toEqual([
      201,
      `/hc/${at('/location1/location2/location3')}`,
    ]);
    const there = await curl(at('/location1/location2/location3'));
    expect([there.status, there.body]).toEqual([200, 'x']);
  });

  test('TD_COAP_CORE_24: Location-Path of libcoap', async () => {
    const path = '/location1/location2/location3';
    const created = await curl(`${libcoap.base}${path}`, '-X', 'POST', ...body('x'));
    const [request, answer] = onePair(await libcoap.take(2));
    expect([request.type, request.code, request.payload]).toEqual(['CON', 'POST', 'x']);
    expect(valuesOf(answer, 'Location-Path')).toEqual(['location1', 'location2', 'location3']);
    expect([created.status, created.header('location')]).toEqual([201, `/hc/${libcoap.base}${path}`]);
  });

  test('TD_COAP_CORE_25: Location-Query in arguments', async () => {
    const created = await curl(at('/location-query'), '-X', 'POST', ...body('x'));
    expectForwarded(forwarded()[0], '0.02', 'x');
    expect([created.status, created.header('location')]).toEqual([201, `/hc/${at('/?first=1&second=2')}`]);
  });

  test('TD_COAP_CORE_26: Accept chooses the format', async () => {
    const plain = await curl(at('/multi-format'), '-H', 'Accept: text/plain');
    expect(optionValues(forwarded()[0]!, 'Accept')).toEqual([Buffer.alloc(0)]);
    expect([plain.status, plain.header('content-type'), plain.body]).toEqual([
      200,
      'text/plain;charset=utf-8',
      'format text',
    ]);
    const xml = await curl(at('/multi-format'), '-H', 'Accept: application/xml');
    expect(optionValues(forwarded()[0]!, 'Accept')).toEqual([Buffer.from([41])]);
    expect([xml.status, xml.header('content-type'), xml.body]).toEqual([
      200,
      'application/xml',
      '<format>xml</format>',
    ]);
  });

  test('TD_COAP_CORE_27: If-Match changes only what is known', async () => {
    const first = await curl(at('/validate'));
    const etag = first.header('etag')!;
    expect([first.body, etag]).toEqual(['version 1', expect.stringMatching(/^"[0-9a-f]+"$/)]);
    forwarded();
    const put = (text: string): Promise<Answered> =>
      curl(at('/validate'), '-X', 'PUT', '-H', `If-Match: ${etag}`, ...body(text));
    const changed = await put('version 2');
    const [request] = forwarded();
    expectForwarded(request, '0.03', 'version 2');
    expect(optionValues(request!, 'If-Match').map((one) => `"${one.toString('hex')}"`)).toEqual([etag]);
    expect(changed.status).toBe(204);
    expect((await put('version 3')).status).toBe(412);
    expect((await curl(at('/validate'))).body).toBe('version 2');
  });

  test('TD_COAP_CORE_28: If-None-Match makes, and does not overwrite', async () => {
    const put = (text: string): Promise<Answered> =>
      curl(at('/create3'), '-X', 'PUT', '-H', 'If-None-Match: *', ...body(text));
    expect((await put('first')).status).toBe(201);
    const [request] = forwarded();
    expectForwarded(request, '0.03', 'first');
    expect(optionValues(request!, 'If-None-Match')).toEqual([Buffer.alloc(0)]);
    expect((await put('second')).status).toBe(412);
    expect((await curl(at('/create3'))).body).toBe('first');
  });

  test('TD_COAP_CORE_29: Max-Age goes on to the client, whose cache it is for', async () => {
    const first = await curl(at('/validate'));
    expect([first.header('cache-control'), first.body]).toEqual(['private, max-age=30', 'version 1']);
    const etag = first.header('etag')!;
    forwarded();
    const again = await curl(at('/validate'), '-H', `If-None-Match: ${etag}`);
    // No cache of its own: it asks again, and the answer is that nothing changed.
    expect(forwarded().map((request) => optionValues(request, 'ETag').length)).toEqual([1]);
    expect([again.status, again.header('cache-control'), again.body]).toEqual([
      304,
      'private, max-age=30',
      '',
    ]);
  });
});

describe.skipIf(missing.length > 0)("our server behind libcoap's proxy", () => {
  let proxy: LibcoapServer;
  beforeAll(async () => {
    proxy = await LibcoapServer.start('udp', '-P', ',proxy.test');
  });
  afterAll(() => proxy?.stop());

  /** libcoap's client asks libcoap's proxy for what our server has. */
  function ask(path: string, ...args: string[]): Promise<ClientRun> {
    return runCoapClient('udp', ['-P', proxy.base, ...args, `${server.base('udp')}${path}`]);
  }

  /** The answer as the client got it. */
  function answerOf({ pdus }: ClientRun): Pdu {
    const answer = pdus.filter(({ way, code }) => way === 'received' && code !== '0.00');
    expect(answer).toHaveLength(1);
    expect(valuesOf(pduAt(pdus, 0), 'Proxy-Uri')).toHaveLength(1);
    return answer[0]!;
  }

  /**
   * What our server answered, as libcoap's proxy received it: it keeps ETag and Content-Format 0 for itself when it
   * passes the answer on.
   */
  async function answeredFor(path: string, ...args: string[]): Promise<Pdu> {
    const answers = (): Pdu[] =>
      proxy.pdus.filter(({ way, code }) => way === 'received' && /^[245]\./.test(code));
    const before = answers().length;
    answerOf(await ask(path, ...args));
    await proxy.until(() => answers().length > before, 'the proxy was answered');
    return answers()[before]!;
  }

  const put = (path: string, body: string, ...args: string[]): Promise<ClientRun> =>
    ask(path, '-m', 'put', '-t', '0', '-e', body, ...args);

  test('TD_COAP_CORE_24: Location-Path in segments', async () => {
    const answer = answerOf(await ask('/test', '-m', 'post', '-t', '0', '-e', 'x'));
    expect([answer.code, valuesOf(answer, 'Location-Path')]).toEqual([
      '2.01',
      ['location1', 'location2', 'location3'],
    ]);
    expect(server.resources.asked).toEqual([{ method: 'POST', path: 'test', payload: 'x' }]);
  });

  test('TD_COAP_CORE_25: Location-Query in arguments', async () => {
    const answer = answerOf(await ask('/location-query', '-m', 'post', '-t', '0', '-e', 'x'));
    expect([answer.code, valuesOf(answer, 'Location-Query')]).toEqual(['2.01', ['first=1', 'second=2']]);
  });

  test('TD_COAP_CORE_26: Accept chooses the format', async () => {
    for (const [number, name, body] of [
      ['0', 'text/plain', 'format text'],
      ['41', 'application/xml', '<format>xml</format>'],
    ] as const) {
      const answer = await answeredFor('/multi-format', '-A', number);
      expect([answer.code, valuesOf(answer, 'Content-Format')]).toEqual(['2.05', [name]]);
      expect((await ask('/multi-format', '-A', number)).shown).toBe(body);
    }
  });

  test('TD_COAP_CORE_27: If-Match changes only what is known', async () => {
    const [etag] = valuesOf(await answeredFor('/validate'), 'ETag');
    expect(answerOf(await put('/validate', 'version 2', '-O', `1,${etag}`)).code).toBe('2.04');
    expect(answerOf(await put('/validate', 'version 3', '-O', `1,${etag}`)).code).toBe('4.12');
    expect((await ask('/validate')).shown).toBe('version 2');
  });

  test('TD_COAP_CORE_28: If-None-Match makes, and does not overwrite', async () => {
    expect(answerOf(await put('/create3', 'first', '-O', '5,')).code).toBe('2.01');
    expect(answerOf(await put('/create3', 'second', '-O', '5,')).code).toBe('4.12');
    expect((await ask('/create3')).shown).toBe('first');
  });

  test('TD_COAP_CORE_29: Max-Age and ETag are there for a cache', async () => {
    const answer = await answeredFor('/validate');
    expect([answer.code, valuesOf(answer, 'Max-Age'), valuesOf(answer, 'ETag')]).toEqual([
      '2.05',
      ['30'],
      [expect.any(String)],
    ]);
  });

  test('our server itself is no proxy, and says so', async () => {
    const run = await runCoapClient('udp', ['-P', server.base('udp'), `${proxy.base}/time`]);
    expect(run.complaint).toMatch(/^5\.05/);
  });
});
