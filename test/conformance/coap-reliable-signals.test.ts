/** RFC 8323 over TCP, octet by octet: signalling, empty messages, order. libcoap's part is in coap-reliable-libcoap. */
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { systemClock } from '../../core/base/clock.ts';
import { codeOf } from '../../core/base/errors.ts';
import { silentLog } from '../../core/base/log.ts';
import type { CoapResponse } from '../../core/coap/client/response.ts';
import { CoapEndpoint } from '../../core/coap/endpoint.ts';
import { ByteClient, ByteServer, frame, hexOf } from '../support/coap-plugtest-bytes.ts';
import { until } from '../support/coap-reliable-net.ts';
import { PlugtestServer } from '../support/coap-plugtest-server.ts';

const [GET, CHANGED, CONTENT, CONTINUE, INTERNAL_SERVER_ERROR] = ['01', '44', '45', '5f', 'a0'] as const;
const [CSM, PING, PONG, RELEASE, ABORT] = ['e1', 'e2', 'e3', 'e4', 'e5'] as const;
/** Max-Message-Size (2) 263,296 and Block-Wise-Transfer (4). */
const OUR_CSM = '2304048020';
const text = (response: CoapResponse): string => Buffer.from(response.payload).toString();
const payload = (body: string): string => `ff${hexOf(body)}`;

describe('our server and octets over tcp', () => {
  let server: PlugtestServer;
  let client: ByteClient;
  beforeAll(async () => {
    server = await PlugtestServer.start({ reliable: true });
  });
  afterAll(() => server.stop());
  afterEach(() => client.close());

  const connect = (csm?: string | null): Promise<ByteClient> =>
    ByteClient.connect('tcp', server.port('tcp'), csm);
  const get = (path: string, token: string): void =>
    client.send({ code: GET, token, rest: `b${path.length.toString(16)}${hexOf(path)}` });

  test('RFC 8323 §3.3: the answer that is ready first comes first, tokens tell which it is', async () => {
    client = await connect();
    get('separate', 'aa');
    get('test', 'bb');
    expect((await client.next(2)).map(({ code, token }) => [code, token])).toEqual([
      [CONTENT, 'bb'],
      [CONTENT, 'aa'],
    ]);
  });

  test('RFC 8323 §3.4: empty messages mean nothing, whatever they carry', async () => {
    client = await connect();
    client.send({ code: '00' });
    client.send({ code: '00', token: 'cafe', rest: payload('x') });
    get('test', 'aa');
    expect(await client.next()).toMatchObject([{ code: CONTENT, token: 'aa' }]);
  });

  test('RFC 8323 §5.2: an unknown critical option ends the connection, an elective one does not', async () => {
    client = await connect();
    // Options 65294 and 257.
    client.send({ code: PING, token: '01', rest: 'e0fe01' });
    expect(await client.next()).toMatchObject([{ code: PONG, token: '01' }]);
    client.send({ code: PING, token: '02', rest: 'd1f42a' });
    expect(await client.next()).toMatchObject([{ code: ABORT }]);
    await client.until(() => client.ended, 'it is closed');
  });

  test('RFC 8323 §5.3: the first message is a CSM; without one of the client nothing is answered', async () => {
    client = await connect(null);
    await client.until(() => client.received.length > 0, 'the CSM came');
    expect(client.received).toMatchObject([{ code: CSM, token: '', rest: OUR_CSM }]);
    get('test', 'aa');
    expect(await client.next()).toMatchObject([{ code: ABORT }]);
    await client.until(() => client.ended, 'it is closed');
  });

  test.each([
    ['1,152 bytes, unless said otherwise', [''], 1_152],
    ['what was said last', ['220400', '220140'], 320],
    ['what was said, and an error where nothing fits', ['2110'], 16],
  ] as const)('RFC 8323 §5.3.1: no message is larger than %s', async (_, [first, ...more], largest) => {
    client = await connect(first);
    for (const rest of more) client.send({ code: CSM, rest });
    get('large', 'aa');
    const [answer] = await client.next();
    expect(frame(answer!).length).toBeLessThanOrEqual(largest);
    expect(answer!.code).toBe(largest > 16 ? CONTENT : INTERNAL_SERVER_ERROR);
  });

  test('RFC 8323 §5.4: Pong has the token of its Ping, and with Custody waits for what came before', async () => {
    client = await connect();
    client.send({ code: PING, token: '0102' });
    expect(await client.next()).toMatchObject([{ code: PONG, token: '0102', rest: '' }]);
    get('separate', 'aa');
    client.send({ code: PING, token: 'bb', rest: '20' });
    expect((await client.next(2)).map(({ code, token }) => [code, token])).toEqual([
      [CONTENT, 'aa'],
      [PONG, 'bb'],
    ]);
  });

  test('RFC 8323 §5.5: after a Release what is under way is answered, then the connection ends', async () => {
    client = await connect();
    get('separate', 'aa');
    client.send({ code: RELEASE });
    expect(await client.next()).toMatchObject([{ code: CONTENT, token: 'aa' }]);
    await client.until(() => client.ended, 'it is closed');
  });

  test('RFC 8323 §5.6: an Abort names the option of the CSM that is not understood', async () => {
    // Option 1 is critical.
    client = await connect('112a');
    const [abort] = await client.next();
    // Bad-CSM-Option (2): 1.
    expect([abort!.code, abort!.rest.slice(0, 4)]).toEqual([ABORT, '2101']);
    await client.until(() => client.ended, 'it is closed');
  });
});

