/** ETSI's OBS cases with our server and a client of octets, where libcoap's client cannot do the like. */
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { ByteClient, hexOf } from '../support/coap-plugtest-bytes.ts';
import type { Octets } from '../support/coap-plugtest-bytes.ts';
import { PlugtestServer } from '../support/coap-plugtest-server.ts';
import { UdpRelay } from '../support/udp-relay.ts';

/** Observe 0 (no bytes), Uri-Path `obs`. */
const OBSERVE_OBS = `60 53 ${hexOf('obs')}`;
/** Uri-Path `obs` alone. */
const GET_OBS = `b3 ${hexOf('obs')}`;
/** Content-Format 0 and Max-Age 30 after Observe. */
const FORMAT_AND_AGE = '60211e';

let server: PlugtestServer;
let client: ByteClient;
beforeEach(async () => {
  server = await PlugtestServer.start({ reliable: true });
});
afterEach(async () => {
  await client.close();
  await server.stop();
});

/** The number of a notification, whose other octets are as they should be. */
function numberOf(message: Octets, token: string, payload: string): number {
  const match = /^63([0-9a-f]{6})([0-9a-f]+)$/.exec(message.rest);
  expect([message.code, message.token, match?.[2]]).toEqual([
    ...['45', token, `${FORMAT_AND_AGE}ff${hexOf(payload)}`],
  ]);
  return Number.parseInt(match![1]!, 16);
}

test('TD_COAP_OBS_04: a server that forgot its observers takes them again', async () => {
  const relay = new UdpRelay({ host: '127.0.0.1', port: server.port('udp') }, {});
  await relay.start();
  try {
    client = await ByteClient.connect('udp', relay.port);
    const token = 'cafe';
    client.send({ code: '01', messageId: '0001', token, rest: OBSERVE_OBS });
    const [first] = await client.next();
    numberOf(first!, token, 'obs 0');
    // Another one in its place: nothing is told any more.
    await server.stop();
    server = await PlugtestServer.start({ reliable: true });
    relay.retarget({ host: '127.0.0.1', port: server.port('udp') });
    server.resources.change('obs');
    expect([server.server.observers, server.server.counters.notifications]).toEqual([0, 0]);
    // The same registration again, with the same token (RFC 7641 §3.3.1).
    client.send({ code: '01', messageId: '0002', token, rest: OBSERVE_OBS });
    const [second] = await client.next();
    expect([second!.type, second!.messageId]).toEqual([2, '0002']);
    const after = numberOf(second!, token, 'obs 1');
    server.resources.change('obs');
    const [third] = await client.next();
    expect(third!.type).toBe(0);
    const last = numberOf(third!, token, 'obs 2');
    // They count on from there; where the new server begins says nothing (§4.4).
    expect((last - after + 2 ** 24) % 2 ** 24).toBe(1);
    client.send({ type: 2, code: '00', messageId: third!.messageId });
    await expect.poll(() => server.endpoint.counters.responding, { timeout: 5_000 }).toBe(0);
    expect(server.server.observers).toBe(1);
  } finally {
    await relay.stop();
  }
});

describe.each(['udp', 'tcp'] as const)('over %s', (way) => {
  const observed = way === 'udp' ? /^63[0-9a-f]{6}/ : /^60/;

  test('TD_COAP_OBS_10: a GET with another token from the same endpoint ends nothing', async () => {
    client = await ByteClient.connect(way, server.port(way));
    client.send({ code: '01', messageId: '0001', token: 'aa', rest: OBSERVE_OBS });
    expect((await client.next())[0]).toMatchObject({ code: '45', token: 'aa' });
    client.send({ code: '01', messageId: '0002', token: 'bb', rest: GET_OBS });
    const [plain] = await client.next();
    // Content-Format 0 is the first option: no Observe.
    expect(plain).toMatchObject({ code: '45', token: 'bb', rest: `c0211eff${hexOf('obs 0')}` });
    server.resources.change('obs');
    const [told] = await client.next();
    expect([told!.code, told!.token]).toEqual(['45', 'aa']);
    expect(told!.rest.replace(observed, '')).toBe(`${FORMAT_AND_AGE}ff${hexOf('obs 1')}`);
    expect(server.server.observers).toBe(1);
  });
});
