/** Real sockets on loopback, IPv4 and IPv6. */
import { createSocket } from 'node:dgram';
import { networkInterfaces } from 'node:os';
import { afterEach, describe, expect, test } from 'vitest';
import { systemClock } from '../../base/clock.ts';
import { codeOf } from '../../base/errors.ts';
import { silentLog } from '../../base/log.ts';
import { canonicalAddress } from '../address.ts';
import { encodeMessage } from '../codec/codec.ts';
import { CON, RST } from '../codec/codes.ts';
import { CoapEndpoint } from '../endpoint.ts';
import type { CoapEndpointOptions } from '../endpoint.ts';
import { UdpDatagrams } from './udp.ts';

const running: CoapEndpoint[] = [];
afterEach(async () => {
  await Promise.all(running.splice(0).map((endpoint) => endpoint.stop()));
});

async function open(host: string, port = 0, options: Partial<CoapEndpointOptions> = {}) {
  const endpoint = new CoapEndpoint({ clock: systemClock, log: silentLog, ...options });
  running.push(endpoint);
  const at = await endpoint.start({ host, port });
  return { endpoint, ...at };
}

const core = (host: string, port: number) => `coap://${host}:${port}/.well-known/core`;

describe('listening', () => {
  test('on IPv4, on IPv6, and on both', async () => {
    const { endpoint } = await open('127.0.0.1');
    const four = await open('127.0.0.1');
    const six = await open('::1');
    const both = await open('*');
    expect([four.host, six.host, both.host]).toEqual(['127.0.0.1', '::1', '::']);
    for (const uri of [
      core('127.0.0.1', four.port),
      core('[::1]', six.port),
      core('127.0.0.1', both.port),
      core('[::1]', both.port),
    ]) {
      const response = await endpoint.request(uri);
      expect([response.code, response.contentFormat, response.payload.length]).toEqual(['2.05', 40, 0]);
    }
    expect(await endpoint.discover(`coap://127.0.0.1:${four.port}`)).toEqual([]);
    expect(four.endpoint.counters.served).toBe(2);
  });

  test('a taken port, an address of another machine, and a name that is none', async () => {
    const { port } = await open('127.0.0.1');
    expect(await open('127.0.0.1', port).catch(codeOf)).toBe('listen.port_taken');
    expect(await open('192.0.2.77').catch(codeOf)).toBe('listen.no_such_address');
    const { port: free } = await open('localhost');
    expect(free).toBeGreaterThan(0);
  });

  test('it can be stopped, also while it starts, and started again', async () => {
    const { endpoint, port } = await open('127.0.0.1');
    await endpoint.stop();
    const again = await endpoint.start({ host: '127.0.0.1', port });
    expect(again.port).toBe(port);
    expect(await endpoint.start({ host: '127.0.0.1', port: 0 }).catch(codeOf)).toBe('listen.failed');
    const other = new CoapEndpoint({ clock: systemClock, log: silentLog });
    const starting = other.start({ host: '127.0.0.1', port: 0 }).catch(codeOf);
    await other.stop();
    expect(await starting).toBe('coap.cancelled');
  });
});

test('a socket that only asks serves nobody: an endpoint on loopback stays closed on its other sockets', async () => {
  const { endpoint } = await open('127.0.0.1');
  const device = createSocket('udp6');
  await new Promise<void>((resolve) => device.bind(0, '::1', resolve));
  try {
    const asked = new Promise<{ port: number }>((resolve) =>
      device.once('message', (_bytes, from) => resolve(from)),
    );
    const abort = new AbortController();
    const request = endpoint
      .request(`coap://[::1]:${device.address().port}/x`, { signal: abort.signal })
      .catch(codeOf);
    const { port } = await asked;
    const answer = new Promise<Buffer>((resolve) => device.once('message', resolve));
    const none = new Uint8Array(0);
    const get = { type: CON, code: 1, messageId: 5, token: none, options: [], payload: none };
    device.send(encodeMessage(get), port, '::1');
    expect([...(await answer)]).toEqual([0x40 | (RST << 4), 0, 0, 5]);
    abort.abort();
    expect(await request).toBe('coap.cancelled');
    expect(endpoint.counters.served).toBe(0);
  } finally {
    device.close();
  }
});

test('what the system refuses to send is told, after `send` has returned', async () => {
  const datagrams = new UdpDatagrams(silentLog);
  const { port } = await datagrams.start({ host: '127.0.0.1', port: 0 }, () => undefined);
  let returned = false;
  const refused = new Promise<[Error, boolean]>((resolve) => {
    const to = { address: '127.0.0.1', port, family: 4 } as const;
    datagrams.send(new Uint8Array(70_000), to, (error) => resolve([error, returned]));
    returned = true;
  });
  const [error, after] = await refused;
  expect(error).toMatchObject({ code: 'EMSGSIZE' });
  expect(after).toBe(true);
  await datagrams.stop();
  await datagrams.stop();
});

test('addresses have one spelling', () => {
  const text = (address: string) => canonicalAddress(address, 1)?.address;
  expect(text('0:0:0:0:0:0:0:1')).toBe('::1');
  expect(text('::FFFF:10.1.2.3')).toBe('10.1.2.3');
  expect(text('2001:DB8::000a')).toBe('2001:db8::a');
  expect(text('FE80::1%eth9')).toBe('fe80::1%eth9');
  expect(text('sensor')).toBeUndefined();
});

test('a numeric scope is the name of its interface, as the socket reports it', () => {
  const scoped = Object.entries(networkInterfaces()).flatMap(([name, all]) =>
    (all ?? []).filter(({ family, scopeid }) => family === 'IPv6' && scopeid).map((one) => ({ name, one })),
  );
  const found = scoped[0];
  if (found === undefined || process.platform === 'win32') {
    process.stdout.write('no interface has a link-local address by name: scopes are not tested\n');
    return;
  }
  const { scopeid } = found.one as { scopeid: number };
  expect(canonicalAddress(`FE80::1%${scopeid}`, 1)?.address).toBe(`fe80::1%${found.name}`);
  expect(canonicalAddress('fe80::1%987654', 1)?.address).toBe('fe80::1%987654');
});
