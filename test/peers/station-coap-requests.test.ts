/** `coap.request` against libcoap's server: every method, what can be set of a request, and its messages as screens see them. */
import { createSocket } from 'node:dgram';
import type { Socket } from 'node:dgram';
import { once } from 'node:events';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { CoapMethod } from '../../core/contract/coap.ts';
import type { CoapExchange } from '../../core/contract/coap-browser.ts';
import type { RpcClient } from '../../core/rpc/types.ts';
import { followExchange } from '../support/followed.ts';
import { LibcoapDevice } from '../support/libcoap-device.ts';
import { missingPeers } from '../support/peers.ts';
import { startStation, temporaryFolder } from '../support/station-process.ts';
import type { StationProcess } from '../support/station-process.ts';

const missing = missingPeers('coap-server-notls');
const IF_NONE_MATCH = 5;
const ETAG = 4;

/** `out CON GET`, `in ACK 2.05`, ... */
const drawn = ({ steps }: CoapExchange): string[] =>
  steps.map(({ direction, type, codeName, code, repeat }) => {
    const what = code.startsWith('0.') && code !== '0.00' ? codeName : code;
    return `${direction} ${type} ${what}${repeat > 0 ? ` repeat ${repeat}` : ''}`;
  });

describe.skipIf(missing.length > 0)('requests from a screen to libcoap', () => {
  const folder = temporaryFolder();
  let server: LibcoapDevice;
  let station: StationProcess;
  let rpc: RpcClient;
  let at: string;

  beforeAll(async () => {
    server = await LibcoapDevice.start({ flags: ['-d', '10'] });
    at = server.authority;
    station = await startStation(folder.path);
    rpc = station.client();
  });
  afterAll(async () => {
    rpc?.close();
    await station?.kill9();
    await server?.stop();
    folder.remove();
  });

  it.each<[CoapMethod, string, string | undefined, string]>([
    ['GET', '/example_data', undefined, '2.05'],
    ['PUT', '/example_data', 'written', '2.04'],
    ['PUT', '/made', 'new', '2.01'],
    ['DELETE', '/made', undefined, '2.02'],
    ['FETCH', '/example_data', 'what', '4.05'],
    ['POST', '/example_data', 'x', '4.05'],
    ['PATCH', '/example_data', 'x', '4.05'],
    ['iPATCH', '/example_data', 'x', '4.05'],
  ])('%s %s is answered as libcoap does', async (method, path, payload, code) => {
    const before = server.log.length;
    const answer = await rpc.call('coap.request', {
      uri: at + path,
      method,
      ...(payload === undefined ? {} : { payload, contentFormat: 0 }),
    });
    expect(answer).toMatchObject({
      code,
      transport: 'udp',
      peer: `127.0.0.1:${server.port}`,
      retransmissions: 0,
    });
    // libcoap 4.3 writes the methods of RFC 8132 like this, too.
    await server.said(new RegExp(`t:CON c:${method} `, 'i'), before);
  });

  it('sends options by number, in their order, and says what a refusal says', async () => {
    const before = server.log.length;
    const uri = `${at}/example_data`;
    await rpc.call('coap.request', { uri, method: 'PUT', payload: 'small' });
    const options = [
      { number: 65_000, value: new Uint8Array([0xde, 0xad]) },
      { number: ETAG, value: { base64: 'AQI=' } },
      { number: 2_048 + 4, value: 1_025 },
    ];
    const answer = await rpc.call('coap.request', { uri, options });
    expect(answer.code).toBe('2.05');
    await server.said(/ETag:0x0102.*2052:.*65000:/, before);
    // It sends the option back that it does not know, and we know it no better (RFC 7252 §5.4.1).
    await expect(
      rpc.call('coap.request', { uri, options: [{ number: 2_049, value: '' }] }),
    ).rejects.toMatchObject({ code: 'coap.bad_option' });
    await server.said(/unknown critical option 2049/, before);
    await rpc.call('coap.request', {
      ...{ uri, method: 'PUT', payload: 'x' },
      options: [{ number: IF_NONE_MATCH, value: '' }],
    });
    await server.said(/If-None-Match/, before);
    await expect(
      rpc.call('coap.request', { uri, options: [{ number: 11, value: 'other' }] }),
    ).rejects.toMatchObject({ code: 'coap.bad_request' });
  });

  it('asks NON, and gets what libcoap answers with NON', async () => {
    const exchange = followExchange(rpc, 'non');
    const answer = await rpc.call('coap.request', {
      uri: `${at}/example_data`,
      ...{ confirmable: false, exchange: 'non' },
    });
    expect(answer.code).toBe('2.05');
    expect(drawn(await exchange.until(({ state }) => state === 'answered'))).toEqual([
      'out NON GET',
      'in NON 2.05',
    ]);
    exchange.end();
  });

  it('a body goes and comes in blocks of the size that was wanted; each block is a step', async () => {
    const payload = new Uint8Array(1_000).map((_, place) => 97 + (place % 26));
    const uri = `${at}/example_data`;
    const up = followExchange(rpc, 'up');
    const put = await rpc.call('coap.request', {
      ...{ uri, method: 'PUT', payload, contentFormat: 42, blockBytes: 128, exchange: 'up' },
    });
    expect(put).toMatchObject({ code: '2.04' });
    const steps = (await up.until(({ state }) => state === 'answered')).steps;
    const sent = steps.filter(({ direction }) => direction === 'out');
    expect(sent.map(({ payloadBytes }) => payloadBytes)).toEqual([...Array<number>(7).fill(128), 104]);
    expect(sent[3]!.options).toContainEqual(expect.objectContaining({ name: 'Block1' }));
    // One token and another message id for each.
    expect(new Set(sent.map(({ messageId }) => messageId)).size).toBe(8);

    const got = await rpc.call('coap.request', { uri, accept: 42, blockBytes: 64, exchange: 'down' });
    expect(got).toMatchObject({ code: '2.05', blocks: 16, leftOutBytes: 0 });
    expect(got.payload).toEqual(payload);
    // Whoever comes later sees it all.
    const down = await followExchange(rpc, 'down').until(({ state }) => state === 'answered');
    expect(down.steps.filter(({ direction }) => direction === 'in')).toHaveLength(16);
  });

  it('an exchange is seen from before it was asked to its end, and by whoever comes later', async () => {
    const early = followExchange(rpc, 'async');
    expect(await early.until(() => true)).toMatchObject({ state: 'waiting', uri: null, steps: [] });
    const answered = rpc.call('coap.request', { uri: `${at}/async?1`, exchange: 'async' });
    // The acknowledgement comes first, the answer a second later: it is seen while it goes on.
    const running = await early.until(({ steps }) => steps.length === 2);
    expect([running.state, drawn(running)]).toEqual(['running', ['out CON GET', 'in ACK 0.00']]);
    await answered;
    const whole = ['out CON GET', 'in ACK 0.00', 'in CON 2.05', 'out ACK 0.00'];
    const after = await early.until(({ state, steps }) => state === 'answered' && steps.length === 4);
    expect(drawn(after)).toEqual(whole);
    expect(after).toMatchObject({ uri: `${at}/async?1`, method: 'GET', problem: null, leftOut: 0 });
    const [asked, , answer] = after.steps;
    expect(answer!.token).toBe(asked!.token);
    expect(answer!.sinceMs).toBeGreaterThan(900);
    const late = await followExchange(rpc, 'async').until(() => true);
    expect(late.steps).toEqual(after.steps);
    await expect(rpc.call('coap.request', { uri: `${at}/time`, exchange: 'async' })).rejects.toMatchObject({
      code: 'coap.bad_request',
    });
  });

  it('giving up ends the call and the exchange with coap.cancelled', async () => {
    const exchange = followExchange(rpc, 'given up');
    const wish = new AbortController();
    const answer = rpc.call(
      'coap.request',
      { uri: `${at}/async?20`, exchange: 'given up' },
      { signal: wish.signal },
    );
    await exchange.until(({ steps }) => steps.length === 2);
    wish.abort();
    await expect(answer).rejects.toBeDefined();
    const over = await exchange.until(({ state }) => state !== 'running');
    expect(over).toMatchObject({ state: 'cancelled', problem: { code: 'coap.cancelled' } });
  });

  it('ping asks the message layer alone', async () => {
    const pong = await rpc.call('coap.ping', { uri: at });
    expect(pong).toMatchObject({ peer: `127.0.0.1:${server.port}` });
    expect(pong.rttMs).toBeGreaterThanOrEqual(0);
  });

  describe('with a device that does not answer', () => {
    let silent: Socket;
    let uri: string;
    beforeAll(async () => {
      silent = createSocket('udp4');
      silent.bind(0, '127.0.0.1');
      await once(silent, 'listening');
      uri = `coap://127.0.0.1:${silent.address().port}/t`;
    });
    afterAll(() => silent.close());

    it('repeats are seen when they go out, and the status counts them', async () => {
      const exchange = followExchange(rpc, 'silent');
      const wish = new AbortController();
      const answer = rpc.call('coap.request', { uri, exchange: 'silent' }, { signal: wish.signal });
      const once = await exchange.until(({ steps }) => steps.length === 1);
      expect([once.state, drawn(once)]).toEqual(['running', ['out CON GET']]);
      const twice = await exchange.until(({ steps }) => steps.length === 2);
      expect(drawn(twice)).toEqual(['out CON GET', 'out CON GET repeat 1']);
      const [first, second] = twice.steps;
      expect([second!.messageId, second!.token]).toEqual([first!.messageId, first!.token]);
      // ACK_TIMEOUT to 1.5 times that (RFC 7252 §4.8).
      expect(second!.sinceMs).toBeGreaterThanOrEqual(1_990);
      expect(second!.sinceMs).toBeLessThan(3_500);
      wish.abort();
      await expect(answer).rejects.toBeDefined();
      await exchange.until(({ state }) => state === 'cancelled');
      expect((await rpc.call('station.status', {})).coap).toMatchObject({ retransmissions: 1, exchanges: 0 });
    });
  });
});
