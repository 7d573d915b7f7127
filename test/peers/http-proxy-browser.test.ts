/** The console's own page in a real browser, whose cookie and Fetch Metadata decide, reads and observes through /hc/. */
import type { ChildProcess } from 'node:child_process';
import { chromium } from 'playwright';
import type { Browser } from 'playwright';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { systemClock } from '../../core/base/clock.ts';
import { silentLog } from '../../core/base/log.ts';
import { CoapEndpoint } from '../../core/coap/endpoint.ts';
import { createGateway } from '../../core/gateway/gateway.ts';
import { CoapProxy } from '../../core/station/coap/proxy.ts';
import { CHROMIUM_ARGS, findChromium } from '../support/chromium.ts';
import { GatewayBench } from '../support/gateway-bench.ts';
import { freePort, missingPeers, startPeer, stopChild } from '../support/peers.ts';

const executablePath = findChromium();
if (executablePath === null) process.stderr.write('skipped: chromium not found: apt-get install chromium\n');
const missing = missingPeers('coap-server-notls');

describe.skipIf(executablePath === null || missing.length > 0)('a page of the console', () => {
  let bench: GatewayBench;
  let server: ChildProcess;
  let endpoint: CoapEndpoint;
  let browser: Browser;
  let device: string;

  beforeAll(async () => {
    const port = await freePort();
    device = `/hc/coap://127.0.0.1:${port}`;
    server = startPeer('coap-server-notls', ['-A', '127.0.0.1', '-p', String(port)]);
    server.stdout?.resume();
    server.stderr?.resume();
    bench = new GatewayBench();
    await bench.start();
    await bench.gateway.close();
    endpoint = new CoapEndpoint({ clock: systemClock, log: silentLog });
    await endpoint.start({ host: '127.0.0.1', port: 0 });
    await endpoint.ping(`coap://127.0.0.1:${port}`);
    const proxy = new CoapProxy({ folder: bench.folder, endpoint, log: silentLog });
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
    browser = await chromium.launch({ executablePath: executablePath ?? '', args: CHROMIUM_ARGS });
  }, 30_000);
  afterAll(async () => {
    await browser?.close();
    await endpoint?.stop();
    await bench?.stop();
    if (server !== undefined) await stopChild(server);
  });

  test('reads and observes with its cookie, and writes nothing with it', async () => {
    const page = await browser.newPage();
    await page.goto(`${bench.gateway.url}/?token=${bench.access.tokenOf('admin')}`);
    const seen = await page.evaluate(async (base) => {
      const read = await fetch(`${base}/time`);
      const write = await fetch(`${base}/example_data`, { method: 'PUT', body: 'x' });
      const source = new EventSource(`${base}/time`);
      const events = await new Promise<string[]>((resolve) => {
        const datas: string[] = [];
        source.addEventListener('notification', ({ data }: MessageEvent<string>) => {
          if (datas.push(data) === 2) resolve(datas);
        });
        source.onerror = () => resolve(['error', ...datas]);
      });
      source.close();
      const nothing = new EventSource(`${base}/nothing`);
      const closed = await new Promise((resolve) => {
        nothing.onerror = () => resolve(nothing.readyState === EventSource.CLOSED);
      });
      return { read: read.status, text: await read.text(), write: write.status, events, closed };
    }, device);
    expect(seen).toMatchObject({ read: 200, write: 401, closed: true });
    expect(seen.text).toMatch(/^\w{3} \d\d \d\d:\d\d:\d\d$/);
    expect(seen.events.map((data) => (JSON.parse(data) as { code: string }).code)).toEqual(['2.05', '2.05']);
    await page.close();
  }, 30_000);

  test('cannot be made to run what a device sends, although scripts may come from its own origin', async () => {
    const script = `${bench.gateway.url}${device}/example_data`;
    const authorization = `Bearer ${bench.access.tokenOf('operate')}`;
    const headers = { authorization, 'content-type': 'application/javascript' };
    await fetch(script, { method: 'PUT', headers, body: 'window.ran = true' });
    const there = await fetch(script, { headers });
    expect(there.headers.get('content-type')).toBe('application/javascript');
    const page = await browser.newPage();
    await page.goto(`${bench.gateway.url}/?token=${bench.access.tokenOf('admin')}`);
    const outcome = await page.evaluate((src) => {
      const element = document.createElement('script');
      element.src = src;
      return new Promise((resolve) => {
        element.onload = () => resolve('loaded');
        element.onerror = () => resolve('refused');
        document.head.append(element);
      });
    }, script);
    expect([outcome, await page.evaluate('window.ran')]).toEqual(['refused', undefined]);
    await page.close();
  }, 30_000);
});