describe('our client and octets over tcp', () => {
  let endpoint: CoapEndpoint;
  let server: ByteServer | undefined;
  beforeEach(async () => {
    endpoint = new CoapEndpoint({ clock: systemClock, log: silentLog, tickMs: 10 });
    await endpoint.start({ host: '127.0.0.1', port: 0 });
  });
  afterEach(async () => {
    await endpoint.stop();
    await server?.stop();
    server = undefined;
  });

  const plain = (body: string) => ({ code: CONTENT, rest: payload(body) });

  test('RFC 8323 §3.3: answers in another order find their requests by the token', async () => {
    let held = '';
    server = await ByteServer.start('tcp', ({ token }, nth) => {
      if (nth === 0) held = token;
      return nth === 0 ? undefined : [plain('second'), { ...plain('first'), token: held }];
    });
    const answers = await Promise.all([
      endpoint.request(`${server.base}/a`),
      endpoint.request(`${server.base}/b`),
    ]);
    const asked = server.requests.map(({ rest }) => rest);
    expect(answers.map(text)).toEqual(
      asked[0] === `b1${hexOf('a')}` ? ['first', 'second'] : ['second', 'first'],
    );
    expect(server.connections).toBe(1);
  });

  test('RFC 8323 §3.4: empty messages mean nothing', async () => {
    server = await ByteServer.start('tcp', () => [{ code: '00', token: '' }, { code: '00' }, plain('here')]);
    expect(text(await endpoint.request(`${server.base}/a`))).toBe('here');
  });

  test('RFC 8323 §5.2: an elective option of a signal that nobody knows is ignored', async () => {
    server = await ByteServer.start('tcp', () => [
      { code: PING, token: '77', rest: 'e0fe01' },
      plain('here'),
    ]);
    expect(text(await endpoint.request(`${server.base}/a`))).toBe('here');
    await until(() => server!.signals.some(({ code }) => code === PONG), 'the Pong came');
    expect(server.signals.at(-1)).toMatchObject({ code: PONG, token: '77', rest: '' });
  });

  test('RFC 8323 §5.3: the first message is our CSM', async () => {
    server = await ByteServer.start('tcp', () => plain('here'));
    await endpoint.request(`${server.base}/a`);
    expect(server.received.map(({ code }) => code)).toEqual([CSM, GET]);
    expect(server.received[0]).toMatchObject({ token: '', rest: OUR_CSM });
  });

  test('RFC 8323 §5.3.1: a body larger than the server takes goes in blocks that fit', async () => {
    // Block-Wise-Transfer (4), and no Max-Message-Size: 1,152 bytes.
    const continued = (block1: string) => ({ code: CONTINUE, rest: `d10e${block1}` });
    server = await ByteServer.start(
      'tcp',
      (_, nth) => [continued('0e'), continued('1e'), { code: CHANGED, rest: 'd10e26' }][nth],
      '40',
    );
    const body = Buffer.alloc(3_000, 'x');
    const response = await endpoint.request(`${server.base}/a`, { method: 'PUT', payload: body });
    expect(response.code).toBe('2.04');
    // Block1 (27) after Uri-Path (11): 0, 1 and 2 of 1,024 bytes, each but the last with more to come.
    const blocks = server.requests.map(({ rest }) => /^b161d103(..)/.exec(rest)?.[1]);
    expect(blocks).toEqual(['0e', '1e', '26']);
    for (const request of server.requests) expect(frame(request).length).toBeLessThanOrEqual(1_152);
  });

  test('RFC 8323 §5.4: our Ping is answered, theirs has its Pong', async () => {
    server = await ByteServer.start('tcp', () => [{ code: PING, token: '0102' }, plain('here')]);
    expect((await endpoint.ping(server.base)).rttMs).toBeGreaterThan(0);
    expect(server.received.map(({ code }) => code)).toEqual([CSM, PING]);
    await endpoint.request(`${server.base}/a`);
    await until(() => server!.signals.length === 3, 'the Pong came');
    expect(server.signals[2]).toMatchObject({ code: PONG, token: '0102', rest: '' });
  });

  test('RFC 8323 §5.5: after a Release the next request takes a new connection', async () => {
    server = await ByteServer.start('tcp', (_, nth) =>
      nth === 0 ? [{ code: RELEASE, token: '' }, plain('first')] : plain('second'),
    );
    expect(text(await endpoint.request(`${server.base}/a`))).toBe('first');
    expect(text(await endpoint.request(`${server.base}/a`))).toBe('second');
    expect(server.connections).toBe(2);
  });

  test('RFC 8323 §5.6: a CSM with a critical option is answered with Abort; theirs ends what is under way', async () => {
    server = await ByteServer.start('tcp', () => plain('never'), '112a');
    expect(await endpoint.request(`${server.base}/a`).catch(codeOf)).toBe('coap.handshake');
    await until(() => server!.signals.some(({ code }) => code === ABORT), 'the Abort came');
    expect(server.signals.at(-1)!.rest.slice(0, 4)).toBe('2101');
    await server.stop();
    server = await ByteServer.start('tcp', () => ({ code: ABORT, token: '', rest: payload('enough') }));
    const failure = await endpoint.request(`${server.base}/a`).catch((error: unknown) => error as Error);
    expect([codeOf(failure), (failure as Error).message]).toEqual([
      'coap.closed',
      expect.stringContaining('enough'),
    ]);
  });
});
