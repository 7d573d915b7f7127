import { encode } from 'dns-packet';
import { expect, test } from 'vitest';
import { ManualClock } from '../../base/manual-clock.ts';
import { BLOCK2, CONTENT_FORMAT, uintOption } from '../codec/options.ts';
import type { CoapOption } from '../codec/options.ts';
import { coapError } from '../errors.ts';
import { parseLinkFormat, resolveLinks } from '../links/link-format.ts';
import type { Link } from '../links/link-format.ts';
import { secureRandom } from '../random.ts';
import type { HostResolver } from '../resolve.ts';
import { parseCoapUri } from '../uri.ts';
import type { NetworkInterface } from './interfaces.ts';
import { MDNS_LISTEN_MS, newMdnsCounters } from './mdns.ts';
import { MULTICAST_LISTEN_MS } from './multicast.ts';
import type { GroupQuestion } from './multicast.ts';
import { Scan } from './scan.ts';
import type { ScanPlan } from './scan-ways.ts';
import type { DiscoveredLinks } from './scan-state.ts';

const settle = () => new Promise((resolve) => setImmediate(resolve));
const PLAN: ScanPlan = { multicast: false, mdns: false, port: 5683 };
const CANCELLED = coapError('coap.cancelled', 'Cancelled.');

function rig(
  over: {
    maxFound?: number;
    interfaces?: NetworkInterface[];
    readLinks?: (uri: string) => Promise<string>;
    resolver?: HostResolver;
  } = {},
) {
  const clock = new ManualClock();
  const groups: {
    question: GroupQuestion;
    answer: (payload: string, lastByte: number, ...options: CoapOption[]) => void;
  }[] = [];
  const asked: { authority: string; tell: (links: string) => void; fail: (error: Error) => void }[] = [];
  const probes = new Map<string, () => void>();
  let dns: (bytes: Uint8Array) => void = () => undefined;
  const scan = new Scan({
    clock,
    random: { ...secureRandom(), bytes: () => Uint8Array.of(0, 1) },
    mdnsCounters: newMdnsCounters(),
    ...(over.maxFound === undefined ? {} : { maxFound: over.maxFound }),
    interfaces: () =>
      over.interfaces ?? [
        {
          name: 'eth0',
          loopback: false,
          addresses: [{ address: '10.0.0.5', family: 4, network: '10.0.0.0/24' }],
        },
        {
          name: 'lo',
          loopback: true,
          addresses: [{ address: '127.0.0.1', family: 4, network: '127.0.0.0/8' }],
        },
      ],
    askGroup: (question, onAnswer, signal) => {
      groups.push({
        question,
        answer: (payload, lastByte, ...options) => {
          onAnswer({
            message: {
              code: 69,
              options: [uintOption(CONTENT_FORMAT, 40), ...options],
              payload: Buffer.from(payload),
            },
            from: { address: `10.0.0.${lastByte}`, port: 5683, family: 4 },
          });
        },
      });
      return new Promise((resolve) => {
        clock.after(question.listenMs, resolve);
        signal.addEventListener('abort', () => resolve());
      });
    },
    openMdns: (_target, receive) => {
      dns = (bytes) => receive(bytes, { address: '10.0.0.7', port: 5353, family: 4 });
      return Promise.resolve({ send: () => undefined, close: () => undefined });
    },
    probe: (uri, signal) => {
      return new Promise<void>((resolve, reject) => {
        probes.set(uri, resolve);
        signal.addEventListener('abort', () => reject(CANCELLED));
      });
    },
    readLinks: over.readLinks ?? (() => Promise.reject(coapError('coap.timeout', 'No answer.'))),
    ...(over.resolver === undefined ? {} : { resolver: over.resolver }),
    discover: async (authority, signal, resolver) => {
      const { host, numeric } = parseCoapUri(authority);
      if (!numeric) await resolver?.(host);
      return new Promise<Link[]>((resolve, reject) => {
        const tell = (links: string) =>
          resolve(resolveLinks(parseLinkFormat(links), parseCoapUri(authority)));
        asked.push({ authority, tell, fail: reject });
        signal.addEventListener('abort', () => reject(CANCELLED));
      });
    },
  });
  const discovered: DiscoveredLinks[] = [];
  scan.discovered.on((one) => discovered.push(one));
  return { clock, scan, groups, asked, probes, discovered, dns: (bytes: Uint8Array) => dns(bytes) };
}

