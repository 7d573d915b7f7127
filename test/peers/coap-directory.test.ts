/** Our resource directory with Debian's libcoap as the device that registers, and ourselves as one that is found. */
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { systemClock } from '../../core/base/clock.ts';
import { codeOf } from '../../core/base/errors.ts';
import { silentLog } from '../../core/base/log.ts';
import type { CoapResponse } from '../../core/coap/client/response.ts';
import { Directory } from '../../core/coap/directory/directory.ts';
import { mountDirectory } from '../../core/coap/directory/resources.ts';
import { lookupDirectory } from '../../core/coap/discovery/directory-lookup.ts';
import { CoapEndpoint } from '../../core/coap/endpoint.ts';
import { secureRandom } from '../../core/coap/random.ts';
import { CoapServer } from '../../core/coap/server/coap-server.ts';
import type { RequestSink } from '../../core/coap/server/types.ts';
import { readLinkText } from '../../core/station/coap/scan-desk.ts';
import { findProgram, freePort, missingPeers, startPeer, stopChild } from '../support/peers.ts';

const missing = missingPeers('coap-client-notls', 'coap-rd-notls');
/** Observers are told at most once a second. */
const WITHIN = { timeout: 5_000 };
const text = (response: CoapResponse) => Buffer.from(response.payload).toString();

/** An endpoint with a server, on a free port of the loopback. */
async function openNode() {
  let sink: RequestSink = () => undefined;
  const endpoint = new CoapEndpoint({
    clock: systemClock,
    log: silentLog,
    tickMs: 10,
    serve: (request) => sink(request),
  });
  const random = secureRandom();
  const server = new CoapServer({ clock: systemClock, wheel: endpoint.wheel, log: silentLog, random });
  sink = server.sink;
  const { port } = await endpoint.start({ host: '127.0.0.1', port: 0 });
  const stop = async () => {
    server.stop();
    await endpoint.stop();
  };
  return { endpoint, server, stop, port, base: `coap://127.0.0.1:${port}` };
}

let node: Awaited<ReturnType<typeof openNode>>;
let directory: Directory;
let undo: (() => unknown)[] = [];

beforeEach(async () => {
  node = await openNode();
  const { endpoint, server } = node;
  directory = new Directory({ clock: systemClock, random: secureRandom() });
  const fetchLinks = (uri: string, signal: AbortSignal) => readLinkText(endpoint, uri, signal);
  undo = [
    mountDirectory(server, directory, { clock: systemClock, fetchLinks }),
    () => directory.stop(),
    () => node.stop(),
  ];
});
afterEach(async () => {
  for (const one of undo.splice(0)) await one();
});

/** What libcoap's client writes; with `-v 6` its messages, too. */
async function coapClient(...args: string[]): Promise<string> {
  const { stdout, stderr } = await promisify(execFile)(findProgram('coap-client-notls')!, [
    '-B',
    '10',
    ...args,
  ]);
  return stdout + stderr;
}

