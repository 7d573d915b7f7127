/** HTTP tools reach libcoap through `/hc/` of the real station: reading, writing, observing, and what is refused. */
import { spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { RpcClient } from '../../core/rpc/types.ts';
import { followWhole } from '../support/followed.ts';
import { LibcoapDevice } from '../support/libcoap-device.ts';
import { findProgram, missingPeers, runPeer, startPeer, stopChild } from '../support/peers.ts';
import { startStation, temporaryFolder } from '../support/station-process.ts';
import type { StationProcess } from '../support/station-process.ts';

const missing = missingPeers('coap-server-notls', 'curl', 'coap-client-notls');

describe.skipIf(missing.length > 0)('curl through /hc/ of the station', () => {
  const folder = temporaryFolder();
  let server: LibcoapDevice;
  let station: StationProcess;
  let rpc: RpcClient;
  let token: Record<'view' | 'operate' | 'admin', string>;

  beforeAll(async () => {
    server = await LibcoapDevice.start();
    await open();
  });
  afterAll(async () => {
    rpc?.close();
    await station?.kill9();
    await server?.stop();
    folder.remove();
  });

  async function open(): Promise<void> {
    station = await startStation(folder.path);
    rpc = station.client();
    token = JSON.parse(readFileSync(join(folder.path, 'tokens.json'), 'utf8')) as typeof token;
  }

  const at = (path: string) => `${station.ready.http}/hc/${server.authority}${path}`;
  const bearer = (role: keyof typeof token) => ['-H', `Authorization: Bearer ${token[role]}`];
  /** Status and body. */
  function curl(url: string, ...args: string[]): { status: number; body: string } {
    const printed = runPeer('curl', ['-s', '--max-time', '20', '-w', '\n%{http_code}', ...args, url]);
    const cut = printed.lastIndexOf('\n');
    return { status: Number(printed.slice(cut + 1)), body: printed.slice(0, cut) };
  }

  it('is not there until an administrator opens it, and then for what is on the list alone', async () => {
    expect(curl(at('/time'), ...bearer('admin')).status).toBe(403);
    await expect(rpc.call('coap.setProxy', { enabled: true, allow: ['10.0.0.0/99'] })).rejects.toMatchObject({
      code: 'coap.bad_pattern',
      detail: { pattern: '10.0.0.0/99' },
    });
    expect(await rpc.call('coap.setProxy', { enabled: true, allow: [] })).toMatchObject({
      settings: { enabled: true, allow: [] },
    });
    expect(curl(at('/time')).status).toBe(401);
    expect(curl(at('/time'), '-H', 'Authorization: Bearer wrong').status).toBe(401);
    const refused = curl(at('/time'), ...bearer('admin'));
    expect(refused.status).toBe(403);
    expect(refused.body).toContain('access list');
    expect(server.times(/c:GET/g)).toBe(0);
    await rpc.call('coap.setProxy', { enabled: true, allow: [`127.0.0.1:${server.port}`] });
    expect(curl(at('/time'), ...bearer('view'))).toMatchObject({
      status: 200,
      body: expect.stringMatching(/^\w{3} \d\d \d\d:\d\d:\d\d$/) as string,
    });
    expect(curl(at('/time').replace(/:\d+\/time$/, ':1/time'), ...bearer('view')).status).toBe(403);
    const { counters } = await followWhole(rpc, 'coapProxy').until(() => true);
    expect(counters).toMatchObject({ unauthorized: 2, refused: 3, failed: 0, streams: 0 });
  });

  it('reads what it wrote, where the role may write', () => {
    const put = ['-X', 'PUT', '-H', 'Content-Type: text/plain', '--data-binary'];
    expect(curl(at('/example_data'), ...bearer('view'), ...put, 'no').status).toBe(403);
    expect(curl(at('/example_data'), ...bearer('operate'), ...put, 'from curl').status).toBeLessThan(205);
    expect(curl(at('/example_data'), ...bearer('view'))).toEqual({ status: 200, body: 'from curl' });
    expect(curl(at('/nothing'), ...bearer('view')).status).toBe(404);
  });

  it('observes for as long as curl listens', async () => {
    const proxy = followWhole(rpc, 'coapProxy');
    const listening = spawn(findProgram('curl')!, [
      ...['-sN', '-H', 'Accept: text/event-stream', ...bearer('view'), at('/example_data')],
    ]);
    let printed = '';
    listening.stdout.on('data', (part: Buffer) => (printed += part.toString()));
    const told = () =>
      [...printed.matchAll(/^data: (.*)$/gm)].map(
        ([, json]) => (JSON.parse(json!) as { text?: string }).text,
      );
    await expect.poll(told, { timeout: 10_000 }).toEqual(['from curl']);
    expect((await proxy.until(({ counters }) => counters.streams === 1)).counters.streams).toBe(1);
    runPeer('coap-client-notls', ['-m', 'put', '-e', 'changed', `${server.authority}/example_data`]);
    await expect.poll(told, { timeout: 10_000 }).toEqual(['from curl', 'changed']);
    await stopChild(listening);
    await proxy.until(({ counters }) => counters.streams === 0);
    await server.said(/removed subscription/);
    proxy.end();
  });

  it('a stream ends when its target goes from the list; the station tells who asks over CoAP of the proxy', async () => {
    const links = async () =>
      (await rpc.call('coap.request', { uri: `coap://127.0.0.1:${station.port('coap')}/.well-known/core` }))
        .text;
    expect(await links()).toContain('core.hc');
    const listening = startPeer('curl', [
      ...['-sN', '-H', 'Accept: text/event-stream', ...bearer('view'), at('/example_data')],
    ]);
    let printed = '';
    listening.stdout!.on('data', (part: Buffer) => (printed += part.toString()));
    const closed = new Promise((resolve) => listening.once('close', resolve));
    await expect.poll(() => printed, { timeout: 10_000 }).toContain('event: notification');
    await rpc.call('coap.setProxy', { enabled: true, allow: ['10.0.0.0/24'] });
    await closed;
    expect(printed).toMatch(/"code":"coap\.forbidden"/);
    await rpc.call('coap.setProxy', { enabled: false, allow: ['10.0.0.0/24'] });
    expect(await links()).not.toContain('core.hc');
  });

  it('settings outlive a kill -9', async () => {
    const settings = { enabled: true, allow: ['127.0.0.0/8', '*.plant.local:5683', '[2001:db8::]/32'] };
    await rpc.call('coap.setProxy', settings);
    rpc.close();
    await station.kill9();
    await open();
    expect((await followWhole(rpc, 'coapProxy').until(() => true)).settings).toEqual(settings);
    expect(curl(at('/example_data'), ...bearer('view'))).toEqual({ status: 200, body: 'changed' });
    await rpc.call('coap.setProxy', { ...settings, enabled: false });
    expect(curl(at('/example_data'), ...bearer('view')).status).toBe(403);
  });
});
