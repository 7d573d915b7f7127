/** Scans on the loopback interface, with Debian's libcoap to be found. */
import type { ChildProcess } from 'node:child_process';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { systemClock } from '../../core/base/clock.ts';
import { silentLog } from '../../core/base/log.ts';
import { listInterfaces } from '../../core/coap/discovery/interfaces.ts';
import { newMdnsCounters } from '../../core/coap/discovery/mdns.ts';
import { openMdnsSocket } from '../../core/coap/discovery/mdns-socket.ts';
import { Scan } from '../../core/coap/discovery/scan.ts';
import type { DiscoveredLinks } from '../../core/coap/discovery/scan-state.ts';
import { CoapEndpoint } from '../../core/coap/endpoint.ts';
import { secureRandom } from '../../core/coap/random.ts';
import { freePort, missingPeers, startPeer, stopChild } from '../support/peers.ts';

const missing = missingPeers('coap-server-notls');
const GROUP = '224.0.1.187';

describe.skipIf(missing.length > 0)('a scan finds libcoap', () => {
  let endpoint: CoapEndpoint;
  let server: ChildProcess | undefined;
  let scan: Scan;
  let port: number;

  beforeEach(async () => {
    port = await freePort();
    endpoint = new CoapEndpoint({
      clock: systemClock,
      log: silentLog,
      tickMs: 10,
      parameters: { ackTimeoutMs: 100, maxRetransmit: 2 },
    });
    await endpoint.start({ host: '127.0.0.1', port: 0 });
    scan = new Scan({
      clock: systemClock,
      random: secureRandom(),
      interfaces: () => listInterfaces().filter((one) => one.loopback),
      askGroup: (question, onAnswer, signal) => endpoint.askGroup(question, onAnswer, signal),
      openMdns: openMdnsSocket,
      probe: (uri, signal) => endpoint.ping(uri, { signal }),
      readLinks: () => Promise.reject(new Error('not asked')),
      discover: (authority, signal) => endpoint.discover(authority, { signal }),
      mdnsCounters: newMdnsCounters(),
    });
  });
  afterEach(async () => {
    scan.stop();
    await endpoint.stop();
    if (server !== undefined) await stopChild(server);
  });

  /** Ready once it has said that it is there. */
  async function startServer(...args: string[]): Promise<void> {
    const child = startPeer('coap-server-notls', ['-p', String(port), '-v', '7', ...args]);
    server = child;
    child.stderr!.resume();
    await new Promise<void>((resolve) => {
      child.stdout!.on('data', (bytes: Buffer) => {
        if (bytes.includes(args.includes('-g') ? 'added mcast group' : 'created UDP')) resolve();
      });
    });
  }

  const firstLinks = () => new Promise<DiscoveredLinks>((resolve) => scan.discovered.on(resolve));

  test('by its group, over IPv4: Linux routes no IPv6 group on the loopback', async () => {
    // Bound to the group itself, so that nothing of it is open to the network.
    await startServer('-A', GROUP, '-g', GROUP, '-G', 'lo');
    const told = firstLinks();
    const name = listInterfaces().find((one) => one.loopback)!.name;
    const over = scan.start({ multicast: true, mdns: false, interfaces: [name], port });
    const { authority, links } = await told;
    expect(authority).toBe(`coap://127.0.0.1:${port}`);
    expect(links.map((link) => link.path)).toContain('/time');
    expect(scan.view()).toMatchObject({
      found: [{ authority, how: ['multicast'], links: links.length }],
    });
    expect(scan.view().steps[0]).toMatchObject({ label: `${name} ${GROUP}`, state: 'running', found: 1 });
    scan.stop();
    await over;
    expect(scan.view().state).toBe('stopped');
  });

  test('by asking a range of addresses', async () => {
    await startServer('-A', '127.0.0.3');
    await scan.start({ multicast: false, mdns: false, range: '127.0.0.2-5', port });
    expect(scan.view()).toMatchObject({
      state: 'done',
      steps: [{ kind: 'range', state: 'done', done: 4, total: 4, found: 1 }],
      found: [{ authority: `coap://127.0.0.3:${port}`, how: ['range'], problem: null }],
    });
    expect(scan.view().found[0]!.links).toBeGreaterThan(1);
  });
});