describe.skipIf(missing.length > 0)('libcoap registers', () => {
  const register = (scheme: string, port: number, query: string, payload: string) => {
    const uri = `${scheme}://127.0.0.1:${port}/rd?${query}`;
    return coapClient('-v', '6', '-m', 'post', '-t', '40', '-e', payload, uri);
  };

  test('finds the directory, registers, is looked up, updates and leaves', async () => {
    const { base, port } = node;
    expect(await coapClient(`${base}/.well-known/core?rt=core.rd*`)).toContain(
      '</rd>;rt="core.rd";ct=40,</rd-lookup/ep>;rt="core.rd-lookup-ep";ct=40;obs,' +
        '</rd-lookup/res>;rt="core.rd-lookup-res";ct=40;obs',
    );
    const made = await register(
      'coap',
      port,
      'ep=node1&lt=600&et=lamp',
      '</t>;rt="temp";obs,</u>;if="sensor"',
    );
    expect(made).toMatch(/c:2\.01 .*Location-Path:rd, Location-Path:[0-9a-f]{8} /);
    const { location, base: nodeBase } = directory.list()[0]!;

    expect(await coapClient(`${base}/rd-lookup/res?rt=temp`)).toContain(`<${nodeBase}/t>;rt="temp";obs`);
    expect(await coapClient(`${base}/rd-lookup/ep?et=lamp&count=1`)).toContain(
      `<${location}>;ep="node1";base="${nodeBase}";et="lamp";rt="core.rd-ep"`,
    );
    expect(await coapClient('-v', '6', '-m', 'post', `${base}${location}?lt=1000`)).toContain('c:2.04');
    expect(directory.get(location)).toMatchObject({ lifetimeSeconds: 1_000 });
    expect(await register('coap', port, 'ep=node1', '</w>')).toContain(`Location-Path:${location.slice(4)} `);
    expect(await coapClient(`${base}${location}`)).toContain('</w>');
    expect(await coapClient('-v', '6', '-m', 'delete', `${base}${location}`)).toContain('c:2.02');
    expect(directory.size).toBe(0);
    expect(await coapClient('-v', '6', '-m', 'post', `${base}/rd`)).toMatch(/c:4\.00 .*ep is missing/);
  });

  test('a long list in blocks', async () => {
    const links = Array.from({ length: 200 }, (_, i) => `</sensors/${i}>;rt="oic.r.temperature"`).join(',');
    expect(await register('coap', node.port, 'ep=big', links)).toContain('c:2.01');
    expect(directory.list()[0]!.links).toHaveLength(200);
    const listed = await coapClient(`${node.base}/rd-lookup/res?ep=big`);
    expect(listed.match(/oic\.r\.temperature/g)).toHaveLength(200);
  });

  test('over TCP, where another transport cannot touch it', async () => {
    const listener = await node.endpoint.listenReliable({ transport: 'tcp', host: '127.0.0.1', port: 0 });
    undo.unshift(() => listener.close());
    const { port } = listener.address;
    expect(await register('coap+tcp', port, 'ep=node1', '</t>')).toContain('2.01');
    expect(directory.list()[0]).toMatchObject({
      base: expect.stringMatching(/^coap\+tcp:\/\/127\.0\.0\.1:\d+$/),
    });
    expect(await register('coap', node.port, 'ep=node1', '')).toContain('c:4.03');
  });
});

test('a device registers in the simple way and is seen by who observes the lookup (RFC 9176 §5.1, §6.2)', async () => {
  const device = await openNode();
  undo.unshift(device.stop);
  device.server.add('t', {
    methods: ['GET'],
    links: () => [{ target: '/t', attributes: [['rt', 'temp']] }],
    handle: () => ({ code: 0x45 }),
  });
  const seen: string[] = [];
  const observation = device.endpoint.observe(
    `${node.base}/rd-lookup/res?rt=temp`,
    {},
    { notification: (response) => void seen.push(text(response)) },
  );
  await expect.poll(() => seen).toEqual(['']);
  const answer = await device.endpoint.request(`${node.base}/.well-known/rd?ep=simple&lt=60`, {
    method: 'POST',
  });
  expect(answer.code).toBe('2.04');
  expect(directory.list()).toMatchObject([{ endpoint: 'simple', base: device.base, lifetimeSeconds: 60 }]);
  await expect.poll(() => seen.at(-1), WITHIN).toBe(`<${device.base}/t>;rt="temp"`);
  directory.remove(directory.list()[0]!.location);
  await expect.poll(() => seen.at(-1), WITHIN).toBe('');
  observation.stop();
});

describe('asking another directory', () => {
  const signal = new AbortController().signal;
  const readLinks = (uri: string) => readLinkText(node.endpoint, uri, signal).then((read) => read.text);

  test('a whole one tells its endpoints', async () => {
    directory.register({ endpoint: 'far', base: 'coap://[fd00::7]:61616', attributes: [] }, '', {
      transport: 'udp',
      from: { address: '127.0.0.1', port: 1, family: 4 },
      identity: null,
    });
    expect(await lookupDirectory(node.base, readLinks, signal)).toEqual([
      { authority: 'coap://[fd00::7]:61616', name: 'far' },
    ]);
  });

  test.skipIf(missing.length > 0)(
    "libcoap's coap-rd takes registrations and has no lookups: said with a code",
    async () => {
      const port = await freePort();
      const peer = startPeer('coap-rd-notls', ['-A', '127.0.0.1', '-p', String(port)]);
      undo.unshift(() => stopChild(peer));
      const base = `coap://127.0.0.1:${port}`;
      await node.endpoint.ping(base);
      expect(await readLinks(`${base}/.well-known/core?rt=core.rd*`)).toContain('rt="core.rd"');
      expect(await lookupDirectory(base, readLinks, signal).catch(codeOf)).toBe('coap.refused');
    },
  );
});
