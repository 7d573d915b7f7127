/** One endpoint over all its transports, on loopback. */
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { systemClock } from '../base/clock.ts';
import { codeOf } from '../base/errors.ts';
import { silentLog } from '../base/log.ts';
import type { CoapTransport } from './carrier.ts';
import { CONTENT } from './codec/codes.ts';
import { URI_PATH, findOption } from './codec/options.ts';
import { CoapEndpoint } from './endpoint.ts';
import type { RequestSink } from './server/types.ts';

/** Answers with the last part of the path. */
const echoPath: RequestSink = (request) => {
  const payload = findOption(request.options, URI_PATH) ?? new Uint8Array(0);
  request.answer({ code: CONTENT, options: [], payload });
};

let server: CoapEndpoint;
let client: CoapEndpoint;
let udpPort: number;

beforeEach(async () => {
  server = new CoapEndpoint({ clock: systemClock, log: silentLog, serve: echoPath });
  client = new CoapEndpoint({ clock: systemClock, log: silentLog });
  ({ port: udpPort } = await server.start({ host: '127.0.0.1', port: 0 }));
  await client.start({ host: '127.0.0.1', port: 0 });
});
afterEach(async () => {
  await client.stop();
  await server.stop();
});

const baseOf = async (transport: 'udp' | 'tcp' | 'ws') => {
  if (transport === 'udp') return `coap://127.0.0.1:${udpPort}`;
  const listener = await server.listenReliable({ transport, host: '127.0.0.1', port: 0 });
  return `coap+${transport}://127.0.0.1:${listener.address.port}`;
};

describe.each(['udp', 'tcp', 'ws'] as const)('over %s', (transport) => {
  test('asks, is asked, pings, and shows what goes over the wire', async () => {
    const base = await baseOf(transport);
    const seen = new Set<CoapTransport>();
    const untap = client.tap(({ transport: by }) => void seen.add(by));
    const broken = client.tap(() => {
      throw new Error('screen');
    });
    const own: string[] = [];
    const response = await client.request(`${base}/hello`, {
      onWire: ({ direction }) => own.push(direction),
    });
    expect([Buffer.from(response.payload).toString(), response.transport]).toEqual(['hello', transport]);
    expect(own).toEqual(['out', 'in']);
    expect([...seen]).toEqual([transport]);
    expect(await client.ping(base)).toMatchObject({ transport, peer: { address: '127.0.0.1' } });
    untap();
    broken();
    seen.clear();
    await client.request(`${base}/again`);
    expect(seen.size).toBe(0);
    expect((await client.carrierFor(base)).transport).toBe(transport);
    expect(client.counters.exchanges).toBe(0);
  });

  test('many at once come back to whoever asked', async () => {
    const base = await baseOf(transport);
    const names = Array.from({ length: 200 }, (_, index) => `n${index}`);
    const answers = await Promise.all(names.map((name) => client.request(`${base}/${name}`)));
    expect(answers.map(({ payload }) => Buffer.from(payload).toString())).toEqual(names);
  });
});

test('without resources of its own it says so, and lists none', async () => {
  const { port } = await client
    .listenReliable({ transport: 'tcp', host: '127.0.0.1', port: 0 })
    .then(({ address }) => address);
  expect(await server.discover(`coap+tcp://127.0.0.1:${port}`)).toEqual([]);
  expect((await server.request(`coap+tcp://127.0.0.1:${port}/x`)).code).toBe('4.04');
});

test('stopped, it closes its listeners and can be started again', async () => {
  const listener = await server.listenReliable({ transport: 'tcp', host: '127.0.0.1', port: 0 });
  const uri = `coap+tcp://127.0.0.1:${listener.address.port}/x`;
  await client.request(uri);
  await server.stop();
  await server.stop();
  const failed = await client.request(uri).then(
    () => 'answered',
    (error: unknown) => codeOf(error),
  );
  expect(failed).toBe('coap.unreachable');
  await client.stop();
  expect(codeOf(await client.request(uri).catch((error: unknown) => error))).toBe('coap.not_running');
  await client.start({ host: '127.0.0.1', port: 0 });
  ({ port: udpPort } = await server.start({ host: '127.0.0.1', port: 0 }));
  expect((await client.request(`coap://127.0.0.1:${udpPort}/x`)).code).toBe('2.05');
});

test('a listener of its own is closed by hand too', async () => {
  const listener = await server.listenReliable({ transport: 'ws', host: '127.0.0.1', port: 0 });
  expect([listener.transport, listener.connections]).toEqual(['ws', 0]);
  await listener.close();
  await listener.close();
});

test('a port that is taken leaves nothing behind', async () => {
  const other = new CoapEndpoint({ clock: systemClock, log: silentLog });
  const taken = await other.start({ host: '127.0.0.1', port: udpPort }).then(
    () => 'started',
    (error: unknown) => codeOf(error),
  );
  expect(taken).toBe('listen.port_taken');
  await other.start({ host: '127.0.0.1', port: 0 });
  await other.stop();
});
