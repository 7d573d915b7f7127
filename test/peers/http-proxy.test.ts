/** HTTP clients reach Debian's libcoap server through the station's proxy: curl, fetch and an EventSource's reader. */
import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { systemClock } from '../../core/base/clock.ts';
import { silentLog } from '../../core/base/log.ts';
import { CoapEndpoint } from '../../core/coap/endpoint.ts';
import { createGateway } from '../../core/gateway/gateway.ts';
import type { ListeningGateway } from '../../core/gateway/gateway.ts';
import { CoapProxy } from '../../core/station/coap/proxy.ts';
import { GatewayBench } from '../support/gateway-bench.ts';
import { findProgram, freePort, missingPeers, startPeer, stopChild } from '../support/peers.ts';

const missing = missingPeers('coap-server-notls', 'curl');

/** All that curl prints. Not `spawnSync`: the gateway that has to answer lives in this process. */
function curl(...args: string[]): Promise<string> {
  return new Promise((resolve, reject) => {
    const child = spawn(findProgram('curl') ?? '', ['-s', '--max-time', '20', ...args]);
    let printed = '';
    child.stdout.on('data', (part: Buffer) => (printed += part.toString()));
    child.once('error', reject);
    child.once('close', () => resolve(printed));
  });
}

describe.skipIf(missing.length > 0).each(['127.0.0.1', '::1'])('libcoap on %s through /hc/', (address) => {
  let bench: GatewayBench;
  let gateway: ListeningGateway;
  let server: ChildProcess;
  let endpoint: CoapEndpoint;
  let proxy: CoapProxy;
  let device: string;
  let base: string;
  let bearer: string;

  beforeAll(async () => {
    const port = await freePort();
    device = `${address.includes(':') ? `[${address}]` : address}:${port}`;
    server = startPeer('coap-server-notls', ['-A', address, '-p', String(port), '-d', '10']);
    server.stdout?.resume();
    server.stderr?.resume();
    bench = new GatewayBench();
    endpoint = new CoapEndpoint({ clock: systemClock, log: silentLog });
    await endpoint.start({ host: '127.0.0.1', port: 0 });
    await endpoint.ping(`coap://${device}`);
    proxy = new CoapProxy({
      folder: bench.folder,
      endpoint,
      log: silentLog,
      resolver: (name) =>
        name === 'device.test' ? Promise.resolve([address]) : Promise.reject(new Error('unknown')),
    });
    proxy.set({ enabled: true, allow: [address.includes(':') ? '[::1]' : '127.0.0.1'] });
    const { host: rpcHost, access, consoleFolder } = bench;
    gateway = await createGateway({
      rpcHost,
      access,
      log: silentLog,
      clock: systemClock,
      consoleFolder,
      proxy,
    }).listen({ host: '127.0.0.1', port: 0 });
    bench.gateway = gateway;
    base = `${gateway.url}/hc/coap://${device.replace('[', '%5B').replace(']', '%5D')}`;
    bearer = `Authorization: Bearer ${access.tokenOf('operate')}`;
  });
  afterAll(async () => {
    await endpoint?.stop();
    await bench?.stop();
    if (server !== undefined) await stopChild(server);
  });

  test('curl reads', async () => {
    const printed = await curl('-i', '-H', bearer, `${base}/time`);
    expect(printed).toMatch(/^HTTP\/1\.1 200 OK\r\n/);
    // libcoap says no Content-Format for it.
    expect(printed).toMatch(/Content-Type: text\/plain; charset=utf-8\r\n/);
    expect(printed).toMatch(/Cache-Control: private, max-age=1\r\n/);
    expect(printed).toMatch(/\r\n\r\n\w{3} \d\d \d\d:\d\d:\d\d$/);
  });

  test('curl writes, and reads what it wrote', async () => {
    const write = await curl(
      '-i', '-H', bearer, '-X', 'PUT', '-H', 'Content-Type: text/plain', '--data-binary', 'from curl', `${base}/example_data`,
    ); // prettier-ignore
    expect(write).toMatch(/^HTTP\/1\.1 20[14] /);
    expect(await curl('-H', bearer, `${base}/example_data`)).toBe('from curl');
  });

  test('a body of 100,000 bytes goes up and down in blocks that nobody sees', async () => {
    const body = Array.from({ length: 10_000 }, (_, i) => String(i).padStart(10, '0')).join('');
    const headers = { authorization: bearer.slice('Authorization: '.length), 'content-type': 'text/plain' };
    const put = await fetch(`${base}/example_data`, { method: 'PUT', headers, body });
    expect([201, 204]).toContain(put.status);
    const got = await fetch(`${base}/example_data`, { headers });
    expect(await got.text()).toBe(body);
  });

  test('curl observes', async () => {
    const child = spawn(findProgram('curl') ?? '', [
      '-sN', '-H', bearer, '-H', 'Accept: text/event-stream', `${base}/time`,
    ]); // prettier-ignore
    let printed = '';
    const two = new Promise<void>((resolve) => {
      child.stdout.on('data', (part: Buffer) => {
        printed += part.toString();
        if ((printed.match(/^data: .*$/gm) ?? []).length >= 2) resolve();
      });
    });
    await two;
    expect(proxy.status().counters.streams).toBe(1);
    const events = [...printed.matchAll(/^event: notification\nid: (\d+)\ndata: (.*)$/gm)];
    expect(events.length).toBeGreaterThanOrEqual(2);
    expect(JSON.parse(events[0]![2]!)).toMatchObject({
      code: '2.05',
      maxAge: 1,
      text: expect.stringMatching(/^\w{3} \d\d \d\d:\d\d:\d\d$/) as string,
    });
    // The client goes: the observation on the CoAP side ends with it.
    const over = new Promise<void>((resolve) => {
      const stop = proxy.changed.on(() => {
        if (proxy.status().counters.streams > 0) return;
        stop();
        resolve();
      });
    });
    await stopChild(child);
    await over;
    expect(endpoint.counters.observations).toBe(0);
  });

  test('what is not there is a 404, also to who wants to observe it', async () => {
    expect(await curl('-o', '/dev/null', '-w', '%{http_code}', '-H', bearer, `${base}/nothing`)).toBe('404');
    const observed = ['-H', bearer, '-H', 'Accept: text/event-stream', `${base}/nothing`];
    expect(await curl('-o', '/dev/null', '-w', '%{http_code}', ...observed)).toBe('404');
  });

  test('a resource that cannot be observed is told once, and that it was all', async () => {
    const printed = await curl('-N', '-H', bearer, '-H', 'Accept: text/event-stream', `${base}/`);
    expect(printed).toMatch(/event: notification\ndata: .*"text":/);
    expect(printed).toMatch(/event: state\ndata: {"state":"ended","code":"coap\.not_observable"/);
  });

  test('a format that the server has not is refused or passed over', async () => {
    const status = ['-o', '/dev/null', '-w', '%{http_code}', '-H', bearer];
    const printed = await curl(...status, '-H', 'Accept: application/cbor', `${base}/time`);
    expect(['200', '406']).toContain(printed);
    expect(await curl(...status, '-H', 'Accept: application/cbor, text/plain;q=0.5', `${base}/time`)).toBe(
      '200',
    );
  });

  test('a name goes to the address that was checked, for reading and observing', async () => {
    // Only the proxy's own resolver knows this name.
    const url = base.replace(/\/\/[^/]*$/, `//device.test:${device.slice(device.lastIndexOf(':') + 1)}`);
    expect(await curl('-H', bearer, `${url}/example_data`)).toHaveLength(100_000);
    const printed = await curl(
      '--max-time',
      '2',
      '-N',
      '-H',
      bearer,
      '-H',
      'Accept: text/event-stream',
      `${url}/time`,
    );
    expect(printed).toContain('event: notification\n');
  });

  test('what is not on the list is a 403 that says where to put it', async () => {
    const printed = await curl('-i', '-H', bearer, `${gateway.url}/hc/coap://127.0.0.99/time`);
    expect(printed).toMatch(/^HTTP\/1\.1 403 /);
    expect(printed).toContain('coap://127.0.0.99:5683 is not on the access list');
  });

  test('without a token is a 401', async () => {
    expect(await curl('-o', '/dev/null', '-w', '%{http_code}', `${base}/time`)).toBe('401');
  });
});