test('a group: whole answers are enough, the first of several blocks is completed by asking the server', async () => {
  const { clock, scan, groups, asked, discovered } = rig();
  const over = scan.start({ ...PLAN, multicast: true });
  await settle();
  expect(groups[0]!.question).toMatchObject({ group: '224.0.1.187', port: 5683, interfaceName: 'eth0' });
  groups[0]!.answer('</t>;rt="x",</u>', 7);
  groups[0]!.answer('</t>;rt="x",</u>', 7);
  groups[0]!.answer('</t>,</', 8, uintOption(BLOCK2, 0b1010));
  groups[0]!.answer('not links', 9);
  expect(asked.map((one) => one.authority)).toEqual(['coap://10.0.0.8:5683', 'coap://10.0.0.9:5683']);
  asked[0]!.tell('</t>,</u>,</v>');
  asked[1]!.fail(coapError('coap.timeout', 'No answer.'));
  await settle();
  clock.advance(1_000);
  expect(scan.view()).toMatchObject({
    state: 'running',
    steps: [
      { kind: 'multicast', label: 'eth0 224.0.1.187', state: 'running', done: 1_000, total: 6_000, found: 3 },
    ],
    found: [
      { authority: 'coap://10.0.0.7:5683', how: ['multicast'], links: 2, problem: null },
      { authority: 'coap://10.0.0.8:5683', links: 3, problem: null },
      { authority: 'coap://10.0.0.9:5683', links: null, problem: 'No answer.' },
    ],
  });
  expect(discovered.map((one) => one.links.map((link) => link.path))).toEqual([
    ['/t', '/u'],
    ['/t', '/u', '/v'],
  ]);
  clock.advance(MULTICAST_LISTEN_MS);
  await over;
  expect(scan.view()).toMatchObject({
    state: 'done',
    endedMs: clock.now(),
    steps: [{ state: 'done', done: 6_000 }],
  });
  expect(clock.pendingTimers).toBe(0);
});

test('one server found in several ways is one server, asked once', async () => {
  const readLinks = (uri: string) => {
    return Promise.resolve(
      uri.includes('.well-known')
        ? '</rd-lookup/ep>;rt="core.rd-lookup-ep"'
        : '</rd/1>;ep="node7";base="coap://10.0.0.7",</rd/2>;ep="n8";base="coap+tcp://10.0.0.8"',
    );
  };
  const { clock, scan, groups, asked, probes, dns } = rig({ readLinks });
  const over = scan.start({
    ...PLAN,
    multicast: true,
    mdns: true,
    directory: 'coap://10.0.0.2',
    range: '10.0.0.7',
  });
  await settle();
  expect(asked.map((one) => one.authority)).toEqual(['coap://10.0.0.7:5683', 'coap+tcp://10.0.0.8:5683']);
  probes.get('coap://10.0.0.7:5683')!();
  await settle();
  groups[0]!.answer('</t>', 7);
  asked[0]!.tell('</late>,</later>');
  asked[1]!.tell('');
  const service = (type: string, label: string) => [
    { type: 'PTR' as const, name: `${type}.local`, ttl: 10, data: `${label}.${type}.local` },
    {
      type: 'SRV' as const,
      name: `${label}.${type}.local`,
      ttl: 10,
      data: { target: 'h.local', port: 5684 },
    },
  ];
  dns(
    encode({
      type: 'response',
      id: 1,
      answers: [...service('_coaps._udp', 'Safe'), { type: 'A', name: 'h.local', ttl: 10, data: '10.0.0.9' }],
    }),
  );
  clock.advance(Math.max(MULTICAST_LISTEN_MS, MDNS_LISTEN_MS));
  await over;
  expect(scan.view().found).toMatchObject([
    { authority: 'coap://10.0.0.7:5683', how: ['directory', 'range', 'multicast'], name: 'node7', links: 1 },
    { authority: 'coap+tcp://10.0.0.8:5683', how: ['directory'], name: 'n8', links: 0 },
    {
      authority: 'coaps://10.0.0.9:5684',
      how: ['mdns'],
      name: 'Safe',
      links: null,
      problem: expect.stringMatching(/not asked/),
    },
  ]);
  expect(asked).toHaveLength(2);
  expect(
    scan.view().steps.map(({ kind, state, found, done, total }) => [kind, state, found, done === total]),
  ).toEqual([
    ['multicast', 'done', 1, true],
    ['mdns', 'done', 1, true],
    ['directory', 'done', 2, true],
    ['range', 'done', 1, true],
  ]);
});

test('a server whose name leads to this machine is not asked because a directory elsewhere named it', async () => {
  const links = ['inside', 'outside'].map(
    (name) => `</rd/${name}>;ep="${name}";base="coap://${name}.example"`,
  );
  const { scan, asked } = rig({
    readLinks: (uri) =>
      Promise.resolve(uri.includes('.well-known') ? '</rd-lookup/ep>;rt="core.rd-lookup-ep"' : links.join()),
    resolver: (host) => Promise.resolve([host === 'inside.example' ? '127.0.0.1' : '10.0.0.7']),
  });
  const over = scan.start({ ...PLAN, directory: 'coap://10.0.0.2' });
  await settle();
  expect(asked.map((one) => one.authority)).toEqual(['coap://outside.example:5683']);
  asked[0]!.tell('</t>');
  await over;
  expect(scan.view().found).toMatchObject([
    { name: 'inside', links: null, problem: expect.stringMatching(/^inside.example leads to this machine/) },
    { name: 'outside', links: 1, problem: null },
  ]);
});

