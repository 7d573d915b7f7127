/** Devices that do not answer, and clients that do not wait, through a real gateway and a real endpoint. */
import { createSocket } from 'node:dgram';
import type { Socket } from 'node:dgram';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { systemClock } from '../../core/base/clock.ts';
import { silentLog } from '../../core/base/log.ts';
import { CoapEndpoint } from '../../core/coap/endpoint.ts';
import { createGateway } from '../../core/gateway/gateway.ts';
import { CoapProxy } from '../../core/station/coap/proxy.ts';
import { GatewayBench } from '../support/gateway-bench.ts';

let bench: GatewayBench;
let endpoint: CoapEndpoint;
let proxy: CoapProxy;
let device: Socket;
let received: Buffer[];
let onReceived: () => void;
let url: string;
let headers: Record<string, string>;

beforeEach(async () => {
  received = [];
  onReceived = () => undefined;
  device = createSocket('udp4');
  device.on('message', (bytes) => {
    received.push(bytes);
    onReceived();
  });
  await new Promise<void>((resolve) => device.bind(0, '127.0.0.1', resolve));
  bench = new GatewayBench();
  await bench.start();
  await bench.gateway.close();
  endpoint = new CoapEndpoint({
    clock: systemClock,
    log: silentLog,
    tickMs: 10,
    parameters: { ackTimeoutMs: 50, maxRetransmit: 2 },
  });
  await endpoint.start({ host: '127.0.0.1', port: 0 });
  proxy = new CoapProxy({ folder: bench.folder, endpoint, log: silentLog });
  proxy.set({ enabled: true, allow: ['127.0.0.1'] });
  const { host: rpcHost, access, consoleFolder } = bench;
  const gateway = createGateway({
    rpcHost,
    access,
    log: silentLog,
    clock: systemClock,
    consoleFolder,
    proxy,
  });
  bench.gateway = await gateway.listen({ host: '127.0.0.1', port: 0 });
  url = `${bench.gateway.url}/hc/coap://127.0.0.1:${device.address().port}/light`;
  headers = { authorization: `Bearer ${access.tokenOf('operate')}` };
});
afterEach(async () => {
  await endpoint.stop();
  await bench.stop();
  device.close();
});

const arrived = () => new Promise<void>((resolve) => (onReceived = resolve));

describe('a device', () => {
  test('that never answers is a 504', async () => {
    const response = await fetch(url, { headers });
    expect(response.status).toBe(504);
    expect(received.length).toBe(3);
    expect(proxy.status().counters).toMatchObject({ requests: 1, failed: 1 });
  });

  test('that rejects the request is a 502', async () => {
    onReceived = () => {
      const [bytes] = received;
      const peer = endpointPort;
      device.send(Uint8Array.of(0x70, 0, bytes![2]!, bytes![3]!), peer, '127.0.0.1');
    };
    let endpointPort = 0;
    device.prependListener('message', (_bytes, from) => (endpointPort = from.port));
    const response = await fetch(url, { headers });
    expect([response.status, await response.text()]).toEqual([502, expect.stringContaining('RST') as string]);
  });
});

describe('a client that goes away', () => {
  test('takes its request along', async () => {
    const gone = new AbortController();
    const asked = fetch(url, { headers, signal: gone.signal });
    await arrived();
    expect(endpoint.counters.exchanges).toBe(1);
    gone.abort();
    await expect(asked).rejects.toThrow();
    while (endpoint.counters.exchanges > 0) await new Promise((resolve) => setImmediate(resolve));
    expect(proxy.status().counters.failed).toBe(0);
  });

  test('while an observation has not begun takes that along', async () => {
    const gone = new AbortController();
    const asked = fetch(url, { headers: { ...headers, accept: 'text/event-stream' }, signal: gone.signal });
    await arrived();
    expect([endpoint.counters.observations, proxy.status().counters.streams]).toEqual([1, 1]);
    gone.abort();
    await expect(asked).rejects.toThrow();
    while (proxy.status().counters.streams > 0) await new Promise((resolve) => setImmediate(resolve));
    expect(endpoint.counters.observations).toBe(0);
  });
});

test('an observation of a silent device tells that it is tried again, and ends with its place on the list', async () => {
  const response = await fetch(url, { headers: { ...headers, accept: 'text/event-stream' } });
  expect(response.status).toBe(200);
  const reader = response.body!.pipeThrough(new TextDecoderStream()).getReader();
  const first = await reader.read();
  expect(first.value).toMatch(/^event: state\ndata: {"state":"retrying","code":"coap\.timeout"/);
  proxy.set({ enabled: true, allow: [] });
  let rest = '';
  for (let part = await reader.read(); !part.done; part = await reader.read()) rest += part.value;
  expect(rest).toMatch(/"state":"ended","code":"coap\.forbidden"/);
  expect(endpoint.counters.observations).toBe(0);
});