test('a server that never tells is given up after 20 s', async () => {
  const { clock, scan, asked, groups } = rig();
  const over = scan.start({ ...PLAN, multicast: true });
  await settle();
  groups[0]!.answer('?', 7);
  clock.advance(19_900);
  expect(scan.view()).toMatchObject({ state: 'running', found: [{ links: null, problem: null }] });
  clock.advance(100);
  await over;
  expect(scan.view()).toMatchObject({
    state: 'done',
    found: [{ links: null, problem: 'It did not tell its links in 20 s.' }],
  });
  expect(asked).toHaveLength(1);
  expect(clock.pendingTimers).toBe(0);
});

test('a step that fails leaves the others alone', async () => {
  const { clock, scan } = rig();
  const over = scan.start({ ...PLAN, mdns: true, directory: 'coap://10.0.0.2' });
  await settle();
  expect(scan.view().steps).toMatchObject([
    { kind: 'mdns', state: 'running' },
    { kind: 'directory', label: 'coap://10.0.0.2:5683', state: 'failed', problem: 'No answer.' },
  ]);
  clock.advance(MDNS_LISTEN_MS);
  await over;
  expect(scan.view()).toMatchObject({ state: 'done', steps: [{ state: 'done' }, { state: 'failed' }] });
});

test('stopping gives up everything at once and keeps what was found', async () => {
  const { clock, scan, groups, asked, probes } = rig();
  const over = scan.start({ ...PLAN, multicast: true, mdns: true, range: '10.0.0.0/24' });
  await settle();
  for (let i = 0; i < 40; i++) groups[0]!.answer('?', i);
  expect(asked).toHaveLength(32);
  expect(probes.size).toBe(64);
  let changes = 0;
  scan.changed.on(() => changes++);
  scan.stop();
  scan.stop();
  await over;
  groups[0]!.answer('</t>', 99);
  expect(changes).toBe(1);
  expect(asked).toHaveLength(32);
  expect(scan.view().found).toHaveLength(40);
  expect(scan.view()).toMatchObject({ state: 'stopped', endedMs: clock.now() });
  expect(new Set(scan.view().steps.map((step) => step.state))).toEqual(new Set(['stopped']));
  clock.advance(60_000);
  expect(clock.pendingTimers).toBe(0);
  expect(() => scan.start(PLAN)).toThrow(expect.objectContaining({ code: 'coap.scan_running' }));
});

test('servers past the bound are counted once each and not asked', async () => {
  const { scan, groups, asked } = rig({ maxFound: 3 });
  void scan.start({ ...PLAN, multicast: true });
  await settle();
  for (const last of [1, 2, 3, 4, 5, 4, 3]) groups[0]!.answer('?', last);
  expect(scan.view()).toMatchObject({ leftOut: 2, steps: [{ found: 3 }] });
  expect(scan.view().found).toHaveLength(3);
  expect(asked).toHaveLength(3);
  scan.stop();
});

test.each<[Partial<ScanPlan>, string]>([
  [{ range: '10.0.0.0/8' }, 'coap.bad_range'],
  [{ directory: 'http://x' }, 'coap.bad_uri'],
  [{ mdns: true, interfaces: ['eth7'] }, 'coap.no_interface'],
  [{ multicast: true, interfaces: [] }, 'coap.no_interface'],
])('%j begins nothing: %s', (plan, code) => {
  const { scan, clock } = rig();
  expect(() => scan.start({ ...PLAN, ...plan })).toThrow(expect.objectContaining({ code }));
  expect(scan.view()).toMatchObject({ state: 'idle', steps: [] });
  expect(clock.pendingTimers).toBe(0);
});

test('loopback is asked when it is named', async () => {
  const { scan, groups } = rig();
  void scan.start({ ...PLAN, multicast: true, interfaces: ['lo'] });
  await settle();
  expect(groups.map((one) => one.question.interfaceAddress)).toEqual(['127.0.0.1']);
  scan.stop();
});

test('with very many interfaces, twelve groups are listened to at a time', async () => {
  const interfaces = Array.from({ length: 20 }, (_, i): NetworkInterface => ({
    name: `veth${i}`,
    loopback: false,
    addresses: [{ address: `10.0.${i}.1`, family: 4, network: `10.0.${i}.0/24` }],
  }));
  const { clock, scan, groups } = rig({ interfaces });
  const over = scan.start({ ...PLAN, multicast: true });
  await settle();
  expect(groups).toHaveLength(12);
  expect(scan.view().steps.map((step) => step.state)).toEqual([
    ...new Array<string>(12).fill('running'),
    ...new Array<string>(8).fill('waiting'),
  ]);
  clock.advance(MULTICAST_LISTEN_MS);
  await settle();
  expect(groups).toHaveLength(20);
  clock.advance(MULTICAST_LISTEN_MS);
  await over;
  expect(scan.view().steps.every((step) => step.state === 'done')).toBe(true);
});
